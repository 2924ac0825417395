//! One executor at a time: whoever syncs an Application holds its Lease, and renews it.
//!
//! Clocks differ between machines, so a lease has run out when nobody renewed it for its whole duration as *this*
//! process saw it. A run that is resumed has the same name as before, and goes on at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::api::PropagationPolicy;
use serde_json::{Value, json};

use super::{NAMESPACE, slug};
use crate::plan::ObjectRef;
use crate::sync::SyncError;
use crate::sync::cluster::{Cluster, Writing};

/// How long a lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(30);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(8);

/// The leases that this process holds in one cluster. They are renewed until this is dropped.
pub(in crate::sync) struct Leases {
    cluster: Arc<Cluster>,
    holder: String,
    held: Arc<Mutex<BTreeMap<String, Held>>>,
    renewal: tokio::task::JoinHandle<()>,
}

struct Held {
    version: Value,
    uid: String,
    renewed: Instant,
    lost: Arc<AtomicBool>,
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

fn reference(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "coordination.k8s.io/v1".to_owned(),
        kind: "Lease".to_owned(),
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn lock(held: &Mutex<BTreeMap<String, Held>>) -> MutexGuard<'_, BTreeMap<String, Held>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leases {
    /// Leases of the run `holder`; none is held yet.
    pub(in crate::sync) fn new(cluster: Arc<Cluster>, holder: &str) -> Leases {
        let held: Arc<Mutex<BTreeMap<String, Held>>> = Arc::default();
        let renewal = tokio::spawn(renew(Arc::clone(&cluster), Arc::clone(&held)));
        Leases { cluster, holder: holder.to_owned(), held, renewal }
    }

    /// Takes the lease of an Application; what is returned is set when it was lost.
    ///
    /// # Errors
    /// When another executor holds it and is alive, or the server refuses.
    pub(in crate::sync) async fn take(&self, application: &str) -> Result<Arc<AtomicBool>, SyncError> {
        let name = slug(application);
        let object = reference(&name);
        let mut seen: Option<(Value, Instant)> = None;
        let live = loop {
            let spec = json!({"holderIdentity": self.holder, "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": now(), "renewTime": now()});
            let manifest = json!({"apiVersion": object.api_version, "kind": object.kind, "spec": spec,
                "metadata": {"name": name, "namespace": NAMESPACE,
                    "annotations": {"tiphys.dev/application": application}}});
            match self.cluster.create(&object, &manifest, Writing::default()).await {
                Err(SyncError::Api { code: 409, .. }) => {}
                made => break made?,
            }
            let Some(found) = self.cluster.get(&object).await? else { continue };
            let other = found["spec"]["holderIdentity"].as_str().unwrap_or_default();
            let is_free = other.is_empty() || other == self.holder;
            let since = match &seen {
                Some((version, since)) if *version == found["metadata"]["resourceVersion"] => *since,
                // It was renewed while we looked.
                Some(_) if !is_free => {
                    let reason = format!("another executor ({other}) is at work on {application}");
                    return Err(SyncError::Api { what: object.to_string(), code: 409, reason });
                }
                _ => Instant::now(),
            };
            if is_free || since.elapsed() > DURATION {
                let version = &found["metadata"]["resourceVersion"];
                let patch = json!({"metadata": {"resourceVersion": version}, "spec": spec});
                match self.cluster.merge(&object, &patch).await {
                    Err(SyncError::Api { code: 404 | 409, .. }) => {}
                    taken => break taken?,
                }
            }
            seen = Some((found["metadata"]["resourceVersion"].clone(), since));
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        let lost = Arc::new(AtomicBool::new(false));
        let held = Held {
            version: live["metadata"]["resourceVersion"].clone(),
            uid: live["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            renewed: Instant::now(),
            lost: Arc::clone(&lost),
        };
        lock(&self.held).insert(name, held);
        Ok(lost)
    }

    /// Gives the lease of an Application back.
    pub(in crate::sync) async fn give_back(&self, application: &str) {
        let name = slug(application);
        let held = lock(&self.held).remove(&name);
        if let Some(held) = held.filter(|held| !held.lost.load(Ordering::Relaxed)) {
            // One that stays runs out.
            let _ = self.cluster.delete(&reference(&name), &held.uid, PropagationPolicy::Background).await;
        }
    }
}

async fn renew(cluster: Arc<Cluster>, held: Arc<Mutex<BTreeMap<String, Held>>>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let due: Vec<(String, Value)> = lock(&held)
            .iter()
            .filter(|(_, held)| held.renewed.elapsed() > RENEWAL)
            .map(|(name, held)| (name.clone(), held.version.clone()))
            .collect();
        for (name, version) in due {
            let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"renewTime": now()}});
            let answer = tokio::time::timeout(RENEWAL, cluster.merge(&reference(&name), &patch)).await;
            let mut held = lock(&held);
            let Some(lease) = held.get_mut(&name) else { continue };
            match answer {
                Ok(Ok(live)) => {
                    lease.version = live["metadata"]["resourceVersion"].clone();
                    lease.renewed = Instant::now();
                }
                Ok(Err(SyncError::Api { code: 404 | 409, .. })) => lease.lost.store(true, Ordering::Relaxed),
                _ if lease.renewed.elapsed() > DURATION => lease.lost.store(true, Ordering::Relaxed),
                _ => {}
            }
        }
    }
}
