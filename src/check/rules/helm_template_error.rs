//! `helm-template-error`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a chart that does not render: a template that does not parse or fails, output that is not YAML, a
    /// Chart.yaml or values file that Helm refuses.
    ///
    /// ## Why it matters
    /// Argo CD shows `ComparisonError` and deploys nothing of the Application until it is mended.
    ///
    /// ## Example
    /// ```yaml
    /// image: {{ .Values.image.tag }}   # values.yaml has no `image`
    /// ```
    ///
    /// ## Instead
    /// Set the value in values.yaml, or give the template a default: `{{ (.Values.image).tag | default "1.0" }}`.
    "helm-template-error" = {
        summary: "chart does not render",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
