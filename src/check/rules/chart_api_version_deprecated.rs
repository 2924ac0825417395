//! `chart-api-version-deprecated`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a chart of apiVersion v1, the form of Helm 2.
    ///
    /// ## Why it matters
    /// Such a chart cannot be a library, lists its dependencies in a file of their own, and newer tools drop it.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// name: web
    /// version: 1.0.0
    /// ```
    ///
    /// ## Instead
    /// Write `apiVersion: v2`, and move `requirements.yaml` into `dependencies`.
    "chart-api-version-deprecated" = {
        summary: "chart has the form of Helm 2",
        severity: Info,
        profile: Strict,
        since: "0.2.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for id in world.repository.charts.values() {
        let Some(document) = world.repository.yaml(*id).and_then(|yaml| yaml.documents.first()) else { continue };
        let Some(version) = document.root.get("apiVersion").filter(|version| version.text() == Some("v1")) else {
            continue;
        };
        findings.push(
            Finding::at(&RULE, version)
                .message("a chart of apiVersion v1 has the form of Helm 2")
                .help("write `apiVersion: v2`, and move requirements.yaml into `dependencies`"),
        );
    }
}
