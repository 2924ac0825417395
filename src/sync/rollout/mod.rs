//! The executor: all Applications of a plan, in the order in which their environments, waves and steps let them through.
//!
//! [`Schedule`] says what may be begun; here it is begun, each Application by itself, as many at once in a cluster as may
//! be. One that fails keeps back only what waits for it, unless its environment says that more is to be taken back: then
//! nothing more is begun, and what the run has synced goes back with it. A cluster that cannot be reached fails its own
//! Applications and no others.

mod schedule;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

pub use schedule::{Schedule, Slot, Waits};
use work::Planned;
pub(super) use work::key;

use super::application::Site;
use super::journal::{Journal, Kind};
use super::live::{Event, Events};
use super::{Cluster, SyncError, machine};
use crate::check::sync_refusal;
pub use crate::config::Extent;
use crate::plan::{ClusterPlan, Deployment};

/// How to work.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long an Application may wait for something that does not move on.
    pub timeout: Duration,
    /// How long the pods of a workload may be broken before its sync has failed.
    pub stuck_after: Duration,
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
    pub cluster: Result<Arc<Cluster>, String>,
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

/// The door to a cluster, opened by the first Application that is synced there.
struct Door {
    place: Place,
    site: OnceCell<Result<Arc<Site>, String>>,
    permits: Arc<Semaphore>,
}

struct Rollout {
    doors: Vec<Arc<Door>>,
    /// The Applications, with the number of their cluster and of their environment.
    planned: Vec<(usize, usize, Planned)>,
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
            for one in work::works(&place.plan, &place.deployment, &options) {
                let stage = options
                    .stages
                    .iter()
                    .position(|stage| one.unit.environment.as_deref() == Some(stage.name.as_str()))
                    .map_or(0, |place| place + 1);
                let turn = one.unit.turn.as_ref();
                if one.changes && !options.by_hand && turn.is_some_and(|(_, turn)| turn.is_by_hand()) {
                    held.insert(slots.len());
                }
                slots.push(Slot {
                    cluster,
                    stage,
                    wave: one.unit.wave,
                    turn: turn.and_then(|(set, turn)| {
                        let next = sets.len();
                        let set = *sets.entry(set.clone()).or_insert(next);
                        // A limit of nothing concerns only what changes.
                        Some((set, turn.step?, turn.limit.filter(|limit| *limit > 0)))
                    }),
                });
                planned.push((cluster, stage, one));
            }
        }
        let door =
            |place| Door { place, site: OnceCell::new(), permits: Arc::new(Semaphore::new(options.parallel.max(1))) };
        Rollout {
            schedule: Schedule::new(slots, &held),
            doors: places.into_iter().map(|place| Arc::new(door(place))).collect(),
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
                let (door, planned, options) = (
                    Arc::clone(&self.doors[self.planned[index].0]),
                    self.planned[index].2.clone(),
                    self.options.clone(),
                );
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
                    failures.push((self.planned[index].2.work.id.clone(), error));
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
            let (cluster, _, planned) = &self.planned[*index];
            self.events.tell(Event::Waiting {
                cluster: self.doors[*cluster].place.plan.cluster.clone(),
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
                let application = self.planned[index].2.work.id.clone();
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
        let before = self.planned.iter().enumerate().filter(|(_, (_, other, _))| *other < stage);
        let before: Vec<usize> = before.map(|(index, _)| index).filter(|index| self.done.contains(index)).collect();
        let last = before.iter().map(|index| self.planned[*index].1).max();
        let pause = last.and_then(|last| self.options.stages.get(last.checked_sub(1)?)).map(|stage| stage.pause);
        if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
            self.rest(stage, pause).await?;
            for index in before {
                let (cluster, _, planned) = &self.planned[index];
                let Some(Ok(site)) = self.doors[*cluster].site.get() else { continue };
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
            if let Ok(cluster) = &place.cluster {
                let (cluster, requests) = (place.plan.cluster.clone(), cluster.requests());
                self.events.tell(Event::Ended { cluster, requests, after });
            }
        }
    }

    /// What goes back when `unit` fails.
    fn extent(&self, unit: usize) -> Extent {
        let stage = self.planned[unit].1.checked_sub(1).and_then(|place| self.options.stages.get(place));
        match stage {
            _ if !self.options.rollback => Extent::None,
            Some(stage) => stage.rollback,
            None => Extent::Application,
        }
    }

    /// Takes back what the run has synced along with the Application that failed; what could not be taken back.
    async fn take_back(&self, unit: usize) -> Vec<(String, SyncError)> {
        let extent = self.extent(unit);
        let (_, stage, failed) = &self.planned[unit];
        let step = |planned: &Planned| planned.unit.turn.as_ref().map(|(set, turn)| (set.clone(), turn.step));
        let mut running = JoinSet::new();
        for index in &self.done {
            let (cluster, other, planned) = &self.planned[*index];
            let goes = match extent {
                Extent::Rollout => true,
                Extent::Step => other == stage && step(planned) == step(failed),
                // One that failed by itself is back already; one that did not stay healthy is not.
                Extent::Application => *index == unit,
                Extent::None => false,
            };
            let Some(Ok(site)) = self.doors[*cluster].site.get().filter(|_| goes && planned.changes) else { continue };
            let (site, work) = (Arc::clone(site), planned.work.clone());
            running.spawn(async move { (work.id.clone(), site.withdraw(&work).await) });
        }
        let mut failures = Vec::new();
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((_, Ok(_))) => {}
                Ok((id, Err(error))) => failures.push((id, error)),
                Err(error) => failures.push((String::new(), SyncError::Journal(error.to_string()))),
            }
        }
        failures
    }
}

