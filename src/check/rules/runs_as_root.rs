//! `runs-as-root`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a pod or container that asks to run as root: `runAsNonRoot: false`, or `runAsUser: 0`.
    ///
    /// ## Why it matters
    /// What breaks out of the container is root on the node.
    ///
    /// ## Example
    /// ```yaml
    /// securityContext: {runAsUser: 0}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// securityContext: {runAsNonRoot: true, runAsUser: 10001}
    /// ```
    "runs-as-root" = {
        summary: "runs as root",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some((template, pointer)) = context.resource.pod_template() else { return };
    let Some(spec) = template.get("spec") else { return };
    let mut look = |holder: &Node, pointer: String, overridden: bool| {
        let Some(security) = holder.get("securityContext") else { return };
        let root = security.get("runAsNonRoot").filter(|node| node.as_bool() == Some(false));
        let user = security.get("runAsUser");
        let node = match (user.and_then(Node::as_i64), root) {
            (Some(0), _) => user,
            // Another user than root is given, so the switch is of no account.
            (Some(_), _) => None,
            (None, root) => root,
        };
        let Some(node) = node.filter(|_| !overridden) else { return };
        let field = if Some(node) == user { "runAsUser" } else { "runAsNonRoot" };
        findings.push(
            Finding::at(&RULE, node)
                .message(format!("{field} is {}: the pod may run as root", node.text().unwrap_or_default()))
                .help("run as a user of its own: `runAsNonRoot: true`")
                .pointer(format!("{pointer}/securityContext/{field}")),
        );
    };
    let containers = spec.get("containers").map(Node::items).unwrap_or_default();
    let says = |container: &Node| {
        let security = container.get("securityContext");
        security.is_some_and(|security| {
            security.get("runAsUser").is_some_and(|user| user.as_i64() != Some(0))
                || security.get("runAsNonRoot").and_then(Node::as_bool) == Some(true)
        })
    };
    // What every container sets for itself, the pod does not decide.
    look(spec, format!("{pointer}/spec"), !containers.is_empty() && containers.iter().all(says));
    for key in ["initContainers", "containers"] {
        for (index, container) in spec.get(key).map(Node::items).unwrap_or_default().iter().enumerate() {
            look(container, format!("{pointer}/spec/{key}/{index}"), false);
        }
    }
}
