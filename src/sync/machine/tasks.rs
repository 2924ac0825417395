//! The tasks of an operation, as the cluster is now.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::annotation::{self, HOOK_FINALIZER};
use super::task::{defines, sort};
use super::{Backend, Key, Operation, Options, Phase, State, Status, Task};

impl Operation {
    /// The tasks in their order; an error where one of them cannot be.
    ///
    /// # Errors
    /// When the cluster cannot be read.
    pub async fn tasks<B: Backend>(&mut self, backend: &mut B) -> Result<Vec<Task>, String> {
        let mut live: BTreeMap<Key, Arc<Value>> =
            backend.live().await?.into_iter().map(|object| (Key::of(&object), object)).collect();
        let mut tasks = Vec::new();
        let mut known: Vec<(Key, Option<Arc<Value>>)> = Vec::new();
        for target in &self.targets {
            let found = take(&mut live, target, backend);
            let key = found.as_ref().map_or_else(|| Key::of(target), |found| Key::of(found));
            known.push((key, found.clone()));
            if self.is_selected(target) {
                let wanted = match &found {
                    Some(live) if self.options.respect_ignored => Arc::new(self.options.ignoring.apply(target, live)),
                    _ => Arc::clone(target),
                };
                let phases = annotation::phases(target).into_iter();
                tasks.extend(phases.map(|phase| Task::new(phase, Some(Arc::clone(&wanted)), found.clone())));
            }
        }
        for (key, object) in live {
            // What a hook left behind is no business of pruning.
            if self.is_selected(&object) && !annotation::is_hook(&object) {
                let phases = annotation::phases(&object).into_iter();
                tasks.extend(phases.map(|phase| Task::new(phase, None, Some(Arc::clone(&object)))));
            }
            known.push((key, Some(object)));
        }
        if !self.options.skip_hooks {
            for hook in &self.hooks {
                for phase in annotation::phases(hook) {
                    tasks.push(Task::new(phase, Some(Arc::new(self.hook(hook, phase))), None));
                }
            }
        }
        self.add_namespace(backend, &mut tasks).await?;
        let known = by_names(known);
        for task in tasks.iter_mut().filter(|task| task.live.is_none()) {
            task.live = found(&known, &task.key());
        }
        self.mark_unknown_kinds(backend, &mut tasks)?;
        reverse_prunes(&mut tasks);
        prune_last(&mut tasks, self.options.prune_last);
        sort(&mut tasks);
        for task in &mut tasks {
            if let Some(outcome) = self.outcomes.get(&(task.key(), task.phase)) {
                task.status = outcome.status;
                task.state = outcome.state;
                task.message.clone_from(&outcome.message);
            }
        }
        Ok(tasks)
    }

    fn is_selected(&self, object: &Value) -> bool {
        self.options.selects(&Key::of(object))
    }

    /// A hook as it is created: with a name, and with the finalizer that keeps it until its phase is over.
    fn hook(&self, hook: &Value, phase: Phase) -> Value {
        let mut hook = self.named(hook, phase);
        let mut finalizers = hook["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == HOOK_FINALIZER) {
            finalizers.push(json!(HOOK_FINALIZER));
            hook["metadata"]["finalizers"] = Value::Array(finalizers);
        }
        hook
    }

    /// A hook with the name that it gets in this operation.
    pub(super) fn named(&self, hook: &Value, phase: Phase) -> Value {
        let mut hook = hook.clone();
        if Key::of(&hook).name.is_empty() {
            // Seven characters, but only of a revision that has at least eight.
            let revision = &self.options.revision;
            let short = if revision.len() >= 8 { revision.get(..7).unwrap_or(revision) } else { revision };
            let prefix = hook["metadata"]["generateName"].as_str().unwrap_or_default();
            let postfix = format!("{short}-{}-{}", phase.as_str(), self.options.started).to_lowercase();
            hook["metadata"]["name"] = Value::String(format!("{prefix}{postfix}"));
        }
        hook
    }

    /// The destination's namespace, where it is to be made and none of the objects is it.
    async fn add_namespace<B: Backend>(&self, backend: &mut B, tasks: &mut Vec<Task>) -> Result<(), String> {
        let name = &self.options.namespace;
        let is_it = |object: &Arc<Value>| is_namespace(object, name);
        if !self.options.create_namespace || name.is_empty() || self.targets.iter().any(is_it) {
            return Ok(());
        }
        let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        for key in ["labels", "annotations"] {
            if let Some(value) = self.options.namespace_metadata.as_ref().and_then(|metadata| metadata.get(key)) {
                namespace["metadata"][key] = value.clone();
            }
        }
        let live = backend.get(&Key::of(&namespace)).await?;
        // One that is there is only brought up to date where its metadata are managed.
        if live.is_none() || self.options.namespace_metadata.is_some() {
            tasks.push(Task::new(Phase::PreSync, Some(Arc::new(namespace)), live));
        }
        Ok(())
    }

    /// What is of a kind that the cluster does not know cannot be tried before its definition is there.
    fn mark_unknown_kinds<B: Backend>(&mut self, backend: &B, tasks: &mut [Task]) -> Result<(), String> {
        let mut unknown = Vec::new();
        for task in tasks.iter_mut() {
            let api_version = task.object()["apiVersion"].as_str().unwrap_or_default().to_owned();
            let key = task.key();
            if backend.is_namespaced(&api_version, &key.kind).is_some() {
                continue;
            }
            let defined = self.targets.iter().chain(&self.hooks).any(|object| defines(object, &key.group, &key.kind));
            let asked = self.options.skip_dry_run_on_missing
                || task
                    .target
                    .as_ref()
                    .is_some_and(|target| annotation::has_option(target, "SkipDryRunOnMissingResource=true"));
            if defined || asked {
                task.skip_dry_run = true;
            } else {
                let message = format!("the cluster does not serve {api_version} {}", key.kind);
                self.note(task, Some(Status::SyncFailed), None, &message);
                unknown.push(message);
            }
        }
        unknown.sort();
        unknown.dedup();
        if unknown.is_empty() { Ok(()) } else { Err(unknown.join("; ")) }
    }

