//! The objects of one Application and a cluster in, the next thing to do out: Argo CD's sync as a state machine.
//!
//! [`Operation::reconcile`] looks at what is live, makes the [`Task`]s anew, does the next wave of the next phase and
//! returns: it never waits. Whoever drives it calls it again until [`Operation::has_ended`]. All it asks of a cluster
//! goes through [`Backend`]; [`Memory`] is one for tests and simulations. The rules are those of gitops-engine's
//! `pkg/sync`: what is remembered between two calls is only the result of each task.

mod annotation;
mod backend;
mod deletion;
mod memory;
mod reconcile;
mod selection;
mod task;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ignore::Ignoring;
use crate::plan::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use annotation::delete_policies;
pub use annotation::{DeletePolicy, HOOK_FINALIZER, is_hook, wave};
pub use backend::{Act, Backend, Refusal, Verb};
pub use deletion::{Deletion, deletion};
pub(super) use deletion::{asks_before_deletion, is_deleted, is_deletion_hook};
pub use memory::Memory;
pub use selection::Selector;
pub use task::Task;
pub use tasks::{ordered, replaces};

/// The phases of a sync, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Hooks that run before anything is applied.
    PreSync,
    /// The objects, and the hooks among them.
    Sync,
    /// Hooks that run when everything is healthy.
    PostSync,
    /// Hooks that run when the sync failed.
    SyncFail,
    /// Hooks that run before an Application is deleted.
    PreDelete,
    /// Hooks that run when it is gone.
    PostDelete,
}

impl Phase {
    /// A phase by its name.
    pub fn named(name: &str) -> Option<Phase> {
        let all = [Phase::PreSync, Phase::Sync, Phase::PostSync, Phase::SyncFail, Phase::PreDelete, Phase::PostDelete];
        all.into_iter().find(|one| one.as_str() == name)
    }

    /// Argo CD's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::PreSync => "PreSync",
            Phase::Sync => "Sync",
            Phase::PostSync => "PostSync",
            Phase::SyncFail => "SyncFail",
            Phase::PreDelete => "PreDelete",
            Phase::PostDelete => "PostDelete",
        }
    }
}

/// How far an operation or a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Running,
    /// It is done.
    Succeeded,
    /// It was tried in vain.
    Failed,
    /// It could not be tried.
    Error,
}

impl State {
    /// A state by its name.
    pub fn named(name: &str) -> Option<State> {
        [State::Running, State::Succeeded, State::Failed, State::Error].into_iter().find(|one| one.as_str() == name)
    }

    /// Argo CD's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Running => "Running",
            State::Succeeded => "Succeeded",
            State::Failed => "Failed",
            State::Error => "Error",
        }
    }
}

/// What a cluster made of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was applied.
    Synced,
    /// It was refused.
    SyncFailed,
    /// It was deleted.
    Pruned,
    /// It would have been deleted, and may not be.
    PruneSkipped,
}

impl Status {
    /// A status by its name.
    pub fn named(name: &str) -> Option<Status> {
        let all = [Status::Synced, Status::SyncFailed, Status::Pruned, Status::PruneSkipped];
        all.into_iter().find(|one| one.as_str() == name)
    }

    /// Argo CD's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Synced => "Synced",
            Status::SyncFailed => "SyncFailed",
            Status::Pruned => "Pruned",
            Status::PruneSkipped => "PruneSkipped",
        }
    }
}

/// The names of an object, whichever version it is read in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Empty for the core group.
    pub group: String,
    /// `Deployment`
    pub kind: String,
    /// Empty for what has none.
    pub namespace: String,
    /// `web`
    pub name: String,
}

impl Key {
    /// The same without a namespace: the name of what lives in none.
    pub fn bare(&self) -> Key {
        Key { namespace: String::new(), ..self.clone() }
    }

    /// The names of `object`.
    pub fn of(object: &Value) -> Key {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        Key {
            group: api_version.rsplit_once('/').map_or("", |(group, _)| group).to_owned(),
            kind: text(&object["kind"]),
            namespace: text(&object["metadata"]["namespace"]),
            name: text(&object["metadata"]["name"]),
        }
    }
}

