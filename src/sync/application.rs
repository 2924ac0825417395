//! The sync of one Application from lease to history, and its way back when that fails.

mod withdraw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::cluster::{Guard, Hold};
use super::journal::{Journal, Kind, OperationRecord, Revision, Standing};
use super::live::{Event, Events, Hands, named};
use super::machine::{self, Key, Phase};
use super::mirror::Mirror;
use super::operation::{Goal, Limits, drive};
use super::rollout::Options;
use super::state::history::{self, Kept};
use super::state::lease::Leases;
use super::{Cluster, Settings, SyncError, state};
use crate::plan::Digest;

/// What the Applications of a cluster have in common.
pub(super) struct Site {
    place: String,
    cluster: Arc<Cluster>,
    mirror: Arc<Mirror>,
    journal: Arc<Journal>,
    events: Events,
    options: Options,
    settings: Arc<Settings>,
    leases: Leases,
}

/// One Application to sync.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// `namespace/name`
    pub(super) id: String,
    /// What is to be.
    pub(super) goal: Goal,
    /// Where objects were written: `path:line`.
    pub(super) sources: BTreeMap<Key, String>,
    /// How it goes when it is deleted.
    pub(super) leaving: history::Policy,
    /// How long it may wait for something that does not move on.
    pub(super) timeout: Duration,
    /// How long its pods may be broken.
    pub(super) stuck_after: Duration,
    /// Whether it is taken back when it fails.
    pub(super) rollback: bool,
}

/// The name under which the journal has what is applied before all Applications.
const AHEAD: &str = "";

impl Site {
    /// A cluster in which Applications are to be synced.
    ///
    /// # Errors
    /// When the namespace that tiphys keeps its state in cannot be made.
    pub(super) async fn new(
        place: &str,
        mirror: Arc<Mirror>,
        journal: Arc<Journal>,
        events: Events,
        options: Options,
        settings: Arc<Settings>,
    ) -> Result<Site, SyncError> {
        let cluster = Arc::clone(mirror.cluster());
        state::prepare(&cluster).await?;
        Ok(Site {
            place: place.to_owned(),
            mirror,
            leases: Leases::new(Arc::clone(&cluster), journal.holder(), Arc::clone(&options.interrupted)),
            cluster,
            journal,
            events,
            options,
            settings,
        })
    }

    pub(super) fn hands(
        &self,
        application: &str,
        policy: &machine::Options,
        sources: BTreeMap<Key, String>,
        limits: &Limits,
    ) -> Arc<Hands> {
        Arc::new(Hands {
            cluster: Arc::new(self.cluster.guarded(limits.guard.clone())),
            mirror: Arc::clone(&self.mirror),
            journal: Arc::clone(&self.journal),
            events: self.events.clone(),
            place: self.place.clone(),
            application: application.to_owned(),
            propagation: policy.propagation.clone(),
            sources,
            settings: Arc::clone(&self.settings),
            ignoring: Arc::clone(&policy.ignoring),
            respects_ignored: policy.respect_ignored,
            migrates: policy.migrates.clone(),
        })
    }

    fn limits(&self, work: &Work, hold: watch::Receiver<Hold>) -> Limits {
        let wave_delay = self.options.wave_delay;
        Limits { timeout: work.timeout, stuck_after: work.stuck_after, wave_delay, ..self.usual_limits(hold) }
    }

    pub(super) fn usual_limits(&self, hold: watch::Receiver<Hold>) -> Limits {
        Limits {
            timeout: self.options.timeout,
            stuck_after: self.options.stuck_after,
            wave_delay: Duration::ZERO,
            guard: Guard::new(hold, Arc::clone(&self.options.interrupted)),
        }
    }

    /// The leases of the run.
    pub(super) fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Applies what several Applications need before any of them can be tried.
    ///
    /// # Errors
    /// When it fails.
    pub(super) async fn prepare(&self, goal: Goal, sources: BTreeMap<Key, String>) -> Result<(), SyncError> {
        let record = self.fresh(AHEAD, &goal)?;
        let limits = self.usual_limits(watch::channel(Hold::Free).1);
        let hands = self.hands(AHEAD, &goal.options, sources, &limits);
        let verdict = drive(&goal, &record, &hands, &limits).await?;
        verdict.map_err(|reason| SyncError::Application { application: "what is needed first".to_owned(), reason })
    }

    /// Syncs one Application; takes it back where that fails.
    ///
    /// # Errors
    /// When the sync failed, whether or not it was taken back, or could not be brought to an end.
    pub(super) async fn sync(&self, work: &Work) -> Result<(), SyncError> {
        let hold = self.leases.take(&work.id).await?;
        let result = self.sync_alone(work, &self.limits(work, hold)).await;
        self.leases.give_back(&work.id).await;
        result
    }

