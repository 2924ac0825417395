//! What the server knows of an object's fields: who set them, and by which keys the items of its lists are told apart.
//!
//! Both stand in `metadata.managedFields`, for every kind, without its schema: `k:{"name":"web"}` is the item whose name
//! is `web`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The fields of an object, whoever set them.
pub(super) struct Fields(Value);

impl Fields {
    /// Those of a live object.
    pub(super) fn of(live: &Value) -> Fields {
        let mut all = Value::Object(Map::new());
        for entry in entries(live) {
            merge(&mut all, &entry["fieldsV1"]);
        }
        Fields(all)
    }

    /// What `target_left` becomes when it takes over all in which `live` has more than `live_left`.
    pub(super) fn transplanted(&self, target_left: Option<&Value>, live_left: Option<&Value>, live: &Value) -> Value {
        transplanted(&self.0, target_left, live_left, live).unwrap_or_else(|| live.clone())
    }
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn merge(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else { return };
    for (key, value) in from {
        match into.get_mut(key) {
            Some(known) => merge(known, value),
            None => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// `None` where nothing is there on either side.
fn transplanted(fields: &Value, target_left: Option<&Value>, live_left: Option<&Value>, live: &Value) -> Option<Value> {
    if live_left == Some(live) {
        return target_left.cloned();
    }
    match (target_left, live_left, live) {
        (Some(Value::Object(target)), Some(Value::Object(_)) | None, Value::Object(live)) => {
            let mut taken = target.clone();
            for (key, value) in live {
                let inner = &fields[format!("f:{key}").as_str()];
                let left = live_left.and_then(|left| left.get(key));
                if let Some(value) = transplanted(inner, target.get(key), left, value) {
                    taken.insert(key.clone(), value);
                }
            }
            Some(Value::Object(taken))
        }
        // Of what the target does not have at all, only what is ignored is taken over.
        (None, Some(Value::Object(left)), Value::Object(live)) => {
            let mut taken = Map::new();
            for (key, value) in live {
                let inner = &fields[format!("f:{key}").as_str()];
                if let Some(value) = transplanted(inner, None, left.get(key), value) {
                    taken.insert(key.clone(), value);
                }
            }
            Some(Value::Object(taken))
        }
        (_, Some(Value::Array(left)), Value::Array(live)) => {
            let target = target_left.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Some(items(fields, target, left, live).unwrap_or_else(|| Value::Array(live.clone())))
        }
        _ => Some(live.clone()),
    }
}

/// A list whose items are told apart by keys; `None` where they are not, and the list is one value.
fn items(fields: &Value, target: &[Value], left: &[Value], live: &[Value]) -> Option<Value> {
    let keys = keys(fields)?;
    let mut taken = target.to_vec();
    for item in live {
        let is_same = |other: &&Value| keys.iter().all(|key| other.get(key.as_str()) == item.get(key.as_str()));
        let kept = left.iter().find(is_same);
        if kept == Some(item) {
            continue;
        }
        let inner = item_fields(fields, item);
        let place = taken.iter().position(|other| is_same(&other));
        let Some(mut value) = transplanted(inner, place.map(|place| &taken[place]), kept, item) else { continue };
        match place {
            Some(place) => taken[place] = value,
            None => {
                for key in &keys {
                    if let (Some(known), Some(value)) = (item.get(key.as_str()), value.as_object_mut()) {
                        value.entry(key.clone()).or_insert_with(|| known.clone());
                    }
                }
                taken.push(value);
            }
        }
    }
    Some(Value::Array(taken))
}

/// The keys by which the items of a list are told apart.
fn keys(fields: &Value) -> Option<Vec<String>> {
    let first = fields.as_object()?.keys().find_map(|key| key.strip_prefix("k:"))?;
    let keys: Map<String, Value> = serde_json::from_str(first).ok()?;
    Some(keys.into_iter().map(|(key, _)| key).collect())
}

/// What is known of the fields of one item.
fn item_fields<'f>(fields: &'f Value, item: &Value) -> &'f Value {
    let is_it = |key: &str| {
        let keys = key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Map<String, Value>>(keys).ok());
        keys.is_some_and(|keys| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
    };
    let found = fields.as_object().and_then(|fields| fields.iter().find(|(key, _)| is_it(key)));
    found.map_or(&Value::Null, |(_, fields)| fields)
}

/// Takes off both sides what one of `managers` set and in which they differ. `live` is as the server has it.
pub(super) fn drop_managed(target_left: &mut Value, live_left: &mut Value, live: &Value, managers: &BTreeSet<&str>) {
    for entry in entries(live) {
        if entry["manager"].as_str().is_some_and(|manager| managers.contains(manager)) {
            differing(&entry["fieldsV1"], target_left, live_left);
        }
    }
}

/// Takes off the leaves of `fields` in which both sides differ.
fn differing(fields: &Value, target: &mut Value, live: &mut Value) {
    let Some(fields) = fields.as_object() else { return };
    for (name, inner) in fields {
        if let Some(key) = name.strip_prefix("f:") {
            let (Some(ours), Some(theirs)) = (target.get_mut(key), live.get_mut(key)) else { continue };
            let is_leaf = inner.as_object().is_none_or(|inner| inner.keys().all(|key| key == "."));
            if !is_leaf {
                differing(inner, ours, theirs);
            } else if ours != theirs {
                for side in [&mut *target, &mut *live] {
                    if let Some(side) = side.as_object_mut() {
                        side.shift_remove(key);
                    }
                }
            }
        } else if let Some(keys) = name.strip_prefix("k:") {
            let Ok(keys) = serde_json::from_str::<Map<String, Value>>(keys) else { continue };
            let item = |side: &Value| {
                let is_it = |item: &Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
                side.as_array().and_then(|items| items.iter().position(is_it))
            };
            let (Some(ours), Some(theirs)) = (item(target), item(live)) else { continue };
            if let (Some(ours), Some(theirs)) = (target.get_mut(ours), live.get_mut(theirs)) {
                differing(inner, ours, theirs);
            }
        }
    }
}
