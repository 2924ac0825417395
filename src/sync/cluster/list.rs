//! What a cluster holds, as lists: of one kind in full, or of all kinds by their metadata.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use kube::api::ListParams;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{Cluster, Known, Unmet, answered};
use crate::plan::ObjectRef;
use crate::sync::SyncError;

/// How many objects a page of a list has.
const PAGE: u32 = 1000;

/// An object as it was listed: its metadata.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its names.
    pub object: ObjectRef,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether another object owns it: it goes when that one does.
    pub owned: bool,
}

/// Kinds whose objects the cluster makes by itself, and that go by themselves.
const PASSING: [(&str, &str); 5] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("coordination.k8s.io", "Lease"),
];

/// One page of a list. Items say nothing of their kind; there are none where there is no list of them.
#[derive(serde::Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    token: String,
}

impl Cluster {
    /// The objects of a kind that match a label selector, in full, and the version from which a watch goes on.
    ///
    /// # Errors
    /// When the server refuses.
    pub(in crate::sync) async fn select(
        &self,
        known: &Known,
        namespace: &str,
        labels: &str,
    ) -> Result<(Vec<Value>, String), SyncError> {
        let door = known.door(namespace);
        let mut parameters = ListParams::default().labels(labels).limit(PAGE);
        let mut objects = Vec::new();
        loop {
            let page = self.ask::<Page>(door.list(&parameters), self.patience()).await;
            let page = page.map_err(answered(format!("list {}", known.resource.plural)))?;
            objects.extend(page.items.into_iter().flatten().map(|object| known.named(object)));
            if page.metadata.token.is_empty() {
                return Ok((objects, page.metadata.resource_version));
            }
            parameters.continue_token = Some(page.metadata.token);
        }
    }

    /// Every object that a person could have made, sorted; each once, in whichever version sorts last. Only those of
    /// `namespace` if one is given.
    ///
    /// # Errors
    /// When a kind cannot be listed: what is not seen would look as if it were not there.
    pub async fn list(self: &Arc<Self>, namespace: Option<&str>) -> Result<Vec<Listed>, SyncError> {
        let mut kinds: HashMap<(String, String), Known> = HashMap::new();
        for known in self.shared.kinds.read().unwrap_or_else(PoisonError::into_inner).values() {
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
        let door = known.door(namespace.unwrap_or_default());
        let mut parameters = ListParams::default().limit(PAGE);
        let mut listed = Vec::new();
        loop {
            let page = match self.ask::<Page>(door.list_metadata(&parameters), self.patience()).await {
                // The definition of the kind went since it was discovered, and its objects with it.
                Err(Unmet::Refused(kube::Error::Api(status))) if matches!(status.code, 404 | 405) => break,
                page => page.map_err(answered(format!("list {}", known.resource.plural)))?,
            };
            listed.extend(page.items.into_iter().flatten().map(|item| known.listed(item)));
            if page.metadata.token.is_empty() {
                break;
            }
            parameters.continue_token = Some(page.metadata.token);
        }
        Ok(listed)
    }
}

impl Known {
    /// An object with its version and kind, which lists leave out.
    pub(super) fn named(&self, mut object: Value) -> Value {
        object["apiVersion"] = Value::String(self.resource.api_version.clone());
        object["kind"] = Value::String(self.resource.kind.clone());
        object
    }

    fn listed(&self, item: Value) -> Listed {
        let metadata = &item["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let texts = |field: &str| -> BTreeMap<String, String> {
            let texts = metadata[field].as_object().into_iter().flatten();
            texts.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
        };
        Listed {
            object: ObjectRef {
                api_version: self.resource.api_version.clone(),
                kind: self.resource.kind.clone(),
                namespace: text("namespace"),
                name: text("name"),
            },
            annotations: texts("annotations"),
            labels: texts("labels"),
            owned: metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty()),
        }
    }
}
