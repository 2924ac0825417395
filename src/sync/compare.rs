//! A plan held against the live cluster: what exists, what differs, and what is no longer deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cluster::Tracked;
use super::{Cluster, SyncError};
use crate::plan::{Action, ClusterPlan, Deployment, Desired, ObjectRef, Skipped, Task};

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
    cluster: &Cluster,
    options: PruneOptions,
) -> Result<(), SyncError> {
    let desired: BTreeMap<&ObjectRef, &Desired> =
        deployment.objects.iter().map(|desired| (&desired.object, desired)).collect();
    for task in &mut plan.tasks {
        if let Some(desired) = desired.get(&task.object) {
            task.action = action(cluster, desired).await?;
        }
    }
    let kept: BTreeSet<(&str, &str, &str, &str)> = desired.keys().map(|object| identity(object)).collect();
    let mut prunes = Vec::new();
    for tracked in cluster.tracked().await? {
        let Some(application) = owner(&tracked.tracking, deployment) else { continue };
        // The annotation names the object itself; a copy of it on something else means nothing.
        if tracked.owned || kept.contains(&identity(&tracked.object)) || !names(&tracked) {
            continue;
        }
        let skip = |reason: &str| Skipped {
            object: tracked.object.clone(),
            application: application.clone(),
            reason: reason.to_owned(),
        };
        let may = options.all || deployment.applications.get(&application).copied().unwrap_or(false);
        if tracked.sync_options.split(',').any(|option| matches!(option.trim(), "Prune=false" | "Delete=false")) {
            plan.skipped.push(skip("no longer deployed; its sync options forbid to prune it"));
        } else if !may {
            plan.skipped.push(skip("no longer deployed; its Application does not prune by itself (see --prune)"));
        } else {
            prunes.push((application, tracked));
        }
    }
    prune_tasks(plan, prunes);
    plan.live = true;
    Ok(())
}

/// What prunes comes after everything else, in the reverse order of kinds; namespaces and definitions go last.
fn prune_tasks(plan: &mut ClusterPlan, mut prunes: Vec<(String, Tracked)>) {
    prunes.sort_by_key(|(_, tracked)| {
        (std::cmp::Reverse(crate::plan::order::removal_rank(&tracked.object.kind)), tracked.object.clone())
    });
    let mut step = plan.tasks.last().map_or(0, |task| task.step + 1);
    let mut before: Option<String> = None;
    for (application, tracked) in prunes {
        if before.as_ref().is_some_and(|kind| *kind != tracked.object.kind) {
            step += 1;
        }
        before = Some(tracked.object.kind.clone());
        plan.tasks.push(Task {
            step,
            wave: (0, 0),
            action: Action::Prune,
            object: tracked.object,
            application,
            digest: None,
            source: String::new(),
        });
    }
}

async fn action(cluster: &Cluster, desired: &Desired) -> Result<Action, SyncError> {
    let object = &desired.object;
    if !cluster.serves(&object.api_version, &object.kind).await {
        return Ok(Action::Create);
    }
    let Some(live) = cluster.get(object).await? else { return Ok(Action::Create) };
    // What the server would make of it decides: defaults and normal forms are its own.
    Ok(match cluster.apply(object, &desired.manifest, true).await {
        Ok(applied) if same(&live, &applied) => Action::Unchanged,
        _ => Action::Apply,
    })
}

fn same(live: &Value, applied: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in ["managedFields", "resourceVersion", "generation"] {
                metadata.remove(key);
            }
        }
        value
    };
    let owned = |value: &Value| {
        let managers = value.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        managers
            .into_iter()
            .find(|entry| entry["manager"] == super::FIELD_MANAGER)
            .map(|entry| entry["fieldsV1"].clone())
    };
    bare(live) == bare(applied) && owned(live) == owned(applied)
}

/// Versions of one kind show the same object.
fn identity(object: &ObjectRef) -> (&str, &str, &str, &str) {
    (object.group(), &object.kind, &object.namespace, &object.name)
}

/// The Application of `deployment` that a tracking annotation names.
fn owner(tracking: &str, deployment: &Deployment) -> Option<String> {
    let name = tracking.split(':').next()?;
    let id = match name.split_once('_') {
        Some((namespace, name)) => format!("{namespace}/{name}"),
        None => format!("argocd/{name}"),
    };
    deployment.applications.contains_key(&id).then_some(id)
}

fn names(tracked: &Tracked) -> bool {
    let object = &tracked.object;
    let own = format!(":{}/{}:{}/{}", object.group(), object.kind, object.namespace, object.name);
    tracked.tracking.ends_with(&own)
}
