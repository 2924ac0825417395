//! `schema-invalid-value`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a value of the right type that the kind's schema does not allow: one that is not among those of an enum, does
    /// not match a pattern, is too small or too large, is no quantity, or belongs to none or several of its alternatives.
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
        check: Check::Stage,
    }
}
