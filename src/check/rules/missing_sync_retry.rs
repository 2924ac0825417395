//! `missing-sync-retry`

use crate::check::ApplicationContext;
use crate::check::argo::{automated, key_mark};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports automated sync without `retry`.
    ///
    /// ## Why it matters
    /// A sync that failed for a passing reason (an admission webhook that restarts, a CRD that is not there yet) is not tried
    /// again for that commit; the Application stays out of sync until somebody looks.
    ///
    /// ## Example
    /// ```yaml
    /// syncPolicy:
    ///   automated: {selfHeal: true}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// syncPolicy:
    ///   automated: {selfHeal: true}
    ///   retry: {limit: 5, backoff: {duration: 5s, factor: 2, maxDuration: 3m}}
    /// ```
    "missing-sync-retry" = {
        summary: "a failed sync is not tried again",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    if automated(application).is_none() || application.spec(&["syncPolicy", "retry"]).is_some() {
        return;
    }
    let node = &application.resource.node;
    let mark = key_mark(node, &["spec", "syncPolicy"]).unwrap_or(node.mark());
    findings.push(
        Finding::new(&RULE, mark)
            .message("automated sync without retry: a sync that fails once is not tried again for that commit")
            .help("add retry with a limit and a backoff"),
    );
}