impl From<&ObjectRef> for Key {
    fn from(object: &ObjectRef) -> Key {
        Key {
            group: object.group().to_owned(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.group, self.kind, self.name)
    }
}

/// How an Application is synced.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The namespace of the destination: where objects go that name none.
    pub namespace: String,
    /// Whether what nobody wants is deleted.
    pub prune: bool,
    /// Whether that comes after everything else: `PruneLast=true`.
    pub prune_last: bool,
    /// `PrunePropagationPolicy`: `foreground` where it is absent.
    pub propagation: Option<String>,
    /// `Prune` of the Application's sync options: `false` or `confirm`.
    pub prune_option: Option<String>,
    /// `Delete` of the Application's sync options: `false` or `confirm`.
    pub delete_option: Option<String>,
    /// Whether a person confirmed the deletions that need it.
    pub prune_confirmed: bool,
    /// Whether hooks are left out.
    pub skip_hooks: bool,
    /// Whether the destination's namespace is made: `CreateNamespace=true`.
    pub create_namespace: bool,
    /// `managedNamespaceMetadata`: labels and annotations that the namespace gets.
    pub namespace_metadata: Option<Value>,
    /// Sync only what these select; everything where there are none.
    pub selected: Vec<Selector>,
    /// `Replace=true` of the Application.
    pub replace: bool,
    /// Whether whoever syncs says that any object may be deleted and made anew where it cannot be changed.
    pub force: bool,
    /// `SkipDryRunOnMissingResource=true` of the Application.
    pub skip_dry_run_on_missing: bool,
    /// Whether objects are held against their schemas by the server; not with `Validate=false`.
    pub validate: bool,
    /// Whether what is as it should be is left alone: `ApplyOutOfSyncOnly=true`.
    pub out_of_sync_only: bool,
    /// What that is.
    pub unchanged: BTreeSet<Key>,
    /// What is ignored when an object is compared with its manifest.
    pub ignoring: Arc<Ignoring>,
    /// Whether that is not overwritten either: `RespectIgnoreDifferences=true`.
    pub respect_ignored: bool,
    /// Whether nothing is done where an object belongs to another Application: `FailOnSharedResource=true`.
    pub fail_on_shared: bool,
    /// The managers whose client-side applies are taken over; none with `ClientSideApplyMigration=false`.
    pub migrates: Vec<String>,
    /// The revision: names of generated hooks contain its beginning.
    pub revision: String,
    /// When the operation began, in seconds since 1970: names of generated hooks contain it.
    pub started: i64,
}

impl Options {
    /// Whether a sync is about the object of these names.
    pub fn selects(&self, key: &Key) -> bool {
        self.selected.is_empty() || selection::selects(&self.selected, key)
    }
}

/// What came of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The object.
    pub key: Key,
    /// The phase.
    pub phase: Phase,
    /// Whether it is a hook.
    pub hook: bool,
    /// What the cluster answered.
    pub status: Option<Status>,
    /// How far it is.
    pub state: Option<State>,
    /// What was said last.
    pub message: String,
    /// Its place among the tasks that were begun.
    pub order: usize,
}

/// The sync of one Application.
#[derive(Debug, Clone)]
pub struct Operation {
    options: Options,
    targets: Vec<Arc<Value>>,
    hooks: Vec<Arc<Value>>,
    outcomes: BTreeMap<(Key, Phase), Outcome>,
    /// The places of outcomes that were not recorded yet.
    changed: BTreeSet<(Key, Phase)>,
    /// How often a task came further.
    moves: usize,
    /// How many waves were applied that others come after.
    waves: usize,
    state: State,
    message: String,
}

impl Operation {
    /// A sync of `objects` that has not begun.
    pub fn new(objects: impl IntoIterator<Item = impl Into<Arc<Value>>>, options: Options) -> Operation {
        let (mut targets, mut hooks) = (Vec::new(), Vec::new());
        for object in objects {
            let mut object: Arc<Value> = object.into();
            if annotation::is_garbage(&object) || is_only_for_deletion(&object) {
                continue;
            }
            // Objects without namespace of their own get the destination's, cluster-scoped ones too: this decides what
            // comes after the Namespace. A backend takes it off again.
            if Key::of(&object).namespace.is_empty() && object["metadata"].is_object() {
                Arc::make_mut(&mut object)["metadata"]["namespace"] = Value::String(options.namespace.clone());
            }
            if is_hook(&object) {
                hooks.push(object);
            } else {
                targets.push(object);
            }
        }
        Operation {
            options,
            targets,
            hooks,
            outcomes: BTreeMap::new(),
            changed: BTreeSet::new(),
            moves: 0,
            waves: 0,
            state: State::Running,
            message: String::new(),
        }
    }

    /// What is wanted, hooks last: with the names that they get.
    pub fn wanted(&self) -> Vec<Arc<Value>> {
        let hooks = self
            .hooks
            .iter()
            .flat_map(|hook| annotation::phases(hook).into_iter().map(|phase| Arc::new(self.named(hook, phase))));
        let targets = self.targets.iter().filter(|target| self.options.selects(&Key::of(target)));
        targets.cloned().chain(hooks.filter(|_| !self.options.skip_hooks)).collect()
    }

