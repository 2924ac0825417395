//! One executor at a time: whoever syncs an Application holds its Lease, and renews it.
//!
//! Clocks differ between machines, so a lease has run out when nobody renewed it for its whole duration as *this*
//! process saw it: the times that are written in it are for people. A run that is resumed has the same name as before,
//! and goes on at once. One that could not renew its lease for a while does nothing until it knows whose it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kube::api::PropagationPolicy;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{NAMESPACE, slug};
use crate::plan::ObjectRef;
use crate::sync::SyncError;
use crate::sync::cluster::{Cluster, Hold, Writing};

/// How long a lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(30);
/// How long an answer to a renewal may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the lease of another may hold, whatever it says.
const LONGEST: Duration = Duration::from_secs(600);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(8);

/// The leases that this process holds in one cluster. They are renewed until this is dropped.
pub(in crate::sync) struct Leases {
    cluster: Arc<Cluster>,
    holder: String,
    held: Arc<Mutex<BTreeMap<String, Held>>>,
    interrupted: Arc<AtomicBool>,
    renewal: tokio::task::JoinHandle<()>,
}

struct Held {
    version: Value,
    uid: String,
    renewed: Instant,
    hold: watch::Sender<Hold>,
}

impl Held {
    fn renew(&mut self, live: &Value) {
        self.version = live["metadata"]["resourceVersion"].clone();
        self.renewed = Instant::now();
        self.hold.send_replace(Hold::Since(self.renewed));
    }
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
    /// Leases of the run `holder`; none is held yet. Nobody waits for one any more when `interrupted` is set.
    pub(in crate::sync) fn new(cluster: Arc<Cluster>, holder: &str, interrupted: Arc<AtomicBool>) -> Leases {
        let held: Arc<Mutex<BTreeMap<String, Held>>> = Arc::default();
        let renewal = tokio::spawn(keep(Arc::clone(&cluster), holder.to_owned(), Arc::clone(&held)));
        Leases { cluster, holder: holder.to_owned(), held, interrupted, renewal }
    }

    /// Takes the lease of an Application; what is returned says whether it is held.
    ///
    /// # Errors
    /// When another executor holds it and is alive, or the server refuses.
    pub(in crate::sync) async fn take(&self, application: &str) -> Result<watch::Receiver<Hold>, SyncError> {
        let name = slug(application);
        let object = reference(&name);
        let mut seen: Option<(Value, Instant)> = None;
        let live = loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(SyncError::Interrupted);
            }
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
            if is_free || since.elapsed() > duration(&found) {
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
        let renewed = Instant::now();
        let (hold, seen) = watch::channel(Hold::Since(renewed));
        let held = Held {
            version: live["metadata"]["resourceVersion"].clone(),
            uid: live["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            renewed,
            hold,
        };
        lock(&self.held).insert(name, held);
        Ok(seen)
    }

    /// Gives the lease of an Application back.
    pub(in crate::sync) async fn give_back(&self, application: &str) {
        let name = slug(application);
        let held = lock(&self.held).remove(&name);
        if let Some(held) = held.filter(|held| *held.hold.borrow() != Hold::Lost) {
            // One that stays runs out.
            let object = reference(&name);
            let given = self.cluster.delete(&object, &held.uid, PropagationPolicy::Background);
            let _ = tokio::time::timeout(ANSWER, given).await;
        }
    }
}

/// How long a lease holds, as whoever holds it says.
fn duration(lease: &Value) -> Duration {
    let seconds = lease["spec"]["leaseDurationSeconds"].as_u64().filter(|seconds| *seconds > 0);
    seconds.map_or(DURATION, Duration::from_secs).min(LONGEST)
}

/// Renews what is held, all that is due at once: one that is not answered holds up no other.
async fn keep(cluster: Arc<Cluster>, holder: String, held: Arc<Mutex<BTreeMap<String, Held>>>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let due: Vec<(String, Value)> = lock(&held)
            .iter()
            .filter(|(_, held)| held.renewed.elapsed() > RENEWAL && *held.hold.borrow() != Hold::Lost)
            .map(|(name, held)| (name.clone(), held.version.clone()))
            .collect();
        let renewals = due.into_iter().map(|(name, version)| {
            let (cluster, holder) = (&cluster, &holder);
            async move {
                let answer = tokio::time::timeout(ANSWER, renew(cluster, holder, &name, &version)).await;
                (name, answer.unwrap_or(Renewal::Unknown))
            }
        });
        for (name, renewal) in join_all(renewals).await {
            let mut held = lock(&held);
            let Some(lease) = held.get_mut(&name) else { continue };
            match renewal {
                Renewal::Done(live) => lease.renew(&live),
                Renewal::Taken => {
                    lease.hold.send_replace(Hold::Lost);
                }
                Renewal::Unknown => {}
            }
        }
    }
}

/// What came of a renewal.
enum Renewal {
    Done(Value),
    /// Another has the lease, or somebody deleted it.
    Taken,
    /// Nobody answered.
    Unknown,
}

async fn renew(cluster: &Cluster, holder: &str, name: &str, version: &Value) -> Renewal {
    let object = reference(name);
    let patch = |version: &Value| json!({"metadata": {"resourceVersion": version}, "spec": {"renewTime": now()}});
    match cluster.merge(&object, &patch(version)).await {
        Ok(live) => return Renewal::Done(live),
        Err(SyncError::Api { code: 404 | 409, .. }) => {}
        Err(_) => return Renewal::Unknown,
    }
    // The answer to an earlier renewal may have been lost: then it is ours in another version.
    match cluster.get(&object).await {
        Ok(Some(live)) if live["spec"]["holderIdentity"] == holder => {
            match cluster.merge(&object, &patch(&live["metadata"]["resourceVersion"])).await {
                Ok(live) => Renewal::Done(live),
                Err(_) => Renewal::Unknown,
            }
        }
        Ok(_) => Renewal::Taken,
        Err(_) => Renewal::Unknown,
    }
}
