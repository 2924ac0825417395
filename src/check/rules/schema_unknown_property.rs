//! `schema-unknown-property`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a property that the kind's schema does not have.
    ///
    /// ## Why it matters
    /// With strict validation, which Argo CD asks for, the API server refuses the object; without it, the property is dropped
    /// and the probe, limit or policy that it was to set does not exist.
    ///
    /// ## Example
    /// ```yaml
    /// containers:
    /// - name: web
    ///   imagePullPolcy: Always
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// containers:
    /// - name: web
    ///   imagePullPolicy: Always
    /// ```
    "schema-unknown-property" = {
        summary: "property is not in the schema",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
