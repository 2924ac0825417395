//! `container-port-undeclared`

use std::collections::BTreeMap;

use crate::check::World;
use crate::check::workload::{Place, about, containers, is_long_running, place, resources, service_selects};
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;

declare_rule! {
    /// Reports a container that declares no ports although a Service sends traffic to a port of its pod.
    ///
    /// ## Why it matters
    /// Nothing fails, but NetworkPolicies, monitors and people go by what is declared, and a named port cannot be used.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Service
    /// spec: {ports: [{port: 80, targetPort: 8080}]}     # the container has no `ports`
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// ports:
    /// - name: http
    ///   containerPort: 8080
    /// ```
    "container-port-undeclared" = {
        summary: "the port that a Service targets is not declared",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut services: BTreeMap<Place, Vec<&Resource>> = BTreeMap::new();
    for (rendered, resource) in resources(world).filter(|(_, resource)| resource.kind() == "Service") {
        services.entry(place(world, rendered, resource)).or_default().push(resource);
    }
    for (rendered, resource) in resources(world).filter(|(_, resource)| is_long_running(resource)) {
        let containers = containers(resource);
        if containers.iter().any(|container| container.node.get("ports").is_some()) {
            continue;
        }
        let Some(first) = containers.first() else { continue };
        let labels = resource.pod_template().and_then(|(template, _)| template.path(&["metadata", "labels"]));
        let near = services.get(&place(world, rendered, resource)).map(Vec::as_slice).unwrap_or_default();
        // A template without labels is another rule's finding; that the names are equal says what was meant.
        let meant = |service: &Resource| labels.is_none() && service.name() == resource.name();
        let target = near.iter().find_map(|service| {
            if !service_selects(service.node.path(&["spec", "selector"]), labels) && !meant(service) {
                return None;
            }
            let ports = service.node.path(&["spec", "ports"])?.items();
            ports.iter().find_map(|port| Some((*service, port.get("targetPort").or(port.get("port"))?)))
        });
        let Some((service, port)) = target else { continue };
        let finding = Finding::at(&RULE, first.node)
            .message(format!(
                "container {} declares no ports, and Service {} targets port {}",
                first.name(),
                service.name(),
                port.text().unwrap_or_default()
            ))
            .help("declare it under `ports`")
            .related(port.mark(), format!("Service {} targets it here", service.name()))
            .pointer(format!("{}/ports", first.pointer));
        findings.push(about(finding, resource, rendered));
    }
}
