//! One operation of one Application: driven until it has ended, and then until all that it applied is healthy.

mod drive;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drive::Drive;
use serde_json::Value;

use super::SyncError;
use super::cluster::Guard;
use super::deadline::Deadlines;
use super::journal::{Begun, Kind, OperationRecord};
use super::live::{Event, Hands, Live, named, taken_over};
use super::machine::{self, Key, Operation, Outcome, State, Status};
use super::mirror::Mirror;
use super::retry::Retry;
use crate::plan::Digest;

/// What an operation is to bring about.
#[derive(Debug, Clone)]
pub(super) struct Goal {
    /// What it is for.
    pub(super) kind: Kind,
    /// Digest of the objects.
    pub(super) content: Digest,
    /// The objects and hooks.
    pub(super) objects: Vec<Arc<Value>>,
    /// What may be pruned.
    pub(super) prunes: Vec<(String, Key)>,
    /// How.
    pub(super) options: machine::Options,
    /// Whether it is tried again where it fails.
    pub(super) retry: Option<Retry>,
}

/// How an operation is driven.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// How long nothing may move on.
    pub(super) timeout: Duration,
    /// How long a workload's pods may be broken.
    pub(super) stuck_after: Duration,
    /// How long at least a wave stands before it is asked whether it is healthy.
    pub(super) wave_delay: Duration,
    /// Whether it may go on.
    pub(super) guard: Guard,
}

/// The longest time that is waited at once.
const LONGEST: Duration = Duration::from_millis(500);

/// How an operation ended: why it failed, if it did.
pub(super) type Verdict = Result<(), String>;

/// Why an attempt failed.
struct Failure {
    reason: String,
    /// Whether another attempt may do better. What was applied and does not become healthy has been synced as far as
    /// Argo CD is concerned, and what took too long was ended: neither is tried again.
    again: bool,
}

impl Failure {
    fn last(reason: String) -> Failure {
        Failure { reason, again: false }
    }
}

/// Brings `goal` about, in as many attempts as it may take. An operation that was ended before is not done again.
///
/// # Errors
/// When it could not be brought to an end: it can be resumed.
pub(super) async fn drive(
    goal: &Goal,
    record: &OperationRecord,
    hands: &Arc<Hands>,
    limits: &Limits,
) -> Result<Verdict, SyncError> {
    let mut record = record.clone();
    loop {
        match record.state.as_str() {
            "succeeded" => return Ok(Ok(())),
            "failed" => return Ok(Err(record.message)),
            "waiting" => {
                wait(goal, &record, hands, limits).await?;
                hands.journal.retry(record.id)?;
            }
            _ => attempt(goal, &record, hands, limits).await?,
        }
        record = hands.journal.operation(&hands.place, &hands.application, goal.kind, &goal.content)?;
    }
}

/// Until an operation that failed is tried again. The time counts from its failure: whoever was killed meanwhile does
/// not begin to wait anew.
async fn wait(goal: &Goal, record: &OperationRecord, hands: &Hands, limits: &Limits) -> Result<(), SyncError> {
    let pause = goal.retry.as_ref().and_then(|retry| retry.wait(record.retries).ok()).unwrap_or_default();
    let failed = chrono::DateTime::parse_from_rfc3339(&record.at).map(|time| time.with_timezone(&chrono::Utc));
    let passed = failed.ok().and_then(|failed| (chrono::Utc::now() - failed).to_std().ok()).unwrap_or_default();
    let left = pause.saturating_sub(passed);
    hands.events.tell(Event::Retrying {
        cluster: hands.place.clone(),
        application: hands.application.clone(),
        attempt: record.retries.saturating_add(1),
        after: left,
        message: record.message.clone(),
        refresh: goal.retry.as_ref().is_some_and(|retry| retry.refresh),
    });
    let began = Instant::now();
    while let Some(rest) = left.checked_sub(began.elapsed()).filter(|rest| !rest.is_zero()) {
        limits.guard.check()?;
        tokio::time::sleep(rest.min(LONGEST)).await;
    }
    limits.guard.check()
}

/// Tries an operation once, and writes down how it ended.
async fn attempt(goal: &Goal, record: &OperationRecord, hands: &Arc<Hands>, limits: &Limits) -> Result<(), SyncError> {
    let mut options = machine::Options { started: record.started, ..goal.options.clone() };
    let objects = || goal.objects.iter().cloned();
    let wanted: Vec<(String, Key)> = {
        let operation = Operation::new(objects(), options.clone());
        operation.wanted().iter().map(|object| named(object)).collect()
    };
    let began = Instant::now();
    let mut live = Live::new(Arc::clone(hands), record.id, wanted, goal.prunes.clone()).await?;
    if record.state == "running"
        && let Some(reason) = obstacle(hands, goal)
    {
        let (state, message) = concluded(goal.retry.as_ref(), record.retries, Failure { reason, again: true });
        return hands.journal.advance(record.id, state, &message);
    }
    if options.out_of_sync_only {
        options.unchanged = unchanged(hands, goal);
    }
    let (outcomes, late) = taken_up(record, hands).await?;
    live.late = late;
    let operation = Operation::new(objects(), options).resumed(outcomes);
    let mut drive = Drive::new(hands, limits, live, operation, Deadlines::of(hands, &goal.objects));
    let verdict = match record.state.as_str() {
        "healing" => Ok(()),
        _ => drive.run().await?,
    };
    let verdict = match verdict {
        Ok(()) => {
            hands.journal.advance(record.id, "healing", "")?;
            let applied = Instant::now();
            let verdict = drive.settle(&goal.prunes).await?;
            drive.waited += applied.elapsed();
            verdict.map_err(Failure::last)
        }
        failed => failed,
    };
    let (spent, health) = (drive.live.spent, drive.waited);
    hands.events.tell(Event::Measured {
        cluster: hands.place.clone(),
        application: hands.application.clone(),
        operation: goal.kind.as_str(),
        acts: spent.acts,
        dry_run: spent.trial,
        apply: began.elapsed().saturating_sub(spent.trial + health),
        health,
    });
    let (state, message) = match verdict {
        Ok(()) => ("succeeded", String::new()),
        Err(failure) => concluded(goal.retry.as_ref(), record.retries, failure),
    };
    hands.journal.advance(record.id, state, &message)
}

