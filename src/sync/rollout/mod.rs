//! The executor: all Applications of a plan, in the order in which their environments, waves and steps let them through.
//!
//! [`Schedule`] says what may be begun; here it is begun, each Application by itself, as many at once in a cluster as may
//! be. One that fails keeps back only what waits for it, unless its environment says that more is to be taken back: then
//! nothing more is begun, and what the run has synced goes back with it. A cluster that cannot be reached fails its own
//! Applications and no others.

mod back;
mod door;
mod schedule;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use door::Door;
pub use schedule::{Schedule, Slot, Waits};
use work::Planned;

use super::journal::{Journal, Kind};
use super::live::{Event, Events};
use super::mirror::Mirror;
use super::{SyncError, machine};
pub use crate::config::Extent;
use crate::plan::{ClusterPlan, Deployment};

/// How to work.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long an Application may wait for something that does not move on.
    pub timeout: Duration,
    /// How long the pods of a workload may be broken before its sync has failed.
    pub stuck_after: Duration,
    /// How long at least a wave of a sync stands before it is asked whether it is healthy.
    pub wave_delay: Duration,
    /// How many Applications may be synced at once in one cluster.
    pub parallel: usize,
    /// Whether what failed is taken back to the last good revision.
    pub rollback: bool,
    /// Whether what failed before and was taken back is tried again.
    pub retry_bad: bool,
    /// How many revisions of an Application are kept.
    pub history: usize,
    /// The commit that the plan was made from; empty where there is no git.
    pub revision: String,
    /// The environments that are synced one after the other. What belongs to none of them comes before all of them.
    pub stages: Vec<Stage>,
    /// Why sync windows do not count, where they do not.
    pub windows_overridden: Option<String>,
    /// Whether a person asked for the sync: sync windows with `manualSync` let it through.
    pub manual: bool,
    /// Whether what ApplicationSets leave to a person is synced as well.
    pub by_hand: bool,
    /// Sync only what these select; everything where there are none.
    pub resources: Vec<machine::Selector>,
    /// Set when the run shall end as soon as the requests that are under way are answered.
    pub interrupted: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(300),
            stuck_after: Duration::from_secs(10),
            wave_delay: Duration::ZERO,
            parallel: 16,
            rollback: true,
            retry_bad: false,
            history: 10,
            revision: String::new(),
            stages: Vec::new(),
            windows_overridden: None,
            manual: true,
            by_hand: false,
            resources: Vec::new(),
            interrupted: Arc::default(),
        }
    }
}

/// An environment of a rollout.
#[derive(Debug, Clone)]
pub struct Stage {
    /// `production`
    pub name: String,
    /// Whether it may be begun: nobody has to approve it, or somebody has.
    pub approved: bool,
    /// How long it must stay healthy before the next one is begun.
    pub pause: Duration,
    /// What is taken back when one of its Applications fails.
    pub rollback: Extent,
    /// How long its Applications may wait, where that is not [`Options::timeout`].
    pub timeout: Option<Duration>,
    /// How long their pods may be broken, where that is not [`Options::stuck_after`].
    pub stuck_after: Option<Duration>,
}

/// One cluster of a plan.
pub struct Place {
    /// What is to be done there.
    pub plan: ClusterPlan,
    /// The objects that the plan names.
    pub deployment: Deployment,
    /// The cluster, or why nothing can be done there.
    pub cluster: Result<Arc<Mirror>, String>,
}

/// How a run ended in which nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything is as the plan says.
    Done,
    /// Somebody must approve an environment before the run goes on: `--resume --approve NAME`.
    Unapproved(String),
    /// What is left is synced by hand, or waits for that.
    ByHand(usize),
}

/// Brings about what the plan says, in all its clusters.
///
/// # Errors
/// When an Application failed, or the run was interrupted.
pub async fn run(
    places: Vec<Place>,
    journal: Arc<Journal>,
    events: Events,
    options: &Options,
) -> Result<Ended, SyncError> {
    let taking_back = journal.has(Kind::Withdrawal)?;
    let mut rollout = Rollout::new(places, journal, events, options.clone());
    let began = Instant::now();
    let mut failures = Vec::new();
    let (ended, stopped) = rollout.advance(taking_back, &mut failures).await?;
    if let Some(unit) = stopped {
        failures.extend(rollout.take_back(unit).await);
    }
    rollout.tell_requests(began.elapsed());
    failures.sort_by(|a: &(String, SyncError), b| a.0.cmp(&b.0));
    match SyncError::of_all(failures, rollout.planned.len()) {
        Some(error) => Err(error),
        None => Ok(ended),
    }
}

