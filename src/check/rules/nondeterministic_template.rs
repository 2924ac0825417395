//! `nondeterministic-template`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a template that calls a function whose result differs at every rendering: `randAlphaNum`, `uuidv4`,
    /// `genCA`, `now`, `htpasswd` and their kin.
    ///
    /// ## Why it matters
    /// Argo CD renders a chart again and again, and cannot ask the cluster what the last rendering gave: the password, the
    /// certificate or the annotation changes each time, the Application is never in sync, and pods restart.
    ///
    /// ## Example
    /// ```yaml
    /// stringData:
    ///   password: {{ randAlphaNum 16 }}
    /// ```
    ///
    /// ## Instead
    /// Give the value to the chart, name an existing Secret, or let a controller of the cluster make it.
    "nondeterministic-template" = {
        summary: "template gives another result at every rendering",
        severity: Warning,
        profile: Recommended,
        since: "0.2.0",
        check: Check::Stage,
    }
}
