//! One object: read, applied, created, replaced, changed or deleted.

use std::time::Duration;

use kube::api::{
    DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy, ValidationDirective,
};
use serde_json::Value;

use super::{Cluster, FIELD_MANAGER, Known, Unmet, answered};
use crate::plan::ObjectRef;
use crate::sync::SyncError;

/// How an object is written.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Writing {
    /// Whether nothing is changed, only asked.
    pub(in crate::sync) dry_run: bool,
    /// Whether fields that the kind does not have are refused.
    pub(in crate::sync) strict: bool,
    /// Whether fields that others manage are left to them, and the object is refused instead.
    pub(in crate::sync) yields: bool,
}

impl Writing {
    fn validation(self) -> Option<ValidationDirective> {
        Some(if self.strict { ValidationDirective::Strict } else { ValidationDirective::Ignore })
    }

    fn post(self) -> PostParams {
        PostParams { dry_run: self.dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) }
    }
}

/// How often a deletion that meets a change of somebody else is tried.
const DELETIONS: u32 = 8;

/// `manifest` as it is sent.
fn body(object: &ObjectRef, manifest: &Value) -> Result<Vec<u8>, SyncError> {
    serde_json::to_vec(manifest).map_err(|error| SyncError::Api {
        what: object.to_string(),
        code: 0,
        reason: error.to_string(),
    })
}

impl Cluster {
    async fn found(&self, object: &ObjectRef) -> Result<Known, SyncError> {
        if let Some(known) = self.known(&object.api_version, &object.kind) {
            return Ok(known);
        }
        self.discover(self.patience()).await?;
        self.known(&object.api_version, &object.kind).ok_or_else(|| SyncError::UnknownKind {
            object: object.to_string(),
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
        })
    }

    /// The live object, if there is one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, SyncError> {
        let door = self.found(object).await?.door(&object.namespace);
        match self.ask(door.get(&object.name, &GetParams::default()), self.patience()).await {
            Err(Unmet::Refused(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            found => found.map(Some).map_err(answered(object)),
        }
    }

    /// Applies `manifest` on the server, and returns what is then live. Fields that others manage are taken over, as
    /// Argo CD does, unless it yields to them.
    ///
    /// # Errors
    /// When the server refuses the object.
    pub(in crate::sync) async fn apply(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let parameters = PatchParams {
            dry_run: writing.dry_run,
            field_validation: writing.validation(),
            force: !writing.yields,
            ..PatchParams::apply(FIELD_MANAGER)
        };
        let door = self.found(object).await?.door(&object.namespace);
        let request = door.patch(&object.name, &parameters, &Patch::Apply(manifest));
        // An apply names no version that it is made for: it may be made again after a change of somebody else.
        self.ask(request, self.patience().through_conflicts()).await.map_err(answered(object))
    }

    /// Creates the object.
    ///
    /// # Errors
    /// When the server refuses, or the object is there.
    pub(in crate::sync) async fn create(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let door = self.found(object).await?.door(&object.namespace);
        let request = door.create(&writing.post(), body(object, manifest)?);
        self.ask(request, self.patience().through_conflicts()).await.map_err(answered(object))
    }

    /// Puts `manifest` in place of the live object.
    ///
    /// # Errors
    /// When the server refuses, or the object is not there.
    pub(in crate::sync) async fn replace(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let door = self.found(object).await?.door(&object.namespace);
        let request = door.replace(&object.name, &writing.post(), body(object, manifest)?);
        self.ask(request, self.patience()).await.map_err(answered(object))
    }

    /// Changes fields of the object by a merge patch.
    ///
    /// # Errors
    /// When the server refuses, or the object is not there.
    pub(in crate::sync) async fn merge(&self, object: &ObjectRef, patch: &Value) -> Result<Value, SyncError> {
        let door = self.found(object).await?.door(&object.namespace);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = door.patch(&object.name, &parameters, &Patch::Merge(patch));
        self.ask(request, self.patience()).await.map_err(answered(object))
    }

    /// Deletes the object of that uid; one that is gone already is no error, and one that was made anew since is another.
    /// What is left of it while it goes; `None` if it is gone.
    ///
    /// # Errors
    /// When the server refuses.
    pub(in crate::sync) async fn delete(
        &self,
        object: &ObjectRef,
        uid: &str,
        propagation: PropagationPolicy,
    ) -> Result<Option<Value>, SyncError> {
        let parameters = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let door = self.found(object).await?.door(&object.namespace);
        let mut tries = 0;
        loop {
            match self.ask::<Value>(door.delete(&object.name, &parameters), self.patience()).await {
                Err(Unmet::Refused(kube::Error::Api(status))) if status.code == 404 => return Ok(None),
                // Either it is another by now, or somebody wrote it at the same moment.
                Err(Unmet::Refused(kube::Error::Api(status))) if status.code == 409 && tries < DELETIONS => {
                    let live = self.get(object).await?;
                    if live.is_none_or(|live| live["metadata"]["uid"].as_str() != Some(uid)) {
                        return Ok(None);
                    }
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50) * tries).await;
                }
                // What is gone at once is answered with a Status.
                answer => {
                    let left = answer.map_err(answered(object))?;
                    return Ok(Some(left).filter(|left| left["kind"] != "Status"));
                }
            }
        }
    }
}
