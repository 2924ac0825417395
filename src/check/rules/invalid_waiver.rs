//! `invalid-waiver`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a waiver in a comment without rule, owner, reason or expiry, or for a rule that does not exist.
    ///
    /// ## Why it matters
    /// It is not in force: the finding that it speaks of is reported all the same.
    ///
    /// ## Example
    /// ```yaml
    /// # tiphys: allow missing-probe
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// # tiphys: allow missing-probe reason="a job, not a server" owner=team-a until=2030-01-31
    /// ```
    "invalid-waiver" = {
        summary: "waiver is not complete",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
