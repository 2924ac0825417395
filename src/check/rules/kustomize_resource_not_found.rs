//! `kustomize-resource-not-found`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an entry of a kustomization that names a file or directory which does not exist.
    ///
    /// ## Why it matters
    /// kustomize refuses the whole build: nothing of the Application is deployed any more.
    ///
    /// ## Example
    /// ```yaml
    /// resources:
    /// - deploymnet.yaml   # the file is called deployment.yaml
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// resources:
    /// - deployment.yaml
    /// ```
    "kustomize-resource-not-found" = {
        summary: "a kustomization names what does not exist",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
