//! Parameter sets: what generators make, and how two of them become one.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::origin::Origin;
use crate::render::template::{List, Map, Value, print};

/// The Go type of labels, annotations and values.
pub(super) const TEXTS: &str = "map[string]string";

/// Flat names with the texts of what they hold: `metadata.labels.env`, `list.0`. What is empty has no name.
pub(super) fn flatten(params: &Map) -> BTreeMap<String, String> {
    flat(params).into_iter().map(|(name, (value, _))| (name, print::sprint(&value))).collect()
}

/// Flat names, what they hold and where that came from.
pub(super) fn flat(params: &Map) -> BTreeMap<String, (Value, Origin)> {
    let mut flat = BTreeMap::new();
    // Depth is bounded by the reader: parameters are parts of YAML files.
    fn walk(prefix: &str, value: Value, origin: Origin, flat: &mut BTreeMap<String, (Value, Origin)>) {
        let name = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        match &value {
            Value::Map(map) => {
                for (key, value, from) in map.entries_with_origins() {
                    walk(&name(&key), value, or(from, &origin), flat);
                }
            }
            // Only `[]interface {}` is taken apart.
            Value::List(list) if value.type_name() == crate::render::template::LIST => {
                for (index, item) in list.items().iter().enumerate() {
                    let from = list.origin(index).cloned().unwrap_or_else(|| origin.clone());
                    walk(&name(&index.to_string()), item.clone(), from, flat);
                }
            }
            _ => {
                flat.insert(prefix.to_owned(), (value, origin));
            }
        }
    }
    for (key, value, origin) in params.entries_with_origins() {
        walk(&key, value, origin, &mut flat);
    }
    flat
}

/// The names of the parameters, at any depth.
pub(super) fn names(params: &Map) -> BTreeSet<SmolStr> {
    let mut names = BTreeSet::new();
    let mut open = vec![params.clone()];
    while let Some(map) = open.pop() {
        for (key, value) in map.entries() {
            names.insert(key);
            if let Value::Map(map) = value {
                open.push(map);
            }
        }
    }
    names
}

fn or(origin: Origin, other: &Origin) -> Origin {
    if origin.mark.is_some() { origin } else { other.clone() }
}

/// Lays `over` over `base`: maps are merged at every depth, everything else is replaced, also by what is empty.
pub(super) fn merge_over(base: &Map, over: &Map) {
    for (key, value, origin) in over.entries_with_origins() {
        match (base.get(&key), &value) {
            (Some(Value::Map(below)), Value::Map(above)) => {
                let merged = below.deep_copy();
                merge_over(&merged, above);
                base.insert_from(key, Value::Map(merged), origin);
            }
            _ => base.insert_from(key, value.deep_copy(), origin),
        }
    }
}

/// The value as JSON, to compare merge keys: numbers and texts differ.
pub(super) fn json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Nil | Value::NoValue => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) | Value::Int64(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => (*value as i64).into(),
        Value::Float(value) => serde_json::Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_string()),
        Value::List(list) => Json::Array(list.items().iter().map(json).collect()),
        Value::Map(map) => {
            Json::Object(map.entries().iter().map(|(key, value)| (key.to_string(), json(value))).collect())
        }
        other => Json::String(print::sprint(other)),
    }
}

/// A map of texts.
pub(super) fn texts<'a>(entries: impl IntoIterator<Item = (&'a str, Value, Origin)>) -> Map {
    let map = Map::typed(TEXTS);
    for (key, value, origin) in entries {
        map.insert_from(key, value, origin);
    }
    map
}

/// A list of maps.
pub(super) fn maps(params: Vec<Map>) -> Value {
    Value::List(List::typed(params.into_iter().map(Value::Map).collect(), "[]map[string]interface {}"))
}
