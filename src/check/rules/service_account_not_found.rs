//! `service-account-not-found`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a pod whose ServiceAccount nothing in the repository makes in its namespace.
    ///
    /// It is silent where more may lie in the namespace than the repository shows.
    ///
    /// ## Why it matters
    /// No pod is created at all: `serviceaccount "web" not found`. The Deployment stays at zero replicas.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   serviceAccountName: wbe   # the ServiceAccount is called web
    /// ```
    ///
    /// ## Instead
    /// Name a ServiceAccount that is deployed to the namespace, or add one.
    "service-account-not-found" = {
        summary: "ServiceAccount does not exist",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.everything() {
        let Some((template, _)) = placed.resource.pod_template() else { continue };
        let name = ["serviceAccountName", "serviceAccount"].iter().find_map(|key| template.path(&["spec", key]));
        let Some((node, name)) = name.and_then(|node| Some((node, node.text()?))) else { continue };
        // The cluster makes `default` in every namespace.
        if name.is_empty() || name == "default" || !inventory.is_closed(placed, name) {
            continue;
        }
        let accounts = inventory.names_beside(placed, "", "ServiceAccount");
        if !accounts.contains(&name) {
            findings.push(
                placed
                    .finding(&RULE, node)
                    .message(format!(
                        "{} runs as ServiceAccount `{name}`, which nothing makes in its namespace",
                        placed.resource.kind()
                    ))
                    .help("add the ServiceAccount")
                    .help_did_you_mean(name, accounts),
            );
        }
    }
}
