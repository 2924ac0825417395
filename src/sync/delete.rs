//! An Application goes, with all that it deployed: hooks before, its objects wave by wave, hooks after.
//!
//! What is deleted is what the cluster tracks, not what the repository holds: the Application may be long gone from it.
//! Its newest good revision has the hooks and how it is to go. The order is Argo CD's: the highest wave first, each when
//! the one before is gone; definitions stay, and what says so.

mod hooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinSet;

use self::hooks::Hooks;
use super::application::Site;
use super::journal::{Entry, Journal, Kind, Standing};
use super::live::{Event, Events, Hands, named};
use super::machine::{self, Act, Key, Phase, Refusal, Verb};
use super::mirror::Mirror;
use super::operation::Limits;
use super::rollout::Options;
use super::state::history;
use super::{Cluster, SyncError};
use crate::plan::Digest;

/// What whoever deletes an Application says.
#[derive(Debug, Clone, Default)]
pub struct Deleting {
    /// Whether what asks for a confirmation may go.
    pub confirmed: bool,
    /// `foreground`, `background` or `orphan`; what the Application's finalizer says where it is absent.
    pub propagation: Option<String>,
    /// Whether its revisions go as well: there is no way back then.
    pub forget: bool,
}

/// Deletes `application` (`namespace/name`) from a cluster.
///
/// # Errors
/// When no good revision of it is kept there, something must be confirmed first, a hook failed, or it could not be
/// brought to an end: it can be resumed.
pub async fn delete(
    place: &str,
    application: &str,
    cluster: Arc<Cluster>,
    journal: Arc<Journal>,
    events: Events,
    options: &Options,
    deleting: &Deleting,
) -> Result<(), SyncError> {
    let failed = |reason: String| SyncError::Application { application: application.to_owned(), reason };
    let known = history::history(&cluster, place, application).await?;
    let good = known.iter().rev().find(|kept| kept.revision.standing == Standing::Good);
    let good = good.ok_or_else(|| failed("no good revision is kept in this cluster".to_owned()))?;
    let content = good.content()?;
    let settings = history::settings(&known)?;
    let mirror = Arc::new(Mirror::new(Arc::clone(&cluster)));
    let site = Site::new(place, mirror, journal, events, options.clone(), settings).await?;
    let limits = site.usual_limits(site.leases().take(application).await?);
    let propagation = deleting.propagation.clone().or_else(|| content.policy.background.then(|| "background".into()));
    let policy = machine::Options { propagation, ..machine::Options::default() };
    let hands = site.hands(application, &policy, BTreeMap::new(), &limits);
    let deletion = Deletion { hands, limits, content, confirmed: deleting.confirmed };
    let result = deletion.run(&Digest::of(good.revision.content.as_bytes())).await;
    let result = match result {
        Ok(Ok(())) if deleting.forget => history::forget(&cluster, &known).await,
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(failed(reason)),
        Err(error) => Err(error),
    };
    site.leases().give_back(application).await;
    result
}

/// How it ended: why it failed, if it did.
type Verdict = Result<(), String>;

struct Deletion {
    hands: Arc<Hands>,
    limits: Limits,
    content: history::Content,
    confirmed: bool,
}

impl Deletion {
    /// Goes through all stages, from the one that the journal has.
    async fn run(&self, digest: &Digest) -> Result<Verdict, SyncError> {
        let began = Instant::now();
        let (journal, hands) = (&self.hands.journal, &self.hands);
        let open = || journal.operation(&hands.place, &hands.application, Kind::Delete, digest);
        let mut record = open()?;
        if record.state == "failed" {
            journal.restart(record.id)?;
            record = open()?;
        }
        for act in journal.unsettled(record.id)? {
            // Whether it was done shows in the cluster.
            journal.leave(act.id)?;
        }
        let before = Hooks::of(&self.content, Phase::PreDelete, &record);
        let after = Hooks::of(&self.content, Phase::PostDelete, &record);
        loop {
            let (verdict, next) = match record.state.as_str() {
                "running" => match self.unconfirmed().await? {
                    Some(reason) => (Err(reason), ""),
                    None => (before.run(self, record.id).await?, "deleting"),
                },
                "deleting" => (self.delete_objects(record.id).await?, "after"),
                "after" => (after.run(self, record.id).await?, "cleaning"),
                "cleaning" => {
                    before.clean(self, record.id).await?;
                    after.clean(self, record.id).await?;
                    (Ok(()), "succeeded")
                }
                _ => break,
            };
            if let Err(reason) = verdict {
                journal.advance(record.id, "failed", &reason)?;
                return Ok(Err(reason));
            }
            journal.advance(record.id, next, "")?;
            record = open()?;
        }
        hands.events.tell(Event::Deleted {
            cluster: hands.place.clone(),
            application: hands.application.clone(),
            after: began.elapsed(),
        });
        Ok(Ok(()))
    }

    /// What the Application has in the cluster and may not keep.
    async fn doomed(&self) -> Result<Vec<Arc<Value>>, SyncError> {
        let hands = &self.hands;
        let listed = hands.cluster.list(None).await?;
        let ours = listed
            .iter()
            .filter(|one| !one.owned)
            .filter(|one| hands.settings.tracking.owner_of(one).as_deref() == Some(&hands.application));
        let mut doomed = Vec::new();
        for one in ours {
            hands.mirror.follow(&one.object.api_version, &one.object.kind).await?;
            let Some(live) = hands.mirror.get(&Key::from(&one.object)) else { continue };
            if machine::is_deleted(&live, self.content.policy.delete.as_deref()) {
                doomed.push(live);
            }
        }
        Ok(doomed)
    }

