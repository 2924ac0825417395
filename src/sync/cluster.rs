//! One API server: reading, writing and deleting objects of any kind.

mod guard;
mod list;
mod objects;
mod patience;
mod together;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::Stream;
use kube::api::{DynamicObject, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use kube::core::discovery::{ApiResource, Scope};
use kube::discovery::{Discovery, verbs};
use kube::{Client, Config, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

pub(super) use guard::{Guard, Hold};
pub(super) use list::Listed;
pub(super) use objects::Writing;
pub(super) use patience::Patience;

use super::SyncError;
use crate::plan::ObjectRef;

/// The name under which tiphys owns fields.
pub const FIELD_MANAGER: &str = "tiphys";

/// A connection to one cluster.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    patience: Patience,
    yields: bool,
    /// What has to hold whenever a request is sent.
    guard: Option<Guard>,
}

struct Shared {
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

impl Known {
    /// Requests for objects of the kind; of those of all namespaces where `namespace` is empty.
    fn door(&self, namespace: &str) -> Request {
        let namespace = Some(namespace).filter(|name| self.namespaced && !name.is_empty());
        Request::new(DynamicObject::url_path(&self.resource, namespace))
    }
}

/// Why there is no answer that could be used.
enum Unmet {
    /// The server refused, or did not answer.
    Refused(kube::Error),
    /// The request may not be sent any more.
    Barred(SyncError),
}

/// An error of a request for `what`.
fn answered(what: impl std::fmt::Display) -> impl FnOnce(Unmet) -> SyncError {
    move |unmet| match unmet {
        Unmet::Barred(error) => error,
        Unmet::Refused(error) => {
            let (code, reason) = match &error {
                kube::Error::Api(status) => (status.code, status.message.clone()),
                other => (0, patience::chain(other)),
            };
            match patience::is_unanswered(&error) {
                true => SyncError::Unanswered { what: what.to_string(), reason },
                false => SyncError::Api { what: what.to_string(), code, reason },
            }
        }
    }
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
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| fault(&error))?;
        // `ask` knows better what may be asked again, and for how long.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| fault(&error))?;
        let shared = Shared {
            client,
            kinds: RwLock::default(),
            permits: Semaphore::new(concurrency.max(1)),
            requests: AtomicU64::new(0),
        };
        let cluster = Cluster { shared: Arc::new(shared), patience: Patience::LONG, yields: false, guard: None };
        cluster.discover(Patience::SHORT).await?;
        Ok(cluster)
    }

    /// The same, where the server may be silent for as long as `patience` before a request has failed.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Cluster {
        Cluster { patience: Patience::of(patience), ..self }
    }

    /// The same, where fields that others manage are left to them if `yields`: an object that sets one is refused.
    #[must_use]
    pub fn yielding(self, yields: bool) -> Cluster {
        Cluster { yields, ..self }
    }

    pub(super) fn yields(&self) -> bool {
        self.yields
    }

    /// The same for somebody who may send requests only while `guard` admits them.
    pub(super) fn guarded(&self, guard: Guard) -> Cluster {
        Cluster { guard: Some(guard), ..self.clone() }
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// How many requests were made, watches left out.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
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
    async fn ask<T: DeserializeOwned>(
        &self,
        request: Result<hyper::Request<Vec<u8>>, kube::core::request::Error>,
        patience: Patience,
    ) -> Result<T, Unmet> {
        let request = request.map_err(|error| Unmet::Refused(kube::Error::BuildRequest(error)))?;
        self.persist(patience, || self.shared.client.request(request.clone())).await
    }

    async fn persist<T, F: Future<Output = kube::Result<T>>>(
        &self,
        patience: Patience,
        attempt: impl Fn() -> F,
    ) -> Result<T, Unmet> {
        let began = Instant::now();
        let mut pause = patience::SHORTEST_PAUSE;
        let mut guard = self.guard.clone();
        loop {
            let permit = self.shared.permits.acquire().await;
            if let Some(guard) = &mut guard
                && !guard.admits().map_err(Unmet::Barred)?
            {
                // Whoever renews the lease needs a permit as well.
                drop(permit);
                if began.elapsed() > patience.longest() {
                    let (what, reason) = ("lease".to_owned(), "it could not be renewed".to_owned());
                    return Err(Unmet::Barred(SyncError::Unanswered { what, reason }));
                }
                guard.wait(patience::SHORTEST_PAUSE).await;
                continue;
            }
            self.shared.requests.fetch_add(1, Ordering::Relaxed);
            let answer = tokio::time::timeout(patience::LONGEST_ANSWER, attempt()).await;
            drop(permit);
            let answer = answer.unwrap_or_else(|_| Err(kube::Error::Service("there was no answer".into())));
            match answer {
                Err(error) if patience.holds(&error, began.elapsed() + pause) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(patience::LONGEST_PAUSE);
                }
                answer => return answer.map_err(Unmet::Refused),
            }
        }
    }

    /// Changes of objects of a kind from the version `from` on.
    pub(super) async fn watch(
        &self,
        known: &Known,
        from: &str,
    ) -> kube::Result<impl Stream<Item = kube::Result<WatchEvent<Value>>> + use<>> {
        let request = known.door("").watch(&WatchParams::default(), from).map_err(kube::Error::BuildRequest)?;
        self.shared.client.request_events::<Value>(request).await
    }

    /// Asks the server anew which kinds it serves.
    pub(super) async fn discover(&self, patience: Patience) -> Result<(), SyncError> {
        let discovery = self.persist(patience, || Discovery::new(self.shared.client.clone()).run_aggregated()).await;
        let discovery = discovery.map_err(answered("discovery"))?;
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
        *self.shared.kinds.write().unwrap_or_else(PoisonError::into_inner) = kinds;
        Ok(())
    }

    /// How the server serves a kind.
    pub(super) fn known(&self, api_version: &str, kind: &str) -> Option<Known> {
        let kinds = self.shared.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(&(api_version.to_owned(), kind.to_owned())).cloned()
    }

    /// Whether the server serves a kind.
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.known(api_version, kind).is_some()
    }
}
