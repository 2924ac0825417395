//! One API server: reading, writing and deleting objects of any kind.

mod patience;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
    ValidationDirective,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::discovery::{ApiResource, Scope};
use kube::discovery::{Discovery, verbs};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(super) use patience::Patience;

use super::SyncError;
use crate::plan::ObjectRef;

/// The name under which tiphys owns fields.
pub const FIELD_MANAGER: &str = "tiphys";

/// A connection to one cluster.
pub struct Cluster {
    client: Client,
    kinds: RwLock<HashMap<(String, String), Known>>,
    permits: Semaphore,
    requests: AtomicU64,
}

/// A kind that the server serves.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Where it is served.
    pub(super) resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub(super) namespaced: bool,
    listable: bool,
}

/// How an object is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Writing {
    /// Whether nothing is changed, only asked.
    pub(super) dry_run: bool,
    /// Whether fields that the kind does not have are refused.
    pub(super) strict: bool,
}

impl Writing {
    fn validation(self) -> Option<ValidationDirective> {
        Some(if self.strict { ValidationDirective::Strict } else { ValidationDirective::Ignore })
    }

    fn post(self) -> PostParams {
        PostParams { dry_run: self.dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) }
    }
}

/// An object as it was listed: its metadata.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its names.
    pub object: ObjectRef,
    /// Its annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Whether another object owns it: it goes when that one does.
    pub owned: bool,
}

/// `manifest` as the client sends it.
fn typed(object: &ObjectRef, manifest: &Value) -> Result<DynamicObject, SyncError> {
    let refused =
        |error: serde_json::Error| SyncError::Api { what: object.to_string(), code: 0, reason: error.to_string() };
    serde_json::from_value(manifest.clone()).map_err(refused)
}

fn api_error(what: impl std::fmt::Display) -> impl FnOnce(kube::Error) -> SyncError {
    move |error| SyncError::Api {
        what: what.to_string(),
        code: code(&error),
        reason: match error {
            kube::Error::Api(status) => status.message.clone(),
            other => patience::chain(&other),
        },
    }
}

fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}

/// An object with its version and kind, which lists leave out.
pub(super) fn value(object: DynamicObject, known: &Known) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = Value::String(known.resource.api_version.clone());
    value["kind"] = Value::String(known.resource.kind.clone());
    value
}

impl Cluster {
    /// Connects with a context of a kubeconfig; without one, with the current context. Not more than `concurrency`
    /// requests are under way at once.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used, or the server does not answer.
    pub async fn connect(
        kubeconfig: Option<&Path>,
        context: Option<&str>,
        concurrency: usize,
    ) -> Result<Cluster, SyncError> {
        let fault = |error: &dyn std::fmt::Display| SyncError::Kubeconfig(error.to_string());
        let read = match kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        Cluster::with(read.map_err(|error| fault(&error))?, context, concurrency).await
    }

