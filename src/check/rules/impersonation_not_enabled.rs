//! `impersonation-not-enabled`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::instance::Instance;
use crate::yaml::Node;

declare_rule! {
    /// Reports an AppProject with `destinationServiceAccounts` where the repository holds Argo CD's ConfigMap `argocd-cm`
    /// and that does not enable impersonation.
    ///
    /// ## Why it matters
    /// Argo CD syncs with its own rights instead of those of the service account: what was meant to confine the project
    /// does not.
    ///
    /// ## Example
    /// ```yaml
    /// kind: AppProject
    /// spec:
    ///   destinationServiceAccounts:
    ///   - {server: '*', namespace: shop, defaultServiceAccount: deployer}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: ConfigMap
    /// metadata: {name: argocd-cm}
    /// data: {application.sync.impersonation.enabled: "true"}
    /// ```
    "impersonation-not-enabled" = {
        summary: "the service accounts of the project are not used",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const SETTING: &str = "application.sync.impersonation.enabled";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let instance = Instance::of(world.rendered);
    let Some(settings) = instance.settings else { return };
    let setting = instance.setting(SETTING);
    if setting.and_then(Node::text) == Some("true") {
        return;
    }
    let place = setting.or(settings.node.get("data")).unwrap_or(&settings.node);
    for project in &world.resolved.projects {
        // A ConfigMap of another namespace may belong to another installation.
        let apart = !project.namespace().is_empty()
            && !settings.namespace().is_empty()
            && project.namespace() != settings.namespace();
        let accounts = project.node.path(&["spec", "destinationServiceAccounts"]);
        let Some(accounts) = accounts.filter(|accounts| !accounts.items().is_empty() && !apart) else { continue };
        findings.push(
            Finding::at(&RULE, accounts)
                .message("destinationServiceAccounts has no effect: impersonation is not enabled")
                .help(format!("set {SETTING}: \"true\" in ConfigMap argocd-cm"))
                .resource(project.reference())
                .related(place.mark(), "Argo CD is configured here"),
        );
    }
}
