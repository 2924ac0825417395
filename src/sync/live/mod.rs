//! A real cluster behind the state machine: [`Backend`] over the API server.
//!
//! What is live comes from the [`Mirror`]; acts go to the server, side by side, each written to the [`Journal`] before
//! and after. An apply that is known to change nothing makes no request.

mod act;
mod migration;
mod ownership;
mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::task::JoinSet;

pub(super) use act::Hands;
pub(super) use migration::{ARGOCD, KUBECTL};
pub(super) use ownership::taken_over;
pub use progress::{Event, Events};

use super::journal::{Begun, Entry};
use super::machine::{Act, Backend, Key, Outcome, Phase, Refusal, Verb};
use super::{SyncError, same};
use crate::health::{Checks, Health, Status};

/// One Application's view of a cluster.
pub(super) struct Live {
    hands: Arc<Hands>,
    operation: i64,
    /// What is wanted, by API version and names; a kind that lives in no namespace may be named with one.
    wanted: Vec<(String, Key)>,
    /// What may be pruned: nothing else is.
    doomed: Vec<(String, Key)>,
    /// What will not come right, though its kind's check does not say so yet.
    pub(super) stuck: BTreeMap<Key, String>,
    /// The namespaces that are among what is wanted.
    namespaces: BTreeSet<String>,
    /// What the server would take: until something is applied, a step begins with a trial of everything.
    tried: BTreeSet<(Key, Phase)>,
    /// Why it cannot go on: the journal could not be written, or nobody answered.
    fault: Option<SyncError>,
    /// What was done so far.
    pub(super) spent: Spent,
    /// Hooks that a dead process was creating, and that may still come.
    pub(super) late: Vec<Begun>,
}

/// What was done so far, and the time that the trial of it took.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spent {
    pub(super) acts: usize,
    pub(super) trial: Duration,
}

/// The API version and the names of an object.
pub(super) fn named(object: &Value) -> (String, Key) {
    (object["apiVersion"].as_str().unwrap_or_default().to_owned(), Key::of(object))
}

impl Live {
    /// A view for an operation that wants `wanted` and may prune `doomed`. Follows all kinds among them.
    ///
    /// # Errors
    /// When a kind cannot be listed.
    pub(super) async fn new(
        hands: Arc<Hands>,
        operation: i64,
        wanted: Vec<(String, Key)>,
        doomed: Vec<(String, Key)>,
    ) -> Result<Live, SyncError> {
        let namespaces = wanted.iter().filter(|(_, key)| key.kind == "Namespace" && key.group.is_empty());
        let namespaces = namespaces.map(|(_, key)| key.name.clone()).collect();
        let (stuck, tried) = (BTreeMap::new(), BTreeSet::new());
        let spent = Spent::default();
        let late = Vec::new();
        let live = Live { hands, operation, wanted, doomed, stuck, namespaces, tried, fault: None, spent, late };
        live.hands.mirror.follow("v1", "Namespace").await?;
        live.follow().await?;
        Ok(live)
    }

    async fn follow(&self) -> Result<(), SyncError> {
        let kinds: BTreeSet<(&str, &str)> = self
            .wanted
            .iter()
            .chain(&self.doomed)
            .map(|(api_version, key)| (api_version.as_str(), key.kind.as_str()))
            .collect();
        let followed = kinds.into_iter().map(|(api_version, kind)| self.hands.mirror.follow(api_version, kind));
        try_join_all(followed).await.map(|_| ())
    }

    /// Why nothing can be recorded any more, if that is so.
    pub(super) fn fault(&mut self) -> Option<SyncError> {
        self.fault.take()
    }

    /// The live objects of what is wanted.
    pub(super) fn wanted(&self) -> Vec<Arc<Value>> {
        let keys: Vec<Key> = self.wanted.iter().map(|(api_version, key)| self.hands.place(api_version, key)).collect();
        self.hands.mirror.some(&keys)
    }