    /// The same with a kubeconfig at hand.
    ///
    /// # Errors
    /// When it cannot be used, or the server does not answer.
    pub(super) async fn with(
        kubeconfig: Kubeconfig,
        context: Option<&str>,
        concurrency: usize,
    ) -> Result<Cluster, SyncError> {
        let fault = |error: &dyn std::fmt::Display| SyncError::Kubeconfig(error.to_string());
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| fault(&error))?;
        let client = Client::try_from(config).map_err(|error| fault(&error))?;
        let cluster = Cluster {
            client,
            kinds: RwLock::default(),
            permits: Semaphore::new(concurrency.max(1)),
            requests: AtomicU64::new(0),
        };
        cluster.discover(Patience::SHORT).await?;
        Ok(cluster)
    }

    /// How many requests were made, watches left out.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What tells this cluster from any other.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn identity(&self) -> Result<String, SyncError> {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: "kube-system".to_owned(),
        };
        let live = self.get(&object).await?.unwrap_or_default();
        Ok(live["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a request, and makes it again where the answer says that it may succeed later.
    async fn ask<T, F: Future<Output = kube::Result<T>>>(
        &self,
        patience: Patience,
        request: impl Fn() -> F,
    ) -> kube::Result<T> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let answer = {
                let _permit = self.permits.acquire().await;
                self.requests.fetch_add(1, Ordering::Relaxed);
                request().await
            };
            match answer {
                Err(error) if patience.holds(&error, began.elapsed() + pause) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(patience::LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
    }

    /// Asks the server anew which kinds it serves.
    pub(super) async fn discover(&self, patience: Patience) -> Result<(), SyncError> {
        let discovery = self.ask(patience, || Discovery::new(self.client.clone()).run_aggregated()).await;
        let discovery = discovery.map_err(api_error("discovery"))?;
        let mut kinds = HashMap::new();
        for group in discovery.groups() {
            for version in group.versions() {
                for (resource, capabilities) in group.versioned_resources(version) {
                    let known = Known {
                        namespaced: capabilities.scope == Scope::Namespaced,
                        listable: capabilities.supports_operation(verbs::LIST)
                            && capabilities.supports_operation(verbs::DELETE),
                        resource: resource.clone(),
                    };
                    kinds.insert((resource.api_version.clone(), resource.kind.clone()), known);
                }
            }
        }
        *self.kinds.write().unwrap_or_else(PoisonError::into_inner) = kinds;
        Ok(())
    }

    /// How the server serves a kind.
    pub(super) fn known(&self, api_version: &str, kind: &str) -> Option<Known> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(&(api_version.to_owned(), kind.to_owned())).cloned()
    }

    /// Whether the server serves a kind.
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.known(api_version, kind).is_some()
    }

    async fn found(&self, object: &ObjectRef) -> Result<Known, SyncError> {
        if let Some(known) = self.known(&object.api_version, &object.kind) {
            return Ok(known);
        }
        self.discover(Patience::LONG).await?;
        self.known(&object.api_version, &object.kind).ok_or_else(|| SyncError::UnknownKind {
            object: object.to_string(),
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
        })
    }

    /// The door to the objects of a kind; those of all namespaces where `namespace` is empty.
    pub(super) fn api(&self, known: &Known, namespace: &str) -> Api<DynamicObject> {
        if known.namespaced && !namespace.is_empty() {
            Api::namespaced_with(self.client.clone(), namespace, &known.resource)
        } else {
            Api::all_with(self.client.clone(), &known.resource)
        }
    }

    /// The live object, if there is one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, SyncError> {
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        let found = self.ask(Patience::LONG, || api.get_opt(&object.name)).await.map_err(api_error(object))?;
        Ok(found.map(|found| value(found, &known)))
    }

    /// Applies `manifest` on the server, and returns what is then live. Fields that others manage are taken over, as
    /// Argo CD does.
    ///
    /// # Errors
    /// When the server refuses the object.
    pub(super) async fn apply(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let parameters = PatchParams {
            dry_run: writing.dry_run,
            field_validation: writing.validation(),
            ..PatchParams::apply(FIELD_MANAGER).force()
        };
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        let patch = Patch::Apply(manifest);
        let live = self.ask(Patience::LONG, || api.patch(&object.name, &parameters, &patch)).await;
        Ok(value(live.map_err(api_error(object))?, &known))
    }

    /// Creates the object.
    ///
    /// # Errors
    /// When the server refuses, or the object is there.
    pub(super) async fn create(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        let wanted = typed(object, manifest)?;
        let parameters = writing.post();
        let live = self.ask(Patience::LONG, || api.create(&parameters, &wanted)).await;
        Ok(value(live.map_err(api_error(object))?, &known))
    }

    /// Puts `manifest` in place of the live object.
    ///
    /// # Errors
    /// When the server refuses, or the object is not there.
    pub(super) async fn replace(
        &self,
        object: &ObjectRef,
        manifest: &Value,
        writing: Writing,
    ) -> Result<Value, SyncError> {
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        let wanted = typed(object, manifest)?;
        let parameters = writing.post();
        let live = self.ask(Patience::LONG, || api.replace(&object.name, &parameters, &wanted)).await;
        Ok(value(live.map_err(api_error(object))?, &known))
    }

    /// Changes fields of the object by a merge patch.
    ///
    /// # Errors
    /// When the server refuses, or the object is not there.
    pub(super) async fn merge(&self, object: &ObjectRef, patch: &Value) -> Result<Value, SyncError> {
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        let patch = Patch::Merge(patch);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let live = self.ask(Patience::LONG, || api.patch(&object.name, &parameters, &patch)).await;
        Ok(value(live.map_err(api_error(object))?, &known))
    }

    /// Deletes the object of that uid; one that is gone already is no error, and one that was made anew since is another.
    /// What is left of it while it goes; `None` if it is gone.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn delete(
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
        let known = self.found(object).await?;
        let api = self.api(&known, &object.namespace);
        match self.ask(Patience::LONG, || api.delete(&object.name, &parameters)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(api_error(object)(error)),
            Ok(answer) => Ok(answer.left().map(|left| value(left, &known))),
        }
    }

    /// The objects of a kind that match a label selector, in full.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn select(
        &self,
        known: &Known,
        namespace: &str,
        labels: &str,
    ) -> Result<(Vec<Value>, String), SyncError> {
        let api = self.api(known, namespace);
        let mut parameters = ListParams::default().labels(labels).limit(1000);
        let mut objects = Vec::new();
        loop {
            let page = self.ask(Patience::LONG, || api.list(&parameters)).await;
            let page = page.map_err(api_error(format!("list {}", known.resource.plural)))?;
            objects.extend(page.items.into_iter().map(|object| value(object, known)));
            let version = page.metadata.resource_version.unwrap_or_default();
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => return Ok((objects, version)),
            }
        }
    }

    /// Every object that a person could have made, sorted; each once, in whichever version sorts last. Only those of
    /// `namespace` if one is given.
    ///
    /// # Errors
    /// When a kind cannot be listed: what is not seen would look as if it were not there.
    pub async fn list(self: &Arc<Self>, namespace: Option<&str>) -> Result<Vec<Listed>, SyncError> {
        let mut kinds: HashMap<(String, String), Known> = HashMap::new();
        for known in self.kinds.read().unwrap_or_else(PoisonError::into_inner).values() {
            let (group, kind) = (known.resource.group.clone(), known.resource.kind.clone());
            let passing = PASSING.contains(&(group.as_str(), kind.as_str()));
            if !known.listable || passing || (namespace.is_some() && !known.namespaced) {
                continue;
            }
            // Versions of one kind show the same objects.
            let slot = kinds.entry((group, kind)).or_insert_with(|| known.clone());
            if known.resource.version > slot.resource.version {
                *slot = known.clone();
            }
        }
        let mut running = JoinSet::new();
        for known in kinds.into_values() {
            let cluster = Arc::clone(self);
            let namespace = namespace.map(str::to_owned);
            running.spawn(async move { cluster.list_kind(&known, namespace.as_deref()).await });
        }
        let mut listed = Vec::new();
        while let Some(joined) = running.join_next().await {
            let result = joined.map_err(|error| SyncError::Api {
                what: "list".to_owned(),
                code: 0,
                reason: error.to_string(),
            })?;
            listed.extend(result?);
        }
        listed.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(listed)
    }

    async fn list_kind(&self, known: &Known, namespace: Option<&str>) -> Result<Vec<Listed>, SyncError> {
        let api = self.api(known, namespace.unwrap_or_default());
        let mut parameters = ListParams::default().limit(500);
        let mut listed = Vec::new();
        loop {
            let page = match self.ask(Patience::LONG, || api.list_metadata(&parameters)).await {
                // The definition of the kind went since it was discovered, and its objects with it.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405) => break,
                page => page.map_err(api_error(format!("list {}", known.resource.plural)))?,
            };
            for item in page.items {
                let annotations = item.metadata.annotations.unwrap_or_default();
                listed.push(Listed {
                    object: ObjectRef {
                        api_version: known.resource.api_version.clone(),
                        kind: known.resource.kind.clone(),
                        namespace: item.metadata.namespace.unwrap_or_default(),
                        name: item.metadata.name.unwrap_or_default(),
                    },
                    annotations,
                    labels: item.metadata.labels.unwrap_or_default(),
                    owned: item.metadata.owner_references.is_some_and(|owners| !owners.is_empty()),
                });
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => break,
            }
        }
        Ok(listed)
    }
}

/// Kinds whose objects the cluster makes by itself, and that go by themselves.
const PASSING: [(&str, &str); 5] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("coordination.k8s.io", "Lease"),
];
