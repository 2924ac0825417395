//! `number-printed-with-exponent`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a whole number of a values file that a chart's template prints with an exponent.
    ///
    /// ## Why it matters
    /// All numbers of values are floats to Helm: from a million on `{{ .Values.size }}` prints `1e+06`. In an argument, an
    /// annotation or a ConfigMap that is another text, which programs refuse or misread.
    ///
    /// ## Example
    /// ```yaml
    /// # values.yaml
    /// maxBytes: 10000000   # `--max-bytes={{ .Values.maxBytes }}` prints 1e+07
    /// ```
    ///
    /// ## Instead
    /// Quote the number in the values, or write `{{ .Values.maxBytes | int64 }}` in the template.
    "number-printed-with-exponent" = {
        summary: "number is printed with an exponent",
        severity: Warning,
        profile: Recommended,
        since: "0.2.0",
        check: Check::Stage,
    }
}
