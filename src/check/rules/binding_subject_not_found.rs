//! `binding-subject-not-found`

use crate::check::World;
use crate::check::select::select;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a RoleBinding or ClusterRoleBinding for a ServiceAccount that nothing in the repository makes.
    ///
    /// It is silent where more may lie in the account's namespace than the repository shows, and where the repository
    /// deploys nothing to that namespace.
    ///
    /// ## Why it matters
    /// The binding is accepted, and the pods that it was meant for are refused.
    ///
    /// ## Example
    /// ```yaml
    /// kind: RoleBinding
    /// subjects: [{kind: ServiceAccount, name: web, namespace: shpo}]   # the account is in the namespace shop
    /// ```
    ///
    /// ## Instead
    /// Name a ServiceAccount that is deployed, and its namespace.
    "binding-subject-not-found" = {
        summary: "nothing makes the ServiceAccount",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const GROUP: &str = "rbac.authorization.k8s.io";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in ["RoleBinding", "ClusterRoleBinding"].iter().flat_map(|kind| inventory.of_kind(GROUP, kind)) {
        for subject in select(&placed.resource.node, "subjects.*") {
            if subject.node.str_at(&["kind"]) != Some("ServiceAccount") {
                continue;
            }
            let (Some(name), Some(namespace)) = (subject.text("name"), subject.text("namespace")) else { continue };
            let from = placed.within(namespace.text);
            // The cluster makes `default` in every namespace, and many more in its own.
            let is_given = name.text == "default" || namespace.text.starts_with("kube-");
            if is_given || !inventory.knows(namespace.text) {
                continue;
            }
            let accounts = inventory.names_beside(&from, "", "ServiceAccount");
            if !inventory.is_missing(&from, name.text, &accounts) {
                continue;
            }
            findings.push(
                placed
                    .finding(&RULE, name.node)
                    .message(format!(
                        "{} is for ServiceAccount `{}` of the namespace {}, which nothing makes",
                        placed.resource.kind(),
                        name.text,
                        namespace.text
                    ))
                    .help("name a ServiceAccount that is deployed")
                    .help_did_you_mean(name.text, accounts)
                    .pointer(name.pointer),
            );
        }
    }
}
