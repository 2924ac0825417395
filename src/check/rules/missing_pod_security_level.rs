//! `missing-pod-security-level`

use crate::check::ResourceContext;
use crate::check::engine::head;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Mapping, Node};

declare_rule! {
    /// Reports a Namespace without `pod-security.kubernetes.io/enforce`.
    ///
    /// ## Why it matters
    /// Without a level the API server admits privileged pods into it.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Namespace
    /// metadata: {name: argocd}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: Namespace
    /// metadata:
    ///   name: argocd
    ///   labels: {pod-security.kubernetes.io/enforce: restricted}
    /// ```
    "missing-pod-security-level" = {
        summary: "namespace has no Pod Security level",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "Namespace" || !resource.group().is_empty() {
        return;
    }
    if resource.label("pod-security.kubernetes.io/enforce").is_some() {
        return;
    }
    let labels =
        resource.node.get("metadata").and_then(Node::as_mapping).and_then(|meta: &Mapping| meta.entry("labels"));
    let mark = labels.map_or_else(|| head(&resource.node), |entry| entry.key.mark());
    findings.push(
        Finding::new(&RULE, mark)
            .message(format!("Namespace {} has no label pod-security.kubernetes.io/enforce", resource.name()))
            .help("add it with the level restricted or baseline")
            .pointer("/metadata/labels"),
    );
}
