//! `quoted-boolean`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports the text `"false"` in values that a chart's template takes for true.
    ///
    /// ## Why it matters
    /// To a template any text but the empty one is true: what was meant to be switched off is on.
    ///
    /// ## Example
    /// ```yaml
    /// ingress:
    ///   enabled: "false"   # `{{ if .Values.ingress.enabled }}` makes the Ingress
    /// ```
    ///
    /// ## Instead
    /// Write `false` without quotes; for `--set` and parameters without `forceString`.
    "quoted-boolean" = {
        summary: "the text \"false\" is taken for true",
        severity: Warning,
        profile: Recommended,
        since: "0.2.0",
        check: Check::Stage,
    }
}
