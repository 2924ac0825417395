//! `kustomize-error`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports what kustomize would refuse to build, where no other rule names the defect.
    ///
    /// ## Why it matters
    /// Argo CD shows the Application as `Unknown` and deploys nothing of it; what is in the cluster stays as it was.
    ///
    /// ## Example
    /// ```yaml
    /// images:
    /// - name: web
    ///   newTag: 1.10   # a number: kustomize wants a string
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// images:
    /// - name: web
    ///   newTag: "1.10"
    /// ```
    "kustomize-error" = {
        summary: "kustomize would refuse this",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
