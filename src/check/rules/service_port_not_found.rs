//! `service-port-not-found`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a Service whose `targetPort` is a name that no container of the selected pods gives to a port.
    ///
    /// ## Why it matters
    /// The port has no endpoints: every call to it is refused.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Service
    /// spec:
    ///   ports: [{port: 80, targetPort: htpp}]   # the container's port is called http
    /// ```
    ///
    /// ## Instead
    /// Name a port of the container.
    "service-port-not-found" = {
        summary: "target port does not exist",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.of_kind("", "Service") {
        let spec = placed.resource.node.get("spec");
        let Some(selector) = spec.and_then(|spec| spec.get("selector")).filter(|s| !s.entries().is_empty()) else {
            continue;
        };
        let named: Vec<_> = spec
            .and_then(|spec| spec.get("ports"))
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|port| port.get("targetPort"))
            // A number is a number, also where it is written as text.
            .filter_map(|node| Some((node, node.text().filter(|text| text.parse::<u32>().is_err())?)))
            .collect();
        // Another pod of these labels could have the port.
        if named.is_empty()
            || !selector
                .entries()
                .iter()
                .any(|entry| inventory.is_closed(placed, entry.value.text().unwrap_or_default()))
        {
            continue;
        }
        let pods = inventory.pods_selected(placed, selector);
        if pods.is_empty() {
            continue;
        }
        let ports: Vec<&str> = pods.iter().flat_map(|(_, template)| port_names(template)).collect();
        for (node, name) in named {
            if !ports.contains(&name) {
                findings.push(
                    placed
                        .finding(&RULE, node)
                        .message(format!(
                            "{} sends to port `{name}`, which no container of its pods has",
                            placed.resource.kind()
                        ))
                        .help("name a port of the container")
                        .help_did_you_mean(name, ports.iter().copied()),
                );
            }
        }
    }
}

fn port_names(template: &Node) -> impl Iterator<Item = &str> {
    let containers = ["containers", "initContainers"].into_iter().filter_map(|key| template.path(&["spec", key]));
    containers
        .flat_map(Node::items)
        .filter_map(|container| container.get("ports"))
        .flat_map(Node::items)
        .filter_map(|port| port.str_at(&["name"]))
}