/// What stands before an environment.
enum Passed {
    Open,
    Closed(Ended),
    /// An Application of an environment before it is no longer healthy.
    Broken(usize),
}

impl Door {
    /// Syncs an Application here; `false` where it was not begun because the run is being taken back.
    async fn sync(
        &self,
        planned: &Planned,
        taking_back: bool,
        journal: &Arc<Journal>,
        events: &Events,
        options: &Options,
    ) -> Result<bool, SyncError> {
        let _permit = self.permits.acquire().await;
        let (place, work) = (&self.place.plan.cluster, &planned.work);
        let begun = journal.existing(place, &work.id, Kind::Sync)?;
        if begun.is_none() {
            if taking_back {
                return Ok(false);
            }
            self.mind_windows(planned, journal, events, options)?;
        }
        if options.interrupted.load(Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        let site = self.site.get_or_init(|| self.open(journal, events, options)).await;
        let site = site
            .as_ref()
            .map_err(|reason| SyncError::Unreachable { cluster: place.clone(), reason: reason.clone() })?;
        if journal.existing(place, &work.id, Kind::Withdrawal)?.is_some() {
            // It was synced, and is being taken back.
            return Ok(true);
        }
        site.sync(work).await.map(|()| true)
    }

    /// Begins with a cluster: what several of its Applications need comes first.
    async fn open(&self, journal: &Arc<Journal>, events: &Events, options: &Options) -> Result<Arc<Site>, String> {
        let Place { plan, deployment, cluster } = &self.place;
        let cluster = Arc::clone(cluster.as_ref().map_err(Clone::clone)?);
        let site = Site::new(
            &plan.cluster,
            cluster,
            Arc::clone(journal),
            events.clone(),
            options.clone(),
            Arc::clone(&deployment.settings),
        );
        let site = Arc::new(site.await.map_err(|error| error.to_string())?);
        if let Some((goal, sources)) = work::ahead(plan, deployment, options) {
            site.prepare(goal, sources).await.map_err(|error| error.to_string())?;
        }
        Ok(site)
    }

    /// Refuses what no sync window lets through now.
    fn mind_windows(
        &self,
        planned: &Planned,
        journal: &Journal,
        events: &Events,
        options: &Options,
    ) -> Result<(), SyncError> {
        if !planned.changes {
            return Ok(());
        }
        let Some(project) = &planned.unit.project else { return Ok(()) };
        let now = chrono::Utc::now();
        let Some(reason) = sync_refusal(project, &planned.unit.application, now, options.manual) else {
            return Ok(());
        };
        let application = planned.work.id.clone();
        let Some(why) = &options.windows_overridden else {
            return Err(SyncError::Refused { application, reason });
        };
        let message = format!("{reason}; overridden: {why}");
        journal.remark(&self.place.plan.cluster, &application, &message)?;
        events.tell(Event::Waiting { cluster: self.place.plan.cluster.clone(), application, message });
        Ok(())
    }
}
