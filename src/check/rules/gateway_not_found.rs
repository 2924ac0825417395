//! `gateway-not-found`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed};
use crate::check::select::{Named, select};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a route or VirtualService that attaches to a Gateway which nothing in the repository makes, or to a listener
    /// that the Gateway does not have.
    ///
    /// It is silent where more may lie in the Gateway's namespace than the repository shows.
    ///
    /// ## Why it matters
    /// The route is accepted and no traffic reaches it.
    ///
    /// ## Example
    /// ```yaml
    /// kind: HTTPRoute
    /// spec:
    ///   parentRefs: [{name: publci}]   # the Gateway is called public
    /// ```
    ///
    /// ## Instead
    /// Name a Gateway that is deployed, and one of its listeners.
    "gateway-not-found" = {
        summary: "the route attaches to nothing",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"];
const API: &str = "gateway.networking.k8s.io";
const ISTIO: &str = "networking.istio.io";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in ROUTES.iter().flat_map(|kind| inventory.of_kind(API, kind)) {
        for parent in select(&placed.resource.node, "spec.parentRefs.*") {
            let other = |field: &str, own: &str| parent.node.str_at(&[field]).is_some_and(|text| text != own);
            if other("kind", "Gateway") || other("group", API) {
                continue;
            }
            let Some(name) = parent.text("name") else { continue };
            let from = parent.text("namespace").map_or(*placed, |namespace| placed.within(namespace.text));
            let gateways = missing(inventory, &from, API, &name, findings);
            let Some(section) = parent.text("sectionName") else { continue };
            let listeners: Vec<&str> = gateways
                .iter()
                .flat_map(|gateway| select(&gateway.resource.node, "spec.listeners.*"))
                .filter_map(|listener| listener.node.str_at(&["name"]))
                .collect();
            if !listeners.is_empty() && !listeners.contains(&section.text) {
                findings.push(
                    placed
                        .finding(&RULE, section.node)
                        .message(format!("Gateway {} has no listener `{}`", name.text, section.text))
                        .help(format!("its listeners: {}", listeners.join(", ")))
                        .help_did_you_mean(section.text, listeners)
                        .pointer(section.pointer),
                );
            }
        }
    }
    for placed in inventory.of_kind(ISTIO, "VirtualService") {
        for gateway in select(&placed.resource.node, "spec.gateways.*") {
            let Some(text) = gateway.node.text().filter(|text| *text != "mesh" && !text.contains(['$', '{'])) else {
                continue;
            };
            let (from, text) = match text.split_once('/') {
                Some((namespace, name)) => (placed.within(namespace), name),
                None => (*placed, text),
            };
            let name = Named { node: gateway.node, text, pointer: gateway.pointer };
            missing(inventory, &from, ISTIO, &name, findings);
        }
    }
}

/// The Gateways of that name where `from` looks for them; if there is none and that is certain, it is reported.
fn missing<'i, 'a>(
    inventory: &'i Inventory<'a>,
    from: &Placed<'a>,
    group: &str,
    name: &Named<'a>,
    findings: &mut Vec<Finding>,
) -> Vec<&'i Placed<'a>> {
    let mut gateways = inventory.beside(from, group, "Gateway");
    let names: Vec<&str> = gateways.iter().map(|gateway| gateway.resource.name()).collect();
    let is_known = from.namespace.is_none_or(|namespace| inventory.knows(namespace));
    if is_known && inventory.is_missing(from, name.text, &names) {
        let place = from.namespace.map_or(String::new(), |namespace| format!(" in the namespace {namespace}"));
        findings.push(
            from.finding(&RULE, name.node)
                .message(format!(
                    "{} attaches to Gateway `{}`, which nothing makes{place}",
                    from.resource.kind(),
                    name.text
                ))
                .help("name a Gateway that is deployed")
                .help_did_you_mean(name.text, names)
                .pointer(name.pointer.clone()),
        );
    }
    gateways.retain(|gateway| gateway.resource.name() == name.text);
    gateways
}
