//! `invalid-schedule`

use crate::check::{ResourceContext, syntax};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports schedules that are not in the syntax of cron: of CronJobs, of the sync windows of an AppProject, of
    /// CronWorkflows and of Velero's Schedules.
    ///
    /// ## Why it matters
    /// The API server refuses the CronJob; a sync window whose schedule is wrong stops the syncs of its project.
    ///
    /// ## Example
    /// ```yaml
    /// kind: CronJob
    /// spec:
    ///   schedule: "* * * *"     # four fields
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: CronJob
    /// spec:
    ///   schedule: "0 3 * * *"
    /// ```
    "invalid-schedule" = {
        summary: "schedule that cron does not understand",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let spec = resource.node.get("spec");
    let mut schedules: Vec<(&Node, String)> = Vec::new();
    match (resource.group(), resource.kind()) {
        ("batch", "CronJob") | ("velero.io", "Schedule") => {
            schedules
                .extend(spec.and_then(|spec| spec.get("schedule")).map(|node| (node, "/spec/schedule".to_owned())));
        }
        ("argoproj.io", "CronWorkflow") => {
            let items = spec.and_then(|spec| spec.get("schedules")).map_or(&[][..], Node::items);
            schedules.extend(items.iter().enumerate().map(|(index, node)| (node, format!("/spec/schedules/{index}"))));
            schedules
                .extend(spec.and_then(|spec| spec.get("schedule")).map(|node| (node, "/spec/schedule".to_owned())));
        }
        ("argoproj.io", "AppProject") => {
            let windows = spec.and_then(|spec| spec.get("syncWindows")).map_or(&[][..], Node::items);
            for (index, window) in windows.iter().enumerate() {
                schedules
                    .extend(window.get("schedule").map(|node| (node, format!("/spec/syncWindows/{index}/schedule"))));
            }
        }
        _ => return,
    }
    for (node, pointer) in schedules {
        let Some(text) = node.as_str().filter(|text| !text.contains("${")) else { continue };
        let mut schedule = text;
        if let Some(zoned) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            if resource.kind() == "CronJob" {
                findings.push(
                    context
                        .finding(&RULE, node, &pointer)
                        .message(format!("schedule `{text}` names a time zone"))
                        .help("name it in spec.timeZone"),
                );
                continue;
            }
            schedule = zoned.split_once(' ').map_or("", |(_, rest)| rest);
        }
        // A sync window is read without the short forms.
        let descriptor = resource.kind() == "AppProject" && schedule.trim().starts_with('@');
        let wrong = if descriptor {
            Some("must have five fields: a sync window has no descriptors".to_owned())
        } else {
            syntax::cron(schedule)
        };
        if let Some(wrong) = wrong {
            findings.push(context.finding(&RULE, node, &pointer).message(format!("schedule `{text}` {wrong}")));
        }
    }
}
