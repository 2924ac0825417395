//! `expired-waiver`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a waiver whose last day is over. The finding that it accepted is reported again.
    ///
    /// ## Why it matters
    /// An exception without an end becomes the rule.
    ///
    /// ## Example
    /// ```yaml
    /// # tiphys: allow missing-probe reason="until the next release" owner=team-a until=2020-01-31
    /// ```
    ///
    /// ## Instead
    /// Mend the finding, or renew the waiver with a new date.
    "expired-waiver" = {
        summary: "waiver expired",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
