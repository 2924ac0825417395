//! `unused-waiver`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a waiver that accepts nothing.
    ///
    /// ## Why it matters
    /// The defect is mended or has moved. A waiver that stays behind hides the next one of its kind.
    ///
    /// ## Example
    /// ```yaml
    /// # tiphys: allow missing-probe reason="has none" owner=team-a until=2030-01-31
    /// readinessProbe: {httpGet: {port: 80}}
    /// ```
    ///
    /// ## Instead
    /// Remove the waiver.
    "unused-waiver" = {
        summary: "waiver matches no finding",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
