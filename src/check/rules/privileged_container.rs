//! `privileged-container`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a privileged container of a workload that is no agent of its node.
    ///
    /// DaemonSets, `kube-system` and namespaces that say `pod-security.kubernetes.io/enforce: privileged` are left
    /// alone: there it is known and meant.
    ///
    /// ## Why it matters
    /// Whoever gets into the container has the node, and with it the credentials of all its pods.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec:
    ///   template:
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         securityContext: {privileged: true}
    /// ```
    ///
    /// ## Instead
    /// Add the one capability that the container needs, or label the namespace so that all can see what runs in it.
    "privileged-container" = {
        summary: "privileged container",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.everything() {
        let Some((template, pointer)) = placed.resource.pod_template() else { continue };
        if placed.resource.kind() == "DaemonSet" || placed.namespace == Some("kube-system") {
            continue;
        }
        for key in ["initContainers", "containers"] {
            let containers = template.path(&["spec", key]).map(Node::items).unwrap_or_default();
            for (index, container) in containers.iter().enumerate() {
                let Some(node) = container.path(&["securityContext", "privileged"]) else { continue };
                if node.as_bool() != Some(true) || is_meant(inventory, placed) {
                    continue;
                }
                findings.push(
                    placed
                        .finding(&RULE, node)
                        .message(format!("container {} is privileged", container.str_at(&["name"]).unwrap_or_default()))
                        .help("add the capability that it needs")
                        .pointer(format!("{pointer}/spec/{key}/{index}/securityContext/privileged")),
                );
            }
        }
    }
}

/// Whether the namespace permits privileged pods in so many words.
fn is_meant(inventory: &Inventory<'_>, placed: &Placed<'_>) -> bool {
    let permits = |found: &&Placed<'_>| {
        found.resource.label("pod-security.kubernetes.io/enforce") == Some("privileged")
            && placed.namespace.is_none_or(|namespace| namespace == found.resource.name())
    };
    inventory.of_kind("", "Namespace").iter().any(permits)
}
