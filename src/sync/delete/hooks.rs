//! The hooks of a deletion: each is made once, waited for, and goes by its delete policies when all is over.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::{Deletion, Verdict, act, leaves, shown};
use crate::health::Health;
use crate::sync::SyncError;
use crate::sync::journal::OperationRecord;
use crate::sync::live::{Event, named};
use crate::sync::machine::{self, DeletePolicy, Key, Outcome, Phase, State, Status, Verb};
use crate::sync::state::history::Content;

/// The hooks of one phase.
pub(super) struct Hooks {
    phase: Phase,
    hooks: Vec<Arc<Value>>,
}

impl Hooks {
    /// Those of a revision, with the names that they get.
    pub(super) fn of(content: &Content, phase: Phase, record: &OperationRecord) -> Hooks {
        let hooks = content.hooks.iter().filter(|hook| machine::is_deletion_hook(hook, phase)).map(|hook| {
            let mut hook = hook.clone();
            if Key::of(&hook).name.is_empty() {
                let prefix = hook["metadata"]["generateName"].as_str().unwrap_or_default();
                let name = format!("{prefix}{}-{}", phase.as_str().to_lowercase(), record.started);
                hook["metadata"]["name"] = Value::String(name);
            }
            Arc::new(hook)
        });
        Hooks { phase, hooks: hooks.collect() }
    }

    /// Makes those that are not there, and waits until all have ended. Those that failed are taken away, so that another
    /// try runs them anew.
    pub(super) async fn run(&self, deletion: &Deletion, operation: i64) -> Result<Verdict, SyncError> {
        let hands = &deletion.hands;
        let known = hands.journal.outcomes(operation)?;
        let is_known = |key: &Key, state| {
            known.iter().any(|one| one.phase == self.phase && one.key == *key && one.state == Some(state))
        };
        let mut missing = Vec::new();
        let mut waited: Vec<Key> = Vec::new();
        for hook in &self.hooks {
            let (api_version, key) = named(hook);
            let key = hands.place(&api_version, &key);
            if is_known(&key, State::Succeeded) {
                continue;
            }
            hands.mirror.follow(&api_version, &key.kind).await?;
            if hands.mirror.get(&key).is_none() && !is_known(&key, State::Running) {
                missing.push(act(Verb::Create, self.phase, Some(Arc::clone(hook)), None));
            }
            waited.push(key);
        }
        let refused = deletion.perform(operation, missing).await?;
        if !refused.is_empty() {
            return Ok(Err(refused.join("; ")));
        }
        for (order, key) in waited.iter().enumerate() {
            hands.journal.note(operation, &[self.outcome(key, State::Running, order)])?;
        }
        let began = Instant::now();
        loop {
            deletion.limits.guard.check()?;
            let (mut open, mut failed) = (Vec::new(), Vec::new());
            for key in &waited {
                match hands.mirror.get(key) {
                    None => failed.push((None, format!("{} {} is gone before it has ended", key.kind, key.name))),
                    Some(live) => match hands.assessed(&live, None) {
                        None | Some(Health::Healthy) => {}
                        Some(Health::Progressing(reason)) => open.push(format!("{}: {reason}", shown(&live))),
                        Some(Health::Degraded(reason)) => {
                            let text = format!("{}: {reason}", shown(&live));
                            failed.push((Some(live), text));
                        }
                    },
                }
            }
            if !failed.is_empty() {
                let (lives, texts): (Vec<Option<Arc<Value>>>, Vec<String>) = failed.into_iter().unzip();
                let lives = lives.into_iter().flatten().filter(|live| !leaves(live));
                let acts = lives.map(|live| act(Verb::Delete, self.phase, None, Some(&live))).collect();
                deletion.perform(operation, acts).await?;
                return Ok(Err(format!("{} hooks failed: {}", self.phase.as_str(), texts.join("; "))));
            }
            if open.is_empty() {
                break;
            }
            if began.elapsed() > deletion.limits.timeout {
                let seconds = deletion.limits.timeout.as_secs();
                return Ok(Err(format!(
                    "{} hooks have not ended after {seconds} s: {}",
                    self.phase.as_str(),
                    open.join("; ")
                )));
            }
            hands.events.tell(Event::Waiting {
                cluster: hands.place.clone(),
                application: hands.application.clone(),
                message: open.join("; "),
            });
            let versions = || waited.iter().map(|key| hands.mirror.get(key)).collect::<Vec<_>>();
            let seen = versions();
            deletion.pause_while(|| versions() == seen).await?;
        }
        for (order, key) in waited.iter().enumerate() {
            hands.journal.note(operation, &[self.outcome(key, State::Succeeded, order)])?;
        }
        Ok(Ok(()))
    }

    fn outcome(&self, key: &Key, state: State, order: usize) -> Outcome {
        Outcome {
            key: key.clone(),
            phase: self.phase,
            hook: true,
            status: Some(Status::Synced),
            state: Some(state),
            message: String::new(),
            order,
        }
    }

    /// Takes away those whose policies say so. All of them have succeeded.
    pub(super) async fn clean(&self, deletion: &Deletion, operation: i64) -> Result<(), SyncError> {
        let hands = &deletion.hands;
        let mut acts = Vec::new();
        for hook in &self.hooks {
            let (api_version, key) = named(hook);
            hands.mirror.follow(&api_version, &key.kind).await?;
            let live = hands.mirror.get(&hands.place(&api_version, &key)).filter(|live| !leaves(live));
            let goes = machine::delete_policies(hook).contains(&DeletePolicy::HookSucceeded);
            acts.extend(live.filter(|_| goes).map(|live| act(Verb::Delete, self.phase, None, Some(&live))));
        }
        deletion.perform(operation, acts).await?;
        Ok(())
    }
}
