//! `generator-matches-nothing`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a generator that yields no parameters: a path that no directory or file matches, a selector that selects
    /// nothing, a list without elements.
    ///
    /// ## Why it matters
    /// The ApplicationSet generates no Application and Argo CD reports no error; Applications that it generated before
    /// are deleted.
    ///
    /// ## Example
    /// ```yaml
    /// directories:
    /// - path: services/*/overlays/*    # the overlays lie in services/TEAM/SERVICE/overlays
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// directories:
    /// - path: services/*/*/overlays/*
    /// ```
    "generator-matches-nothing" = {
        summary: "generator matches nothing",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