    /// Asks for all acts at once what the server would say.
    async fn try_out(&mut self, acts: Vec<Act>) -> Result<Vec<Result<String, Refusal>>, SyncError> {
        let mut answers = vec![Ok(String::new()); acts.len()];
        let mut running = JoinSet::new();
        for (index, act) in acts.into_iter().enumerate() {
            if act.target.is_none() || is_unchanged(&self.hands, &act) {
                continue;
            }
            // A hook from before is in the way: it goes first, and only then there is something to try.
            if act.hook && act.live.is_some() {
                continue;
            }
            if !self.tried.insert((act.key.clone(), act.phase)) {
                continue;
            }
            // Nothing can be tried in a namespace that is still to be made.
            if self.namespaces.contains(&act.key.namespace) && !self.hands.has_namespace(&act.key.namespace) {
                continue;
            }
            let hands = Arc::clone(&self.hands);
            answers[index] = Err(unanswered());
            running.spawn(async move { (index, hands.perform(&act).await) });
        }
        while let Some(joined) = running.join_next().await {
            if let Ok((index, answer)) = joined {
                answers[index] = answer?;
            }
        }
        Ok(answers)
    }

    async fn carry_out(&mut self, acts: Vec<Act>) -> Result<Vec<Result<String, Refusal>>, SyncError> {
        let mut answers = vec![Ok(String::new()); acts.len()];
        let open: Vec<(usize, Act)> = acts.into_iter().enumerate().filter(|(_, act)| !self.is_idle(act)).collect();
        let entries: Vec<Entry<'_>> = open
            .iter()
            .map(|(_, act)| Entry {
                verb: act.verb.as_str(),
                key: &act.key,
                phase: act.phase,
                hook: act.hook,
                before: act.live.as_ref().and_then(|live| live["metadata"]["uid"].as_str()).unwrap_or_default(),
            })
            .collect();
        let numbers = self.hands.journal.intend(self.operation, &entries)?;
        let mut defined = false;
        let mut running = JoinSet::new();
        for ((index, act), number) in open.into_iter().zip(numbers) {
            defined |= act.key.kind == "CustomResourceDefinition" && act.target.is_some();
            let hands = Arc::clone(&self.hands);
            answers[index] = Err(unanswered());
            running.spawn(async move { (index, number, hands.perform(&act).await, act) });
        }
        let mut fault = None;
        let mut ended = Vec::new();
        while let Some(joined) = running.join_next().await {
            ended.extend(joined);
            // Those that have ended by now are written at once.
            while let Some(joined) = running.try_join_next() {
                ended.extend(joined);
            }
            let mut conclusions = Vec::with_capacity(ended.len());
            for (index, number, answer, act) in ended.drain(..) {
                let answer = match answer {
                    Ok(answer) => answer,
                    // Nobody knows whether it was done: it stays begun. What is under way is waited for.
                    Err(error) => {
                        fault.get_or_insert(error);
                        continue;
                    }
                };
                let shown = answer.as_ref().map(|_| ()).map_err(ToString::to_string);
                self.spent.acts += usize::from(shown.is_ok());
                conclusions.push((number, shown.clone().err()));
                self.hands.told(&act, shown);
                answers[index] = answer;
            }
            self.hands.journal.conclude(&conclusions)?;
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if defined {
            self.hands.cluster.discover(self.hands.cluster.patience()).await?;
            self.follow().await?;
        }
        Ok(answers)
    }

    /// Whether an act would do what is done already.
    fn is_idle(&self, act: &Act) -> bool {
        let leaves = act.live.as_ref().is_some_and(|live| live["metadata"]["deletionTimestamp"].is_string());
        match act.verb {
            Verb::Apply => is_unchanged(&self.hands, act),
            // What came late is no remainder of an earlier sync.
            Verb::Delete => {
                leaves || self.late.iter().any(|late| late.key == act.key && late.has_come(&self.hands.mirror))
            }
            _ => false,
        }
    }
}

/// What is known of an act while nobody answered.
fn unanswered() -> Refusal {
    Refusal::Refused("the request was not brought to its end".to_owned())
}

fn is_unchanged(hands: &Hands, act: &Act) -> bool {
    let (Verb::Apply, false, Some(target), Some(live)) = (act.verb, act.hook, &act.target, &act.live) else {
        return false;
    };
    if live["metadata"]["deletionTimestamp"].is_string() {
        return false;
    }
    let manifest = hands.placed(target);
    same::is_applied(&manifest, live) || hands.respects_ignored && hands.is_applied_but_for_ignored(&manifest, live)
}

impl Hands {
    /// Whether a live object is known to differ from its manifest only in what is ignored.
    pub(super) fn is_applied_but_for_ignored(&self, manifest: &Value, live: &Value) -> bool {
        let (manifest, live) = self.ignoring.without_traces(manifest, live);
        same::is_applied(&manifest, &live)
    }

