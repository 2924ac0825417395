//! The executor: works through the tasks of one cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::health::{self, Health};
use super::{Cluster, Journal, State, SyncError, compare};
use crate::plan::{Action, ClusterPlan, Deployment, ObjectRef, TRACKING, Task};

/// How to work.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a wave may take to become healthy.
    pub timeout: Duration,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// Set when the run shall end after the step that it is in.
    pub interrupted: Arc<std::sync::atomic::AtomicBool>,
}

/// Told of each task as it ends.
pub trait Progress {
    /// A task was done, or failed with a message.
    fn task(&mut self, task: &Task, result: Result<(), &str>);
    /// A wave became healthy after a time.
    fn healthy(&mut self, objects: usize, after: Duration);
}

/// Applies `plan` to `cluster`. `deployment` holds the objects that the plan names.
///
/// # Errors
/// When a task fails, a wave does not become healthy in time, or the run is interrupted. A failed task does not stop
/// the others of its step; the next step is not begun.
pub async fn run(
    plan: &ClusterPlan,
    deployment: &Deployment,
    cluster: &Arc<Cluster>,
    journal: &mut Journal,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(), SyncError> {
    let manifests: BTreeMap<&ObjectRef, &Arc<Value>> =
        deployment.objects.iter().map(|desired| (&desired.object, &desired.manifest)).collect();
    let mut wave: Vec<&Task> = Vec::new();
    let tasks: Vec<(usize, &Task)> = plan.tasks.iter().enumerate().collect();
    let steps: Vec<&[(usize, &Task)]> = tasks.chunk_by(|a, b| a.1.step == b.1.step).collect();
    for (index, step) in steps.iter().enumerate() {
        if options.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        work(plan, step, &manifests, cluster, journal, options, progress).await?;
        wave.extend(step.iter().map(|(_, task)| *task));
        let ends = steps.get(index + 1).and_then(|next| next.first()).is_none_or(|(_, next)| {
            let own = step[0].1;
            let prunes = (own.action == Action::Prune, next.action == Action::Prune);
            next.wave != own.wave || prunes.0 != prunes.1 || stage_changes(&own.object, &next.object)
        });
        if ends {
            settle(&std::mem::take(&mut wave), cluster, options, progress).await?;
        }
    }
    Ok(())
}

/// Definitions of kinds must be in force before anything of those kinds is applied.
fn stage_changes(before: &ObjectRef, next: &ObjectRef) -> bool {
    let stage = |object: &ObjectRef| match object.kind.as_str() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        _ => 2,
    };
    stage(before) != stage(next)
}

