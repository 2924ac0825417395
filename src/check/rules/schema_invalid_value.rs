//! `schema-invalid-value`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a value of the right type that the kind's schema does not allow: one that is not among those of an enum, does
    /// not match a pattern, is too small or too large, is no quantity, or belongs to none or several of its alternatives.
    /// Also what only the API server knows: numbers that must not be negative, restart policies that do not fit the kind,
    /// resources that a container cannot ask for, rollouts that cannot move, bounds that are the wrong way round.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// strategy:
    ///   type: Rolling
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// strategy:
    ///   type: RollingUpdate
    /// ```
    "schema-invalid-value" = {
        summary: "value is not allowed",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// The least number of replicas is not above the most: what KEDA's webhook refuses, and its schema cannot say.
fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    if !matches!((context.resource.group(), context.resource.kind()), ("keda.sh", "ScaledObject" | "ScaledJob")) {
        return;
    }
    let Some(spec) = context.resource.node.get("spec") else { return };
    let (Some(low), Some(high)) = (spec.get("minReplicaCount"), spec.get("maxReplicaCount")) else { return };
    let (Some(least), Some(most)) = (low.as_i64(), high.as_i64()) else { return };
    if least > most {
        findings.push(
            context
                .finding(&RULE, high, "/spec/maxReplicaCount")
                .message(format!("maxReplicaCount must not be less than minReplicaCount, found {most} and {least}"))
                .related(low.mark(), "minReplicaCount"),
        );
    }
}
