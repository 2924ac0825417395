//! An operation under way: its machine is driven until it has ended, and then all that it applied is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Failure, LONGEST, Limits, Verdict};
use crate::health::Health;
use crate::sync::SyncError;
use crate::sync::deadline::{Deadlines, is_ignored};
use crate::sync::live::{Event, Hands, Live, named};
use crate::sync::machine::{self, Key, Operation, State, Status};
use crate::sync::stuck::{self, Watch};

/// The first time that is waited.
const SHORTEST: Duration = Duration::from_millis(20);

/// The objects at fault, and what is wrong with them.
type Fault = (Vec<Key>, String);

pub(super) struct Drive<'a> {
    hands: &'a Arc<Hands>,
    limits: &'a Limits,
    pub(super) live: Live,
    operation: Operation,
    watch: Watch,
    deadlines: Deadlines,
    told: String,
    pause: Duration,
    /// The time that went into waiting.
    pub(super) waited: Duration,
}

impl<'a> Drive<'a> {
    /// Nothing is done yet.
    pub(super) fn new(
        hands: &'a Arc<Hands>,
        limits: &'a Limits,
        live: Live,
        operation: Operation,
        deadlines: Deadlines,
    ) -> Drive<'a> {
        let (watch, told) = (Watch::new(limits.stuck_after), String::new());
        Drive { hands, limits, live, operation, watch, deadlines, told, pause: SHORTEST, waited: Duration::ZERO }
    }

    /// Until the machine has ended.
    pub(super) async fn run(&mut self) -> Result<Result<(), Failure>, SyncError> {
        let mut moved = Instant::now();
        let mut moves = self.operation.moves();
        let mut gave_up: Option<String> = None;
        let mut waves = self.operation.waves();
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
            if self.operation.waves() != waves {
                waves = self.operation.waves();
                self.stand().await?;
            }
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
    pub(super) async fn settle(&mut self, prunes: &[(String, Key)]) -> Result<Verdict, SyncError> {
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
    pub(super) fn unhealthy(&self) -> Result<Vec<(Key, String)>, Fault> {
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

    /// Gives a wave time, so that controllers have seen what it changed before it is looked at.
    async fn stand(&mut self) -> Result<(), SyncError> {
        let until = Instant::now() + self.limits.wave_delay;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.limits.guard.check()?;
            let rest = left.min(LONGEST);
            tokio::time::sleep(rest).await;
            self.waited += rest;
        }
        Ok(())
    }

    /// Waits a little, longer each time.
    async fn rest(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
    }
}
