//! A plan held against the live cluster: what exists, what differs, and what is no longer deployed.
//!
//! A plan is held against it twice: when it is made, and once more before it is carried out ([`drift`]).

mod difference;
mod drift;
mod prune;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use difference::Difference;
pub use drift::{Drift, drift};
pub(super) use prune::inhabits;

use super::ignore::ignored;
use super::{Cluster, SyncError, machine};
use crate::plan::{Action, ClusterPlan, Deployment, Desired, ObjectRef, Role, Unit, order};

/// What may be pruned.
#[derive(Debug, Clone, Copy, Default)]
pub struct PruneOptions {
    /// Prune for every Application, not only for those with `automated.prune`.
    pub all: bool,
}

/// Fills `plan` with what `cluster` holds.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn compare(
    plan: &mut ClusterPlan,
    deployment: &Deployment,
    cluster: &Arc<Cluster>,
    options: PruneOptions,
) -> Result<(), SyncError> {
    let known: std::collections::BTreeSet<String> = plan.tasks.iter().map(|task| task.application.clone()).collect();
    let objects = deployment.objects.iter().filter(|desired| known.contains(&desired.application));
    let objects: Vec<&Desired> = applied(objects).collect();
    let together = cluster.together(objects.iter().map(|desired| &desired.object)).await?;
    let mut differences = differences(deployment, &objects, cluster, |object| together.get(object)).await?;
    let prunes = prune::prunes(plan, deployment, &cluster.list(None).await?, options);
    let mut tasks = order::tasks(deployment, &prunes);
    tasks.retain(|task| task.action == Action::Prune || known.contains(&task.application));
    for task in &mut tasks {
        if task.action != Action::Apply {
            continue;
        }
        if let Some(Difference { action, changes, adopts }) = differences.remove(&task.object) {
            (task.action, task.changes, task.adopts) = (action, changes, adopts);
        }
    }
    plan.tasks = tasks;
    plan.live = true;
    plan.identity = Some(cluster.identity().await?);
    Ok(())
}

/// Those that are compared: hooks run whatever is there.
fn applied<'d>(objects: impl Iterator<Item = &'d Desired>) -> impl Iterator<Item = &'d Desired> {
    objects.filter(|desired| desired.role != Role::Hook)
}

/// What syncing `objects` would do to the cluster as it is. `read` has what was read of it already: `Some(None)` is
/// what is not there.
async fn differences(
    deployment: &Deployment,
    objects: &[&Desired],
    cluster: &Arc<Cluster>,
    read: impl Fn(&ObjectRef) -> Option<Option<Arc<Value>>>,
) -> Result<BTreeMap<ObjectRef, Difference>, SyncError> {
    let mut policies: BTreeMap<&str, Arc<machine::Options>> = BTreeMap::new();
    let mut running = JoinSet::new();
    // Everything that is compared at once is in memory twice.
    let permits = Arc::new(Semaphore::new(64));
    let mut found = BTreeMap::new();
    for &desired in objects {
        let known = read(&desired.object);
        if matches!(known, Some(None)) || !cluster.serves(&desired.object.api_version, &desired.object.kind) {
            found.insert(desired.object.clone(), Difference::creation());
            continue;
        }
        let application = desired.application.as_str();
        let policy = policies.entry(application).or_insert_with(|| {
            let policy = |unit: &Unit| machine::Options {
                ignoring: Arc::new(ignored(&unit.application, deployment.settings.config.as_ref())),
                ..super::options(&unit.application)
            };
            Arc::new(deployment.applications.get(application).map(policy).unwrap_or_default())
        });
        let (cluster, permits, policy) = (Arc::clone(cluster), Arc::clone(&permits), Arc::clone(policy));
        let (desired, settings) = (desired.clone(), Arc::clone(&deployment.settings));
        running.spawn(async move {
            let _permit = permits.acquire().await;
            let live = match known {
                Some(known) => Ok(known),
                None => cluster.get(&desired.object).await.map(|live| live.map(Arc::new)),
            };
            let difference = match live {
                Ok(Some(live)) => Difference::of(&cluster, &desired, &live, &policy, &settings).await,
                Ok(None) => Ok(Difference::creation()),
                Err(error) => Err(error),
            };
            (desired.object, difference)
        });
    }
    while let Some(joined) = running.join_next().await {
        let fault = |reason: String| SyncError::Api { what: "compare".to_owned(), code: 0, reason };
        let (object, difference) = joined.map_err(|error| fault(error.to_string()))?;
        found.insert(object, difference?);
    }
    Ok(found)
}
