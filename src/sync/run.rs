//! The executor: works through the tasks of one cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::health::{self, Health};
use super::{Cluster, Journal, State, SyncError};
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
    let manifests: BTreeMap<&ObjectRef, &Arc<serde_json::Value>> =
        deployment.objects.iter().map(|desired| (&desired.object, &desired.manifest)).collect();
    let mut wave: Vec<ObjectRef> = Vec::new();
    let tasks: Vec<(usize, &Task)> = plan.tasks.iter().enumerate().collect();
    let steps: Vec<&[(usize, &Task)]> = tasks.chunk_by(|a, b| a.1.step == b.1.step).collect();
    for (index, step) in steps.iter().enumerate() {
        if options.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        work(plan, step, &manifests, cluster, journal, options, progress).await?;
        wave.extend(step.iter().filter(|(_, task)| task.action != Action::Prune).map(|(_, task)| task.object.clone()));
        let ends = steps.get(index + 1).and_then(|next| next.first()).is_none_or(|(_, next)| {
            let own = step[0].1;
            next.wave != own.wave || next.action == Action::Prune || stage_changes(&own.object, &next.object)
        });
        if ends && !wave.is_empty() {
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
    manifests: &BTreeMap<&ObjectRef, &Arc<serde_json::Value>>,
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
        let (cluster, permits) = (Arc::clone(cluster), Arc::clone(&permits));
        let manifest = manifests.get(&object).map(|manifest| Arc::clone(manifest));
        running.spawn(async move {
            let _permit = permits.acquire().await;
            let result = match (action, manifest) {
                (Action::Prune, _) => prune(&cluster, &object).await,
                (_, Some(manifest)) => cluster.apply(&object, &manifest, false).await.map(|_| ()),
                (_, None) => Err(SyncError::Api { what: object.to_string(), reason: "not rendered".to_owned() }),
            };
            (position, result)
        });
    }
    let mut failures = Vec::new();
    while let Some(joined) = running.join_next().await {
        let Ok((position, result)) = joined else { continue };
        let Some((_, task)) = open.iter().find(|(known, _)| *known == position) else { continue };
        let message = result.as_ref().err().map(ToString::to_string);
        let state = if message.is_some() { State::Failed } else { State::Done };
        journal.record(&plan.cluster, &[(position, *task, state, message.as_deref().unwrap_or_default())])?;
        progress.task(task, message.as_deref().map_or(Ok(()), Err));
        failures.extend(message);
    }
    match failures.first() {
        Some(first) => Err(SyncError::Failed(failures.len(), open.len(), first.clone())),
        None => Ok(()),
    }
}

/// Deletes what still carries the tracking annotation: whoever took it off has taken the object over.
async fn prune(cluster: &Cluster, object: &ObjectRef) -> Result<(), SyncError> {
    let Some(live) = cluster.get(object).await? else { return Ok(()) };
    let tracked = live.pointer("/metadata/annotations").and_then(|annotations| annotations.get(TRACKING)).is_some();
    if tracked { cluster.delete(object).await } else { Ok(()) }
}

/// Waits until `objects` are healthy.
async fn settle(
    objects: &[ObjectRef],
    cluster: &Cluster,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(), SyncError> {
    let began = Instant::now();
    let mut open: Vec<&ObjectRef> = objects.iter().filter(|object| health::is_assessed(object)).collect();
    let waiting = open.len();
    let mut pause = Duration::from_millis(100);
    loop {
        let mut still = Vec::new();
        let mut reasons = Vec::new();
        for object in open {
            let live = cluster.get(object).await?;
            match live.as_ref().map(health::assess) {
                Some(Health::Healthy) => {}
                Some(Health::Degraded(reason)) => {
                    return Err(SyncError::Unhealthy(format!("{object}: {reason}")));
                }
                Some(Health::Progressing(reason)) => {
                    reasons.push(format!("{object}: {reason}"));
                    still.push(object);
                }
                None => {
                    reasons.push(format!("{object}: not there"));
                    still.push(object);
                }
            }
        }
        if still.is_empty() {
            if waiting > 0 {
                progress.healthy(waiting, began.elapsed());
            }
            return Ok(());
        }
        if began.elapsed() > options.timeout {
            return Err(SyncError::Unhealthy(format!("after {} s: {}", options.timeout.as_secs(), reasons.join("; "))));
        }
        if options.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        open = still;
    }
}
