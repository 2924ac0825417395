//! One act, as requests to the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::PropagationPolicy;
use serde_json::{Value, json};

use super::{Event, Events};
use crate::plan::ObjectRef;
use crate::sync::cluster::{Cluster, Writing};
use crate::sync::compare;
use crate::sync::ignore::Ignoring;
use crate::sync::journal::Journal;
use crate::sync::machine::{Act, HOOK_FINALIZER, Key, Refusal, Verb};
use crate::sync::mirror::Mirror;
use crate::sync::{Settings, SyncError};

/// How long an object may take to go before its successor is made, and a definition to be served.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// All that acts of one Application need.
pub(in crate::sync) struct Hands {
    pub(in crate::sync) cluster: Arc<Cluster>,
    pub(in crate::sync) mirror: Arc<Mirror>,
    pub(in crate::sync) journal: Arc<Journal>,
    pub(in crate::sync) events: Events,
    /// The cluster, as the plan names it.
    pub(in crate::sync) place: String,
    /// `namespace/name` of the Application.
    pub(in crate::sync) application: String,
    /// `PrunePropagationPolicy` of the Application.
    pub(in crate::sync) propagation: Option<String>,
    /// Where objects were written: `path:line`.
    pub(in crate::sync) sources: BTreeMap<Key, String>,
    /// What holds for all Applications.
    pub(in crate::sync) settings: Arc<Settings>,
    /// What the Application ignores when it compares.
    pub(in crate::sync) ignoring: Arc<Ignoring>,
    /// Whether it does not overwrite that either.
    pub(in crate::sync) respects_ignored: bool,
    /// The managers whose client-side applies are taken over.
    pub(in crate::sync) migrates: Vec<String>,
}

impl Hands {
    /// The names under which an object is live: without a namespace where its kind has none.
    pub(in crate::sync) fn place(&self, api_version: &str, key: &Key) -> Key {
        let mut key = key.clone();
        if self.cluster.known(api_version, &key.kind).is_some_and(|known| !known.namespaced) {
            key.namespace.clear();
        }
        key
    }

    /// An object by its names, as requests name it.
    pub(in crate::sync) fn reference(&self, api_version: &str, key: &Key) -> ObjectRef {
        let Key { kind, namespace, name, .. } = self.place(api_version, key);
        ObjectRef { api_version: api_version.to_owned(), kind, namespace, name }
    }

