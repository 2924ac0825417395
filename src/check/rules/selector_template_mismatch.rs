//! `selector-template-mismatch`

use crate::check::ResourceContext;
use crate::check::selector::{Mismatch, first_mismatch};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a workload whose selector does not match the labels of its own pod template.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// selector: {matchLabels: {app: web}}
    /// template:
    ///   metadata: {labels: {app: wbe}}
    /// ```
    ///
    /// ## Instead
    /// Give the template the labels that the selector asks for. The selector of a workload that exists cannot be changed.
    "selector-template-mismatch" = {
        summary: "selector does not match the pod template",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let selects = matches!(
        (resource.group(), resource.kind()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("argoproj.io", "Rollout")
    );
    if !selects {
        return;
    }
    let Some(selector) = resource.node.path(&["spec", "selector"]) else { return };
    let Some(labels) = resource.node.path(&["spec", "template", "metadata", "labels"]) else { return };
    if labels.entries().is_empty() {
        return;
    }
    let label = |key: &str| labels.get(key).and_then(Node::text);
    let Some(Mismatch { node, pointer, wanted }) = first_mismatch(selector, label) else { return };
    findings.push(
        context
            .finding(&RULE, node, &format!("/spec/selector{pointer}"))
            .message(format!("spec.selector asks for {wanted}, which the labels of spec.template do not have"))
            .help("give the selector and the template the same labels")
            .related(labels.mark(), "the labels of the template"),
    );
}