    /// How a live object is.
    pub(super) fn assessed(&self, live: &Value, stuck: Option<&String>) -> Option<Health> {
        assessed(&self.settings.checks, live, stuck)
    }
}

impl Backend for Live {
    async fn live(&mut self) -> Result<Vec<Arc<Value>>, String> {
        let keys: BTreeSet<Key> = self
            .wanted
            .iter()
            .chain(&self.doomed)
            .map(|(api_version, key)| self.hands.place(api_version, key))
            .collect();
        Ok(self.hands.mirror.some(&keys))
    }

    async fn get(&mut self, key: &Key) -> Result<Option<Arc<Value>>, String> {
        if key.kind == "Namespace" && key.group.is_empty() {
            return Ok(self.hands.mirror.get(&key.bare()));
        }
        let Some((api_version, _)) = self
            .wanted
            .iter()
            .chain(&self.doomed)
            .find(|(_, known)| known.group == key.group && known.kind == key.kind && known.name == key.name)
        else {
            return Ok(None);
        };
        let object = self.hands.reference(api_version, key);
        match self.hands.cluster.get(&object).await {
            Ok(Some(live)) => {
                self.hands.mirror.put(live.clone());
                Ok(Some(Arc::new(live)))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                let text = error.to_string();
                if !matches!(error, SyncError::Api { .. }) {
                    self.fault.get_or_insert(error);
                }
                Err(text)
            }
        }
    }

    async fn perform(&mut self, acts: Vec<Act>) -> Vec<Result<String, Refusal>> {
        let count = acts.len();
        let refused = |error: &SyncError| vec![Err(Refusal::Refused(error.to_string())); count];
        if let Some(error) = &self.fault {
            return refused(error);
        }
        let answers = if acts.iter().all(|act| act.dry_run) {
            let began = Instant::now();
            let answers = self.try_out(acts).await;
            self.spent.trial += began.elapsed();
            answers
        } else {
            self.carry_out(acts).await
        };
        match answers {
            Ok(answers) => answers,
            Err(error) => {
                let answers = refused(&error);
                self.fault = Some(error);
                answers
            }
        }
    }

    async fn record(&mut self, outcomes: &[Outcome]) {
        // What nobody knows the end of is no outcome: a resumed run finds out.
        if self.fault.is_some() {
            return;
        }
        if let Err(error) = self.hands.journal.note(self.operation, outcomes) {
            self.fault.get_or_insert(error);
        }
    }

    fn health(&self, live: &Value) -> Option<Health> {
        self.hands.assessed(live, self.stuck.get(&Key::of(live)))
    }

    fn is_namespaced(&self, api_version: &str, kind: &str) -> Option<bool> {
        self.hands.cluster.known(api_version, kind).map(|known| known.namespaced)
    }
}

/// How a live object is. A hook that is suspended is still under way, and one that nobody can tell has failed.
fn assessed(checks: &Checks, live: &Value, stuck: Option<&String>) -> Option<Health> {
    let assessment = checks.status(live)?;
    let message = assessment.message;
    let hook = super::machine::is_hook(live);
    Some(match assessment.status {
        Status::Healthy => Health::Healthy,
        Status::Suspended if !hook => Health::Healthy,
        Status::Unknown if hook => Health::Degraded(message),
        Status::Degraded => Health::Degraded(message),
        Status::Progressing | Status::Missing | Status::Unknown | Status::Suspended => match stuck {
            Some(reason) => Health::Degraded(reason.clone()),
            None => Health::Progressing(message),
        },
    })
}
