//! `objective-conflict`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Mapping, Node};

declare_rule! {
    /// Reports an Application in production whose retries take longer than the 30 seconds in which a rollback has to
    /// be done.
    ///
    /// ## Why it matters
    /// While Argo CD retries a sync that cannot succeed, it does not go back.
    ///
    /// ## Example
    /// ```yaml
    /// retry:
    ///   limit: 5
    ///   backoff: {duration: 5s, factor: 2, maxDuration: 3m}    # waits 155 seconds
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// retry:
    ///   limit: 2
    ///   backoff: {duration: 5s, factor: 2, maxDuration: 10s}
    /// ```
    "objective-conflict" = {
        summary: "retries take longer than a rollback may",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

/// In how many seconds a rollback has to be done.
const OBJECTIVE: f64 = 30.0;

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    if application.spec(&["syncPolicy", "automated"]).is_none() || !context.world.is_production(application) {
        return;
    }
    let Some(retry) = application.spec(&["syncPolicy", "retry"]).and_then(Node::as_mapping) else { return };
    let Some(entry) = retry.entry("limit") else { return };
    let Some(waits) = waits(retry) else { return };
    if waits <= OBJECTIVE {
        return;
    }
    findings.push(
        Finding::new(&RULE, entry.key.mark())
            .message(format!("the retries wait {waits} s in all; a rollback has to be done within {OBJECTIVE} s"))
            .help("retry less often, and let a webhook tell Argo CD of commits")
            .pointer("/spec/syncPolicy/retry/limit"),
    );
}

/// The sum of the waits, in seconds. A limit below zero means for ever.
fn waits(retry: &Mapping) -> Option<f64> {
    let limit = retry.get("limit").and_then(Node::as_i64)?;
    let backoff = retry.get("backoff");
    let of = |key: &str| backoff.and_then(|backoff| backoff.get(key)).and_then(Node::text);
    let mut wait = of("duration").map_or(Some(5.0), seconds)?;
    let most = of("maxDuration").map_or(Some(180.0), seconds)?;
    let factor = of("factor").map_or(Some(2.0), |text| text.parse().ok())?;
    if limit < 0 {
        return Some(f64::INFINITY);
    }
    let mut sum = 0.0;
    for _ in 0..limit.min(1000) {
        sum += wait.min(most);
        wait *= factor;
    }
    Some(sum)
}

/// A duration of Go such as `1m30s`, or a bare number of seconds.
fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number);
    }
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let (scale, length) = match unit {
            unit if unit.starts_with("ms") => (0.001, 2),
            unit if unit.starts_with('s') => (1.0, 1),
            unit if unit.starts_with('m') => (60.0, 1),
            unit if unit.starts_with('h') => (3600.0, 1),
            _ => return None,
        };
        sum += number * scale;
        rest = &unit[length..];
    }
    Some(sum)
}
