//! `invalid-policy`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a Rego policy that does not compile.
    ///
    /// ## Why it matters
    /// A policy that is not in force reports nothing, and what it was written against passes.
    ///
    /// ## Example
    /// ```rego
    /// deny contains msg if {
    ///     input.kind = = "Pod"
    /// }
    /// ```
    ///
    /// ## Instead
    /// ```rego
    /// deny contains msg if {
    ///     input.kind == "Pod"
    ///     msg := "no bare Pods"
    /// }
    /// ```
    "invalid-policy" = {
        summary: "the policy does not compile",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
