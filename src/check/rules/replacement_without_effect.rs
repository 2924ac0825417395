//! `replacement-without-effect`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a target of a replacement that selects no resource.
    ///
    /// ## Why it matters
    /// kustomize passes over it without a word: the value that was to be replaced is deployed as it stands in the base.
    ///
    /// ## Example
    /// ```yaml
    /// replacements:
    /// - source: {kind: Service, name: web}
    ///   targets:
    ///   - select: {kind: Deployment, name: wbe}   # it is called `web`
    ///     fieldPaths: [spec.template.metadata.labels.service]
    /// ```
    ///
    /// ## Instead
    /// Name a resource that the kustomization has, by the name that it has there or had in its base.
    "replacement-without-effect" = {
        summary: "the replacement's target selects nothing",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
