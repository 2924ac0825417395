//! What is live of some kinds in one cluster, kept up to date by watches.
//!
//! Many Applications are driven at once and each looks again and again at what it waits for: they look here, and the
//! server is asked once for each kind. What tiphys writes itself is put in at once, so that nobody reads the state from
//! before an act after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use kube::api::WatchEvent;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::SyncError;
use super::cluster::{Cluster, Known};
use super::machine::Key;

/// How long a watch may tell nothing before it is begun anew.
const LONGEST_SILENCE: Duration = Duration::from_secs(100);

/// The live objects of the kinds that somebody asked for.
pub struct Mirror {
    shared: Arc<Shared>,
    /// Each ends with the mirror.
    watches: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    followed: Mutex<Followed>,
}

/// The kinds that are followed. Whoever comes second waits for the list that the first one asked for.
type Followed = BTreeMap<(String, String), Arc<OnceCell<()>>>;

/// What watches and readers have in common.
pub struct Shared {
    cluster: Arc<Cluster>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Arc<Value>>,
    /// The uids of what is known to be gone: an event from before its deletion does not bring it back.
    gone: BTreeSet<String>,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        for watch in self.watches.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            watch.abort();
        }
    }
}

impl std::ops::Deref for Mirror {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// The version of an object. Kubernetes counts them up, so the greater one is newer.
fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

impl Mirror {
    /// A mirror that follows no kind yet.
    pub fn new(cluster: Arc<Cluster>) -> Mirror {
        let shared = Arc::new(Shared { cluster, state: Mutex::default() });
        Mirror { shared, watches: Mutex::default(), followed: Mutex::default() }
    }

    /// The cluster that is mirrored.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.shared.cluster
    }

    /// Follows a kind from now on, unless it does already; returns when its objects are known. A kind that the cluster
    /// does not serve has none.
    ///
    /// # Errors
    /// When its objects cannot be listed.
    pub(super) async fn follow(&self, api_version: &str, kind: &str) -> Result<(), SyncError> {
        let Some(known) = self.cluster.known(api_version, kind) else { return Ok(()) };
        let name = (known.resource.group.clone(), known.resource.kind.clone());
        let cell = {
            let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(followed.entry(name).or_default())
        };
        cell.get_or_try_init(|| self.begin(known)).await.copied()
    }

    /// Reads all objects of a kind, and watches what becomes of them.
    async fn begin(&self, known: Known) -> Result<(), SyncError> {
        let mut from = self.read(&known).await?;
        let shared = Arc::clone(&self.shared);
        let watch = tokio::spawn(async move {
            loop {
                let lost = match shared.cluster.watch(&known, &from).await {
                    Ok(stream) => shared.absorb(stream, &mut from).await,
                    Err(kube::Error::Api(status)) if status.code == 410 => true,
                    Err(_) => false,
                };
                if lost {
                    match shared.read(&known).await {
                        Ok(version) => from = version,
                        Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                    }
                } else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).push(watch);
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what a watch tells until it ends; whether it lost the thread.
    async fn absorb(
        &self,
        stream: impl futures_util::Stream<Item = kube::Result<WatchEvent<Value>>>,
        from: &mut String,
    ) -> bool {
        let mut stream = std::pin::pin!(stream);
        loop {
            // A connection that was cut without a word tells nothing for ever; a live one has a bookmark each minute.
            let Ok(next) = tokio::time::timeout(LONGEST_SILENCE, stream.try_next()).await else { return false };
            let (object, deleted) = match next {
                Ok(Some(WatchEvent::Added(object) | WatchEvent::Modified(object))) => (object, false),
                Ok(Some(WatchEvent::Deleted(object))) => (object, true),
                Ok(Some(WatchEvent::Bookmark(bookmark))) => {
                    *from = bookmark.metadata.resource_version;
                    continue;
                }
                Ok(Some(WatchEvent::Error(_))) => return true,
                Ok(None) | Err(_) => return false,
            };
            if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
                version.clone_into(from);
            }
            if deleted {
                // The answer to our own request may come after this.
                self.take(&Key::of(&object), uid(&object));
            } else {
                self.put(object);
            }
        }
    }

    /// Reads all objects of a kind; the version from which a watch goes on.
    async fn read(&self, known: &Known) -> Result<String, SyncError> {
        let (objects, from) = self.cluster.select(known, "", "").await?;
        let latest: u64 = from.parse().unwrap_or(u64::MAX);
        let mut state = self.state();
        let listed: BTreeSet<Key> = objects.iter().map(Key::of).collect();
        let (group, kind) = (&known.resource.group, &known.resource.kind);
        state.objects.retain(|key, object| {
            key.group != *group || key.kind != *kind || listed.contains(key) || version(object) > latest
        });
        for object in objects {
            state.put(object);
        }
        Ok(from)
    }

    /// Puts in an object, unless a newer state of it is known.
    pub(super) fn put(&self, object: Value) {
        self.state().put(object);
    }

    /// Takes out an object that is gone.
    pub(super) fn take(&self, key: &Key, uid: &str) {
        let mut state = self.state();
        state.gone.insert(uid.to_owned());
        if state.objects.get(key).is_some_and(|object| self::uid(object) == uid) {
            state.objects.remove(key);
        }
    }

    /// A live object.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.state().objects.get(key).cloned()
    }

    /// The live object of that name; one without a namespace where the key names one in vain.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Value>> {
        let state = self.state();
        state.objects.get(key).or_else(|| state.objects.get(&key.bare())).cloned()
    }

    /// Those of `keys` that are live.
    pub(super) fn some<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Vec<Arc<Value>> {
        let state = self.state();
        keys.into_iter().filter_map(|key| state.objects.get(key).cloned()).collect()
    }
}

impl State {
    fn put(&mut self, object: Value) {
        if self.gone.contains(uid(&object)) {
            return;
        }
        let key = Key::of(&object);
        if self.objects.get(&key).is_some_and(|known| uid(known) == uid(&object) && version(known) > version(&object)) {
            return;
        }
        self.objects.insert(key, Arc::new(object));
    }
}
