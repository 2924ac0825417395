//! The executor: the Applications of one cluster, wave by wave, those of a wave side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::application::{Site, Work};
use super::ignore::ignored;
use super::journal::{Journal, Kind};
use super::live::Events;
use super::machine::{self, Key};
use super::operation::Goal;
use super::retry::Retry;
use super::state::history;
use super::{Cluster, Settings, SyncError};
use crate::plan::{Action, ClusterPlan, Deployment, Desired, Digest, ObjectRef, Role, Task, Unit, canonical};
use crate::resolve::Application;
use crate::yaml::Node;

/// How to work.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long an Application may wait for something that does not move on.
    pub timeout: Duration,
    /// How long the pods of a workload may be broken before its sync has failed.
    pub stuck_after: Duration,
    /// How many Applications may be synced at once.
    pub parallel: usize,
    /// Whether what failed is taken back to the last good revision.
    pub rollback: bool,
    /// Whether what failed before and was taken back is tried again.
    pub retry_bad: bool,
    /// How many revisions of an Application are kept.
    pub history: usize,
    /// Sync only what these select; everything where there are none.
    pub selected: Vec<machine::Selector>,
    /// The commit that the plan was made from; empty where there is no git.
    pub revision: String,
    /// Set when the run shall end as soon as the requests that are under way are answered.
    pub interrupted: Arc<AtomicBool>,
}

/// Brings about in `cluster` what `plan` says. `deployment` holds the objects that it names.
///
/// Applications of one wave are synced side by side; the next wave is begun when all of them are healthy. An Application
/// that fails does not stop the others of its wave.
///
/// # Errors
/// When an Application failed, or the run was interrupted.
pub async fn run(
    plan: &ClusterPlan,
    deployment: &Deployment,
    cluster: Arc<Cluster>,
    journal: Arc<Journal>,
    events: Events,
    options: &Options,
) -> Result<(), SyncError> {
    let settings = Arc::clone(&deployment.settings);
    let site = Site::new(&plan.cluster, cluster, journal, events, options.clone(), settings).await?;
    let site = Arc::new(site);
    let ahead: Vec<&Desired> = deployment.objects.iter().filter(|desired| desired.ahead).collect();
    let planned: BTreeSet<&ObjectRef> = plan.tasks.iter().map(|task| &task.object).collect();
    let ahead: Vec<&Desired> = ahead.into_iter().filter(|desired| planned.contains(&desired.object)).collect();
    if !ahead.is_empty() {
        site.prepare(ahead_of_all(&ahead, options), sources(&ahead)).await?;
    }
    let works = works(plan, deployment, options);
    for wave in works.chunk_by(|a, b| a.wave == b.wave) {
        let permits = Arc::new(Semaphore::new(options.parallel.max(1)));
        let mut running = JoinSet::new();
        for work in wave {
            let (site, work, permits) = (Arc::clone(&site), work.clone(), Arc::clone(&permits));
            running.spawn(async move {
                let _permit = permits.acquire().await;
                let result = site.sync(&work).await;
                (work.id, result)
            });
        }
        let mut failures = Vec::new();
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((_, Ok(()))) => {}
                Ok((id, Err(error))) => failures.push((id, error)),
                Err(error) => failures.push((String::new(), SyncError::Journal(error.to_string()))),
            }
        }
        failures.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(error) = SyncError::of_wave(failures, wave.len()) {
            return Err(error);
        }
    }
    Ok(())
}

/// What several Applications need before any of them can be tried.
fn ahead_of_all(objects: &[&Desired], settings: &Options) -> Goal {
    Goal {
        kind: Kind::Sync,
        content: content(objects),
        objects: objects.iter().map(|desired| Arc::clone(&desired.manifest)).collect(),
        prunes: Vec::new(),
        options: machine::Options {
            validate: true,
            selected: settings.selected.clone(),
            ..machine::Options::default()
        },
        retry: None,
    }
}

/// The Applications that `plan` has tasks for, by their waves.
fn works(plan: &ClusterPlan, deployment: &Deployment, settings: &Options) -> Vec<Work> {
    let mut tasks: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    for task in &plan.tasks {
        tasks.entry(&task.application).or_default().push(task);
    }
    let mut objects: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for desired in &deployment.objects {
        objects.entry(&desired.application).or_default().push(desired);
    }
    let mut works: Vec<Work> = tasks
        .into_iter()
        .filter_map(|(id, tasks)| {
            let unit = deployment.applications.get(id)?;
            let objects = objects.get(id).map_or(&[][..], Vec::as_slice);
            Some(work(id, unit, &tasks, objects, settings, &deployment.settings))
        })
        .filter(|work: &Work| is_meant(&work.goal))
        .collect();
    works.sort_by(|a, b| (a.wave, &a.id).cmp(&(b.wave, &b.id)));
    works
}

fn work(id: &str, unit: &Unit, tasks: &[&Task], objects: &[&Desired], options: &Options, settings: &Settings) -> Work {
    let prunes: Vec<(String, Key)> = tasks
        .iter()
        .filter(|task| task.action == Action::Prune)
        .map(|task| (task.object.api_version.clone(), key(&task.object)))
        .collect();
    let policy = super::options(&unit.application);
    let leaving = leaving(&unit.application, &policy, settings);
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
            revision: options.revision.clone(),
            selected: options.selected.clone(),
            ignoring: Arc::new(ignored(&unit.application, settings.config.as_ref())),
            ..policy
        },
        prunes,
        retry: Retry::of(&unit.application),
    };
    Work { id: id.to_owned(), wave: unit.wave, goal, sources: sources(objects), leaving }
}

/// How an Application goes when it is deleted.
fn leaving(application: &Application, policy: &machine::Options, settings: &Settings) -> history::Policy {
    let finalizers = application.resource.node.path(&["metadata", "finalizers"]).map(Node::items).unwrap_or_default();
    let background = "resources-finalizer.argocd.argoproj.io/background";
    history::Policy {
        delete: policy.delete_option.clone(),
        prune: policy.prune_option.clone(),
        background: finalizers.iter().any(|finalizer| finalizer.text() == Some(background)),
        settings: settings.kept(),
    }
}

/// Whether a sync is about anything of an Application.
fn is_meant(goal: &Goal) -> bool {
    let options = &goal.options;
    options.selected.is_empty()
        || goal.objects.iter().any(|object| options.selects(&Key::of(object)))
        || goal.prunes.iter().any(|(_, key)| options.selects(key))
}

/// Digest of all that an Application deploys.
fn content(objects: &[&Desired]) -> Digest {
    let mut digests: Vec<Value> = objects.iter().map(|desired| Value::String(desired.digest.to_string())).collect();
    digests.sort_by_key(ToString::to_string);
    Digest::of(canonical(&Value::Array(digests)).as_bytes())
}

pub(super) fn key(object: &ObjectRef) -> Key {
    Key {
        group: object.group().to_owned(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
    }
}

fn sources(objects: &[&Desired]) -> BTreeMap<Key, String> {
    objects.iter().map(|desired| (key(&desired.object), desired.source.clone())).collect()
}
