//! `missing-memory-limit`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container without a memory limit, where no LimitRange of the namespace gives it one.
    ///
    /// ## Why it matters
    /// A leak in it takes the memory of the whole node, and the kernel kills whichever pod it likes.
    ///
    /// ## Example
    /// ```yaml
    /// resources:
    ///   requests: {cpu: 100m, memory: 128Mi}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// resources:
    ///   requests: {cpu: 100m, memory: 128Mi}
    ///   limits: {memory: 256Mi}
    /// ```
    "missing-memory-limit" = {
        summary: "container without memory limit",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.everything() {
        let Some((template, pointer)) = placed.resource.pod_template() else { continue };
        // Since 1.34 the pod as a whole may have the limit.
        let of_pod = template.path(&["spec", "resources", "limits", "memory"]);
        if of_pod.is_some() || !inventory.beside(placed, "", "LimitRange").is_empty() {
            continue;
        }
        let containers = template.path(&["spec", "containers"]).map(Node::items).unwrap_or_default();
        for (index, container) in containers.iter().enumerate() {
            if container.path(&["resources", "limits", "memory"]).is_some() {
                continue;
            }
            let resources = container.get("resources");
            let node = resources.and_then(|resources| resources.get("limits")).or(resources).or(container.get("name"));
            findings.push(
                placed
                    .finding(&RULE, node.unwrap_or(container))
                    .message(format!(
                        "container {} has no memory limit",
                        container.str_at(&["name"]).unwrap_or_default()
                    ))
                    .help("set resources.limits.memory")
                    .pointer(format!("{pointer}/spec/containers/{index}/resources")),
            );
        }
    }
}
