//! `values-schema-violation`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports values that break the chart's values.schema.json.
    ///
    /// ## Why it matters
    /// Helm refuses to render the release, and Argo CD to sync it.
    ///
    /// ## Example
    /// ```yaml
    /// replicas: "3"   # the schema asks for an integer
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// replicas: 3
    /// ```
    "values-schema-violation" = {
        summary: "values break the chart's schema",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