struct Rollout {
    doors: Vec<Arc<Door>>,
    planned: Vec<Planned>,
    schedule: Schedule,
    held: BTreeSet<usize>,
    done: BTreeSet<usize>,
    journal: Arc<Journal>,
    events: Events,
    options: Options,
}

impl Rollout {
    fn new(places: Vec<Place>, journal: Arc<Journal>, events: Events, options: Options) -> Rollout {
        let mut planned = Vec::new();
        let mut slots = Vec::new();
        let mut held = BTreeSet::new();
        let mut sets: BTreeMap<String, usize> = BTreeMap::new();
        for (cluster, place) in places.iter().enumerate() {
            for one in work::works(cluster, &place.plan, &place.deployment, &options) {
                let turn = one.unit.turn.as_ref();
                if one.changes && !options.by_hand && turn.is_some_and(|(_, turn)| turn.is_by_hand()) {
                    held.insert(slots.len());
                }
                slots.push(Slot {
                    cluster,
                    stage: one.stage,
                    wave: one.unit.wave,
                    turn: turn.and_then(|(set, turn)| {
                        let next = sets.len();
                        let set = *sets.entry(set.clone()).or_insert(next);
                        // A limit of nothing concerns only what changes.
                        Some((set, turn.step?, turn.limit.filter(|limit| *limit > 0)))
                    }),
                });
                planned.push(one);
            }
        }
        Rollout {
            schedule: Schedule::new(slots, &held),
            doors: places.into_iter().map(|place| Arc::new(Door::new(place, options.parallel))).collect(),
            planned,
            held,
            done: BTreeSet::new(),
            journal,
            events,
            options,
        }
    }

    /// Syncs whatever may be synced. Ends when nothing is left, when something stands in the way, or when an Application
    /// failed whose environment says that more than itself is to be taken back: then it is named. With `taking_back`
    /// nothing new is begun.
    async fn advance(
        &mut self,
        taking_back: bool,
        failures: &mut Vec<(String, SyncError)>,
    ) -> Result<(Ended, Option<usize>), SyncError> {
        let mut running = JoinSet::new();
        let mut ended = Ended::Done;
        let mut stopped = None;
        loop {
            while stopped.is_none() {
                if let Some(stage) = self.schedule.gate() {
                    match self.pass(stage, failures).await? {
                        Passed::Open => self.schedule.open(stage),
                        Passed::Closed(reason) => ended = reason,
                        Passed::Broken(unit) => stopped = Some(unit),
                    }
                }
                let Some(index) = self.schedule.take() else { break };
                let planned = self.planned[index].clone();
                let (door, options) = (Arc::clone(&self.doors[planned.cluster]), self.options.clone());
                let (journal, events) = (Arc::clone(&self.journal), self.events.clone());
                running
                    .spawn(async move { (index, door.sync(&planned, taking_back, &journal, &events, &options).await) });
            }
            let Some(joined) = running.join_next().await else { break };
            let (index, result) = joined.map_err(|error| SyncError::Journal(error.to_string()))?;
            match result {
                Ok(true) => {
                    self.done.insert(index);
                    self.schedule.done(index);
                }
                // It was not begun, and what waits for it is not either.
                Ok(false) => {}
                Err(error) => {
                    // A server that does not answer, or a lease that was lost, says nothing of what is deployed.
                    let failed = matches!(error, SyncError::Application { .. });
                    if failed && self.extent(index) > Extent::Application && stopped.is_none() {
                        stopped = Some(index);
                    }
                    failures.push((self.planned[index].work.id.clone(), error));
                }
            }
        }
        if let Some(place) = failures.iter().position(|(_, error)| matches!(error, SyncError::Interrupted)) {
            return Err(failures.swap_remove(place).1);
        }
        if ended == Ended::Done && failures.is_empty() && !taking_back {
            ended = self.left();
            failures.extend(self.contradictions());
        }
        Ok((ended, stopped))
    }

