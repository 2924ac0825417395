//! `unknown-argocd-label`

use crate::check::ResourceContext;
use crate::check::argo::annotation::LABELS;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports a label of Argo CD that it does not know, or a value that it does not understand.
    ///
    /// ## Why it matters
    /// Clusters, repositories and credentials are found by the label of their Secrets alone. With another value the cluster
    /// is not registered and the credentials are not used.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Secret
    /// metadata:
    ///   labels: {argocd.argoproj.io/secret-type: clusters}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: Secret
    /// metadata:
    ///   labels: {argocd.argoproj.io/secret-type: cluster}
    /// ```
    "unknown-argocd-label" = {
        summary: "Argo CD does not understand the label",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// Where labels stand: on the object, and on the Secret that it makes.
const PLACES: [(&str, &[&str]); 3] = [
    ("", &["metadata", "labels"]),
    ("ExternalSecret", &["spec", "target", "template", "metadata", "labels"]),
    ("SealedSecret", &["spec", "template", "metadata", "labels"]),
];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    for (_, path) in PLACES.iter().filter(|(kind, _)| kind.is_empty() || *kind == resource.kind()) {
        for entry in resource.node.path(path).map(Node::entries).unwrap_or_default() {
            let pointer = format!("/{}/{}", path.join("/"), entry.key_text().replace('/', "~1"));
            one(context, entry, &pointer, findings);
        }
    }
}

fn one(context: &ResourceContext<'_>, entry: &Entry, pointer: &str, findings: &mut Vec<Finding>) {
    let key = entry.key_text();
    let Some(name) = key.strip_prefix("argocd.argoproj.io/") else { return };
    let Some(known) = LABELS.iter().find(|known| known.key == key) else {
        let names = LABELS.iter().filter_map(|known| known.key.strip_prefix("argocd.argoproj.io/"));
        if let Some(near) = nearest(name, names) {
            findings.push(
                context
                    .finding(&RULE, &entry.key, pointer)
                    .message(format!("Argo CD knows no label {key}"))
                    .help(format!("did you mean `argocd.argoproj.io/{near}`?")),
            );
        }
        return;
    };
    let text = entry.value.text().unwrap_or_default();
    if known.values.is_empty() || known.values.contains(&text) || text.contains("{{") {
        return;
    }
    let finding = context
        .finding(&RULE, &entry.value, pointer)
        .message(format!("{name} has no value `{text}`: it is one of {}", known.values.join(", ")));
    findings.push(finding.help_did_you_mean(text, known.values.iter().copied()));
}
