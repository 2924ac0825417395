//! `application-cycle`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports Applications that deploy each other in a circle, and Applications that never stop leading to more.
    ///
    /// ## Why it matters
    /// Each sync of one changes the other; deleting one, or pruning, takes all of them away with everything that they
    /// deploy.
    ///
    /// ## Example
    /// `root` has `path: teams`, and `teams/a.yaml` is an Application with `path: root`, where `root` is defined.
    ///
    /// ## Instead
    /// One Application at the top, in a directory that no Application deploys.
    "application-cycle" = {
        summary: "Applications deploy each other in a circle",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
