//! One API server: reading, applying and deleting objects of any kind.

use std::collections::HashMap;
use std::path::Path;

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::discovery::{ApiResource, Scope};
use kube::discovery::{Discovery, verbs};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::RwLock;

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

/// An object that carries a tracking annotation.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Its names.
    pub object: ObjectRef,
    /// The annotation's value.
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
        let discovery = Discovery::new(self.client.clone()).run().await.map_err(api_error("discovery"))?;
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
        let found = self.api(object).await?.get_opt(&object.name).await.map_err(api_error(object))?;
        Ok(found.map(|found| serde_json::to_value(found).unwrap_or_default()))
    }

    /// Applies `manifest` on the server, and returns what is then live. `dry_run` changes nothing.
    ///
    /// # Errors
    /// When the server refuses the object.
    pub async fn apply(&self, object: &ObjectRef, manifest: &Value, dry_run: bool) -> Result<Value, SyncError> {
        let parameters = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER).force() };
        let api = self.api(object).await?;
        let live = api.patch(&object.name, &parameters, &Patch::Apply(manifest)).await.map_err(api_error(object))?;
        Ok(serde_json::to_value(live).unwrap_or_default())
    }

    /// Deletes an object; one that is gone already is no error.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn delete(&self, object: &ObjectRef) -> Result<(), SyncError> {
        let parameters =
            DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
        match self.api(object).await?.delete(&object.name, &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(api_error(object)(error)),
            Ok(_) => Ok(()),
        }
    }

    /// Every object with a tracking annotation, sorted; each once, in whichever version the server prefers.
    ///
    /// # Errors
    /// When a kind cannot be listed.
    pub async fn tracked(&self) -> Result<Vec<Tracked>, SyncError> {
        let known: Vec<Known> = self.kinds.read().await.values().filter(|known| known.listable).cloned().collect();
        let mut listed: HashMap<(String, String), Known> = HashMap::new();
        for known in known {
            // Versions of one kind show the same objects.
            let key = (known.resource.group.clone(), known.resource.kind.clone());
            let slot = listed.entry(key).or_insert_with(|| known.clone());
            if known.resource.version > slot.resource.version {
                *slot = known;
            }
        }
        let mut tracked = Vec::new();
        for known in listed.into_values() {
            if matches!((known.resource.group.as_str(), known.resource.kind.as_str()), ("" | "events.k8s.io", "Event"))
            {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &known.resource);
            let mut parameters = ListParams::default().limit(500);
            loop {
                let page = api.list_metadata(&parameters).await.map_err(api_error(&known.resource.kind))?;
                for item in page.items {
                    let annotations = item.metadata.annotations.clone().unwrap_or_default();
                    let Some(tracking) = annotations.get(TRACKING) else { continue };
                    tracked.push(Tracked {
                        object: ObjectRef {
                            api_version: known.resource.api_version.clone(),
                            kind: known.resource.kind.clone(),
                            namespace: item.metadata.namespace.clone().unwrap_or_default(),
                            name: item.metadata.name.clone().unwrap_or_default(),
                        },
                        tracking: tracking.clone(),
                        sync_options: annotations.get("argocd.argoproj.io/sync-options").cloned().unwrap_or_default(),
                        owned: item.metadata.owner_references.is_some_and(|owners| !owners.is_empty()),
                    });
                }
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => parameters.continue_token = Some(token),
                    None => break,
                }
            }
        }
        tracked.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(tracked)
    }
}
