//! `rollback-blocked-by-auto-sync`

use crate::check::ApplicationContext;
use crate::check::argo::{automated, key_mark};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application that keeps revisions for a rollback and syncs automatically.
    ///
    /// ## Why it matters
    /// Argo CD refuses to roll back while automated sync is on. Where production must be back within seconds, that is one step
    /// too many.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   revisionHistoryLimit: 10
    ///   syncPolicy:
    ///     automated: {selfHeal: true}
    /// ```
    ///
    /// ## Instead
    /// Sync production by hand or by a pipeline that can roll back; or roll back by reverting the commit, with a webhook.
    "rollback-blocked-by-auto-sync" = {
        summary: "automated sync refuses a rollback",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    let kept = application.spec(&["revisionHistoryLimit"]).and_then(Node::as_i64).is_some_and(|kept| kept > 0);
    let Some(automated) = automated(application).filter(|_| kept && context.world.is_production(application)) else {
        return;
    };
    let node = &application.resource.node;
    let mark = key_mark(node, &["spec", "revisionHistoryLimit"]).unwrap_or(node.mark());
    let at = key_mark(node, &["spec", "syncPolicy", "automated"]).unwrap_or(automated.mark());
    findings.push(
        Finding::new(&RULE, mark)
            .message("revisions are kept for a rollback, which Argo CD refuses while automated sync is on")
            .help("sync production by hand, or roll back by reverting the commit with a webhook")
            .related(at, "automated sync is on"),
    );
}