    /// What is left where nothing failed and nothing is closed.
    fn left(&self) -> Ended {
        for index in &self.held {
            let planned = &self.planned[*index];
            self.events.tell(Event::Waiting {
                cluster: self.doors[planned.cluster].place.plan.cluster.clone(),
                application: planned.work.id.clone(),
                message: "its ApplicationSet has it synced by hand: name it when planning, or use --by-hand".to_owned(),
            });
        }
        match self.held.len() + self.schedule.waiting().len() {
            0 => Ended::Done,
            left => Ended::ByHand(left),
        }
    }

    /// What waits for itself: nothing failed, nothing is under way, and nobody is waited for.
    fn contradictions(&self) -> Vec<(String, SyncError)> {
        if !self.held.is_empty() {
            return Vec::new();
        }
        let waiting = self.schedule.waiting().into_iter();
        waiting
            .map(|(index, waits)| {
                let application = self.planned[index].work.id.clone();
                let what = match waits {
                    Waits::Stage => "environment",
                    Waits::Wave => "wave",
                    Waits::Turn => "step of its ApplicationSet",
                };
                let reason = format!(
                    "it cannot be begun: its {what} waits for what waits for it; environments, waves and steps contradict \
                     each other"
                );
                (application.clone(), SyncError::Refused { application, reason })
            })
            .collect()
    }

    /// Whether the environment `stage` may be begun: all before it is done.
    async fn pass(&self, stage: usize, failures: &mut Vec<(String, SyncError)>) -> Result<Passed, SyncError> {
        let before = self.planned.iter().enumerate().filter(|(_, other)| other.stage < stage);
        let before: Vec<usize> = before.map(|(index, _)| index).filter(|index| self.done.contains(index)).collect();
        let last = before.iter().map(|index| self.planned[*index].stage).max();
        let pause = last.and_then(|last| self.options.stages.get(last.checked_sub(1)?)).map(|stage| stage.pause);
        if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
            self.rest(stage, pause).await?;
            for index in before {
                let planned = &self.planned[index];
                let Some(site) = self.doors[planned.cluster].opened() else { continue };
                match site.verify(&planned.work).await {
                    Ok(()) => {}
                    Err(error @ SyncError::Application { .. }) => {
                        failures.push((planned.work.id.clone(), error));
                        return Ok(Passed::Broken(index));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let Some(next) = stage.checked_sub(1).and_then(|place| self.options.stages.get(place)) else {
            return Ok(Passed::Open);
        };
        let approved = next.approved || self.journal.is_approved(&next.name)?;
        if !approved {
            self.events.tell(Event::Gate { environment: next.name.clone(), message: "waits for approval".to_owned() });
            return Ok(Passed::Closed(Ended::Unapproved(next.name.clone())));
        }
        self.journal.approve(&next.name)?;
        self.events.tell(Event::Gate { environment: next.name.clone(), message: "is begun".to_owned() });
        Ok(Passed::Open)
    }

    /// Waits until `pause` has passed since an Application became healthy last.
    async fn rest(&self, stage: usize, pause: Duration) -> Result<(), SyncError> {
        let over = self.journal.last_success()?.unwrap_or_default();
        let left = pause.saturating_sub(Duration::from_millis(u64::try_from(over).unwrap_or(0)));
        if let Some(next) = stage.checked_sub(1).and_then(|place| self.options.stages.get(place)) {
            let message = format!("is begun in {} s, if all stays healthy", left.as_secs());
            self.events.tell(Event::Gate { environment: next.name.clone(), message });
        }
        let until = tokio::time::Instant::now() + left;
        while tokio::time::Instant::now() < until {
            if self.options.interrupted.load(Ordering::Relaxed) {
                return Err(SyncError::Interrupted);
            }
            tokio::time::sleep(Duration::from_millis(100).min(until - tokio::time::Instant::now())).await;
        }
        Ok(())
    }

    fn tell_requests(&self, after: Duration) {
        for Door { place, .. } in self.doors.iter().map(|door| &**door) {
            if let Ok(mirror) = &place.cluster {
                let (cluster, requests) = (place.plan.cluster.clone(), mirror.cluster().requests());
                self.events.tell(Event::Ended { cluster, requests, after });
            }
        }
    }
}

/// What stands before an environment.
enum Passed {
    Open,
    Closed(Ended),
    /// An Application of an environment before it is no longer healthy.
    Broken(usize),
}
