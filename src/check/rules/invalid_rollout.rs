//! `invalid-rollout`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Node, Resolved};

declare_rule! {
    /// Reports what Argo CD does not understand in the steps of an ApplicationSet's RollingSync.
    ///
    /// ## Why it matters
    /// A step with an unknown operator selects no Application, so those that were meant to come first are never synced;
    /// one whose `maxUpdate` is no number and no percentage is worked through one Application at a time. Without steps the
    /// ApplicationSet is in error and makes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// strategy:
    ///   type: RollingSync
    ///   rollingSync:
    ///     steps:
    ///     - matchExpressions:
    ///       - {key: env, operator: Equals, values: [dev]}
    ///       maxUpdate: half
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    ///     - matchExpressions:
    ///       - {key: env, operator: In, values: [dev]}
    ///       maxUpdate: 50%
    /// ```
    "invalid-rollout" = {
        summary: "RollingSync step that Argo CD does not understand",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

const STEPS: &str = "/spec/strategy/rollingSync/steps";

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "argoproj.io" || resource.kind() != "ApplicationSet" {
        return;
    }
    let Some(strategy) = resource.node.path(&["spec", "strategy"]) else { return };
    let Some(kind) = strategy.get("type").filter(|kind| kind.as_str() == Some("RollingSync")) else { return };
    let steps = strategy.path(&["rollingSync", "steps"]).map_or(&[][..], Node::items);
    if steps.is_empty() {
        let finding = context.finding(&RULE, kind, "/spec/strategy/type");
        findings.push(finding.message("RollingSync has no steps").help("list them under rollingSync.steps"));
    }
    for (index, step) in steps.iter().enumerate() {
        let expressions = step.get("matchExpressions").map_or(&[][..], Node::items);
        for (number, expression) in expressions.iter().enumerate() {
            let Some(operator) = expression.get("operator") else { continue };
            let written = operator.as_str().unwrap_or_default();
            if !matches!(written, "In" | "NotIn") {
                let pointer = format!("{STEPS}/{index}/matchExpressions/{number}/operator");
                findings.push(
                    context
                        .finding(&RULE, operator, &pointer)
                        .message(format!("the operator `{written}` selects nothing; there are `In` and `NotIn`")),
                );
            }
        }
        let Some(most) = step.get("maxUpdate").filter(|most| !is_share(most)) else { continue };
        let written = most.as_scalar().map_or("", |scalar| scalar.text.as_str());
        let pointer = format!("{STEPS}/{index}/maxUpdate");
        findings.push(
            context
                .finding(&RULE, most, &pointer)
                .message(format!("maxUpdate `{written}` is neither a number nor a percentage"))
                .help("`3` are three Applications at a time, `30%` is a share of the step's"),
        );
    }
}

/// Whether Kubernetes reads it as a number of things or as a percentage.
fn is_share(node: &Node) -> bool {
    let Some(scalar) = node.as_scalar() else { return false };
    match scalar.resolve() {
        Resolved::Int(_) | Resolved::Null => true,
        _ => scalar
            .text
            .strip_suffix('%')
            .is_some_and(|share| !share.is_empty() && share.bytes().all(|byte| byte.is_ascii_digit())),
    }
}
