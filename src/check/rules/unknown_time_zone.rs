//! `unknown-time-zone`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a sync window in a time zone that does not exist.
    ///
    /// ## Why it matters
    /// Argo CD takes UTC instead, without a word: the window opens and closes hours off.
    ///
    /// ## Example
    /// ```yaml
    /// syncWindows:
    /// - {kind: deny, schedule: '0 8 * * *', duration: 10h, timeZone: Europe/Munich, applications: ['*']}
    /// ```
    ///
    /// ## Instead
    /// Use a name of the tz database: `Europe/Berlin`.
    "unknown-time-zone" = {
        summary: "the time zone does not exist",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "argoproj.io" || resource.kind() != "AppProject" {
        return;
    }
    let windows = resource.node.path(&["spec", "syncWindows"]).map(Node::items).unwrap_or_default();
    for (index, window) in windows.iter().enumerate() {
        let Some(node) = window.get("timeZone") else { continue };
        let zone = node.text().unwrap_or_default();
        if zone.is_empty() || zone == "Local" || zone.parse::<chrono_tz::Tz>().is_ok() {
            continue;
        }
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        findings.push(
            context
                .finding(&RULE, node, &format!("/spec/syncWindows/{index}/timeZone"))
                .message(format!("there is no time zone {zone}: the window counts in UTC"))
                .help("use a name of the tz database: Europe/Berlin")
                .help_did_you_mean(zone, names),
        );
    }
}
