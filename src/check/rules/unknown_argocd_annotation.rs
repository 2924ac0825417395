//! `unknown-argocd-annotation`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::resolve::sync_option::{ANNOTATIONS, ARGOCD_ANNOTATIONS};
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports an annotation of Argo CD that it does not know, or a value that it does not understand.
    ///
    /// ## Why it matters
    /// An unknown annotation is ignored. A hook annotation with nothing but unknown values makes the object a hook of no
    /// phase: it is never applied.
    ///
    /// ## Example
    /// ```yaml
    /// annotations:
    ///   argocd.argoproj.io/syncwave: "5"
    ///   argocd.argoproj.io/hook: pre-sync
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// annotations:
    ///   argocd.argoproj.io/sync-wave: "5"
    ///   argocd.argoproj.io/hook: PreSync
    /// ```
    "unknown-argocd-annotation" = {
        summary: "Argo CD does not understand the annotation",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let annotations = context.resource.node.path(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    for entry in annotations {
        let Some(name) = entry.key_text().strip_prefix("argocd.argoproj.io/") else { continue };
        if !ARGOCD_ANNOTATIONS.contains(&name) {
            if let Some(near) = nearest(name, ARGOCD_ANNOTATIONS.iter().copied()) {
                findings.push(
                    Finding::at(&RULE, &entry.key)
                        .message(format!("Argo CD knows no annotation {}", entry.key_text()))
                        .help(format!("did you mean `argocd.argoproj.io/{near}`?")),
                );
            }
            continue;
        }
        value(entry, name, findings);
    }
}

fn value(entry: &Entry, name: &str, findings: &mut Vec<Finding>) {
    let text = entry.value.text().unwrap_or_default();
    if text.contains("{{") {
        return;
    }
    if name == "sync-wave" && text.trim().parse::<i64>().is_err() {
        findings.push(
            Finding::at(&RULE, &entry.value).message(format!("sync-wave `{text}` is no integer: it counts as 0")),
        );
    }
    let Some(known) = ANNOTATIONS.iter().find(|known| known.key == entry.key_text()) else { return };
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty() && !known.words.contains(word)) {
        let message = format!("{name} has no value `{word}`: it is one of {}", known.words.join(", "));
        let bare = |word: &str| word.replace(['-', '_'], "").to_lowercase();
        let near = known.words.iter().find(|other| bare(other) == bare(word)).copied();
        let finding = Finding::at(&RULE, &entry.value).message(message);
        findings.push(match near.or_else(|| nearest(word, known.words.iter().copied())) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }
}
