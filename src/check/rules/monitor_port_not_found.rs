//! `monitor-port-not-found`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed, is_deployed_or_slip};
use crate::check::monitors::services;
use crate::check::select::select;
use crate::check::selector::first_mismatch;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a ServiceMonitor or PodMonitor that scrapes a port by a name which no selected Service or pod gives to a
    /// port.
    ///
    /// ## Why it matters
    /// Prometheus drops every target without a word: there are no metrics, and alerts on them never fire.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ServiceMonitor
    /// spec:
    ///   endpoints: [{port: metrics}]   # the port of the Service is called http-metrics
    /// ```
    ///
    /// ## Instead
    /// Name a port of the Service (ServiceMonitor) or of the container (PodMonitor).
    "monitor-port-not-found" = {
        summary: "monitor scrapes a port that does not exist",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Kinds of monitors, and where they name ports.
const MONITORS: [(&str, &str); 2] =
    [("ServiceMonitor", "spec.endpoints.*"), ("PodMonitor", "spec.podMetricsEndpoints.*")];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for (kind, endpoints) in MONITORS {
        for placed in inventory.of_kind("monitoring.coreos.com", kind) {
            let Some(known) = ports(inventory, placed, kind) else { continue };
            for port in select(&placed.resource.node, endpoints).iter().filter_map(|endpoint| endpoint.text("port")) {
                if known.contains(&port.text) || !is_deployed_or_slip(placed, port.text, &known) {
                    continue;
                }
                let whose = if kind == "PodMonitor" { "pod" } else { "Service" };
                findings.push(
                    placed
                        .finding(&RULE, port.node)
                        .message(format!("{kind} scrapes port `{}`, which no selected {whose} has", port.text))
                        .help(format!("ports by name: {}", known.join(", ")))
                        .help_did_you_mean(port.text, known.iter().copied())
                        .pointer(port.pointer),
                );
            }
        }
    }
}

/// The names of the ports of what the monitor selects; `None` where it selects nothing, or where that is not known.
fn ports<'a>(inventory: &Inventory<'a>, placed: &Placed<'a>, kind: &str) -> Option<Vec<&'a str>> {
    let selector = placed.resource.node.path(&["spec", "selector"])?;
    let ways: Vec<(&Node, &str)> = if kind == "ServiceMonitor" {
        let mut near = services(inventory, placed)?;
        near.retain(|service| first_mismatch(selector, |key| service.resource.label(key)).is_none());
        near.iter().map(|service| (&service.resource.node, "spec.ports.*")).collect()
    } else {
        let elsewhere = placed.resource.node.path(&["spec", "namespaceSelector"]).is_some();
        if elsewhere || !inventory.is_closed(placed, placed.resource.name()) {
            return None;
        }
        let pods = inventory.pods_beside(placed).into_iter().filter(|(_, template)| {
            let labels = template.path(&["metadata", "labels"]);
            first_mismatch(selector, |key| labels?.get(key)?.text()).is_none()
        });
        let lists = ["spec.containers.*.ports.*", "spec.initContainers.*.ports.*"];
        pods.flat_map(|(_, template)| lists.map(|list| (template, list))).collect()
    };
    let names = ways.into_iter().flat_map(|(node, way)| select(node, way));
    let names: Vec<&str> = names.filter_map(|port| port.node.str_at(&["name"])).collect();
    (!names.is_empty()).then_some(names)
}