async fn work(
    plan: &ClusterPlan,
    step: &[(usize, &Task)],
    manifests: &BTreeMap<&ObjectRef, &Arc<Value>>,
    cluster: &Arc<Cluster>,
    journal: &mut Journal,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(), SyncError> {
    let mut open = Vec::new();
    for (position, task) in step {
        if !journal.is_done(&plan.cluster, *position)? {
            open.push((*position, *task));
        }
    }
    let begun: Vec<_> = open.iter().map(|(position, task)| (*position, *task, State::Begun, "")).collect();
    journal.record(&plan.cluster, &begun)?;
    let permits = Arc::new(Semaphore::new(options.concurrency.max(1)));
    let mut running = JoinSet::new();
    for (position, task) in &open {
        let (position, action, object) = (*position, task.action, task.object.clone());
        let application = task.application.clone();
        let (cluster, permits) = (Arc::clone(cluster), Arc::clone(&permits));
        let manifest = manifests.get(&object).map(|manifest| Arc::clone(manifest));
        running.spawn(async move {
            let _permit = permits.acquire().await;
            let result = match (action, manifest) {
                (Action::Prune, _) => prune(&cluster, &object, &application).await,
                (_, Some(manifest)) => cluster.apply(&object, &manifest, false).await.map(|_| ()),
                (_, None) => Err(SyncError::Api { what: object.to_string(), reason: "not rendered".to_owned() }),
            };
            (position, result)
        });
    }
    let tasks: BTreeMap<usize, &Task> = open.iter().copied().collect();
    let mut failures = Vec::new();
    while let Some(joined) = running.join_next().await {
        let (position, result) = match joined {
            Ok(done) => done,
            Err(error) => {
                failures.push(error.to_string());
                continue;
            }
        };
        let Some(task) = tasks.get(&position) else { continue };
        let message = result.as_ref().err().map(|error| match task.source.as_str() {
            "" => error.to_string(),
            source => format!("{source}: {error}"),
        });
        let state = if message.is_some() { State::Failed } else { State::Done };
        journal.record(&plan.cluster, &[(position, task, state, message.as_deref().unwrap_or_default())])?;
        progress.task(task, message.as_deref().map_or(Ok(()), Err));
        failures.extend(message);
    }
    match failures.first() {
        Some(first) => Err(SyncError::Failed(failures.len(), open.len(), first.clone())),
        None => Ok(()),
    }
}

/// Deletes what is still tracked by `application`: whoever took the annotation off has taken the object over. A
/// namespace is looked into once more: something may have been put there since the plan was made.
async fn prune(cluster: &Arc<Cluster>, object: &ObjectRef, application: &str) -> Result<(), SyncError> {
    let Some(live) = cluster.get(object).await? else { return Ok(()) };
    let metadata = &live["metadata"];
    let tracking = metadata["annotations"][TRACKING].as_str().unwrap_or_default();
    if compare::application(tracking).as_deref() != Some(application) || !compare::names(tracking, object) {
        return Ok(());
    }
    if object.kind == "Namespace" && object.group().is_empty() {
        let within = cluster.list(Some(&object.name)).await?;
        let stays = within.iter().filter(|listed| compare::inhabits(listed)).find(|listed| {
            !compare::names(&listed.tracking, &listed.object)
                || compare::application(&listed.tracking).as_deref() != Some(application)
        });
        if let Some(stays) = stays {
            let reason = format!("it holds {}, which would go with it; make a new plan", stays.object);
            return Err(SyncError::Api { what: object.to_string(), reason });
        }
    }
    cluster.delete(object, metadata["uid"].as_str().unwrap_or_default()).await
}

/// Waits until what was applied is healthy, and what was pruned is gone.
async fn settle(
    tasks: &[&Task],
    cluster: &Arc<Cluster>,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(), SyncError> {
    let began = Instant::now();
    let mut open: Vec<&Task> = tasks
        .iter()
        .copied()
        .filter(|task| task.action == Action::Prune || health::is_assessed(&task.object))
        .collect();
    let waiting = open.iter().filter(|task| task.action != Action::Prune).count();
    let mut pause = Duration::from_millis(100);
    loop {
        let mut still = Vec::new();
        for (task, live) in open.iter().zip(look(&open, cluster, options.concurrency).await?) {
            match state(task, live.as_ref()) {
                Health::Healthy => {}
                Health::Degraded(reason) => return Err(SyncError::Unhealthy(describe(task, &reason))),
                Health::Progressing(reason) => still.push((*task, reason)),
            }
        }
        if still.is_empty() {
            if waiting > 0 {
                progress.healthy(waiting, began.elapsed());
            }
            return Ok(());
        }
        if began.elapsed() > options.timeout {
            let reasons: Vec<String> = still.iter().map(|(task, reason)| describe(task, reason)).collect();
            return Err(SyncError::Unhealthy(format!("after {} s: {}", options.timeout.as_secs(), reasons.join("; "))));
        }
        if options.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        open = still.into_iter().map(|(task, _)| task).collect();
    }
}

/// The live objects of `tasks`, in their order.
async fn look(tasks: &[&Task], cluster: &Arc<Cluster>, concurrency: usize) -> Result<Vec<Option<Value>>, SyncError> {
    let permits = Arc::new(Semaphore::new(concurrency.max(1)));
    let mut running = JoinSet::new();
    for (position, task) in tasks.iter().enumerate() {
        let (cluster, permits, object) = (Arc::clone(cluster), Arc::clone(&permits), task.object.clone());
        running.spawn(async move {
            let _permit = permits.acquire().await;
            (position, cluster.get(&object).await)
        });
    }
    let mut live = vec![None; tasks.len()];
    while let Some(joined) = running.join_next().await {
        let (position, found) =
            joined.map_err(|error| SyncError::Api { what: "health".to_owned(), reason: error.to_string() })?;
        live[position] = found?;
    }
    Ok(live)
}

/// How far a task is from what it is for.
fn state(task: &Task, live: Option<&Value>) -> Health {
    match (task.action, live) {
        (Action::Prune, None) => Health::Healthy,
        (Action::Prune, Some(live)) => match live.pointer("/metadata/deletionTimestamp") {
            Some(_) => Health::Progressing("it is being deleted".to_owned()),
            // It was taken over, or made anew.
            None => Health::Healthy,
        },
        (_, Some(live)) => health::assess(live),
        (_, None) => Health::Progressing("not there".to_owned()),
    }
}

fn describe(task: &Task, reason: &str) -> String {
    match task.source.as_str() {
        "" => format!("{}: {reason}", task.object),
        source => format!("{source}: {}: {reason}", task.object),
    }
}
