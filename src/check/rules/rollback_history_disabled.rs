//! `rollback-history-disabled`

use crate::check::World;
use crate::check::argo::key_mark;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports `revisionHistoryLimit: 0`.
    ///
    /// ## Why it matters
    /// Argo CD keeps no history of what it deployed, so the Application cannot be rolled back.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   revisionHistoryLimit: 0
    /// ```
    ///
    /// ## Instead
    /// Leave it out: the default is 10.
    "rollback-history-disabled" = {
        summary: "no history is kept",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let declared = world.resolved.applications.iter().filter(|application| application.generated_by.is_none());
    let sets = world.resolved.application_sets.iter();
    let specs = declared
        .map(|application| application.resource.node.get("spec"))
        .chain(sets.map(|set| set.node.path(&["spec", "template", "spec"])));
    for spec in specs.flatten() {
        if spec.get("revisionHistoryLimit").and_then(Node::as_i64) != Some(0) {
            continue;
        }
        let mark = key_mark(spec, &["revisionHistoryLimit"]).unwrap_or(spec.mark());
        findings.push(
            Finding::new(&RULE, mark)
                .message("revisionHistoryLimit: 0 keeps no history: the Application cannot be rolled back")
                .help("remove the line; the default is 10"),
        );
    }
}
