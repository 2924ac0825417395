//! `kustomization-unknown-field`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a field that kustomize does not know.
    ///
    /// ## Why it matters
    /// kustomize is strict about its own file: one unknown field and nothing is built.
    ///
    /// ## Example
    /// ```yaml
    /// commonLabel:   # the field is called commonLabels
    ///   team: web
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// commonLabels:
    ///   team: web
    /// ```
    "kustomization-unknown-field" = {
        summary: "unknown field of a kustomization",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
