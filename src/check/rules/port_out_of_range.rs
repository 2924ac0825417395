//! `port-out-of-range`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports numbers of ports that are not within 1 to 65535: of containers, their probes, and Services. A Service's node
    /// port is left to the cluster, whose range can be set.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// ports:
    /// - containerPort: 80800
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// ports:
    /// - containerPort: 8080
    /// ```
    "port-out-of-range" = {
        summary: "no such port number",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group().is_empty() && resource.kind() == "Service" {
        for (index, port) in resource.node.path(&["spec", "ports"]).map_or(&[][..], Node::items).iter().enumerate() {
            for key in ["port", "targetPort"] {
                range(context, port.get(key), &format!("/spec/ports/{index}/{key}"), findings);
            }
        }
    }
    let Some(pod) = Pod::of(resource) else { return };
    for container in pod.containers() {
        for (port, pointer) in container.items("ports") {
            range(context, port.get("containerPort"), &format!("{pointer}/containerPort"), findings);
            // No host port is asked for with 0.
            let host = port.get("hostPort").filter(|port| port.as_i64() != Some(0));
            range(context, host, &format!("{pointer}/hostPort"), findings);
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for action in ["httpGet", "tcpSocket", "grpc"] {
                let inner = format!("/{probe}/{action}/port");
                range(context, container.node.pointer(&inner), &format!("{}{inner}", container.pointer), findings);
            }
        }
    }
}

fn range(context: &ResourceContext<'_>, node: Option<&Node>, pointer: &str, findings: &mut Vec<Finding>) {
    let Some((node, number)) = node.and_then(|node| Some((node, node.as_i64()?))) else { return };
    if !(1..=65535).contains(&number) {
        findings.push(
            context.finding(&RULE, node, pointer).message(format!("a port must be within 1 to 65535, found {number}")),
        );
    }
}
