//! `unset-helm-value`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a template that prints a value which no values file sets, with neither default nor condition.
    ///
    /// ## Why it matters
    /// Helm prints nothing for it: `image: web:` is a valid line with a tag that nobody chose.
    ///
    /// ## Example
    /// ```yaml
    /// image: web:{{ .Values.image.tag }}   # values.yaml has `image`, without `tag`
    /// ```
    ///
    /// ## Instead
    /// Set the value in values.yaml, or write `{{ .Values.image.tag | default .Chart.AppVersion }}` or `required`.
    "unset-helm-value" = {
        summary: "template prints a value that nobody sets",
        severity: Warning,
        profile: Strict,
        since: "0.2.0",
        check: Check::Stage,
    }
}