    /// Why nothing is done yet: somebody has to confirm it.
    async fn unconfirmed(&self) -> Result<Option<String>, SyncError> {
        if self.confirmed {
            return Ok(None);
        }
        let policy = &self.content.policy;
        let waits =
            |live: &&Arc<Value>| machine::asks_before_deletion(live, policy.delete.as_deref(), policy.prune.as_deref());
        let names: Vec<String> = self.doomed().await?.iter().filter(waits).map(|live| shown(live)).collect();
        Ok((!names.is_empty()).then(|| format!("{} must be confirmed (see --confirm)", names.join(", "))))
    }

    /// Wave by wave, until nothing is left that is to go.
    async fn delete_objects(&self, operation: i64) -> Result<Verdict, SyncError> {
        let mut moved = Instant::now();
        let mut before = usize::MAX;
        loop {
            self.limits.guard.check()?;
            let doomed = self.doomed().await?;
            if doomed.is_empty() {
                return Ok(Ok(()));
            }
            if doomed.len() != before {
                (before, moved) = (doomed.len(), Instant::now());
            }
            let going: Vec<&Arc<Value>> = doomed.iter().filter(|live| leaves(live)).collect();
            if going.is_empty() {
                let highest = doomed.iter().map(|live| machine::wave(live)).max().unwrap_or_default();
                let acts = doomed.iter().filter(|live| machine::wave(live) == highest);
                let acts = acts.map(|live| act(Verb::Delete, Phase::Sync, None, Some(live))).collect();
                let refused = self.perform(operation, acts).await?;
                if !refused.is_empty() {
                    return Ok(Err(refused.join("; ")));
                }
            } else if moved.elapsed() > self.limits.timeout {
                let names: Vec<String> = going.iter().map(|live| held(live)).collect();
                let seconds = self.limits.timeout.as_secs();
                return Ok(Err(format!("not gone after {seconds} s: {}", names.join("; "))));
            }
            self.pause_while(|| going_still(&self.hands, &doomed)).await?;
        }
    }

    /// Waits while `goes_on`, for a second at most.
    async fn pause_while(&self, goes_on: impl Fn() -> bool) -> Result<(), SyncError> {
        for _ in 0..20 {
            self.limits.guard.check()?;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if !goes_on() {
                break;
            }
        }
        Ok(())
    }

    /// Does `acts`, each in the journal before and after; what was refused, with the reasons.
    async fn perform(&self, operation: i64, acts: Vec<Act>) -> Result<Vec<String>, SyncError> {
        let before = |act: &Act| act.live.as_ref().and_then(|live| live["metadata"]["uid"].as_str().map(str::to_owned));
        let uids: Vec<String> = acts.iter().map(|act| before(act).unwrap_or_default()).collect();
        let entries: Vec<Entry<'_>> = acts
            .iter()
            .zip(&uids)
            .map(|(act, before)| Entry {
                verb: act.verb.as_str(),
                key: &act.key,
                phase: act.phase,
                hook: act.hook,
                before,
            })
            .collect();
        let numbers = self.hands.journal.intend(operation, &entries)?;
        let mut running = JoinSet::new();
        for (act, number) in acts.into_iter().zip(numbers) {
            let hands = Arc::clone(&self.hands);
            running.spawn(async move { (number, hands.perform(&act).await, act) });
        }
        let (mut refused, mut fault) = (Vec::new(), None);
        while let Some(joined) = running.join_next().await {
            let Ok((number, answer, act)) = joined else { continue };
            let said = match answer {
                Ok(Ok(_) | Err(Refusal::NotFound)) => Ok(()),
                Ok(Err(refusal)) => Err(refusal.to_string()),
                // Nobody knows whether it was done: it stays begun. What is under way is waited for.
                Err(error) => {
                    fault.get_or_insert(error);
                    continue;
                }
            };
            self.hands.journal.conclude(&[(number, said.clone().err())])?;
            refused.extend(said.as_ref().err().cloned());
            self.hands.told(&act, said);
        }
        refused.sort();
        fault.map_or(Ok(refused), Err)
    }
}

fn act(verb: Verb, phase: Phase, target: Option<Arc<Value>>, live: Option<&Arc<Value>>) -> Act {
    let object = target.as_ref().or(live).map_or(&Value::Null, |object| &**object);
    Act {
        verb,
        key: Key::of(object),
        phase,
        hook: machine::is_hook(object),
        target,
        live: live.cloned(),
        dry_run: false,
        force: false,
        validate: false,
    }
}

fn leaves(live: &Value) -> bool {
    live["metadata"]["deletionTimestamp"].is_string()
}

fn going_still(hands: &Hands, doomed: &[Arc<Value>]) -> bool {
    doomed.iter().any(|live| hands.mirror.get(&Key::of(live)).is_some_and(|live| leaves(&live)))
}

fn shown(live: &Value) -> String {
    let (_, Key { kind, namespace, name, .. }) = named(live);
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

/// An object that is on its way, with what holds it back.
fn held(live: &Value) -> String {
    let finalizers = live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let finalizers: Vec<&str> = finalizers.collect();
    if finalizers.is_empty() {
        return shown(live);
    }
    format!("{} (held back by {})", shown(live), finalizers.join(", "))
}