/// Why nothing is done at all.
fn obstacle(hands: &Hands, goal: &Goal) -> Option<String> {
    if goal.options.respect_ignored && !hands.ignoring.faults.is_empty() {
        return Some(hands.ignoring.faults.join("; "));
    }
    taken_over(hands, goal)
}

/// What is known to be as it should be, but for what is ignored.
fn unchanged(hands: &Hands, goal: &Goal) -> BTreeSet<Key> {
    let is_same = |object: &Value| {
        let (api_version, key) = named(object);
        let live = hands.mirror.get(&hands.place(&api_version, &key))?;
        let manifest = hands.placed(object);
        hands.is_applied_but_for_ignored(&manifest, &live).then(|| Key::of(&live))
    };
    goal.objects.iter().filter_map(|object| is_same(object)).collect()
}

/// What becomes of an operation that failed, and what is said of it.
fn concluded(retry: Option<&Retry>, retries: i64, failure: Failure) -> (&'static str, String) {
    let Failure { reason, again } = failure;
    match retry.filter(|retry| again && retry.is_due_after(retries)).map(|retry| retry.wait(retries)) {
        Some(Ok(_)) => ("waiting", reason),
        Some(Err(error)) => ("failed", format!("{reason} (failed to retry: {error})")),
        None if retries > 0 => ("failed", format!("{reason} (retried {retries} times)")),
        None => ("failed", reason),
    }
}

/// Why what an operation brought about is not healthy any more, if it is not.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn unhealthy(
    goal: &Goal,
    record: &OperationRecord,
    hands: &Arc<Hands>,
    limits: &Limits,
) -> Result<Option<String>, SyncError> {
    let operation = Operation::new(goal.objects.iter().cloned(), goal.options.clone());
    let wanted: Vec<(String, Key)> = operation.wanted().iter().map(|object| named(object)).collect();
    let live = Live::new(Arc::clone(hands), record.id, wanted, Vec::new()).await?;
    let drive = Drive::new(hands, limits, live, operation, Deadlines::default());
    Ok(match drive.unhealthy() {
        Err((_, reason)) => Some(reason),
        Ok(open) => {
            (!open.is_empty()).then(|| open.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>().join("; "))
        }
    })
}

/// The outcomes from before an interruption. A hook that was created then is not created again; one that may still be
/// created is told apart: the server may be at a request whose sender is dead.
async fn taken_up(record: &OperationRecord, hands: &Arc<Hands>) -> Result<(Vec<Outcome>, Vec<Begun>), SyncError> {
    let mut outcomes = hands.journal.outcomes(record.id)?;
    let mut late = Vec::new();
    for act in hands.journal.unsettled(record.id)? {
        let writes = matches!(act.verb.as_str(), "apply" | "create" | "replace" | "update");
        let known = outcomes.iter().any(|outcome| outcome.key == act.key && outcome.phase == act.phase);
        if writes && act.hook && !known {
            if !act.done && !act.has_come(&hands.mirror) {
                late.push(act);
                continue;
            }
            let outcome = act.outcome(outcomes.len());
            hands.journal.note(record.id, std::slice::from_ref(&outcome))?;
            outcomes.push(outcome);
        }
        if !act.done {
            hands.journal.leave(act.id)?;
        }
    }
    Ok((outcomes, late))
}

impl Begun {
    /// Whether there is another object than before the act.
    pub(super) fn has_come(&self, mirror: &Mirror) -> bool {
        mirror.find(&self.key).is_some_and(|live| live["metadata"]["uid"].as_str() != Some(&self.before))
    }

    /// What came of a hook that was created.
    fn outcome(&self, order: usize) -> Outcome {
        Outcome {
            key: self.key.clone(),
            phase: self.phase,
            hook: true,
            status: Some(Status::Synced),
            state: Some(State::Running),
            message: String::new(),
            order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_waits_for_its_retry_while_there_is_one() {
        let retry = Retry { limit: 2, duration: None, factor: None, max_duration: None, refresh: false };
        let failure = |again| Failure { reason: "refused".to_owned(), again };
        assert_eq!(concluded(None, 0, failure(true)), ("failed", "refused".to_owned()));
        assert_eq!(concluded(Some(&retry), 1, failure(true)), ("waiting", "refused".to_owned()));
        assert_eq!(concluded(Some(&retry), 1, failure(false)).0, "failed");
        assert_eq!(concluded(Some(&retry), 2, failure(true)), ("failed", "refused (retried 2 times)".to_owned()));
        let broken = Retry { duration: Some("soon".to_owned()), ..retry };
        let told = "refused (failed to retry: unable to parse soon as a duration)".to_owned();
        assert_eq!(concluded(Some(&broken), 0, failure(true)), ("failed", told));
    }
}
