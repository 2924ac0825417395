//! `value-file-not-found`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a values file that a Helm source names and that does not exist.
    ///
    /// ## Why it matters
    /// Argo CD cannot render the Application: nothing of it is synced.
    ///
    /// ## Example
    /// ```yaml
    /// helm:
    ///   valueFiles: [../../environments/prodction/values.yaml]
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// helm:
    ///   valueFiles: [../../environments/production/values.yaml]
    /// ```
    "value-file-not-found" = {
        summary: "values file does not exist",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
