//! `invalid-label`

use crate::check::pod::Pod;
use crate::check::{ResourceContext, syntax};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports keys of labels and annotations, and values of labels and selectors, that the API server refuses.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// labels:
    ///   app.kubernetes.io/name: Web Server
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// labels:
    ///   app.kubernetes.io/name: web-server
    /// ```
    "invalid-label" = {
        summary: "label or annotation that the API server refuses",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let node = &context.resource.node;
    let mut found = |base: &str, at: &str, labels: bool| {
        let pointer = format!("{base}{at}");
        let Some(map) = node.pointer(&pointer) else { return };
        for entry in map.entries() {
            let key = entry.key_text();
            let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            let what = if labels { "label" } else { "annotation" };
            let filled_in = |text: &str| text.contains("${") || text.contains("{{");
            // Keys of annotations are compared in lower case.
            let wrong = if labels { syntax::qualified_name(key) } else { syntax::qualified_name(&key.to_lowercase()) };
            if let Some(wrong) = wrong.filter(|_| !filled_in(key)) {
                findings
                    .push(context.finding(&RULE, &entry.key, &pointer).message(format!("{what} key `{key}` {wrong}")));
            }
            let value = entry.value.as_str().filter(|text| labels && !filled_in(text));
            if let Some(wrong) = value.and_then(syntax::label_value) {
                let value = value.unwrap_or_default();
                findings.push(
                    context.finding(&RULE, &entry.value, &pointer).message(format!("label {key}: `{value}` {wrong}")),
                );
            }
        }
    };
    found("/metadata", "/labels", true);
    found("/metadata", "/annotations", false);
    let selectors = match (context.resource.group(), context.resource.kind()) {
        ("", "Service") => "/spec/selector",
        ("apps" | "batch" | "policy", _) => "/spec/selector/matchLabels",
        _ => "/spec/podSelector/matchLabels",
    };
    found("", selectors, true);
    if let Some(pod) = Pod::of(context.resource).filter(|pod| pod.pointer != "/spec") {
        let template = pod.pointer.trim_end_matches("/spec").to_owned();
        found(&template, "/metadata/labels", true);
        found(&template, "/metadata/annotations", false);
        found(&pod.pointer, "/nodeSelector", true);
    }
}
