//! `kustomization-not-found`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a directory that is used as a base, but has no kustomization file.
    ///
    /// ## Why it matters
    /// kustomize refuses the whole build: nothing of the Application is deployed any more.
    ///
    /// ## Example
    /// ```yaml
    /// resources:
    /// - ../base   # the directory has manifests, but no kustomization.yaml
    /// ```
    ///
    /// ## Instead
    /// Add a `kustomization.yaml` that lists the manifests.
    "kustomization-not-found" = {
        summary: "a base has no kustomization file",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
