//! Whether applying a manifest would change nothing, told from the live object alone.
//!
//! The server notes which fields an apply of ours set last (`managedFields`). Where these are the fields of the manifest,
//! no more and no fewer, and each has the manifest's value, another apply is without effect. Where the server writes a
//! value in another form than the manifest (`1000m` as `1`), this cannot tell: the answer is then "maybe not", and the
//! server is asked.

use serde_json::{Map, Value};

use super::FIELD_MANAGER;

/// Whether an apply of `manifest` is known to change nothing of `live`.
pub(super) fn is_applied(manifest: &Value, live: &Value) -> bool {
    let managed = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let Some(entry) = managed.into_iter().flatten().find(|entry| {
        entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry["subresource"].is_null()
    }) else {
        return false;
    };
    if entry["apiVersion"] != manifest["apiVersion"] || live["kind"] != manifest["kind"] {
        return false;
    }
    let (Some(fields), Some(wanted)) = (entry["fieldsV1"].as_object(), manifest.as_object()) else { return false };
    let mut wanted = wanted.clone();
    // Nobody manages these: they say which object it is.
    wanted.retain(|key, _| !matches!(key.as_str(), "apiVersion" | "kind"));
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !matches!(key.as_str(), "name" | "namespace"));
        if metadata.is_empty() {
            wanted.remove("metadata");
        }
    }
    object_matches(fields, &wanted, live)
}

fn value_matches(field: &Value, wanted: &Value, live: &Value) -> bool {
    let Some(field) = field.as_object() else { return false };
    // A leaf: the field is managed as a whole.
    if field.is_empty() || (field.len() == 1 && field.contains_key(".")) {
        return wanted == live;
    }
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(_)) => object_matches(field, wanted, live),
        (Value::Array(wanted), Value::Array(live)) => list_matches(field, wanted, live),
        _ => false,
    }
}

fn object_matches(field: &Map<String, Value>, wanted: &Map<String, Value>, live: &Value) -> bool {
    let managed = field.keys().filter(|key| *key != ".").count();
    managed == wanted.len()
        && wanted.iter().all(|(key, value)| {
            field.get(&format!("f:{key}")).is_some_and(|field| value_matches(field, value, &live[key]))
        })
}

/// A list of which each item is managed by itself: by its keys (`k:{"name":"web"}`) or as a value (`v:"x"`).
fn list_matches(field: &Map<String, Value>, wanted: &[Value], live: &[Value]) -> bool {
    let items: Vec<(&String, &Value)> = field.iter().filter(|(key, _)| *key != ".").collect();
    if items.len() != wanted.len() {
        return false;
    }
    let mut places = Vec::with_capacity(items.len());
    for (key, inner) in items {
        let (position, place) = if let Some(keys) = key.strip_prefix("k:") {
            let Ok(Value::Object(keys)) = serde_json::from_str::<Value>(keys) else { return false };
            // The server may have filled in a key that the manifest does not name.
            let is_it = |item: &Value, may_lack: bool| {
                keys.iter().all(|(key, value)| item.get(key).map_or(may_lack, |found| found == value))
            };
            let Some(place) = live.iter().position(|item| is_it(item, false)) else { return false };
            let Some(position) = wanted.iter().position(|item| is_it(item, true)) else { return false };
            let (Some(inner), Some(item)) = (inner.as_object(), wanted[position].as_object()) else { return false };
            let mut inner = inner.clone();
            inner.retain(|name, _| {
                let name = name.strip_prefix("f:").unwrap_or_default();
                !keys.contains_key(name) || item.contains_key(name)
            });
            if !object_matches(&inner, item, &live[place]) {
                return false;
            }
            (position, place)
        } else if let Some(text) = key.strip_prefix("v:") {
            let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
            let Some(place) = live.iter().position(|item| *item == value) else { return false };
            let Some(position) = wanted.iter().position(|item| *item == value) else { return false };
            (position, place)
        } else {
            return false;
        };
        places.push((position, place));
    }
    // Each item once, and in the order of the manifest: an apply would put them into it.
    places.sort_unstable();
    places.windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 < pair[1].1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(fields: Value, content: Value) -> Value {
        let mut live = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "1",
            "managedFields": [{"manager": "tiphys", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}]}});
        live["spec"] = content;
        live
    }

    fn manifest(spec: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    }

    #[test]
    fn fields_of_others_and_defaults_do_not_count() {
        let live = live(
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "f:selector": {}}}),
            json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "selector": {"app": "web"}, "clusterIP": "10.0.0.1"}),
        );
        assert!(is_applied(&manifest(json!({"ports": [{"port": 80}], "selector": {"app": "web"}})), &live));
        assert!(!is_applied(&manifest(json!({"ports": [{"port": 81}], "selector": {"app": "web"}})), &live));
        assert!(!is_applied(&manifest(json!({"ports": [{"port": 80}], "selector": {"app": "other"}})), &live));
    }

    #[test]
    fn a_field_that_was_dropped_or_added_counts() {
        let live =
            live(json!({"f:spec": {"f:type": {}, "f:selector": {}}}), json!({"type": "ClusterIP", "selector": {}}));
        assert!(is_applied(&manifest(json!({"type": "ClusterIP", "selector": {}})), &live));
        assert!(!is_applied(&manifest(json!({"type": "ClusterIP"})), &live));
        let added = json!({"type": "ClusterIP", "selector": {}, "clusterIP": "None"});
        assert!(!is_applied(&manifest(added), &live));
    }

    #[test]
    fn what_somebody_changed_counts() {
        let fields = json!({"f:spec": {"f:type": {}}});
        assert!(!is_applied(&manifest(json!({"type": "ClusterIP"})), &live(fields, json!({"type": "NodePort"}))));
    }

    #[test]
    fn an_object_that_was_never_applied_is_not_known() {
        let live = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {}});
        assert!(!is_applied(&manifest(json!({})), &live));
    }
}
