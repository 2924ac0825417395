//! What a plan and its deployments ask of each Application, as the executor takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Options, Stage};
use crate::plan::{Action, ClusterPlan, Deployment, Desired, Digest, ObjectRef, Role, Task, Unit, canonical};
use crate::resolve::Application;
use crate::sync::application::Work;
use crate::sync::ignore::ignored;
use crate::sync::journal::Kind;
use crate::sync::machine::{self, Key};
use crate::sync::operation::Goal;
use crate::sync::retry::Retry;
use crate::sync::state::history;
use crate::sync::{Settings, options};
use crate::yaml::Node;

/// What several Applications need before any of them can be tried, if anything.
pub(super) fn ahead(
    plan: &ClusterPlan,
    deployment: &Deployment,
    settings: &Options,
) -> Option<(Goal, BTreeMap<Key, String>)> {
    let planned: BTreeSet<&ObjectRef> = plan.tasks.iter().map(|task| &task.object).collect();
    let objects: Vec<&Desired> =
        deployment.objects.iter().filter(|desired| desired.ahead && planned.contains(&desired.object)).collect();
    let goal = Goal {
        kind: Kind::Sync,
        content: content(&objects),
        objects: objects.iter().map(|desired| Arc::clone(&desired.manifest)).collect(),
        prunes: Vec::new(),
        options: machine::Options {
            validate: true,
            selected: settings.resources.clone(),
            ..machine::Options::default()
        },
        retry: None,
    };
    (!objects.is_empty()).then(|| (goal, sources(&objects)))
}

/// An Application to sync, and what the rollout has to know of it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The number of its cluster.
    pub(super) cluster: usize,
    /// The number of its environment, from one on; 0 where it belongs to none.
    pub(super) stage: usize,
    pub(super) work: Work,
    pub(super) unit: Unit,
    /// Whether the plan changes anything.
    pub(super) changes: bool,
}

/// The Applications that the plan for the cluster of that number has tasks for, by their names.
pub(super) fn works(cluster: usize, plan: &ClusterPlan, deployment: &Deployment, settings: &Options) -> Vec<Planned> {
    let mut tasks: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    for task in &plan.tasks {
        tasks.entry(&task.application).or_default().push(task);
    }
    let mut objects: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for desired in &deployment.objects {
        objects.entry(&desired.application).or_default().push(desired);
    }
    tasks
        .into_iter()
        .filter_map(|(id, tasks)| {
            let unit = deployment.applications.get(id)?;
            let is_its = |stage: &Stage| unit.environment.as_deref() == Some(stage.name.as_str());
            let place = settings.stages.iter().position(is_its);
            let stage = place.and_then(|place| settings.stages.get(place));
            let objects = objects.get(id).map_or(&[] as &[&Desired], Vec::as_slice);
            let work = work(id, unit, &tasks, objects, stage, (settings, &deployment.settings));
            is_meant(&work.goal).then(|| Planned {
                cluster,
                stage: place.map_or(0, |place| place + 1),
                work,
                unit: unit.clone(),
                changes: tasks.iter().any(|task| task.action != Action::Unchanged),
            })
        })
        .collect()
}

fn work(
    id: &str,
    unit: &Unit,
    tasks: &[&Task],
    objects: &[&Desired],
    stage: Option<&Stage>,
    (settings, instance): (&Options, &Settings),
) -> Work {
    let prunes: Vec<(String, Key)> = tasks
        .iter()
        .filter(|task| task.action == Action::Prune)
        .map(|task| (task.object.api_version.clone(), Key::from(&task.object)))
        .collect();
    let policy = options(&unit.application);
    let leaving = leaving(&unit.application, &policy, instance);
    let goal = Goal {
        kind: Kind::Sync,
        content: content(objects),
        objects: objects
            .iter()
            .filter(|desired| desired.role != Role::Namespace)
            .map(|desired| Arc::clone(&desired.manifest))
            .collect(),
        options: machine::Options {
            // The plan names what is pruned, and who made it decided.
            prune: !prunes.is_empty(),
            prune_option: None,
            prune_confirmed: true,
            revision: settings.revision.clone(),
            // A part of an Application is no occasion for its hooks.
            skip_hooks: !settings.resources.is_empty(),
            selected: settings.resources.clone(),
            ignoring: Arc::new(ignored(&unit.application, instance.config.as_ref())),
            ..policy
        },
        prunes,
        retry: Retry::of(&unit.application),
    };
    Work {
        id: id.to_owned(),
        goal,
        sources: sources(objects),
        leaving,
        timeout: stage.and_then(|stage| stage.timeout).unwrap_or(settings.timeout),
        stuck_after: stage.and_then(|stage| stage.stuck_after).unwrap_or(settings.stuck_after),
        rollback: settings.rollback && stage.is_none_or(|stage| stage.rollback != super::Extent::None),
    }
}

/// Whether a sync is about anything of an Application.
fn is_meant(goal: &Goal) -> bool {
    let options = &goal.options;
    options.selected.is_empty()
        || goal.objects.iter().any(|object| options.selects(&Key::of(object)))
        || goal.prunes.iter().any(|(_, key)| options.selects(key))
}

/// How an Application goes when it is deleted.
fn leaving(application: &Application, policy: &machine::Options, instance: &Settings) -> history::Policy {
    let finalizers = application.resource.node.path(&["metadata", "finalizers"]).map(Node::items).unwrap_or_default();
    let background = "resources-finalizer.argocd.argoproj.io/background";
    history::Policy {
        delete: policy.delete_option.clone(),
        prune: policy.prune_option.clone(),
        background: finalizers.iter().any(|finalizer| finalizer.text() == Some(background)),
        settings: instance.kept(),
    }
}

/// Digest of all that an Application deploys.
fn content(objects: &[&Desired]) -> Digest {
    let mut digests: Vec<Value> = objects.iter().map(|desired| Value::String(desired.digest.to_string())).collect();
    digests.sort_by_key(ToString::to_string);
    Digest::of(&canonical(&Value::Array(digests)))
}

fn sources(objects: &[&Desired]) -> BTreeMap<Key, String> {
    objects.iter().map(|desired| (Key::from(&desired.object), desired.source.clone())).collect()
}