    async fn sync_alone(&self, work: &Work, limits: &Limits) -> Result<(), SyncError> {
        let began = Instant::now();
        let (goal, content) = (&work.goal, work.goal.content.to_string());
        let failed = |reason: String| SyncError::Application { application: work.id.clone(), reason };
        let known = history::history(&self.cluster, &self.place, &work.id).await?;
        let back = self.journal.existing(&self.place, &work.id, Kind::Rollback)?;
        if let Some(bad) = history::is_bad(&known, &content).filter(|_| back.is_none() && !self.options.retry_bad) {
            let Revision { number, at, reason, .. } = bad;
            let text = format!("it was tried as revision {number} at {at} and taken back; see --retry-bad: {reason}");
            return Err(failed(text));
        }
        let hands = self.hands(&work.id, &goal.options, work.sources.clone(), limits);
        // A sync that is being taken back has failed, and stays so.
        let record = match &back {
            Some(_) => self.journal.operation(&self.place, &work.id, Kind::Sync, &goal.content)?,
            None => self.fresh(&work.id, goal)?,
        };
        let whole = goal.options.selected.is_empty();
        let Err(reason) = drive(goal, &record, &hands, limits).await? else {
            // A part of a revision is none.
            if whole {
                self.keep(work, Standing::Good, "", &known).await?;
            }
            self.events.tell(Event::Healthy {
                cluster: self.place.clone(),
                application: work.id.clone(),
                objects: goal.objects.len(),
                after: began.elapsed(),
            });
            return Ok(());
        };
        let seen = Instant::now();
        self.events.tell(Event::Failed {
            cluster: self.place.clone(),
            application: work.id.clone(),
            message: reason.clone(),
        });
        let good = history::last_good(&known, &content).filter(|_| work.rollback && whole);
        let Some(good) = good else { return Err(failed(reason)) };
        // What was refused as a whole changed nothing.
        if back.is_none() && !self.journal.has_acted(record.id)? {
            return Err(failed(reason));
        }
        // First of all: whatever happens from here on, it is not tried again.
        if history::is_bad(&known, &content).is_none() {
            self.keep(work, Standing::Bad, &reason, &known).await?;
        }
        match self.take_back(work, good, &record, &hands, limits).await? {
            Ok(()) => {
                let number = good.revision.number;
                self.events.tell(Event::RolledBack {
                    cluster: self.place.clone(),
                    application: work.id.clone(),
                    revision: number,
                    after: seen.elapsed(),
                });
                Err(failed(format!("{reason}; it is back at revision {number}")))
            }
            Err(second) => Err(failed(format!("{reason}; and going back failed: {second}"))),
        }
    }

    /// Verifies that all that was synced is still healthy.
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub(super) async fn verify(&self, work: &Work) -> Result<(), SyncError> {
        let limits = self.limits(work, watch::channel(Hold::Free).1);
        let hands = self.hands(&work.id, &work.goal.options, work.sources.clone(), &limits);
        let record = self.journal.operation(&self.place, &work.id, Kind::Sync, &work.goal.content)?;
        let reason = super::operation::unhealthy(&work.goal, &record, &hands, &limits).await?;
        reason.map_or(Ok(()), |reason| {
            let reason = format!("it did not stay healthy: {reason}");
            Err(SyncError::Application { application: work.id.clone(), reason })
        })
    }

    /// The record of a sync; one that failed in an earlier process is begun anew.
    fn fresh(&self, application: &str, goal: &Goal) -> Result<OperationRecord, SyncError> {
        let record = self.journal.operation(&self.place, application, goal.kind, &goal.content)?;
        if record.state != "failed" {
            return Ok(record);
        }
        self.journal.restart(record.id)?;
        self.journal.operation(&self.place, application, goal.kind, &goal.content)
    }

    /// Back to the objects of `good`, without what the failed operation made.
    async fn take_back(
        &self,
        work: &Work,
        good: &Kept,
        failed: &OperationRecord,
        hands: &Arc<Hands>,
        limits: &Limits,
    ) -> Result<Result<(), String>, SyncError> {
        let made = self.journal.created(failed.id)?;
        let made: BTreeSet<Key> = made.into_iter().flat_map(|key| [key.bare(), key]).collect();
        let candidates = work.goal.objects.iter().map(|object| named(object)).filter(|(_, key)| made.contains(key));
        let goal = backwards(good, candidates, &work.goal.options)?;
        let record = self.journal.operation(&self.place, &work.id, Kind::Rollback, &goal.content)?;
        // The way back has no time to lose.
        let limits = Limits { wave_delay: Duration::ZERO, ..limits.clone() };
        drive(&goal, &record, hands, &limits).await
    }

    /// Keeps what was synced in the cluster and in the journal. A good one that is the newest already is not kept twice.
    async fn keep(&self, work: &Work, standing: Standing, reason: &str, known: &[Kept]) -> Result<(), SyncError> {
        let content = work.goal.content.to_string();
        let newest = known.last().map(|kept| &kept.revision);
        if newest.is_some_and(|newest| newest.content == content && newest.standing == standing) {
            return Ok(());
        }
        let revision = Revision {
            cluster: self.place.clone(),
            application: work.id.clone(),
            number: newest.map_or(1, |newest| newest.number + 1),
            content,
            commit: self.options.revision.clone(),
            standing,
            reason: reason.to_owned(),
            at: now(),
        };
        let chosen = |is_meant: &dyn Fn(&Value) -> bool| -> Vec<Value> {
            work.goal.objects.iter().filter(|object| is_meant(object)).map(|object| Value::clone(object)).collect()
        };
        let goes = [Phase::PreDelete, Phase::PostDelete];
        let content = history::Content {
            objects: chosen(&|object| !machine::is_hook(object)),
            hooks: chosen(&|object| goes.iter().any(|phase| machine::is_deletion_hook(object, *phase))),
            policy: work.leaving.clone(),
        };
        self.store(&revision, &history::pack(&content)?, known).await
    }

