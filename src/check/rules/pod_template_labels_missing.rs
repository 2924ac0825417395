//! `pod-template-labels-missing`

use crate::check::ResourceContext;
use crate::check::schema::is_filled_in_later;
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a workload whose pod template has no labels.
    ///
    /// ## Why it matters
    /// The workload's selector cannot match its own pods: the API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec:
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     spec: {}          # no metadata.labels
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    ///   template:
    ///     metadata: {labels: {app: web}}
    /// ```
    "pod-template-labels-missing" = {
        summary: "pod template has no labels",
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
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("", "ReplicationController")
            | ("argoproj.io", "Rollout")
    );
    if !selects {
        return;
    }
    let Some(spec) = resource.node.get("spec").and_then(Node::as_mapping) else { return };
    let Some(template) = spec.entry("template").filter(|entry| entry.value.as_mapping().is_some()) else { return };
    if template.value.path(&["metadata", "labels"]).is_some_and(|labels| !labels.entries().is_empty()) {
        return;
    }
    let wanted: Vec<String> = spec
        .get("selector")
        .and_then(|selector| selector.get("matchLabels"))
        .map_or(&[][..], Node::entries)
        .iter()
        .map(|entry| format!("{}: {}", entry.key_text(), entry.value.text().unwrap_or_default()))
        .collect();
    let help = match wanted.is_empty() {
        true => "give spec.template.metadata.labels the labels that spec.selector asks for".to_owned(),
        false => format!("add metadata.labels with {}", wanted.join(", ")),
    };
    let finding = context
        .finding(&RULE, &template.key, "/spec/template")
        .message("spec.template has no labels, so no selector can match its pods")
        .help(help);
    // Labels that an overlay adds reach into the selector as well.
    let later = spec.get("selector").is_none() && is_filled_in_later(context, "/spec");
    findings.push(if later { finding.severity(Severity::Warning) } else { finding });
}
