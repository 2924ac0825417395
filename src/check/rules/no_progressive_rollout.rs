//! `no-progressive-rollout`

use crate::check::World;
use crate::check::argo::key_mark;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an ApplicationSet that deploys to several environments, production among them, without a rollout strategy.
    ///
    /// ## Why it matters
    /// A change of its template reaches every environment at the same moment.
    ///
    /// ## Example
    /// An ApplicationSet that lists dev, staging and production, without `strategy`.
    ///
    /// ## Instead
    /// ```yaml
    /// strategy:
    ///   type: RollingSync
    ///   rollingSync:
    ///     steps:
    ///     - matchExpressions: [{key: environment, operator: In, values: [dev]}]
    ///     - matchExpressions: [{key: environment, operator: In, values: [production]}]
    /// ```
    "no-progressive-rollout" = {
        summary: "all environments change at once",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        let generated = || {
            let own = world.resolved.applications.iter();
            own.filter(|application| application.generated_by.as_deref() == Some(set.name()))
        };
        let production = generated().filter(|application| world.is_production(application)).count();
        if production == 0 || production == generated().count() || set.node.path(&["spec", "strategy"]).is_some() {
            continue;
        }
        let mark = key_mark(&set.node, &["spec"]).unwrap_or(set.node.mark());
        findings.push(
            Finding::new(&RULE, mark)
                .message(format!("ApplicationSet {} changes production and other environments at once", set.name()))
                .help("add strategy RollingSync with a step for each environment"),
        );
    }
}
