//! A plan held against the live cluster: what exists, what differs, and what is no longer deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cluster::{Listed, Together, Writing};
use super::{Cluster, SyncError, machine};
use crate::plan::order::{self, Prune};
use crate::plan::{Action, ClusterPlan, Deployment, ObjectRef, Pruning, Role, Skipped};

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
    let compared = || deployment.objects.iter().filter(|desired| desired.role != Role::Hook);
    let together = Arc::new(cluster.together(compared().map(|desired| &desired.object)).await?);
    let mut running = JoinSet::new();
    // Everything that is compared at once is in memory twice.
    let permits = Arc::new(Semaphore::new(64));
    for desired in compared() {
        let (cluster, together, permits) = (Arc::clone(cluster), Arc::clone(&together), Arc::clone(&permits));
        let (object, manifest) = (desired.object.clone(), Arc::clone(&desired.manifest));
        running.spawn(async move {
            let _permit = permits.acquire().await;
            let action = action(&cluster, &together, &object, &manifest).await;
            (object, action)
        });
    }
    let mut actions: BTreeMap<ObjectRef, Action> = BTreeMap::new();
    while let Some(joined) = running.join_next().await {
        let fault = |reason: String| SyncError::Api { what: "compare".to_owned(), code: 0, reason };
        let (object, action) = joined.map_err(|error| fault(error.to_string()))?;
        actions.insert(object, action?);
    }
    let desired: BTreeSet<&ObjectRef> = deployment.objects.iter().map(|desired| &desired.object).collect();
    let kept: BTreeSet<(&str, &str, &str, &str)> = desired.iter().map(|object| identity(object)).collect();
    let live = cluster.list(None).await?;
    let mut prunes = Vec::new();
    for listed in &live {
        let Some(application) = owner(&listed.tracking, deployment) else { continue };
        // The annotation names the object itself; a copy of it on something else means nothing.
        if listed.owned
            || is_hook(listed)
            || kept.contains(&identity(&listed.object))
            || !names(&listed.tracking, &listed.object)
        {
            continue;
        }
        let unit = deployment.applications.get(&application);
        let policy = unit.and_then(|unit| super::options(&unit.application).prune_option);
        match keeps(listed, unit.map(|unit| unit.pruning), policy.as_deref(), options) {
            Some(reason) => plan.skipped.push(Skipped {
                object: listed.object.clone(),
                application,
                reason: format!("no longer deployed; {reason}"),
            }),
            None => prunes.push((application, listed.clone())),
        }
    }
    keep_inhabited(plan, &mut prunes, &live);
    let prunes: Vec<Prune> = prunes.into_iter().map(|(application, listed)| prune(application, listed)).collect();
    let known: BTreeSet<&str> = plan.tasks.iter().map(|task| task.application.as_str()).collect();
    let mut tasks = order::tasks(deployment, &prunes);
    tasks.retain(|task| task.action == Action::Prune || known.contains(task.application.as_str()));
    for task in &mut tasks {
        if let (Action::Apply, Some(action)) = (task.action, actions.get(&task.object)) {
            task.action = *action;
        }
    }
    plan.tasks = tasks;
    plan.live = true;
    plan.identity = Some(cluster.identity().await?);
    Ok(())
}

/// What a hook left behind goes by its delete policy.
fn is_hook(listed: &Listed) -> bool {
    machine::is_hook(&described(listed))
}

/// A listed object with what is known of it.
fn described(listed: &Listed) -> Value {
    let ObjectRef { api_version, kind, namespace, name } = &listed.object;
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": listed.annotations}})
}

fn prune(application: String, listed: Listed) -> Prune {
    Prune { live: Arc::new(described(&listed)), object: listed.object, application }
}

/// Why an object that is no longer deployed stays.
///
/// `policy` is what the Application's sync options say of `Prune`; the object's own come first.
fn keeps(
    listed: &Listed,
    pruning: Option<Pruning>,
    policy: Option<&str>,
    options: PruneOptions,
) -> Option<&'static str> {
    let sync_options = listed.annotations.get("argocd.argoproj.io/sync-options").map_or("", String::as_str);
    let says = |words: &[&str]| sync_options.split(',').any(|option| words.contains(&option.trim()));
    let own = sync_options.split(',').find_map(|option| option.trim().strip_prefix("Prune="));
    let prune = own.or(policy);
    if prune == Some("false") || says(&["Delete=false"]) {
        return Some("its sync options forbid to prune it");
    }
    if (prune == Some("confirm") || says(&["Delete=confirm"])) && !options.all {
        return Some("its sync options ask for a confirmation (see --prune)");
    }
    match pruning {
        Some(Pruning::Automated) => None,
        Some(Pruning::Asked | Pruning::Empty) if options.all => None,
        Some(Pruning::Asked) => Some("its Application does not prune by itself (see --prune)"),
        Some(Pruning::Empty) => Some("its Application renders to nothing and does not say allowEmpty (see --prune)"),
        Some(Pruning::Never) | None => Some("part of its Application could not be rendered"),
    }
}

