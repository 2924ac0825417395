//! Fields that were applied on the client's side come into tiphys' hands: only whoever owns a field can take it away.
//!
//! `kubectl apply` and an Argo CD without `ServerSideApply` note their fields as updates. An apply on the server leaves
//! those alone, so what the manifest no longer has would stay for ever. Their entries in `metadata.managedFields` become
//! part of ours first; nothing else changes.

use serde_json::{Map, Value, json};

use super::act::Hands;
use crate::plan::ObjectRef;
use crate::sync::SyncError;
use crate::sync::cluster::FIELD_MANAGER;
use crate::sync::machine::{Act, Verb};

/// What `kubectl apply` calls itself.
pub(in crate::sync) const KUBECTL: &str = "kubectl-client-side-apply";
/// What Argo CD calls itself.
pub(in crate::sync) const ARGOCD: &str = "argocd-controller";

/// How often the entries are read anew because somebody wrote the object meanwhile.
const TRIES: u32 = 5;

impl Hands {
    /// Takes the fields over that client-side managers applied to the object of `act`.
    pub(super) async fn migrate(&self, act: &Act, object: &ObjectRef) -> Result<(), SyncError> {
        let writes = matches!(act.verb, Verb::Apply | Verb::Replace | Verb::Update);
        let Some(live) = act.live.as_deref().filter(|_| writes && !act.dry_run) else { return Ok(()) };
        if migrated(live, &self.migrates).is_none() {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            let Some(live) = self.cluster.get(object).await? else { return Ok(()) };
            let Some(fields) = migrated(&live, &self.migrates) else { return Ok(()) };
            let version = &live["metadata"]["resourceVersion"];
            let patch = json!({"metadata": {"managedFields": fields, "resourceVersion": version}});
            match self.cluster.merge(object, &patch).await {
                Err(SyncError::Api { code: 409, .. }) if tries < TRIES => tries += 1,
                Err(SyncError::Api { code: 404, .. }) => return Ok(()),
                answer => return answer.map(|_| ()),
            }
        }
    }
}

/// The managed fields of `live` once the entries of `managers` are ours; `None` where they have none.
fn migrated(live: &Value, managers: &[String]) -> Option<Vec<Value>> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let is_client_side = |entry: &Value| {
        entry["operation"] == "Update"
            && entry["subresource"].is_null()
            && managers.iter().any(|manager| entry["manager"] == **manager)
    };
    let is_ours = |entry: &Value| {
        entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry["subresource"].is_null()
    };
    let first = entries.iter().find(|entry| is_client_side(entry))?;
    let mut ours = entries.iter().find(|entry| is_ours(entry)).unwrap_or(first).clone();
    let version = ours["apiVersion"].clone();
    for entry in entries.iter().filter(|entry| is_client_side(entry) && entry["apiVersion"] == version) {
        union(&mut ours["fieldsV1"], &entry["fieldsV1"]);
    }
    // The note of the last client-side apply is not part of any manifest: it is not ours to take away.
    if let Some(annotations) = ours.pointer_mut("/fieldsV1/f:metadata/f:annotations").and_then(Value::as_object_mut) {
        annotations.remove("f:kubectl.kubernetes.io/last-applied-configuration");
    }
    ours["manager"] = json!(FIELD_MANAGER);
    ours["operation"] = json!("Apply");
    let others = entries.iter().filter(|entry| !is_ours(entry) && !is_client_side(entry)).cloned();
    Some(std::iter::once(ours).chain(others).collect())
}

fn union(into: &mut Value, from: &Value) {
    let Some(from) = from.as_object() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (key, value) in from {
        match into.get_mut(key) {
            Some(known) => union(known, value),
            None => into[key] = value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn live(entries: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "managedFields": entries}})
    }

    #[test]
    fn fields_of_client_side_managers_become_ours() {
        let note = "f:kubectl.kubernetes.io/last-applied-configuration";
        let theirs = json!({"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {"f:annotations": {note: {}}}});
        let entries = json!([
            entry(KUBECTL, "Update", theirs),
            entry("tiphys", "Apply", json!({"f:data": {"f:a": {}, "f:c": {}}})),
            entry("somebody", "Update", json!({"f:data": {"f:d": {}}})),
        ]);
        let migrated = migrated(&live(entries), &[KUBECTL.to_owned()]).expect("there is something to take over");
        assert_eq!(migrated.len(), 2);
        assert_eq!((&migrated[0]["manager"], &migrated[0]["operation"]), (&json!("tiphys"), &json!("Apply")));
        assert_eq!(migrated[0]["fieldsV1"]["f:data"], json!({"f:a": {}, "f:c": {}, "f:b": {}}));
        assert_eq!(migrated[0]["fieldsV1"]["f:metadata"]["f:annotations"], json!({}));
        assert_eq!(migrated[1]["manager"], "somebody");
    }

    #[test]
    fn what_others_applied_on_the_server_stays_theirs() {
        let entries = json!([entry(ARGOCD, "Apply", json!({"f:data": {}}))]);
        assert_eq!(migrated(&live(entries), &[KUBECTL.to_owned(), ARGOCD.to_owned()]), None);
        let entries = json!([entry(ARGOCD, "Update", json!({"f:data": {}}))]);
        assert!(migrated(&live(entries), &[KUBECTL.to_owned(), ARGOCD.to_owned()]).is_some());
    }
}
