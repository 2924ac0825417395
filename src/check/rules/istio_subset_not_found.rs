//! `istio-subset-not-found`

use crate::check::World;
use crate::check::backends::internal;
use crate::check::inventory::Placed;
use crate::check::select::select;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a VirtualService that routes to a subset which no DestinationRule of the host defines.
    ///
    /// It is silent where more may lie in the namespace than the repository shows.
    ///
    /// ## Why it matters
    /// Istio answers every request of the route with 503: it knows no such cluster.
    ///
    /// ## Example
    /// ```yaml
    /// kind: VirtualService
    /// spec:
    ///   http: [{route: [{destination: {host: web, subset: v3}}]}]   # the DestinationRule has v1 and v2
    /// ```
    ///
    /// ## Instead
    /// Define the subset, or route to one that is defined.
    "istio-subset-not-found" = {
        summary: "no DestinationRule defines the subset",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const GROUP: &str = "networking.istio.io";
const DESTINATIONS: [&str; 4] = [
    "spec.http.*.route.*.destination",
    "spec.http.*.mirror",
    "spec.tcp.*.route.*.destination",
    "spec.tls.*.route.*.destination",
];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.of_kind(GROUP, "VirtualService") {
        let ways = DESTINATIONS.iter().flat_map(|way| select(&placed.resource.node, way));
        for destination in ways {
            let (Some(host), Some(subset)) = (destination.text("host"), destination.text("subset")) else { continue };
            let rules = inventory.on_cluster(placed, GROUP, "DestinationRule");
            let rules = rules.into_iter().filter(|rule| {
                let own = rule.resource.node.str_at(&["spec", "host"]).unwrap_or_default();
                own.contains('*') || full(own, rule) == full(host.text, placed)
            });
            let subsets: Vec<&str> = rules
                .flat_map(|rule| select(&rule.resource.node, "spec.subsets.*"))
                .filter_map(|subset| subset.node.str_at(&["name"]))
                .collect();
            if !inventory.is_closed(placed, host.text) || !inventory.is_missing(placed, subset.text, &subsets) {
                continue;
            }
            findings.push(
                placed
                    .finding(&RULE, subset.node)
                    .message(format!("no DestinationRule defines subset `{}` of {}", subset.text, host.text))
                    .help("define the subset in a DestinationRule of the host")
                    .help_did_you_mean(subset.text, subsets)
                    .pointer(subset.pointer),
            );
        }
    }
}

/// A host with the namespace that it is short for.
fn full<'a>(host: &'a str, placed: &Placed<'a>) -> (&'a str, Option<&'a str>) {
    match internal(host) {
        Some((name, namespace)) => (name, namespace.or(placed.namespace)),
        None => (host, None),
    }
}
