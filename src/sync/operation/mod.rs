//! One operation of one Application: driven until it has ended, and then until all that it applied is healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::SyncError;
use super::cluster::Guard;
use super::deadline::{Deadlines, is_ignored};
use super::journal::{Begun, Kind, OperationRecord};
use super::live::{Event, Hands, Live, named, taken_over};
use super::machine::{self, Key, Operation, Outcome, State, Status};
use super::mirror::Mirror;
use super::retry::Retry;
use super::stuck::{self, Watch};
use crate::health::Health;
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
    /// Whether it may go on.
    pub(super) guard: Guard,
}

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
    let objects = || goal.objects.iter().map(|object| Value::clone(object));
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
    let mut drive = Drive {
        hands,
        limits,
        live,
        operation,
        watch: Watch::new(limits.stuck_after),
        deadlines: Deadlines::of(hands, &goal.objects),
        told: String::new(),
        pause: SHORTEST,
        waited: Duration::ZERO,
    };
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
    let operation = Operation::new(goal.objects.iter().map(|object| Value::clone(object)), goal.options.clone());
    let wanted: Vec<(String, Key)> = operation.wanted().iter().map(|object| named(object)).collect();
    let live = Live::new(Arc::clone(hands), record.id, wanted, Vec::new()).await?;
    let (watch, told, pause) = (Watch::new(limits.stuck_after), String::new(), SHORTEST);
    let deadlines = Deadlines::default();
    let waited = Duration::ZERO;
    let drive = Drive { hands, limits, live, operation, watch, deadlines, told, pause, waited };
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

/// The objects at fault, and what is wrong with them.
type Fault = (Vec<Key>, String);

const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(500);

struct Drive<'a> {
    hands: &'a Arc<Hands>,
    limits: &'a Limits,
    live: Live,
    operation: Operation,
    watch: Watch,
    deadlines: Deadlines,
    told: String,
    pause: Duration,
    /// The time that went into waiting.
    waited: Duration,
}