/// A namespace takes all that is in it along: one that holds anything else than what is pruned stays.
fn keep_inhabited(plan: &mut ClusterPlan, prunes: &mut Vec<(String, Listed)>, live: &[Listed]) {
    let going: BTreeSet<ObjectRef> = prunes.iter().map(|(_, listed)| listed.object.clone()).collect();
    prunes.retain(|(application, namespace)| {
        if namespace.object.kind != "Namespace" || !namespace.object.group().is_empty() {
            return true;
        }
        let within = live.iter().filter(|listed| listed.object.namespace == namespace.object.name);
        let Some(stays) = within.filter(|listed| inhabits(listed)).find(|listed| !going.contains(&listed.object))
        else {
            return true;
        };
        plan.skipped.push(Skipped {
            object: namespace.object.clone(),
            application: application.clone(),
            reason: format!("no longer deployed; it holds {}, which would go with it", stays.object),
        });
        false
    });
}

/// Whether an object is one that a namespace must be kept for: not what every namespace has, nor what belongs to
/// another object.
pub(super) fn inhabits(listed: &Listed) -> bool {
    let ObjectRef { kind, name, .. } = &listed.object;
    !listed.owned
        && !matches!((kind.as_str(), name.as_str()), ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default"))
}

async fn action(
    cluster: &Cluster,
    together: &Together,
    object: &ObjectRef,
    manifest: &Value,
) -> Result<Action, SyncError> {
    if !cluster.serves(&object.api_version, &object.kind) {
        return Ok(Action::Create);
    }
    let live = match together.get(object) {
        Some(known) => known,
        None => cluster.get(object).await?.map(Arc::new),
    };
    let Some(live) = live else { return Ok(Action::Create) };
    if super::same::is_applied(manifest, &live) {
        return Ok(Action::Unchanged);
    }
    // What the server would make of it decides: defaults and normal forms are its own.
    Ok(match cluster.apply(object, manifest, Writing { dry_run: true, ..Writing::default() }).await {
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
    let id = application(tracking)?;
    deployment.applications.contains_key(&id).then_some(id)
}

/// The Application that a tracking annotation names: `namespace/name`.
pub(super) fn application(tracking: &str) -> Option<String> {
    let (name, _) = tracking.split_once(':')?;
    Some(match name.split_once('_') {
        Some((namespace, name)) => format!("{namespace}/{name}"),
        None => format!("argocd/{name}"),
    })
}

/// Whether a tracking annotation speaks of `object`. Argo CD writes the destination's namespace for objects without.
pub(super) fn names(tracking: &str, object: &ObjectRef) -> bool {
    let mut parts = tracking.splitn(3, ':').skip(1);
    let (Some(kind), Some(place)) = (parts.next(), parts.next()) else { return false };
    let Some((namespace, name)) = place.split_once('/') else { return false };
    kind.split_once('/') == Some((object.group(), &object.kind))
        && name == object.name
        && (object.namespace.is_empty() || namespace == object.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn listed(tracking: &str, sync_options: &str) -> Listed {
        Listed {
            object: object("v1", "ConfigMap", "shop", "web"),
            tracking: tracking.to_owned(),
            annotations: [("argocd.argoproj.io/sync-options".to_owned(), sync_options.to_owned())].into(),
            owned: false,
        }
    }

    #[test]
    fn a_tracking_annotation_speaks_of_the_object_that_it_names() {
        let web = object("apps/v1", "Deployment", "shop", "web");
        assert!(names("shop:apps/Deployment:shop/web", &web));
        assert!(!names("shop:apps/Deployment:other/web", &web));
        assert!(!names("shop:apps/ReplicaSet:shop/web", &web));
        assert!(!names("shop", &web));
    }

    #[test]
    fn an_object_without_namespace_is_tracked_by_that_of_the_destination() {
        assert!(names("shop:/Namespace:argocd/shop", &object("v1", "Namespace", "", "shop")));
        let role = object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:web");
        assert!(names("shop:rbac.authorization.k8s.io/ClusterRole:shop/system:web", &role));
    }

    #[test]
    fn an_application_outside_of_argocd_is_tracked_with_its_namespace() {
        assert_eq!(application("web:apps/Deployment:shop/web").as_deref(), Some("argocd/web"));
        assert_eq!(application("teams_web:apps/Deployment:shop/web").as_deref(), Some("teams/web"));
        assert_eq!(application("web"), None);
    }

    #[test]
    fn nothing_is_pruned_for_an_application_that_was_not_rendered_whole() {
        let all = PruneOptions { all: true };
        let web = listed("shop:/ConfigMap:shop/web", "");
        assert!(keeps(&web, Some(Pruning::Never), None, all).is_some());
        assert!(keeps(&web, Some(Pruning::Empty), None, PruneOptions::default()).is_some());
        assert!(keeps(&web, Some(Pruning::Empty), None, all).is_none());
        assert!(keeps(&web, Some(Pruning::Asked), None, PruneOptions::default()).is_some());
        assert!(keeps(&web, Some(Pruning::Automated), None, PruneOptions::default()).is_none());
        assert!(keeps(&web, Some(Pruning::Automated), Some("false"), all).is_some());
        let own = listed("", "Prune=true");
        assert!(keeps(&own, Some(Pruning::Automated), Some("false"), all).is_none(), "its own options come first");
        assert!(keeps(&listed("", "Replace=true, Prune=false"), Some(Pruning::Automated), None, all).is_some());
    }

    #[test]
    fn what_the_server_notes_for_itself_is_no_difference() {
        let live = json!({"metadata": {"resourceVersion": "1", "managedFields": []}, "data": {"a": "b"}});
        let applied = json!({"metadata": {"resourceVersion": "2", "managedFields": []}, "data": {"a": "b"}});
        assert!(same(&live, &applied));
        assert!(!same(&live, &json!({"metadata": {}, "data": {"a": "c"}})));
    }
}