    /// Gives up on what is under way: it counts as failed from now on, and the hooks for failures run.
    pub fn give_up(&mut self, reason: &str) {
        for (place, outcome) in &mut self.outcomes {
            if outcome.state == Some(State::Running) && outcome.phase != Phase::SyncFail {
                outcome.state = Some(State::Failed);
                outcome.message = reason.to_owned();
                self.changed.insert(place.clone());
            }
        }
    }

    /// Takes up results from before an interruption: tasks that are done are not done again.
    #[must_use]
    pub fn resumed(mut self, outcomes: impl IntoIterator<Item = Outcome>) -> Operation {
        self.outcomes = outcomes.into_iter().map(|outcome| ((outcome.key.clone(), outcome.phase), outcome)).collect();
        self
    }

    /// Whether a task was begun.
    pub fn has_begun(&self, key: &Key, phase: Phase) -> bool {
        self.outcomes.contains_key(&(key.clone(), phase))
    }

    /// Takes up that a task was done after all, unless it was done again meanwhile.
    pub fn take_up(&mut self, outcome: Outcome) {
        let place = (outcome.key.clone(), outcome.phase);
        self.changed.insert(place.clone());
        self.outcomes.entry(place).or_insert(outcome);
    }

    /// Takes up an operation that had succeeded: some of what it applied did not become healthy, so the hooks for
    /// failures run. Whether there are any.
    pub fn reopen(&mut self, failed: &[Key], reason: &str) -> bool {
        let is_failed = |key: &Key| {
            failed.iter().any(|one| {
                (&one.group, &one.kind, &one.name) == (&key.group, &key.kind, &key.name)
                    && (one.namespace.is_empty() || one.namespace == key.namespace)
            })
        };
        for (place, outcome) in &mut self.outcomes {
            if outcome.phase == Phase::Sync && !outcome.hook && is_failed(&outcome.key) {
                outcome.state = Some(State::Failed);
                outcome.message = reason.to_owned();
                self.changed.insert(place.clone());
            }
        }
        let hooks = self.hooks.iter().any(|hook| annotation::phases(hook).contains(&Phase::SyncFail));
        if hooks && !self.options.skip_hooks {
            self.state = State::Running;
        }
        !self.has_ended()
    }

    /// How far the operation is, and what it waits for or why it failed.
    pub fn state(&self) -> (State, &str) {
        (self.state, &self.message)
    }

    /// How often a task came further: while this stays the same, the operation waits.
    pub fn moves(&self) -> usize {
        self.moves
    }

    /// How many waves were applied that others come after.
    pub fn waves(&self) -> usize {
        self.waves
    }

    /// Whether there is nothing more to do.
    pub fn has_ended(&self) -> bool {
        self.state != State::Running
    }

    /// What came of each task so far, in the order in which they began.
    pub fn outcomes(&self) -> Vec<&Outcome> {
        let mut outcomes: Vec<&Outcome> = self.outcomes.values().collect();
        outcomes.sort_by_key(|outcome| outcome.order);
        outcomes
    }

    fn progress(&self) -> (State, String, BTreeMap<(Key, Phase), Outcome>) {
        (self.state, self.message.clone(), self.outcomes.clone())
    }

    fn has_started(&self) -> bool {
        !self.outcomes.is_empty()
    }

    fn set(&mut self, state: State, message: impl Into<String>) {
        self.state = state;
        self.message = message.into();
    }

    /// Notes what came of a task.
    fn note(&mut self, task: &mut Task, status: Option<Status>, state: Option<State>, message: &str) {
        task.status = status;
        task.state = state;
        if !message.is_empty() {
            message.clone_into(&mut task.message);
        }
        let order = self.outcomes.len();
        let (key, hook) = (task.key(), task.is_hook());
        let before = self.outcomes.get(&(key.clone(), task.phase)).map(|outcome| (outcome.status, outcome.state));
        self.moves += usize::from(before != Some((status, state)));
        let outcome = self.outcomes.entry((key.clone(), task.phase)).or_insert_with(|| Outcome {
            key,
            phase: task.phase,
            hook,
            status,
            state,
            message: String::new(),
            order,
        });
        outcome.status = status;
        outcome.state = state;
        outcome.message.clone_from(&task.message);
        self.changed.insert((task.key(), task.phase));
    }
}

/// Hooks of deletion take part in a sync only if they are hooks of one of its phases too.
fn is_only_for_deletion(object: &Value) -> bool {
    let deletes = annotation::is_deletion_hook(object, "PreDelete", "pre-delete")
        || annotation::is_deletion_hook(object, "PostDelete", "post-delete");
    deletes && (!is_hook(object) || annotation::phases(object).is_empty())
}