    /// Whether a live object may only be deleted after a person said so.
    pub(super) fn needs_confirmation(&self, object: &Value) -> bool {
        !self.options.prune_confirmed && self.prune_option(object) == Some("confirm")
    }

    pub(super) fn prune_option<'o>(&'o self, object: &'o Value) -> Option<&'o str> {
        annotation::option(object, "Prune").or(self.options.prune_option.as_deref())
    }

    pub(super) fn replaces(&self, task: &Task) -> bool {
        self.options.replace || asks(task, "Replace=true")
    }

    pub(super) fn forces(&self, task: &Task) -> bool {
        self.options.force || asks(task, "Force=true")
    }

    pub(super) fn validates(&self, task: &Task) -> bool {
        self.options.validate && !annotation::has_option(task.object(), "Validate=false")
    }

    pub(super) fn is_left_alone(&self, task: &Task) -> bool {
        let Some(live) = task.live.as_ref().filter(|_| !task.is_prune() && !task.is_hook()) else { return false };
        self.options.unchanged.contains(&Key::of(live))
    }

    pub(super) fn fail_running(task: &Task) -> (Option<Status>, Option<State>, String) {
        let message = format!("Resource {} is missing, it might have been deleted", task.key());
        (Some(Status::SyncFailed), Some(State::Error), message)
    }
}

/// Whether what is live is replaced by `target` instead of being changed.
pub fn replaces(options: &Options, target: &Value, live: &Value) -> bool {
    options.replace || [target, live].into_iter().any(|object| annotation::has_option(object, "Replace=true"))
}

fn asks(task: &Task, option: &str) -> bool {
    [&task.target, &task.live].into_iter().flatten().any(|object| annotation::has_option(object, option))
}

pub(super) fn is_namespace(object: &Value, name: &str) -> bool {
    let key = Key::of(object);
    key.kind == "Namespace" && key.group.is_empty() && key.name == name
}

/// The live object for `target`, taken out of `live`.
fn take<B: Backend>(live: &mut BTreeMap<Key, Arc<Value>>, target: &Value, backend: &B) -> Option<Arc<Value>> {
    let key = Key::of(target);
    let bare = key.bare();
    match backend.is_namespaced(target["apiVersion"].as_str().unwrap_or_default(), &key.kind) {
        Some(true) => live.remove(&key),
        Some(false) => live.remove(&bare),
        // Nobody knows: missing it would delete it.
        None => live.remove(&key).or_else(|| live.remove(&bare)),
    }
}

/// What is known of objects: the first that is said of each.
type Known = BTreeMap<Key, (usize, Option<Arc<Value>>)>;

fn by_names(known: Vec<(Key, Option<Arc<Value>>)>) -> Known {
    let mut first = Known::new();
    for (place, (key, object)) in known.into_iter().enumerate() {
        first.entry(key).or_insert((place, object));
    }
    first
}

/// The live object of those names: cluster-scoped ones have no namespace, whatever is written.
fn found(known: &Known, key: &Key) -> Option<Arc<Value>> {
    let exact = known.get(key).into_iter();
    exact.chain(known.get(&key.bare())).min_by_key(|(place, _)| *place)?.1.clone()
}

/// The tasks of an Application that wants `targets` and no longer `prunes`, in their order, as far as it can be told
/// before the sync: hooks without name have none, and a namespace that is to be made is not among them.
pub fn ordered(targets: &[Arc<Value>], prunes: &[Arc<Value>], all_last: bool) -> Vec<Task> {
    let mut tasks = Vec::new();
    for target in targets.iter().filter(|target| !annotation::is_garbage(target)) {
        let phases = annotation::phases(target).into_iter();
        tasks.extend(phases.map(|phase| Task::new(phase, Some(Arc::clone(target)), None)));
    }
    tasks.extend(prunes.iter().map(|object| Task::new(Phase::Sync, None, Some(Arc::clone(object)))));
    reverse_prunes(&mut tasks);
    prune_last(&mut tasks, all_last);
    sort(&mut tasks);
    tasks
}

/// With `PruneLast` deletions come one wave after everything else.
fn prune_last(tasks: &mut [Task], all: bool) {
    let waves = tasks.iter().filter(|task| task.phase == Phase::Sync).map(Task::wave);
    let after = waves.fold(0, i64::max).saturating_add(1);
    for task in tasks.iter_mut().filter(|task| task.is_prune()) {
        if all || annotation::has_option(task.object(), "PruneLast=true") {
            task.wave_override = Some(after);
        }
    }
}

/// Deletions go in the reverse order of waves: the waves of what is deleted are swapped, the first with the last.
fn reverse_prunes(tasks: &mut [Task]) {
    let mut waves: Vec<i64> = tasks.iter().filter(|task| task.is_prune()).map(Task::wave).collect();
    waves.sort_unstable();
    waves.dedup();
    for task in tasks.iter_mut().filter(|task| task.is_prune()) {
        if let Ok(place) = waves.binary_search(&task.wave()) {
            task.wave_override = waves.get(waves.len() - 1 - place).copied();
        }
    }
}
