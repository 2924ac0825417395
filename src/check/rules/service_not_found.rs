//! `service-not-found`

use crate::check::World;
use crate::check::backends::backends;
use crate::finding::{Check, Finding, Severity, declare_rule};

declare_rule! {
    /// Reports an Ingress, a route, a webhook, a Rollout or another object that sends to a Service which nothing in the
    /// repository makes, and a StatefulSet whose governing Service is missing.
    ///
    /// It is silent where more may lie in the namespace than the repository shows, and where the namespace holds neither
    /// a Service nor a workload. Of what no Application deploys, it reports slips alone: names that are nearly those of
    /// Services. A StatefulSet runs without its Service, and a mesh may
    /// know a host otherwise: these are for information.
    ///
    /// ## Why it matters
    /// Every call is answered with 503; calls to a webhook with `failurePolicy: Fail` block what it watches. The pods of
    /// a StatefulSet without its Service have no names in DNS.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Ingress
    /// spec:
    ///   rules:
    ///   - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: wbe, port: {number: 80}}}}]}   # web
    /// ```
    ///
    /// ## Instead
    /// Name a Service that is deployed to the namespace.
    "service-not-found" = {
        summary: "nothing makes the Service",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let entries = inventory.of_kind("networking.istio.io", "ServiceEntry");
    let hosts: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.resource.node.path(&["spec", "hosts"]))
        .flat_map(|hosts| hosts.items())
        .filter_map(|host| host.text())
        .collect();
    for backend in backends(inventory) {
        let (from, name) = (&backend.from, backend.service.text);
        // Every cluster has this one.
        if from.namespace == Some("default") && name == "kubernetes" || hosts.contains(&name) {
            continue;
        }
        let services = inventory.names_beside(from, "", "Service");
        let is_known = !services.is_empty() || !inventory.pods_beside(from).is_empty();
        if !is_known || !inventory.is_missing(from, name, &services) {
            continue;
        }
        // A mesh may learn of a host in other ways than by a Service; pods of a StatefulSet run without names in DNS.
        let is_needed = from.resource.group() != "networking.istio.io" && from.resource.kind() != "StatefulSet";
        let place = from.namespace.map_or(String::new(), |namespace| format!(" in the namespace {namespace}"));
        findings.push(
            from.finding(&RULE, backend.service.node)
                .severity(if is_needed { RULE.severity } else { Severity::Info })
                .message(format!("{} names Service `{name}`, which nothing makes{place}", from.resource.kind()))
                .help("name a Service of the namespace, or add it")
                .help_did_you_mean(name, services)
                .pointer(backend.service.pointer),
        );
    }
}
