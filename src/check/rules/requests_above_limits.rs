//! `requests-above-limits`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::schema::Quantity;
use crate::yaml::Node;

declare_rule! {
    /// Reports a container that requests more of a resource than its limit allows.
    ///
    /// ## Why it matters
    /// The API server refuses the pod.
    ///
    /// ## Example
    /// ```yaml
    /// resources:
    ///   requests: {memory: 1Gi}
    ///   limits: {memory: 512Mi}
    /// ```
    ///
    /// ## Instead
    /// Raise the limit or lower the request.
    "requests-above-limits" = {
        summary: "request is above its limit",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource) else { return };
    for container in pod.containers() {
        let Some(resources) = container.node.get("resources") else { continue };
        let limits = resources.get("limits");
        for request in resources.get("requests").map_or(&[][..], Node::entries) {
            let name = request.key_text();
            let Some(limit) = limits.and_then(|limits| limits.get(name)) else { continue };
            let quantity = |node: &Node| node.text().and_then(Quantity::parse).map(Quantity::value);
            let (Some(requested), Some(allowed)) = (quantity(&request.value), quantity(limit)) else { continue };
            if requested <= allowed {
                continue;
            }
            let pointer = format!("{}/resources/requests/{}", container.pointer, name.replace('/', "~1"));
            findings.push(
                context
                    .finding(&RULE, &request.value, &pointer)
                    .message(format!(
                        "container {} requests {name} {}, above its limit of {}",
                        container.name(),
                        request.value.text().unwrap_or_default(),
                        limit.text().unwrap_or_default()
                    ))
                    .help("raise the limit or lower the request")
                    .related(limit.mark(), "the limit"),
            );
        }
    }
}
