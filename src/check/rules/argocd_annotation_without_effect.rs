//! `argocd-annotation-without-effect`

use crate::check::World;
use crate::check::argo::annotation::{ANNOTATIONS, By};
use crate::check::argo::{Object, objects};
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::yaml::Entry;

declare_rule! {
    /// Reports an annotation of Argo CD on a kind of object on which Argo CD does not read it, one that belongs to
    /// another annotation which is not there, and one that only the controller or a passing request sets.
    ///
    /// ## Why it matters
    /// What was meant does not happen. A request such as `refresh` is taken away when it has been served, so an Application
    /// that has it in git is out of sync from then on.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// metadata:
    ///   annotations:
    ///     argocd.argoproj.io/manifest-generate-paths: .               # read on Applications
    ///     argocd.argoproj.io/hook-delete-policy: BeforeHookCreation    # and this is no hook
    /// ```
    ///
    /// ## Instead
    /// Put the annotation on the object that is meant, or remove it.
    "argocd-annotation-without-effect" = {
        summary: "the annotation has no effect here",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// The controller of Argo CD reads subscriptions on the first two, that of Argo Rollouts on the last.
const NOTIFIED: [&str; 3] = ["Application", "AppProject", "Rollout"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for object in objects(world) {
        for entry in object.annotations() {
            one(&object, entry, findings);
        }
    }
}

fn one(object: &Object<'_>, entry: &Entry, findings: &mut Vec<Finding>) {
    let key = entry.key_text();
    let kind = object.resource.kind();
    let mut report = |message: String, help: &str, severity: Severity| {
        findings.push(object.finding(&RULE, &entry.key).message(message).help(help).severity(severity));
    };
    let subscription = key.starts_with("notifications.argoproj.io/") || key == "notified.notifications.argoproj.io";
    if subscription && !(object.resource.group() == "argoproj.io" && NOTIFIED.contains(&kind)) {
        let message = format!("{key} has no effect on a {kind}: it is read on Applications and AppProjects");
        report(message, "subscribe at the Application, or in the template of its ApplicationSet", Severity::Warning);
        return;
    }
    if key == "notified.notifications.argoproj.io" {
        let message = format!("{key} is set by the notifications controller");
        report(message, "remove it: the controller writes what it has sent there", Severity::Info);
        return;
    }
    let Some(known) = ANNOTATIONS.iter().find(|known| known.key == key) else { return };
    if !known.kinds.is_empty() && !known.kinds.contains(&kind) {
        let message = format!("{key} has no effect on a {kind}: Argo CD reads it on {}", listed(known.kinds));
        report(message, "put it on the object that is meant, or remove it", Severity::Warning);
        return;
    }
    match known.by {
        By::Request => {
            let message = format!("{key} asks for something once: Argo CD removes it when that is done");
            report(message, "remove it from git: the object would be out of sync from then on", Severity::Warning);
        }
        By::Controller => {
            report(format!("{key} is set by Argo CD, which overwrites this one"), "remove it", Severity::Info);
        }
        By::People => {}
    }
    if matches!(key, "argocd.argoproj.io/hook-delete-policy" | "helm.sh/hook-delete-policy") && !object.is_hook() {
        let message = format!("{key} has no effect: the object is no hook");
        report(message, "add argocd.argoproj.io/hook, or remove it", Severity::Warning);
    }
    if key == "argocd.argoproj.io/compare-options" && !object.is("Application") {
        let words = entry.value.text().unwrap_or_default().split(',').map(str::trim);
        for word in words.filter(|word| word.starts_with("ServerSideDiff=") || word.starts_with("IncludeMutation")) {
            let message = format!("{word} has no effect on a {kind}: it is an option of Applications");
            report(message, "set it in the compare-options of the Application", Severity::Warning);
        }
    }
}

fn listed(kinds: &[&str]) -> String {
    // Secrets come in several forms; the first says it.
    kinds
        .iter()
        .copied()
        .filter(|kind| !kind.ends_with("edSecret") && !kind.starts_with("External"))
        .collect::<Vec<_>>()
        .join(" and ")
}
