//! Tasks and their order: phase, wave, kind, name; then namespaces and definitions before what needs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::annotation::{self, DeletePolicy};
use super::{Key, Phase, State, Status};
use crate::plan::order::kind_rank;

/// One object in one phase.
#[derive(Debug, Clone)]
pub struct Task {
    /// When it runs.
    pub phase: Phase,
    /// What is wanted; absent for what is pruned.
    pub target: Option<Arc<Value>>,
    /// What is there.
    pub live: Option<Arc<Value>>,
    /// What the cluster answered, if it was asked.
    pub status: Option<Status>,
    /// How far it is; absent while it waits for its turn.
    pub state: Option<State>,
    /// What was said of it last.
    pub message: String,
    pub(super) wave_override: Option<i64>,
    pub(super) skip_dry_run: bool,
}

impl Task {
    pub(super) fn new(phase: Phase, target: Option<Arc<Value>>, live: Option<Arc<Value>>) -> Task {
        Task {
            phase,
            target,
            live,
            status: None,
            state: None,
            message: String::new(),
            wave_override: None,
            skip_dry_run: false,
        }
    }

    /// The object: as it is wanted, else as it is.
    pub fn object(&self) -> &Value {
        self.target.as_ref().or(self.live.as_ref()).map_or(&Value::Null, |object| &**object)
    }

    /// The wave in which it runs.
    pub fn wave(&self) -> i64 {
        self.wave_override.unwrap_or_else(|| annotation::wave(self.object()))
    }

    /// Whether the object is a hook.
    pub fn is_hook(&self) -> bool {
        annotation::is_hook(self.object())
    }

    /// Whether the object is to be deleted because nobody wants it.
    pub fn is_prune(&self) -> bool {
        self.target.is_none()
    }

    /// The names of the object.
    pub fn key(&self) -> Key {
        Key::of(self.object())
    }

    pub(super) fn is_pending(&self) -> bool {
        self.state.is_none()
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == Some(State::Running)
    }

    pub(super) fn is_completed(&self) -> bool {
        matches!(self.state, Some(State::Succeeded | State::Failed | State::Error))
    }

    pub(super) fn is_unsuccessful(&self) -> bool {
        matches!(self.state, Some(State::Failed | State::Error))
    }

    pub(super) fn has_policy(&self, policy: DeletePolicy) -> bool {
        self.is_hook() && annotation::delete_policies(self.object()).contains(&policy)
    }

    pub(super) fn is_deleted_before_creation(&self) -> bool {
        self.live.is_some() && self.is_pending() && self.has_policy(DeletePolicy::BeforeHookCreation)
    }
}

/// Puts tasks into the order in which they run.
pub(super) fn sort(tasks: &mut Vec<Task>) {
    tasks.sort_by_cached_key(|task| {
        let key = task.key();
        // The last three decide nothing upstream: they make the order of equals the same each time.
        (task.phase, task.wave(), kind_rank(&key.kind), key.name, key.kind, key.group, key.namespace)
    });
    lift(tasks, namespace, |object| text(object, "/metadata/namespace").filter(|name| !name.is_empty()));
    lift(tasks, definition, |object| {
        let key = Key::of(object);
        Some(format!("{}/{}", key.group, key.kind))
    });
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer)?.as_str().map(str::to_owned)
}

fn namespace(object: &Value) -> Option<String> {
    let key = Key::of(object);
    (key.kind == "Namespace" && key.group.is_empty()).then_some(key.name)
}

fn definition(object: &Value) -> Option<String> {
    if !is_definition(object) {
        return None;
    }
    Some(format!("{}/{}", text(object, "/spec/group")?, text(object, "/spec/names/kind")?))
}

/// Whether an object is a CustomResourceDefinition.
pub(super) fn is_definition(object: &Value) -> bool {
    let key = Key::of(object);
    key.kind == "CustomResourceDefinition" && key.group == "apiextensions.k8s.io"
}

/// The group and kind that a CustomResourceDefinition defines.
pub(super) fn defines(object: &Value, group: &str, kind: &str) -> bool {
    definition(object).is_some_and(|name| name == format!("{group}/{kind}"))
}

/// Moves what others need before the first of them, into its phase and wave.
fn lift(tasks: &mut Vec<Task>, provides: impl Fn(&Value) -> Option<String>, needs: impl Fn(&Value) -> Option<String>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for position in 0..tasks.len() {
        let Some(target) = tasks[position].target.clone() else { continue };
        if let Some(name) = provides(&target) {
            let Some(index) = first.get(&name).copied() else { continue };
            let (wave, phase) = (tasks[index].wave(), tasks[index].phase);
            let mut task = tasks.remove(position);
            task.wave_override = Some(wave);
            task.phase = phase;
            tasks.insert(index, task);
            for found in first.values_mut().filter(|found| **found >= index) {
                *found += 1;
            }
        } else if let Some(name) = needs(&target) {
            first.entry(name).or_insert(position);
        }
    }
}