    /// An object as it is sent: without a namespace where its kind has none.
    pub(in crate::sync) fn placed(&self, object: &Value) -> Value {
        let mut object = object.clone();
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let bare = self.cluster.known(api_version, kind).is_some_and(|known| !known.namespaced);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            if bare {
                metadata.remove("namespace");
            }
            if metadata.contains_key("name") {
                metadata.remove("generateName");
            }
        }
        object
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        let key =
            Key { group: String::new(), kind: "Namespace".to_owned(), namespace: String::new(), name: name.to_owned() };
        self.mirror.get(&key).is_some()
    }

    /// Where an object was written, if a person wrote it.
    pub(in crate::sync) fn source(&self, key: &Key) -> Option<&str> {
        // What lives in no namespace may have been written with one.
        let elsewhere = || self.sources.iter().find(|(known, _)| known.bare() == key.bare()).map(|(_, source)| source);
        self.sources.get(key).or_else(elsewhere).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(in crate::sync) fn told(&self, act: &Act, result: Result<(), String>) {
        self.events.tell(Event::Act {
            cluster: self.place.clone(),
            application: self.application.clone(),
            verb: act.verb.as_str(),
            object: self.object(act),
            error: result.err(),
        });
    }

    fn object(&self, act: &Act) -> ObjectRef {
        let object = act.target.as_ref().or(act.live.as_ref());
        let api_version = object.and_then(|object| object["apiVersion"].as_str()).unwrap_or_default();
        self.reference(api_version, &act.key)
    }

    /// Does `act`.
    ///
    /// # Errors
    /// When nobody knows what the server says of it, or it may not be asked.
    pub(in crate::sync) async fn perform(&self, act: &Act) -> Result<Result<String, Refusal>, SyncError> {
        let object = self.object(act);
        let done = match self.migrate(act, &object).await {
            Err(error) => Err(error),
            Ok(()) => match act.verb {
                Verb::Apply => self.apply(act, &object).await,
                Verb::Create => self.create(act, &object).await,
                Verb::Replace | Verb::Update => self.replace(act, &object).await,
                Verb::Delete => self.delete(act, &object).await,
                Verb::Prune => self.prune(act, &object).await,
                Verb::Release => self.release(&object).await,
            },
        };
        let located = |text: &dyn std::fmt::Display| match self.source(&act.key) {
            Some(source) => format!("{source}: {text}"),
            None => text.to_string(),
        };
        match done {
            Ok(()) => Ok(Ok(String::new())),
            Err(SyncError::Unanswered { what, reason }) => Err(SyncError::Unanswered { what: located(&what), reason }),
            Err(error @ (SyncError::LeaseLost | SyncError::Interrupted)) => Err(error),
            Err(SyncError::Api { code: 404, .. }) if act.target.is_none() => Ok(Err(Refusal::NotFound)),
            Err(error) => Ok(Err(Refusal::Refused(located(&error)))),
        }
    }

    fn writing(&self, act: &Act) -> Writing {
        Writing { dry_run: act.dry_run, strict: act.validate, yields: self.cluster.yields() }
    }

    async fn apply(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let Some(target) = &act.target else { return Ok(()) };
        let manifest = self.placed(target);
        let mut writing = self.writing(act);
        // A trial asks whose fields it sets, even where they are taken over in the end.
        writing.yields |= act.dry_run && act.live.is_some();
        let mut answer = self.cluster.apply(object, &manifest, writing).await;
        if let Err(SyncError::Api { code: 409, reason, .. }) = &answer
            && !self.cluster.yields()
            && is_of_managers(reason)
        {
            self.events.tell(Event::Conflict {
                cluster: self.place.clone(),
                application: self.application.clone(),
                object: object.clone(),
                source: self.source(&act.key).unwrap_or_default().to_owned(),
                // Several managers are told in several lines.
                message: reason.replace('\n', " "),
            });
            writing.yields = false;
            answer = self.cluster.apply(object, &manifest, writing).await;
        }
        let live = match answer {
            Err(error) if act.dry_run && cannot_be_tried(&error) => return Ok(()),
            Err(SyncError::Api { code: 422, .. }) if act.force && act.live.is_some() => {
                if act.dry_run {
                    return Ok(());
                }
                self.remove(act, object).await?;
                self.cluster.apply(object, &manifest, writing).await?
            }
            live => live?,
        };
        self.keep(act, object, live).await
    }

    async fn create(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let Some(target) = &act.target else { return Ok(()) };
        let writing = self.writing(act);
        let live = match self.cluster.create(object, &self.placed(target), writing).await {
            Err(error) if act.dry_run && cannot_be_tried(&error) => return Ok(()),
            // A repeated request whose first answer was lost.
            Err(SyncError::Api { code: 409, .. }) if !act.dry_run => return self.replace(act, object).await,
            live => live?,
        };
        self.keep(act, object, live).await
    }

    async fn replace(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let Some(target) = &act.target else { return Ok(()) };
        let writing = self.writing(act);
        let mut manifest = self.placed(target);
        if act.verb == Verb::Replace && act.force {
            if act.dry_run {
                return Ok(());
            }
            self.remove(act, object).await?;
            let live = self.cluster.create(object, &manifest, writing).await?;
            return self.keep(act, object, live).await;
        }
        let mut tries = 0;
        loop {
            let version = match self.cluster.get(object).await? {
                Some(live) => live["metadata"]["resourceVersion"].clone(),
                None => Value::Null,
            };
            manifest["metadata"]["resourceVersion"] = version;
            match self.cluster.replace(object, &manifest, writing).await {
                // Somebody else wrote it meanwhile.
                Err(SyncError::Api { code: 409, .. }) if tries < 5 => tries += 1,
                Err(error) if act.dry_run && cannot_be_tried(&error) => return Ok(()),
                live => return self.keep(act, object, live?).await,
            }
        }
    }

    /// Notes what is live now, and waits until a definition is in force.
    async fn keep(&self, act: &Act, object: &ObjectRef, live: Value) -> Result<(), SyncError> {
        if act.dry_run {
            return Ok(());
        }
        self.mirror.put(live);
        if object.kind != "CustomResourceDefinition" {
            return Ok(());
        }
        let began = tokio::time::Instant::now();
        while began.elapsed() < LONGEST_WAIT {
            let live = self.cluster.get(object).await?.unwrap_or_default();
            match self.assessed(&live, None) {
                Some(crate::health::Health::Progressing(_)) => {}
                // One that was refused shows in its health.
                _ => return Ok(()),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn remove(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        self.delete(act, object).await?;
        let began = tokio::time::Instant::now();
        while self.cluster.get(object).await?.is_some() {
            if began.elapsed() > LONGEST_WAIT {
                let reason = "it is still being deleted; it cannot be made anew".to_owned();
                return Err(SyncError::Api { what: object.to_string(), code: 409, reason });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn delete(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let Some(live) = &act.live else { return Ok(()) };
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        let policy = match self.propagation.as_deref() {
            Some("background") => PropagationPolicy::Background,
            Some("orphan") => PropagationPolicy::Orphan,
            _ => PropagationPolicy::Foreground,
        };
        match self.cluster.delete(object, uid, policy).await? {
            Some(left) => self.mirror.put(left),
            None => self.mirror.take(&Key::of(live), uid),
        }
        Ok(())
    }

    /// Deletes what is still tracked by the Application: whoever took the annotation off has taken the object over. A
    /// namespace is looked into once more: something may have been put there since the plan was made.
    async fn prune(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let Some(live) = self.cluster.get(object).await? else {
            if let Some(live) = &act.live {
                self.mirror.take(&Key::of(live), live["metadata"]["uid"].as_str().unwrap_or_default());
            }
            return Ok(());
        };
        let tracking = &self.settings.tracking;
        if tracking.owner(&live, object).as_deref() != Some(&self.application) {
            return Ok(());
        }
        if object.kind == "Namespace" && object.group().is_empty() {
            let within = self.cluster.list(Some(&object.name)).await?;
            let stays = within
                .iter()
                .filter(|listed| compare::inhabits(listed))
                .find(|listed| tracking.owner_of(listed).as_deref() != Some(&self.application));
            if let Some(stays) = stays {
                let reason = format!("it holds {}, which would go with it; make a new plan", stays.object);
                return Err(SyncError::Api { what: object.to_string(), code: 409, reason });
            }
        }
        let act = Act { live: Some(Arc::new(live)), ..act.clone() };
        self.delete(&act, object).await
    }

    /// Takes the finalizer off a hook.
    async fn release(&self, object: &ObjectRef) -> Result<(), SyncError> {
        let mut tries = 0;
        loop {
            let Some(live) = self.cluster.get(object).await? else { return Ok(()) };
            let finalizers = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            let kept: Vec<Value> = finalizers.iter().filter(|one| *one != HOOK_FINALIZER).cloned().collect();
            if kept.len() == finalizers.len() {
                self.mirror.put(live);
                return Ok(());
            }
            let version = &live["metadata"]["resourceVersion"];
            let patch = json!({"metadata": {"finalizers": kept, "resourceVersion": version}});
            match self.cluster.merge(object, &patch).await {
                Ok(left) => {
                    // The last finalizer of what was deleted: it is gone now.
                    if kept.is_empty() && left["metadata"]["deletionTimestamp"].is_string() {
                        self.mirror.take(&Key::of(&left), left["metadata"]["uid"].as_str().unwrap_or_default());
                    } else {
                        self.mirror.put(left);
                    }
                    return Ok(());
                }
                Err(SyncError::Api { code: 409, .. }) if tries < 5 => tries += 1,
                Err(SyncError::Api { code: 404, .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a conflict is one of field managers, in the server's words.
fn is_of_managers(reason: &str) -> bool {
    reason.starts_with("Apply failed with ")
}

/// Whether a refusal says nothing of the object: a webhook that takes part in no trial.
fn cannot_be_tried(error: &SyncError) -> bool {
    matches!(error, SyncError::Api { reason, .. } if reason.contains("does not support dry run"))
}
