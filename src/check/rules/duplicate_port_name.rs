//! `duplicate-port-name`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports two ports of one container, or of one Service, with the same name, and a Service with several ports of which one
    /// has no name.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// ports:
    /// - {name: http, containerPort: 8080}
    /// - {name: http, containerPort: 9090}
    /// ```
    ///
    /// ## Instead
    /// Give each port a name of its own.
    "duplicate-port-name" = {
        summary: "two ports have one name",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group().is_empty() && resource.kind() == "Service" {
        let ports = resource.node.path(&["spec", "ports"]).map_or(&[][..], Node::items);
        let ports: Vec<(&Node, String)> =
            ports.iter().enumerate().map(|(index, port)| (port, format!("/spec/ports/{index}"))).collect();
        if ports.len() > 1 {
            for (port, pointer) in &ports {
                if port.get("name").and_then(Node::text).is_none_or(str::is_empty) {
                    findings.push(
                        context
                            .finding(&RULE, port, pointer)
                            .message("a port of a Service with several ports needs a name"),
                    );
                }
            }
        }
        twice(context, &ports, "the Service", findings);
    }
    let Some(pod) = Pod::of(resource) else { return };
    for container in pod.containers() {
        let ports: Vec<(&Node, String)> = container.items("ports").collect();
        twice(context, &ports, &format!("container {}", container.name()), findings);
    }
}

fn twice(context: &ResourceContext<'_>, ports: &[(&Node, String)], owner: &str, findings: &mut Vec<Finding>) {
    for (index, (port, pointer)) in ports.iter().enumerate() {
        let Some(name) = port.get("name").filter(|name| name.text().is_some_and(|text| !text.is_empty())) else {
            continue;
        };
        let first =
            ports[..index].iter().filter_map(|(port, _)| port.get("name")).find(|other| other.text() == name.text());
        if let Some(first) = first {
            findings.push(
                context
                    .finding(&RULE, name, &format!("{pointer}/name"))
                    .message(format!("{owner} has another port named `{}`", name.text().unwrap_or_default()))
                    .related(first.mark(), "the first of the two"),
            );
        }
    }
}
