//! `backend-port-not-found`

use crate::check::World;
use crate::check::backends::{backends, ports};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an Ingress, a route or a webhook that sends to a port which the Service does not have.
    ///
    /// A Service that several targets render, with other ports in each, is held against all of them together.
    ///
    /// ## Why it matters
    /// The Service is there, and every call is answered with 503 or refused.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Ingress
    /// spec:
    ///   rules:
    ///   - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}]}
    /// # and Service web has port 80, which leads to 8080
    /// ```
    ///
    /// ## Instead
    /// Name a `port` of the Service, by its number or its name: not a `targetPort`.
    "backend-port-not-found" = {
        summary: "the Service has no such port",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for backend in backends(inventory) {
        let (from, name) = (&backend.from, backend.service.text);
        let Some(port) = backend.port.as_ref() else { continue };
        let mut services = inventory.beside(from, "", "Service");
        services.retain(|service| service.resource.name() == name);
        let known: Vec<Vec<&str>> = services.iter().map(|service| ports(&service.resource.node)).collect();
        // A Service without ports lets every port through, and one of a target that failed is not whole.
        let is_whole = services.iter().all(|service| !service.rendered.output.failed);
        if services.is_empty() || !is_whole || known.iter().any(|ports| ports.is_empty() || ports.contains(&port.text))
        {
            continue;
        }
        let all: Vec<&str> = known.into_iter().flatten().collect();
        let mut finding = from
            .finding(&RULE, port.node)
            .message(format!(
                "{} sends to port `{}` of Service {name}, which has none such",
                from.resource.kind(),
                port.text
            ))
            .help(format!("its ports: {}", all.join(", ")))
            .help_did_you_mean(port.text, all.iter().copied().filter(|known| known.parse::<u16>().is_err()))
            .pointer(port.pointer.clone());
        if let Some(ports) = services.first().and_then(|service| service.resource.node.path(&["spec", "ports"])) {
            finding = finding.related(ports.mark(), format!("the ports of Service {name}"));
        }
        findings.push(finding);
    }
}