    async fn store(&self, revision: &Revision, packed: &[u8], known: &[Kept]) -> Result<(), SyncError> {
        self.journal.keep(revision, packed, self.options.history)?;
        history::keep(&self.cluster, revision, packed, known, self.options.history).await
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Takes an Application back to the revision `to`, or else to the last good one before the present one, which is the
/// newest good one. What it is back at becomes the newest revision.
///
/// # Errors
/// When there is no such revision, or the way back fails or could not be brought to its end.
pub async fn roll_back(
    place: &str,
    application: &str,
    to: Option<u64>,
    cluster: Arc<Cluster>,
    journal: Arc<Journal>,
    events: Events,
    options: &Options,
) -> Result<(), SyncError> {
    let failed =
        |reason: &str| SyncError::Application { application: application.to_owned(), reason: reason.to_owned() };
    let settings = history::settings(&history::history(&cluster, place, application).await?)?;
    let mirror = Arc::new(Mirror::new(cluster));
    let site = Site::new(place, mirror, journal, events, options.clone(), settings).await?;
    let limits = site.usual_limits(site.leases.take(application).await?);
    let result = async {
        let began = Instant::now();
        let known = history::history(&site.cluster, place, application).await?;
        let present = known.iter().rev().find(|kept| kept.revision.standing == Standing::Good);
        let present = present.ok_or_else(|| failed("no good revision is kept in this cluster"))?;
        let target = match to {
            Some(number) => known.iter().find(|kept| kept.revision.number == number),
            None => history::last_good(&known, &present.revision.content),
        };
        let target = target.ok_or_else(|| failed("there is no such revision to go back to; see `tiphys history`"))?;
        let newest = known.last().map_or(&present.revision, |kept| &kept.revision);
        // What failed may have left something behind as well.
        let mut candidates: Vec<(String, Key)> = Vec::new();
        for kept in known.iter().filter(|kept| kept.revision.number >= target.revision.number) {
            candidates.extend(kept.objects()?.iter().map(named));
        }
        let policy = machine::Options { validate: true, ..machine::Options::default() };
        let goal = backwards(target, candidates.into_iter(), &policy)?;
        let record = site.journal.operation(place, application, Kind::Rollback, &goal.content)?;
        let hands = site.hands(application, &policy, BTreeMap::new(), &limits);
        drive(&goal, &record, &hands, &limits).await?.map_err(|reason| failed(&reason))?;
        if newest.content != target.revision.content || newest.standing == Standing::Bad {
            let revision = Revision {
                number: newest.number + 1,
                standing: Standing::Good,
                reason: String::new(),
                at: now(),
                ..target.revision.clone()
            };
            site.store(&revision, target.packed(), &known).await?;
        }
        site.events.tell(Event::RolledBack {
            cluster: place.to_owned(),
            application: application.to_owned(),
            revision: target.revision.number,
            after: began.elapsed(),
        });
        Ok(())
    };
    let result = result.await;
    site.leases.give_back(application).await;
    result
}

/// The way back to `good`. Of `candidates` those are pruned that it does not have and that may go.
///
/// # Errors
/// When the stored objects were damaged.
pub(super) fn backwards(
    good: &Kept,
    candidates: impl Iterator<Item = (String, Key)>,
    policy: &machine::Options,
) -> Result<Goal, SyncError> {
    let objects: Vec<Arc<Value>> = good.objects()?.into_iter().map(Arc::new).collect();
    let stays: BTreeSet<(String, String, String)> =
        objects.iter().map(|object| Key::of(object)).map(|key| (key.group, key.kind, key.name)).collect();
    let prunes: Vec<(String, Key)> = candidates
        .filter(|(_, key)| !is_protected(key))
        .filter(|(_, key)| !stays.contains(&(key.group.clone(), key.kind.clone(), key.name.clone())))
        .collect();
    Ok(Goal {
        kind: Kind::Rollback,
        content: Digest::of(good.revision.content.as_bytes()),
        objects,
        options: machine::Options {
            prune: true,
            prune_option: None,
            prune_confirmed: true,
            skip_hooks: true,
            selected: Vec::new(),
            out_of_sync_only: false,
            fail_on_shared: false,
            create_namespace: false,
            ..policy.clone()
        },
        prunes,
        retry: None,
    })
}

/// Kinds that are never deleted on the way back: with them would go what nothing brings back.
fn is_protected(key: &Key) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("", "Namespace" | "PersistentVolume" | "PersistentVolumeClaim")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}
