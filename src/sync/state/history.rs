//! The revisions of an Application, kept in its cluster: Secrets that hold its objects, compressed, as many as the
//! objects need.
//!
//! A revision is good when all that it deploys was applied and became healthy. It is bad when that failed and the
//! cluster was taken back. Of each kind the last few are kept.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::PropagationPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{NAMESPACE, slug};
use crate::plan::ObjectRef;
use crate::sync::cluster::{Cluster, Writing};
use crate::sync::journal::{Revision, Standing};
use crate::sync::{Settings, SyncError};

/// What one Secret holds: it may have a mebibyte.
const PART: usize = 768 << 10;
/// What the objects of one revision may take up.
const LARGEST: u64 = 512 << 20;

/// A revision and its objects.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What is known of it.
    pub revision: Revision,
    packed: Vec<u8>,
    secrets: Vec<(ObjectRef, String)>,
}

/// What is kept of a revision.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::sync) struct Content {
    /// The objects, without hooks.
    pub(in crate::sync) objects: Vec<Value>,
    /// The hooks that run when the Application goes.
    #[serde(default)]
    pub(in crate::sync) hooks: Vec<Value>,
    /// How it goes.
    #[serde(default)]
    pub(in crate::sync) policy: Policy,
}

/// How an Application goes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::sync) struct Policy {
    /// `Delete` of its sync options.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::sync) delete: Option<String>,
    /// `Prune` of its sync options.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::sync) prune: Option<String>,
    /// Whether its finalizer says that dependents go in the background.
    #[serde(default)]
    pub(in crate::sync) background: bool,
    /// What of the instance's settings is needed then.
    #[serde(default)]
    pub(in crate::sync) settings: Value,
}

impl Kept {
    /// The objects, without hooks.
    ///
    /// # Errors
    /// When what is stored was damaged.
    pub fn objects(&self) -> Result<Vec<Value>, SyncError> {
        Ok(self.content()?.objects)
    }

    /// As it is stored.
    pub(in crate::sync) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// All that is kept.
    ///
    /// # Errors
    /// When what is stored was damaged.
    pub(in crate::sync) fn content(&self) -> Result<Content, SyncError> {
        unpack(&self.packed).map_err(|reason| SyncError::Api {
            what: format!("revision {} of {}", self.revision.number, self.revision.application),
            code: 0,
            reason,
        })
    }
}

/// A revision as it is stored.
///
/// # Errors
/// When it cannot be packed: a revision without its objects would be no way back.
pub(in crate::sync) fn pack(content: &Content) -> Result<Vec<u8>, SyncError> {
    let text = serde_json::to_vec(content).map_err(|error| SyncError::Journal(error.to_string()))?;
    zstd::bulk::compress(&text, 3).map_err(|error| SyncError::Journal(error.to_string()))
}

fn unpack(packed: &[u8]) -> Result<Content, String> {
    let decoder = zstd::Decoder::new(packed).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    decoder.take(LARGEST + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it unpacks to more than {LARGEST} bytes"));
    }
    let value: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    match value {
        // The form of earlier versions: the objects and nothing else.
        Value::Array(objects) => Ok(Content { objects, ..Content::default() }),
        content => serde_json::from_value(content).map_err(|error| error.to_string()),
    }
}

/// What the instance said when the newest good revision was synced.
///
/// # Errors
/// When what is stored was damaged.
pub(in crate::sync) fn settings(known: &[Kept]) -> Result<Arc<Settings>, SyncError> {
    let good = known.iter().rev().find(|kept| kept.revision.standing == Standing::Good);
    let Some(good) = good else { return Ok(Arc::default()) };
    Ok(Arc::new(Settings::restored(&good.content()?.policy.settings)))
}

/// Forgets revisions.
///
/// # Errors
/// When the server refuses.
pub(in crate::sync) async fn forget(cluster: &Cluster, known: &[Kept]) -> Result<(), SyncError> {
    for (object, uid) in known.iter().flat_map(|kept| &kept.secrets) {
        cluster.delete(object, uid, PropagationPolicy::Background).await?;
    }
    Ok(())
}

fn reference(name: String) -> ObjectRef {
    ObjectRef { api_version: "v1".to_owned(), kind: "Secret".to_owned(), namespace: NAMESPACE.to_owned(), name }
}

/// The revisions of an Application that are kept in `cluster`, the oldest first; those that were not written to their
/// end left out.
///
/// # Errors
/// When the server refuses.
pub async fn history(cluster: &Cluster, place: &str, application: &str) -> Result<Vec<Kept>, SyncError> {
    let known = cluster.known("v1", "Secret").ok_or_else(|| SyncError::UnknownKind {
        object: "history".to_owned(),
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
    })?;
    let selector = format!("tiphys.dev/application={}", slug(application));
    let (secrets, _) = cluster.select(&known, NAMESPACE, &selector).await?;
    let mut parts: BTreeMap<u64, BTreeMap<usize, &Value>> = BTreeMap::new();
    for secret in &secrets {
        let label = |name: &str| secret["metadata"]["labels"][name].as_str()?.parse::<u64>().ok();
        if let (Some(number), Some(part)) = (label("tiphys.dev/revision"), label("tiphys.dev/part")) {
            parts.entry(number).or_default().insert(usize::try_from(part).unwrap_or(usize::MAX), secret);
        }
    }
    Ok(parts.into_iter().filter_map(|(number, parts)| kept(place, application, number, &parts)).collect())
}

