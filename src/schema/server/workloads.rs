//! Deployments, StatefulSets, DaemonSets and ReplicaSets.

use super::at::{At, Found};
use super::persistent;
use super::pod::{self, Restart};
use super::selectors::{count_or_percentage, is_empty, is_zero, labels};

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    if !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") {
        return;
    }
    let Some(spec) = root.get("spec") else {
        found.lacks(root, "needs `spec` with a selector and a template");
        return;
    };
    if let Some(selector) = spec.get("selector") {
        labels(selector, found);
        if is_empty(selector) {
            found.wrong(selector, format!("must not be empty: it would select every pod of a {kind}'s namespace"));
        }
    }
    match kind {
        "Deployment" => deployment(spec, found),
        "StatefulSet" => stateful_set(spec, found),
        "DaemonSet" => daemon_set(spec, found),
        _ => {}
    }
    match spec.get("template") {
        Some(template) => pod::template(template, Restart::Always, found),
        None => found.lacks(spec, "needs `template`"),
    }
}

fn deployment<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    let deadline = spec.number("progressDeadlineSeconds").unwrap_or(600);
    if spec.number("minReadySeconds").is_some_and(|seconds| seconds >= deadline)
        && let Some(at) = spec.get("minReadySeconds")
    {
        found.wrong(at, format!("must be less than spec.progressDeadlineSeconds, {deadline}"));
    }
    if let Some(strategy) = spec.get("strategy")
        && let Some(update) = strategy.get("rollingUpdate")
    {
        count_or_percentage(update, "maxSurge", None, found);
        rolling(update, false, found);
    }
}

/// `maxUnavailable` beside `maxSurge`: with both 0 nothing can be replaced.
fn rolling<'n>(update: At<'n, '_>, surge_is_asked_for: bool, found: &mut Found<'n>) {
    count_or_percentage(update, "maxUnavailable", Some(100), found);
    // What is not said is 25 % for a Deployment, and nothing for a DaemonSet.
    let surge = is_zero(update, "maxSurge") || surge_is_asked_for && !update.has("maxSurge");
    if is_zero(update, "maxUnavailable")
        && surge
        && let Some(at) = update.get("maxUnavailable")
    {
        found.wrong(at, "must not be 0 when maxSurge is 0");
    }
}

fn stateful_set<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    if let Some(strategy) = spec.get("updateStrategy") {
        if strategy.str("type") == Some("OnDelete") {
            found.forbidden(strategy, "rollingUpdate", "with the type OnDelete");
        }
        if let Some(update) = strategy.get("rollingUpdate") {
            count_or_percentage(update, "maxUnavailable", Some(100), found);
            if is_zero(update, "maxUnavailable")
                && let Some(at) = update.get("maxUnavailable")
            {
                found.wrong(at, "must not be 0");
            }
        }
    }
    if let Some(policy) = spec.get("persistentVolumeClaimRetentionPolicy") {
        found.one_of(policy, "whenDeleted", &["Retain", "Delete"]);
        found.one_of(policy, "whenScaled", &["Retain", "Delete"]);
    }
    found.syntax(spec, "serviceName", crate::check::syntax::subdomain);
    for claim in spec.items("volumeClaimTemplates") {
        if let Some(inner) = claim.get("spec") {
            persistent::claim(inner, found);
        }
    }
}

fn daemon_set<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    let Some(update) = spec.get("updateStrategy").filter(|s| s.str("type") != Some("OnDelete")) else { return };
    let Some(update) = update.get("rollingUpdate") else { return };
    count_or_percentage(update, "maxSurge", Some(100), found);
    rolling(update, true, found);
    let surges = update.has("maxSurge") && !is_zero(update, "maxSurge");
    let unavailable = !update.has("maxUnavailable") || !is_zero(update, "maxUnavailable");
    if surges
        && unavailable
        && let Some(at) = update.get("maxSurge")
    {
        found.wrong(at, "may not be set unless maxUnavailable is 0");
    }
}
