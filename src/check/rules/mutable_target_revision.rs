//! `mutable-target-revision`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application that follows a branch or HEAD, unless it is known to belong to an environment other than
    /// production.
    ///
    /// ## Why it matters
    /// Every push to the branch is a deployment at once: nothing can be promoted from one environment to the next, and a
    /// rollback has no fixed point to go back to.
    ///
    /// ## Example
    /// ```yaml
    /// source:
    ///   targetRevision: HEAD
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// source:
    ///   targetRevision: v1.4.0   # a tag or a commit; a promotion changes this line
    /// ```
    "mutable-target-revision" = {
        summary: "the revision moves with every push",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

/// Names of branches that everybody has.
const BRANCHES: [&str; 5] = ["", "HEAD", "main", "master", "trunk"];

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    if context.world.is_other_environment(application) {
        return;
    }
    for source in application.sources() {
        if source.node.get("chart").is_some() {
            continue;
        }
        let revision = source.node.get("targetRevision");
        let text = revision.and_then(Node::text).unwrap_or_default();
        if !BRANCHES.contains(&text) {
            continue;
        }
        let shown = if text.is_empty() { "the default branch" } else { text };
        findings.push(
            Finding::at(&RULE, revision.unwrap_or(source.node))
                .message(format!("the source follows {shown}: every push is deployed at once"))
                .help("name a tag or a commit, and change it to promote"),
        );
    }
}
