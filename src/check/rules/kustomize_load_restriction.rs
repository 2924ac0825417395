//! `kustomize-load-restriction`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a file outside of its kustomization's directory.
    ///
    /// ## Why it matters
    /// kustomize reads files only in and below the directory of the kustomization that names them, and refuses others. Argo CD
    /// builds with that restriction unless it was lifted with `--load-restrictor`.
    ///
    /// ## Example
    /// ```yaml
    /// configMapGenerator:
    /// - name: settings
    ///   files: [../shared/settings.ini]
    /// ```
    ///
    /// ## Instead
    /// Put the file below, or make a kustomization of the other directory and list that under `resources`.
    "kustomize-load-restriction" = {
        summary: "a file outside of the kustomization",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
