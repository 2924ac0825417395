//! `blocking-disruption-budget`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a PodDisruptionBudget that never lets a pod go.
    ///
    /// ## Why it matters
    /// No node that runs one of the pods can be drained: upgrades of the cluster stop there until somebody deletes the
    /// budget, and with it all protection.
    ///
    /// ## Example
    /// ```yaml
    /// kind: PodDisruptionBudget
    /// spec:
    ///   maxUnavailable: 0
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// spec:
    ///   maxUnavailable: 1
    /// ```
    "blocking-disruption-budget" = {
        summary: "disruption budget lets no pod go",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "policy" || resource.kind() != "PodDisruptionBudget" {
        return;
    }
    for (key, blocking) in [("maxUnavailable", ["0", "0%"]), ("minAvailable", ["100%", "100%"])] {
        let Some(node) = resource.node.path(&["spec", key]) else { continue };
        let Some(text) = node.text().filter(|text| blocking.contains(text)) else { continue };
        findings.push(
            Finding::at(&RULE, node)
                .message(format!("PodDisruptionBudget {}: {key} {text} lets no pod go", resource.name()))
                .help("`maxUnavailable: 1` lets one go at a time")
                .pointer(format!("/spec/{key}")),
        );
    }
}
