//! `source-path-not-found`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an Application whose source path is not a directory of the repository.
    ///
    /// ## Why it matters
    /// Argo CD answers `app path does not exist` and syncs nothing; a path that disappears by a rename leaves the old
    /// objects running unmanaged.
    ///
    /// ## Example
    /// ```yaml
    /// source:
    ///   path: services/wbe/overlays/production   # the directory is services/web
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// source:
    ///   path: services/web/overlays/production
    /// ```
    "source-path-not-found" = {
        summary: "source path does not exist",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
