//! `affinity-selector-matches-no-pod`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::check::selector::{Mismatch, first_mismatch};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports an affinity or a spread constraint whose selector is clearly meant for the workload's own pods, and matches
    /// neither them nor any other pod of the repository.
    ///
    /// ## Why it matters
    /// The constraint holds for nothing: all replicas may land on one node.
    ///
    /// ## Example
    /// ```yaml
    /// template:
    ///   metadata: {labels: {app: web}}
    ///   spec:
    ///     topologySpreadConstraints:
    ///     - labelSelector: {matchLabels: {app.kubernetes.io/name: web}}
    /// ```
    ///
    /// ## Instead
    /// Select labels that the pod template has.
    "affinity-selector-matches-no-pod" = {
        summary: "affinity selects no pod",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource) else { return };
    for (selector, pointer) in selectors(&pod) {
        if !names_itself(context, &pod, selector) || matches(selector, pod.template) {
            continue;
        }
        let Some(Mismatch { node, pointer: inner, wanted }) = first_mismatch(selector, |key| label(pod.template, key))
        else {
            continue;
        };
        let elsewhere = context.world.rendered.iter().flat_map(|rendered| &rendered.output.resources);
        if elsewhere.filter_map(|resource| resource.pod_template()).any(|(template, _)| matches(selector, template)) {
            continue;
        }
        findings.push(
            context
                .finding(&RULE, node, &format!("{pointer}{inner}"))
                .message(format!("the selector asks for {wanted}, which neither this pod template nor another one has"))
                .help("select labels that the pod template has"),
        );
    }
}

fn label<'n>(template: &'n Node, key: &str) -> Option<&'n str> {
    template.path(&["metadata", "labels"])?.get(key)?.text()
}

fn matches(selector: &Node, template: &Node) -> bool {
    first_mismatch(selector, |key| label(template, key)).is_none()
}

/// Whether the selector carries the name of the workload or of a container: it is meant for the pod itself.
fn names_itself(context: &ResourceContext<'_>, pod: &Pod<'_>, selector: &Node) -> bool {
    let values = selector.get("matchLabels").map_or(&[][..], Node::entries).iter();
    let mut values = values.filter_map(|entry| entry.value.text());
    values.any(|value| {
        value == context.resource.name() || pod.containers().iter().any(|container| container.name() == value)
    })
}

/// The label selectors of affinities and spread constraints, with their pointers.
fn selectors<'n>(pod: &Pod<'n>) -> Vec<(&'n Node, String)> {
    let mut found = Vec::new();
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = pod.spec.path(&["affinity", kind]) else { continue };
        let base = format!("{}/affinity/{kind}", pod.pointer);
        for (list, term) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", "/podAffinityTerm"),
        ] {
            for (index, item) in affinity.get(list).map_or(&[][..], Node::items).iter().enumerate() {
                let pointer = format!("{term}/labelSelector");
                if let Some(selector) = item.pointer(&pointer) {
                    found.push((selector, format!("{base}/{list}/{index}{pointer}")));
                }
            }
        }
    }
    for (index, item) in pod.spec.get("topologySpreadConstraints").map_or(&[][..], Node::items).iter().enumerate() {
        if let Some(selector) = item.get("labelSelector") {
            found.push((selector, format!("{}/topologySpreadConstraints/{index}/labelSelector", pod.pointer)));
        }
    }
    found
}
