//! `refused-root-user`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container that must not run as root and has root for its user: `runAsNonRoot: true` and `runAsUser: 0`, each
    /// from the container, or else from its pod.
    ///
    /// ## Why it matters
    /// The kubelet refuses to start it: `container's runAsUser breaks non-root policy`.
    ///
    /// ## Example
    /// ```yaml
    /// securityContext: {runAsNonRoot: true, runAsUser: 0}
    /// ```
    ///
    /// ## Instead
    /// Name another user, or let the image name it.
    "refused-root-user" = {
        summary: "the kubelet refuses to run it as root",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource) else { return };
    for container in pod.list("initContainers").into_iter().chain(pod.list("containers")) {
        let holders = [(container.node, &container.pointer), (pod.spec, &pod.pointer)];
        let field = |name: &str| -> Option<(&Node, String)> {
            holders.iter().find_map(|(holder, pointer)| {
                let node = holder.path(&["securityContext", name])?;
                Some((node, format!("{pointer}/securityContext/{name}")))
            })
        };
        let (Some((user, pointer)), Some((switch, _))) = (field("runAsUser"), field("runAsNonRoot")) else { continue };
        if user.as_i64() == Some(0) && switch.as_bool() == Some(true) {
            findings.push(
                context
                    .finding(&RULE, user, &pointer)
                    .message(format!("container {} has runAsUser 0, and runAsNonRoot forbids that", container.name()))
                    .help("name another user")
                    .related(switch.mark(), "runAsNonRoot is set here"),
            );
        }
    }
}
