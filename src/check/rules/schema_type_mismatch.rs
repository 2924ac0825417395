//! `schema-type-mismatch`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a value whose type is not the one that the kind's schema asks for.
    ///
    /// What counts is what Kubernetes reads: `yes` is a boolean, `1.20` a number, `"80"` text.
    ///
    /// ## Why it matters
    /// The API server refuses the whole object, and Argo CD's sync fails.
    ///
    /// ## Example
    /// ```yaml
    /// ports:
    /// - containerPort: "80"   # text
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// ports:
    /// - containerPort: 80
    /// ```
    "schema-type-mismatch" = {
        summary: "value of another type",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(crate::check::schema::check),
    }
}