impl Drive<'_> {
    /// Until the machine has ended.
    async fn run(&mut self) -> Result<Result<(), Failure>, SyncError> {
        let mut moved = Instant::now();
        let mut moves = self.operation.moves();
        let mut gave_up: Option<String> = None;
        loop {
            self.limits.guard.check()?;
            self.live.late.retain(|act| !self.operation.has_begun(&act.key, act.phase));
            for act in self.live.late.extract_if(.., |act| act.has_come(&self.hands.mirror)) {
                self.operation.take_up(act.outcome(self.operation.outcomes().len()));
            }
            self.operation.reconcile(&mut self.live).await;
            if let Some(fault) = self.live.fault() {
                return Err(fault);
            }
            let (state, message) = self.operation.state();
            match state {
                State::Succeeded => return Ok(Ok(())),
                State::Failed | State::Error => {
                    let message = message.to_owned();
                    let again = gave_up.is_none();
                    let reason = self.reasons().or(gave_up).unwrap_or(message);
                    return Ok(Err(Failure { reason, again }));
                }
                State::Running => {}
            }
            let message = message.to_owned();
            self.tell(message);
            if self.operation.moves() != moves {
                (moves, moved, self.pause) = (self.operation.moves(), Instant::now(), SHORTEST);
            }
            if moved.elapsed() > self.patience() {
                if let Some(reason) = gave_up {
                    // The hooks for failures hang as well.
                    return Ok(Err(Failure::last(reason)));
                }
                let waiting = self.waiting();
                let reason = format!("not healthy after {} s: {waiting}", self.patience().as_secs());
                self.operation.give_up(&reason);
                gave_up = Some(reason);
                moved = Instant::now();
            }
            let resting = Instant::now();
            self.look_at_pods().await;
            self.rest().await;
            self.waited += resting.elapsed();
        }
    }

    /// Until all that was applied is healthy, and all that was pruned is gone.
    async fn settle(&mut self, prunes: &[(String, Key)]) -> Result<Verdict, SyncError> {
        let began = Instant::now();
        let pruned: BTreeSet<Key> = self
            .operation
            .outcomes()
            .iter()
            .filter(|outcome| outcome.status == Some(Status::Pruned))
            .map(|outcome| outcome.key.clone())
            .collect();
        let doomed: Vec<Key> = prunes
            .iter()
            .map(|(api_version, key)| self.hands.place(api_version, key))
            .filter(|key| pruned.contains(key))
            .collect();
        self.pause = SHORTEST;
        loop {
            self.limits.guard.check()?;
            let going = self.hands.mirror.some(&doomed);
            let going = going.iter().filter_map(|live| Some((Key::of(live), self.lingering(live)?)));
            match self.unhealthy() {
                Err((keys, reason)) => return self.fail(&keys, reason).await,
                Ok(mut open) => {
                    open.extend(going);
                    let count = open.len();
                    let Some((_, first)) = open.first().cloned() else { return Ok(Ok(())) };
                    if began.elapsed() > self.patience() {
                        let (keys, all): (Vec<Key>, Vec<String>) = open.into_iter().unzip();
                        let (after, all) = (self.patience().as_secs(), all.join("; "));
                        return self.fail(&keys, format!("not healthy after {after} s: {all}")).await;
                    }
                    let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
                    self.tell(format!("{first}{more}"));
                }
            }
            self.look_at_pods().await;
            self.rest().await;
        }
    }

    /// What was applied and is not healthy yet, with the reason; an error where something will not become so.
    fn unhealthy(&self) -> Result<Vec<(Key, String)>, Fault> {
        let live: BTreeMap<Key, Arc<Value>> =
            self.live.wanted().into_iter().map(|object| (Key::of(&object), object)).collect();
        let (mut open, mut degraded) = (Vec::new(), Vec::new());
        for wanted in self.operation.wanted() {
            if machine::is_hook(&wanted) {
                continue;
            }
            let (api_version, key) = named(&wanted);
            let key = self.hands.place(&api_version, &key);
            let Some(object) = live.get(&key) else {
                open.push((key.clone(), self.described(&key, "it is not there")));
                continue;
            };
            match self.hands.assessed(object, self.live.stuck.get(&key)) {
                // What nobody is to wait for counts neither as well nor as ill.
                _ if is_ignored(object) => {}
                None | Some(Health::Healthy) => {}
                Some(Health::Degraded(reason)) => degraded.push((key.clone(), self.described(&key, &reason))),
                Some(Health::Progressing(reason)) => {
                    let reason = self.watch.reasons.get(&key).unwrap_or(&reason);
                    open.push((key.clone(), self.described(&key, reason)));
                }
            }
        }
        if degraded.is_empty() {
            return Ok(open);
        }
        let (keys, texts): (Vec<Key>, Vec<String>) = degraded.into_iter().unzip();
        Err((keys, texts.join("; ")))
    }

    /// Runs the hooks for failures, and says why it failed.
    async fn fail(&mut self, keys: &[Key], reason: String) -> Result<Verdict, SyncError> {
        if self.operation.reopen(keys, &reason) {
            // Whatever they end with, this is why.
            let _ = self.run().await?;
        }
        Ok(Err(reason))
    }

    fn described(&self, key: &Key, reason: &str) -> String {
        let source = self.hands.source(key).map_or_else(String::new, |source| format!("{source}: "));
        let place = if key.namespace.is_empty() { String::new() } else { format!("{}/", key.namespace) };
        format!("{source}{} {place}{}: {reason}", key.kind, key.name)
    }

    /// That an object is being deleted, and who holds it; `None` if it is not.
    fn lingering(&self, live: &Value) -> Option<String> {
        live["metadata"]["deletionTimestamp"].as_str()?;
        let holders = live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let holders: Vec<&str> = holders.collect();
        let reason = match holders.is_empty() {
            true => "it is being deleted".to_owned(),
            false => format!("it is being deleted, and waits for {}", holders.join(", ")),
        };
        Some(self.described(&Key::of(live), &reason))
    }

    /// What the operation waits for.
    fn waiting(&self) -> String {
        let mut texts = Vec::new();
        for outcome in self.operation.outcomes() {
            let live = self.hands.mirror.find(&outcome.key);
            if outcome.status == Some(Status::Pruned) {
                texts.extend(live.as_ref().and_then(|live| self.lingering(live)));
            }
            if outcome.state != Some(State::Running) {
                continue;
            }
            let said = live.as_ref().and_then(|live| self.hands.assessed(live, None));
            let reason = match (self.watch.reasons.get(&outcome.key), said) {
                (Some(reason), _) => reason.clone(),
                (None, Some(Health::Progressing(reason) | Health::Degraded(reason))) => reason,
                (None, Some(Health::Healthy) | None) if live.is_some() => continue,
                (None, _) => "it is not there".to_owned(),
            };
            texts.push(self.described(&outcome.key, &reason));
        }
        if texts.is_empty() { self.operation.state().1.to_owned() } else { texts.join("; ") }
    }

    /// Why tasks failed, each with its object and the line that it was written in.
    fn reasons(&self) -> Option<String> {
        let failed = self.operation.outcomes().into_iter().filter(|outcome| {
            outcome.phase != machine::Phase::SyncFail
                && matches!(outcome.state, Some(State::Failed | State::Error))
                && !outcome.message.is_empty()
        });
        let texts: Vec<String> = failed
            .map(|outcome| {
                let object = format!("{} ", outcome.key.kind);
                if outcome.message.contains(&object) && outcome.message.contains(&outcome.key.name) {
                    outcome.message.clone()
                } else {
                    self.described(&outcome.key, &outcome.message)
                }
            })
            .collect();
        let mut unique: Vec<String> = Vec::new();
        for text in texts {
            if !unique.contains(&text) {
                unique.push(text);
            }
        }
        (!unique.is_empty()).then(|| unique.join("; "))
    }

    async fn look_at_pods(&mut self) {
        let live = self.live.wanted();
        let open = live.iter().filter(|object| {
            stuck::has_pods(object) && matches!(self.hands.assessed(object, None), Some(Health::Progressing(_)))
        });
        let open: Vec<&Value> = open.map(|object| &**object).collect();
        if !open.is_empty() {
            self.live.stuck = self.watch.look(&self.hands.cluster, open).await;
        }
        if self.deadlines.longest().is_zero() {
            return;
        }
        let begun: BTreeSet<Key> = self
            .operation
            .outcomes()
            .into_iter()
            .filter(|outcome| outcome.status == Some(Status::Synced))
            .map(|outcome| outcome.key.bare())
            .collect();
        let waited = live.iter().filter(|object| begun.contains(&Key::of(object).bare()));
        let late = self.deadlines.passed(waited.map(|object| &**object), &self.watch.reasons, |object| {
            match self.hands.assessed(object, None) {
                Some(Health::Progressing(reason)) => Some(reason),
                _ => None,
            }
        });
        self.live.stuck.extend(late);
    }

    /// How long nothing may move on: an object with a deadline of its own is given that.
    fn patience(&self) -> Duration {
        self.limits.timeout.max(self.deadlines.longest())
    }

    fn tell(&mut self, message: String) {
        if !message.is_empty() && self.told != message {
            self.hands.events.tell(Event::Waiting {
                cluster: self.hands.place.clone(),
                application: self.hands.application.clone(),
                message: message.clone(),
            });
            self.told = message;
        }
    }

    /// Waits a little, longer each time.
    async fn rest(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
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
