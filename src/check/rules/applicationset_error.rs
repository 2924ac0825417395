//! `applicationset-error`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an ApplicationSet of which Argo CD generates nothing: a generator or a template that fails, or one that
    /// generates more than tiphys follows.
    ///
    /// ## Why it matters
    /// One failing generator stops the whole set: Argo CD neither creates nor updates any of its Applications until the
    /// error is mended, and says so only in the set's conditions.
    ///
    /// ## Example
    /// ```yaml
    /// generators:
    /// - matrix:
    ///     generators:          # matrix takes exactly two
    ///     - list: {elements: [{env: dev}]}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// generators:
    /// - list: {elements: [{env: dev}]}
    /// ```
    "applicationset-error" = {
        summary: "ApplicationSet cannot be expanded",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
