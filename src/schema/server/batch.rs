//! Jobs and CronJobs.

use super::at::{At, Found};
use super::pod::{self, Restart};
use super::selectors::labels_in;

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        if matches!(kind, "Job" | "CronJob") {
            found.lacks(root, "needs `spec`");
        }
        return;
    };
    match kind {
        "Job" => job(spec, false, found),
        "CronJob" => {
            found.required(spec, "schedule");
            if let Some(zone) = spec.get("timeZone")
                && let Some(name) = zone.node.as_str()
                && (name.is_empty() || name.eq_ignore_ascii_case("local") || name.parse::<chrono_tz::Tz>().is_err())
            {
                found.wrong(zone, format!("must be the name of a time zone, found `{name}`"));
            }
            if let Some(template) = spec.get("jobTemplate")
                && let Some(inner) = template.get("spec")
            {
                job(inner, true, found);
            }
        }
        _ => {}
    }
}

fn job<'n>(spec: At<'n, '_>, scheduled: bool, found: &mut Found<'n>) {
    const COUNTS: &[&str] = &[
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    for key in COUNTS {
        found.within(spec, key, 0, i64::MAX);
    }
    let manual = spec.truth("manualSelector") == Some(true);
    if scheduled && manual {
        found.forbidden(spec, "manualSelector", "in a template of Jobs");
    }
    if !manual {
        found.forbidden(spec, "selector", "unless manualSelector is true: the server makes one");
    } else if !spec.has("selector") {
        found.lacks(spec, "needs `selector` with manualSelector");
    }
    labels_in(spec, "selector", found);
    let indexed = spec.str("completionMode") == Some("Indexed");
    if indexed && !spec.has("completions") {
        found.lacks(spec, "needs `completions` with the completion mode Indexed");
    }
    if !indexed {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
            found.forbidden(spec, key, "without the completion mode Indexed");
        }
    }
    if spec.has("maxFailedIndexes") && !spec.has("backoffLimitPerIndex") {
        found.lacks(spec, "needs `backoffLimitPerIndex` with maxFailedIndexes");
    }
    let Some(template) = spec.get("template") else { return };
    pod::template(template, Restart::Ends, found);
    let Some(policy) = spec.get("podFailurePolicy") else { return };
    if let Some(inner) = template.get("spec")
        && let Some(restart) = inner.get("restartPolicy")
        && restart.text().is_some_and(|text| text != "Never")
    {
        found.wrong(restart, "must be Never with a podFailurePolicy");
    }
    for rule in policy.items("rules") {
        let exit = rule.get("onExitCodes");
        if exit.is_some() && rule.count("onPodConditions") > 0 {
            found.forbidden(rule, "onPodConditions", "beside onExitCodes");
        }
        if exit.is_none() && rule.count("onPodConditions") == 0 {
            found.lacks(rule, "needs one of onExitCodes, onPodConditions");
        }
        if let Some(exit) = exit {
            found.required(exit, "values");
        }
    }
}
