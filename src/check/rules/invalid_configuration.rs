//! `invalid-configuration`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports what cannot be used in `tiphys.yaml`: an unknown key, a value of the wrong shape, a rule that does not
    /// exist.
    ///
    /// ## Why it matters
    /// The part that is wrong is left out. A severity or a waiver that is not in force says less than its author
    /// thinks.
    ///
    /// ## Example
    /// ```yaml
    /// rules:
    ///   missing-prob: error
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// rules:
    ///   missing-probe: error
    /// ```
    "invalid-configuration" = {
        summary: "the configuration cannot be used as it is",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
