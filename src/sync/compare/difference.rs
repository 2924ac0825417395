//! One object and a cluster in, what an apply would do to it out.

use std::borrow::Cow;

use serde_json::Value;

use crate::plan::{Action, Change, Desired, ObjectRef, changes};
use crate::sync::cluster::{Cluster, Writing};
use crate::sync::{Settings, SyncError, Tracking, machine, same};

/// What syncing one object would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is done.
    pub action: Action,
    /// The fields that it changes, as far as the server could be asked.
    pub changes: Vec<Change>,
    /// Whose the live object is, where it is not the Application's: nobody's where this is empty.
    pub adopts: Option<String>,
}

impl Difference {
    /// What is done to an object that is not there.
    pub(super) fn creation() -> Difference {
        Difference { action: Action::Create, changes: Vec::new(), adopts: None }
    }

    /// What is done to `live` for it to be as `desired` has it, by the options of its Application.
    pub(super) async fn of(
        cluster: &Cluster,
        desired: &Desired,
        live: &Value,
        policy: &machine::Options,
        settings: &Settings,
    ) -> Result<Difference, SyncError> {
        let Desired { object, manifest, application, .. } = desired;
        let replaces = machine::replaces(policy, manifest, live);
        let manifest: Cow<'_, Value> = match policy.respect_ignored {
            true => Cow::Owned(policy.ignoring.apply(manifest, live)),
            false => Cow::Borrowed(manifest),
        };
        let manifest: &Value = &manifest;
        let adopts = owner_of(&settings.tracking, live, object).filter(|owner| owner != application);
        let found = |action, changes| Difference { action, changes, adopts: adopts.clone() };
        if replaces {
            let changed = match cluster.replace(object, &placed(manifest, live), TRIAL).await {
                Ok(replaced) => changes(live, &replaced),
                Err(_) => Vec::new(),
            };
            return Ok(found(Action::Replace, changed));
        }
        if same::is_applied(manifest, live) {
            return Ok(found(Action::Unchanged, Vec::new()));
        }
        // What the server would make of it decides: defaults and normal forms are its own.
        Ok(match cluster.apply(object, manifest, TRIAL).await {
            Ok(applied) if same(live, &applied) => found(Action::Unchanged, Vec::new()),
            Ok(applied) => found(Action::Apply, changes(live, &applied)),
            Err(_) => found(Action::Apply, Vec::new()),
        })
    }
}

/// The Application that owns a live object; empty where none does. Definitions and the namespaces that tiphys makes are
/// not tracked by anybody: of them there is nothing to say.
fn owner_of(tracking: &Tracking, live: &Value, object: &ObjectRef) -> Option<String> {
    let owner = tracking.owner(live, object);
    let untracked = matches!(object.kind.as_str(), "CustomResourceDefinition" | "Namespace");
    match owner {
        None if untracked => None,
        owner => Some(owner.unwrap_or_default()),
    }
}

const TRIAL: Writing = Writing { dry_run: true, strict: false, yields: false };

/// A replacement names the version that it replaces.
fn placed(manifest: &Value, live: &Value) -> Value {
    let mut manifest = manifest.clone();
    manifest["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    manifest
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
            .find(|entry| entry["manager"] == crate::sync::FIELD_MANAGER)
            .map(|entry| entry["fieldsV1"].clone())
    };
    bare(live) == bare(applied) && owned(live) == owned(applied)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_notes_for_itself_is_no_difference() {
        let live = json!({"metadata": {"resourceVersion": "1", "managedFields": []}, "data": {"a": "b"}});
        let applied = json!({"metadata": {"resourceVersion": "2", "managedFields": []}, "data": {"a": "b"}});
        assert!(same(&live, &applied));
        assert!(!same(&live, &json!({"metadata": {}, "data": {"a": "c"}})));
    }
}
