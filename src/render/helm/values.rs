//! Values: files merged, defaults of charts filled in, globals handed down.

use super::dependencies::Instance;
use crate::origin::Mark;
use crate::render::template::{Map, NumberMode, Value};
use crate::yaml::{Node, Resolved, YamlFile};

/// The key that every subchart shares.
const GLOBAL: &str = "global";

/// Whether each document is a mapping that JSON can say.
pub(super) fn check_documents(yaml: &YamlFile) -> Result<(), (String, Mark)> {
    for document in &yaml.documents {
        let root = &document.root;
        if root.as_mapping().is_none() && !root.is_null() {
            let what = if root.as_sequence().is_some() { "array" } else { "string" };
            let what = format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what} into Go value of type \
                 map[string]interface {{}}"
            );
            return Err((what, root.mark()));
        }
        check(root)?;
    }
    Ok(())
}

/// Whether JSON can say `node`.
pub(super) fn check(node: &Node) -> Result<(), (String, Mark)> {
    if let Some(scalar) = node.as_scalar()
        && let Resolved::Float(value) = scalar.resolve_kubernetes()
        && !value.is_finite()
    {
        let what = format!(
            "error converting YAML to JSON: json: unsupported value: {}",
            crate::render::template::print::float(value)
        );
        return Err((what, node.mark()));
    }
    for entry in node.entries() {
        if entry.key.is_null() {
            let value = Value::from_node(&entry.value, NumberMode::Int);
            let value = crate::render::template::printf("%#v", &[value]);
            let what = format!(
                "error converting YAML to JSON: unsupported map key of type: %!s(<nil>), key: <nil>, value: {value}"
            );
            return Err((what, entry.key.mark()));
        }
        check(&entry.value)?;
    }
    node.items().iter().try_for_each(check)
}

/// The documents of a values file, later ones over earlier ones.
pub(super) fn read(yaml: &YamlFile) -> Map {
    let values = Map::new();
    for document in &yaml.documents {
        if let Value::Map(map) = Value::from_node(&document.root, NumberMode::Float) {
            overlay(&values, &map);
        }
    }
    values
}

/// Puts `over` on top of `base`: maps merge, everything else is replaced, null too.
pub(super) fn overlay(base: &Map, over: &Map) {
    for (key, value, origin) in over.entries_with_origins() {
        match (base.get_with_origin(&key), &value) {
            (Some((Value::Map(old), _)), Value::Map(new)) => overlay(&old, new),
            (Some((_, old)), _) if old.mark.is_some() && origin.mark.is_some() => {
                let step =
                    crate::origin::Step { mark: old.mark, what: "values".into(), follows: None, before: old.trail };
                let origin = match origin.trail {
                    None => crate::origin::Origin { mark: origin.mark, trail: Some(std::sync::Arc::new(step)) },
                    Some(_) => origin,
                };
                base.insert_from(key, value, origin);
            }
            _ => base.insert_from(key, value, origin),
        }
    }
}

/// Fills the defaults of `chart` and its subcharts into a copy of `values`. With `merge`, nulls are kept.
///
/// # Errors
/// Helm's words, if a subchart's values are no map.
pub(super) fn coalesce(chart: &Instance, values: &Map, merge: bool) -> Result<Map, String> {
    let values = values.deep_copy();
    coalesce_into(chart, &values, merge)?;
    Ok(values)
}

fn coalesce_into(chart: &Instance, values: &Map, merge: bool) -> Result<(), String> {
    coalesce_own(chart, values, merge);
    for child in &chart.children {
        let own = match values.get(&child.name) {
            None => {
                let own = Map::new();
                values.insert(child.name.as_str(), Value::Map(own.clone()));
                own
            }
            Some(Value::Map(own)) => own,
            Some(other) => {
                let found = crate::render::template::printf("%t", &[other]);
                return Err(format!("type mismatch on {}: {found}", child.name));
            }
        };
        hand_down_globals(&own, values);
        coalesce_into(child, &own, merge)?;
    }
    Ok(())
}

fn globals(of: &Map) -> Option<Map> {
    match of.get(GLOBAL) {
        None => Some(Map::new()),
        Some(Value::Map(map)) => Some(map),
        Some(_) => None,
    }
}

fn hand_down_globals(to: &Map, from: &Map) {
    let (Some(target), Some(source)) = (globals(to), globals(from)) else { return };
    for (key, value, origin) in source.entries_with_origins() {
        match (&value, target.get(&key)) {
            (Value::Map(table), None) => target.insert_from(key, Value::Map(table.shallow_copy()), origin),
            (Value::Map(table), Some(Value::Map(own))) => {
                let table = table.shallow_copy();
                coalesce_tables(&table, &own, true);
                target.insert_from(key, Value::Map(table), origin);
            }
            (Value::Map(_), Some(_)) | (_, Some(Value::Map(_))) => {}
            _ => target.insert_from(key, value, origin),
        }
    }
    to.insert(GLOBAL, Value::Map(target));
}

fn coalesce_own(chart: &Instance, values: &Map, merge: bool) {
    let defaults = chart.values.deep_copy();
    for (key, default, origin) in defaults.entries_with_origins() {
        match values.get(&key) {
            Some(Value::Nil) if !merge => {
                values.remove(&key);
            }
            Some(Value::Map(own)) => {
                if let Value::Map(default) = &default {
                    let merge = merge || chart.children.iter().any(|child| child.name == key);
                    if !merge {
                        drop_nulls(default);
                    }
                    coalesce_tables(&own, default, merge);
                }
            }
            Some(_) => {}
            None => {
                if !merge {
                    if default.is_nil() {
                        continue;
                    }
                    if let Value::Map(default) = &default {
                        drop_nulls(default);
                    }
                }
                values.insert_from(key, default, origin);
            }
        }
    }
}

/// Fills what `target` lacks from `source`. Without `merge`, a null in `target` takes away what `source` sets.
pub(super) fn coalesce_tables(target: &Map, source: &Map, merge: bool) {
    let filled: Vec<_> =
        source.entries().into_iter().filter(|(_, value)| !value.is_nil()).map(|(key, _)| key).collect();
    for (key, value, origin) in target.entries_with_origins() {
        if value.is_nil() {
            source.insert_from(key, Value::Nil, origin);
        }
    }
    for (key, value, origin) in source.entries_with_origins() {
        match target.get(&key) {
            Some(Value::Nil) if !merge && filled.contains(&key) => {
                target.remove(&key);
            }
            None => target.insert_from(key, value, origin),
            Some(Value::Map(own)) => {
                if let Value::Map(table) = &value {
                    coalesce_tables(&own, table, merge);
                }
            }
            Some(_) => {}
        }
    }
}

fn drop_nulls(map: &Map) {
    for (key, value) in map.entries() {
        match value {
            Value::Nil => {
                map.remove(&key);
            }
            Value::Map(inner) => drop_nulls(&inner),
            _ => {}
        }
    }
}

/// The table behind a path of keys joined by dots.
pub(super) fn table(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |map, key| match map.get(key)? {
        Value::Map(map) => Some(map),
        _ => None,
    })
}

/// The value behind a path of keys joined by dots: no table.
pub(super) fn path_value(values: &Map, path: &str) -> Option<Value> {
    let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
    let map = if tables.is_empty() { values.clone() } else { table(values, tables)? };
    map.get(key).filter(|value| !matches!(value, Value::Map(_)))
}
