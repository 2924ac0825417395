//! Many live objects read at once: those of a kind in a namespace by one list, where enough of them are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use super::Cluster;
use crate::plan::ObjectRef;
use crate::sync::SyncError;

/// Of so many objects of one kind in one namespace all are listed.
const ENOUGH: usize = 8;

/// Kinds in namespaces: version, kind, namespace.
type Shelf = (String, String, String);

/// What was read of some objects.
pub(in crate::sync) struct Together {
    listed: BTreeSet<Shelf>,
    found: BTreeMap<ObjectRef, Arc<Value>>,
}

impl Together {
    /// The object, if it was read: `Some(None)` where it is not there.
    pub(in crate::sync) fn get(&self, object: &ObjectRef) -> Option<Option<Arc<Value>>> {
        self.listed.contains(&shelf(object)).then(|| self.found.get(object).cloned())
    }
}

fn shelf(object: &ObjectRef) -> Shelf {
    (object.api_version.clone(), object.kind.clone(), object.namespace.clone())
}

impl Cluster {
    /// Reads what is live of `objects`, as far as lists tell it.
    ///
    /// # Errors
    /// When the server refuses.
    pub(in crate::sync) async fn together<'o>(
        self: &Arc<Self>,
        objects: impl IntoIterator<Item = &'o ObjectRef>,
    ) -> Result<Together, SyncError> {
        let mut wanted: BTreeMap<Shelf, BTreeSet<&ObjectRef>> = BTreeMap::new();
        for object in objects {
            wanted.entry(shelf(object)).or_default().insert(object);
        }
        wanted.retain(|_, objects| objects.len() >= ENOUGH);
        let mut running = JoinSet::new();
        for shelf in wanted.keys().cloned() {
            let Some(known) = self.known(&shelf.0, &shelf.1) else { continue };
            let cluster = Arc::clone(self);
            running.spawn(async move {
                let objects = cluster.select(&known, &shelf.2, "").await;
                (shelf, objects)
            });
        }
        let mut together = Together { listed: BTreeSet::new(), found: BTreeMap::new() };
        while let Some(joined) = running.join_next().await {
            let fault = |reason: String| SyncError::Api { what: "list".to_owned(), code: 0, reason };
            let (shelf, objects) = joined.map_err(|error| fault(error.to_string()))?;
            let asked = wanted.get(&shelf);
            for object in objects?.0 {
                let (api_version, kind, namespace) = shelf.clone();
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let names = ObjectRef { api_version, kind, namespace, name };
                if asked.is_some_and(|asked| asked.contains(&names)) {
                    together.found.insert(names, Arc::new(object));
                }
            }
            together.listed.insert(shelf);
        }
        Ok(together)
    }
}
