//! `invalid-source`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a source of an Application that Argo CD refuses: without repoURL, with neither path nor chart, or of two
    /// kinds at once.
    ///
    /// ## Why it matters
    /// The Application is in the state InvalidSpecError and nothing of it is synced.
    ///
    /// ## Example
    /// ```yaml
    /// source:
    ///   repoURL: https://github.com/example/platform
    ///   path: services/web
    ///   helm: {releaseName: web}
    ///   kustomize: {namePrefix: web-}
    /// ```
    ///
    /// ## Instead
    /// Keep the block that fits what the path holds.
    "invalid-source" = {
        summary: "the source cannot be used",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
