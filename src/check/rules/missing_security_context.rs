//! `missing-security-context`

use crate::check::ResourceContext;
use crate::check::workload::{Pod, containers};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container for which neither it nor its pod sets a `securityContext`.
    ///
    /// ## Why it matters
    /// It may run as root, gain privileges, keep all default capabilities and write to its root filesystem: whoever
    /// breaks into it has the most to work with.
    ///
    /// ## Example
    /// ```yaml
    /// containers:
    /// - name: web
    ///   image: example.com/web:v1
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
    /// containers:
    /// - name: web
    ///   image: example.com/web:v1
    ///   securityContext:
    ///     allowPrivilegeEscalation: false
    ///     readOnlyRootFilesystem: true
    ///     capabilities: {drop: [ALL]}
    /// ```
    "missing-security-context" = {
        summary: "container has no securityContext",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let Some(Pod { spec, .. }) = Pod::of(resource) else { return };
    let set = |node: &Node| node.get("securityContext").is_some_and(|context| !context.entries().is_empty());
    if set(spec) {
        return;
    }
    for container in containers(resource).into_iter().filter(|container| !set(container.node)) {
        findings.push(
            Finding::at(&RULE, container.node)
                .message(format!(
                    "container {} of {} {} has no securityContext, nor has its pod",
                    container.name(),
                    resource.kind(),
                    resource.name()
                ))
                .help("set runAsNonRoot, allowPrivilegeEscalation: false and capabilities.drop: [ALL]")
                .pointer(container.pointer),
        );
    }
}
