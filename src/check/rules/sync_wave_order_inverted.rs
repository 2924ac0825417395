//! `sync-wave-order-inverted`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application that is a hook of an early phase and has a wave as if it came late.
    ///
    /// ## Why it matters
    /// Waves order objects within a phase, and all of PreSync comes before all of Sync: a PreSync hook of wave 10 runs before
    /// the objects of wave 0.
    ///
    /// ## Example
    /// ```yaml
    /// metadata:
    ///   annotations:
    ///     argocd.argoproj.io/hook: PreSync
    ///     argocd.argoproj.io/sync-wave: "10"   # and Istio has wave 1
    /// ```
    ///
    /// ## Instead
    /// Without the hook annotation the wave is what it looks like.
    "sync-wave-order-inverted" = {
        summary: "the wave does not order it against other phases",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    if application.resource.annotation("argocd.argoproj.io/hook") != Some("PreSync") {
        return;
    }
    let wave = |application: &Application| -> Option<i64> {
        application.resource.annotation("argocd.argoproj.io/sync-wave")?.trim().parse().ok()
    };
    let Some(own) = wave(application).filter(|wave| *wave > 0) else { return };
    let entry = application
        .resource
        .node
        .path(&["metadata", "annotations"])
        .and_then(Node::as_mapping)
        .and_then(|annotations| annotations.entry("argocd.argoproj.io/sync-wave"));
    let Some(entry) = entry else { return };
    let earlier = context.world.resolved.applications.iter().filter(|other| {
        other.resource.annotation("argocd.argoproj.io/hook").is_none()
            && other.generated_by.is_none()
            && other.namespace() == application.namespace()
            && wave(other).unwrap_or(0) < own
    });
    let mut earlier = earlier.peekable();
    let Some(first) = earlier.peek() else { return };
    let mut finding = Finding::new(&RULE, entry.key.mark())
        .message(format!(
            "wave {own} of phase PreSync comes before every wave of phase Sync, {} among them",
            first.id()
        ))
        .help("remove the hook annotation: then the wave orders it");
    for other in earlier.take(4) {
        let place = other.resource.node.path(&["metadata", "annotations", "argocd.argoproj.io/sync-wave"]);
        let mark = place.map_or(other.origin().mark, Node::mark);
        finding = finding.related(mark, format!("wave {} of {}", wave(other).unwrap_or(0), other.id()));
    }
    findings.push(finding);
}