fn kept(place: &str, application: &str, number: u64, parts: &BTreeMap<usize, &Value>) -> Option<Kept> {
    let first = parts.get(&0)?;
    let said = |name: &str| first["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned();
    let wanted: usize = said("tiphys.dev/parts").parse().ok()?;
    if parts.len() != wanted || parts.keys().next_back() != Some(&(wanted - 1)) {
        return None;
    }
    let mut packed = Vec::new();
    let mut secrets = Vec::new();
    for part in parts.values() {
        packed.extend(STANDARD.decode(part["data"]["objects"].as_str()?).ok()?);
        let name = part["metadata"]["name"].as_str()?.to_owned();
        secrets.push((reference(name), part["metadata"]["uid"].as_str()?.to_owned()));
    }
    let revision = Revision {
        cluster: place.to_owned(),
        application: application.to_owned(),
        number,
        content: said("tiphys.dev/content"),
        commit: said("tiphys.dev/commit"),
        standing: Standing::named(&said("tiphys.dev/standing"))?,
        reason: said("tiphys.dev/reason"),
        at: said("tiphys.dev/at"),
    };
    Some(Kept { revision, packed, secrets })
}

/// Keeps a revision, and of those in `known` with the same standing only the newest, `limit` in all.
///
/// # Errors
/// When the server refuses.
pub(in crate::sync) async fn keep(
    cluster: &Cluster,
    revision: &Revision,
    packed: &[u8],
    known: &[Kept],
    limit: usize,
) -> Result<(), SyncError> {
    let slug = slug(&revision.application);
    let parts: Vec<&[u8]> = if packed.is_empty() { vec![packed] } else { packed.chunks(PART).collect() };
    // The first says how many there are: it is written last, so that what is there of it is whole.
    for (index, part) in parts.iter().enumerate().rev() {
        let name = format!("tiphys-{slug}-{}-{index}", revision.number);
        let labels = json!({"tiphys.dev/application": slug, "tiphys.dev/revision": revision.number.to_string(),
            "tiphys.dev/part": index.to_string()});
        let annotations = json!({
            "tiphys.dev/application": revision.application,
            "tiphys.dev/parts": parts.len().to_string(),
            "tiphys.dev/standing": revision.standing.as_str(),
            "tiphys.dev/content": revision.content,
            "tiphys.dev/commit": revision.commit,
            "tiphys.dev/reason": revision.reason,
            "tiphys.dev/at": revision.at,
        });
        let manifest = json!({"apiVersion": "v1", "kind": "Secret", "type": "tiphys.dev/revision",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": annotations},
            "data": {"objects": STANDARD.encode(part)}});
        cluster.apply(&reference(name), &manifest, Writing::default()).await?;
    }
    let same: Vec<&Kept> = known.iter().filter(|kept| kept.revision.standing == revision.standing).collect();
    let surplus = (same.len() + 1).saturating_sub(limit.max(1));
    for (object, uid) in same.iter().take(surplus).flat_map(|kept| &kept.secrets) {
        cluster.delete(object, uid, PropagationPolicy::Background).await?;
    }
    Ok(())
}

/// The newest good revision whose objects are not those of `content`.
pub(in crate::sync) fn last_good<'k>(known: &'k [Kept], content: &str) -> Option<&'k Kept> {
    known.iter().rev().find(|kept| kept.revision.standing == Standing::Good && kept.revision.content != content)
}

/// Why what `content` stands for is not tried again, if that is so.
pub(in crate::sync) fn is_bad<'k>(known: &'k [Kept], content: &str) -> Option<&'k Revision> {
    let last = known.iter().rev().find(|kept| kept.revision.content == content)?;
    (last.revision.standing == Standing::Bad).then_some(&last.revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u64, content: &str, standing: Standing) -> Kept {
        let revision = Revision {
            cluster: "c".to_owned(),
            application: "argocd/web".to_owned(),
            number,
            content: content.to_owned(),
            commit: String::new(),
            standing,
            reason: String::new(),
            at: String::new(),
        };
        Kept { revision, packed: Vec::new(), secrets: Vec::new() }
    }

    #[test]
    fn objects_are_stored_and_read_again() {
        let objects = vec![json!({"kind": "ConfigMap", "data": {"key": "x".repeat(5000)}})];
        let content = Content { objects: objects.clone(), ..Content::default() };
        let packed = pack(&content).expect("they can be packed");
        assert!(packed.len() < 500);
        assert_eq!(unpack(&packed).expect("it is whole").objects, objects);
        let earlier = serde_json::to_vec(&objects).expect("they are JSON");
        let earlier = zstd::bulk::compress(&earlier, 3).expect("they can be packed");
        assert_eq!(unpack(&earlier).expect("it is whole").objects, objects);
    }

    #[test]
    fn what_was_bad_and_then_good_is_not_bad() {
        let known = [kept(1, "a", Standing::Good), kept(2, "b", Standing::Bad)];
        assert!(is_bad(&known, "b").is_some());
        assert!(is_bad(&known, "a").is_none());
        let known = [kept(1, "b", Standing::Bad), kept(2, "b", Standing::Good)];
        assert!(is_bad(&known, "b").is_none());
    }

    #[test]
    fn back_goes_to_the_last_good_one_that_is_another() {
        let known = [kept(1, "a", Standing::Good), kept(2, "b", Standing::Good), kept(3, "c", Standing::Bad)];
        assert_eq!(last_good(&known, "c").map(|kept| kept.revision.number), Some(2));
        assert_eq!(last_good(&known, "b").map(|kept| kept.revision.number), Some(1));
        assert!(last_good(&known[..1], "a").is_none());
    }
}
