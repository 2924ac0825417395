//! One API server: reading, applying and deleting objects of any kind.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::discovery::{ApiResource, Scope};
use kube::discovery::{Discovery, verbs};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

use super::SyncError;
use crate::plan::{ObjectRef, TRACKING};

/// The name under which tiphys owns fields.
pub const FIELD_MANAGER: &str = "tiphys";

/// A connection to one cluster.
pub struct Cluster {
    client: Client,
    kinds: RwLock<HashMap<(String, String), Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    resource: ApiResource,
    namespaced: bool,
    listable: bool,
}

/// An object as it was listed: its metadata.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its names.
    pub object: ObjectRef,
    /// The value of its tracking annotation; empty if it has none.
    pub tracking: String,
    /// Its sync options.
    pub sync_options: String,
    /// Whether another object owns it: it goes when that one does.
    pub owned: bool,
}

fn api_error(what: impl std::fmt::Display) -> impl FnOnce(kube::Error) -> SyncError {
    move |error| SyncError::Api {
        what: what.to_string(),
        reason: match error {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        },
    }
}

impl Cluster {
    /// Connects with a context of a kubeconfig; without one, with the current context.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used, or the server does not answer.
    pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Cluster, SyncError> {
        let fault = |error: &dyn std::fmt::Display| SyncError::Kubeconfig(error.to_string());
        let read = match kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let kubeconfig = read.map_err(|error| fault(&error))?;
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| fault(&error))?;
        let client = Client::try_from(config).map_err(|error| fault(&error))?;
        let cluster = Cluster { client, kinds: RwLock::default() };
        cluster.discover().await?;
        Ok(cluster)
    }

    /// Asks the server anew which kinds it serves.
    pub(super) async fn discover(&self) -> Result<(), SyncError> {
        let discovery = retry(|| Discovery::new(self.client.clone()).run_aggregated()).await;
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
        *self.kinds.write().await = kinds;
        Ok(())
    }

    /// Whether the server serves a kind.
    pub async fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.kinds.read().await.contains_key(&(api_version.to_owned(), kind.to_owned()))
    }

    async fn api(&self, object: &ObjectRef) -> Result<Api<DynamicObject>, SyncError> {
        let key = (object.api_version.clone(), object.kind.clone());
        let mut known = self.kinds.read().await.get(&key).cloned();
        if known.is_none() {
            self.discover().await?;
            known = self.kinds.read().await.get(&key).cloned();
        }
        let Some(known) = known else {
            return Err(SyncError::UnknownKind {
                object: object.to_string(),
                api_version: object.api_version.clone(),
                kind: object.kind.clone(),
            });
        };
        Ok(if known.namespaced && !object.namespace.is_empty() {
            Api::namespaced_with(self.client.clone(), &object.namespace, &known.resource)
        } else {
            Api::all_with(self.client.clone(), &known.resource)
        })
    }

    /// The live object, if there is one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, SyncError> {
        let found = {
            let api = self.api(object).await?;
            retry(|| api.get_opt(&object.name)).await.map_err(api_error(object))?
        };
        Ok(found.map(|found| serde_json::to_value(found).unwrap_or_default()))
    }

    /// Applies `manifest` on the server, and returns what is then live. `dry_run` changes nothing.
    ///
    /// # Errors
    /// When the server refuses the object.
    pub async fn apply(&self, object: &ObjectRef, manifest: &Value, dry_run: bool) -> Result<Value, SyncError> {
        let parameters = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER).force() };
        let api = self.api(object).await?;
        let patch = Patch::Apply(manifest);
        let live = retry(|| api.patch(&object.name, &parameters, &patch)).await.map_err(api_error(object))?;
        Ok(serde_json::to_value(live).unwrap_or_default())
    }

    /// Deletes the object of that uid; one that is gone already is no error, and one that was made anew since is another.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn delete(&self, object: &ObjectRef, uid: &str) -> Result<(), SyncError> {
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let api = self.api(object).await?;
        match retry(|| api.delete(&object.name, &parameters)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(api_error(object)(error)),
            Ok(_) => Ok(()),
        }
    }

    /// Every object that a person could have made, sorted; each once, in whichever version sorts last. Only those of
    /// `namespace` if one is given.
    ///
    /// # Errors
    /// When a kind cannot be listed: what is not seen would look as if it were not there.
    pub async fn list(self: &Arc<Self>, namespace: Option<&str>) -> Result<Vec<Listed>, SyncError> {
        let mut kinds: HashMap<(String, String), Known> = HashMap::new();
        for known in self.kinds.read().await.values() {
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
        let permits = Arc::new(Semaphore::new(8));
        for known in kinds.into_values() {
            let (cluster, permits) = (Arc::clone(self), Arc::clone(&permits));
            let namespace = namespace.map(str::to_owned);
            running.spawn(async move {
                let _permit = permits.acquire().await;
                cluster.list_kind(&known, namespace.as_deref()).await
            });
        }
        let mut listed = Vec::new();
        while let Some(joined) = running.join_next().await {
            let result =
                joined.map_err(|error| SyncError::Api { what: "list".to_owned(), reason: error.to_string() })?;
            listed.extend(result?);
        }
        listed.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(listed)
    }

    async fn list_kind(&self, known: &Known, namespace: Option<&str>) -> Result<Vec<Listed>, SyncError> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &known.resource),
            None => Api::all_with(self.client.clone(), &known.resource),
        };
        let mut parameters = ListParams::default().limit(500);
        let mut listed = Vec::new();
        loop {
            let page = match retry(|| api.list_metadata(&parameters)).await {
                // The definition of the kind went since it was discovered, and its objects with it.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405) => break,
                page => page.map_err(api_error(format!("list {}", known.resource.plural)))?,
            };
            for item in page.items {
                let annotations = item.metadata.annotations.unwrap_or_default();
                let annotation = |key: &str| annotations.get(key).cloned().unwrap_or_default();
                listed.push(Listed {
                    object: ObjectRef {
                        api_version: known.resource.api_version.clone(),
                        kind: known.resource.kind.clone(),
                        namespace: item.metadata.namespace.unwrap_or_default(),
                        name: item.metadata.name.unwrap_or_default(),
                    },
                    tracking: annotation(TRACKING),
                    sync_options: annotation("argocd.argoproj.io/sync-options"),
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

/// Whether an answer says that the same request may succeed a little later.
fn passes(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 429 | 500 | 502 | 503 | 504),
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// Asks again where an answer passes. Every request here may be repeated: reading, applying and deleting by name.
async fn retry<T, F: Future<Output = kube::Result<T>>>(request: impl Fn() -> F) -> kube::Result<T> {
    let mut pause = Duration::from_millis(100);
    loop {
        match request().await {
            Err(error) if passes(&error) && pause < LONGEST_PAUSE => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}

/// A request is given up after pauses that double up to this: about six seconds in all.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
