//! `sync-wave-ineffective`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a sync wave in the template of an ApplicationSet.
    ///
    /// ## Why it matters
    /// Waves order what one Application deploys. The Applications of an ApplicationSet are made by its controller, not synced
    /// by a parent, so their waves order nothing.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ApplicationSet
    /// spec:
    ///   template:
    ///     metadata:
    ///       annotations:
    ///         argocd.argoproj.io/sync-wave: '{{.wave}}'
    /// ```
    ///
    /// ## Instead
    /// Use `strategy: {type: RollingSync}` with steps that select the Applications by their labels.
    "sync-wave-ineffective" = {
        summary: "the wave orders nothing",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        let annotations = set.node.path(&["spec", "template", "metadata", "annotations"]).and_then(Node::as_mapping);
        let Some(entry) = annotations.and_then(|all| all.entry("argocd.argoproj.io/sync-wave")) else { continue };
        findings.push(
            Finding::new(&RULE, entry.key.mark())
                .message("Applications of an ApplicationSet are not synced by a parent: their waves order nothing")
                .help("use strategy RollingSync with steps"),
        );
    }
}
