//! The merge generator: parameter sets of the first generator, with what later ones say of the same keys.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::generator::{Scope, child};
use super::params::{json, merge_over};
use crate::render::template::{Map, Value};
use crate::yaml::Node;

pub(super) fn generate(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    let generators = body.get("generators").map(Node::items).unwrap_or_default();
    if generators.len() < 2 {
        return Err(Fault::wrong(body, "found less than two generators, Merge requires two or more"));
    }
    let mut sets = Vec::new();
    for (index, generator) in generators.iter().enumerate() {
        let words = format!(
            "error getting param sets from generators: error getting params from generator {} of {}",
            index + 1,
            generators.len()
        );
        sets.push(child(scope, generator, None).map_err(|fault| fault.within(&words))?);
    }
    let keys: BTreeSet<&str> =
        body.get("mergeKeys").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
    let words = "error getting param sets by merge key";
    if keys.is_empty() {
        let message = "no merge keys were specified, Merge requires at least one";
        return Err(Fault::wrong(body, format!("{words}: {message}")));
    }
    let mut sets = sets.into_iter().zip(generators);
    // The order of the first generator stands for the order that Argo CD leaves open.
    let mut base: Vec<(String, Map)> = Vec::new();
    if let Some((params, generator)) = sets.next() {
        by_key(&keys, &params, generator).map_err(|fault| fault.within(words))?;
        base.extend(params.into_iter().map(|params| (key(&keys, &params), params)));
    }
    for (params, generator) in sets {
        let over = by_key(&keys, &params, generator).map_err(|fault| fault.within(words))?;
        for (key, base) in &base {
            let Some(over) = over.get(key) else { continue };
            if scope.language.is_go() {
                merge_over(base, over);
            } else {
                for (key, value, origin) in over.entries_with_origins() {
                    base.insert_from(key, value, origin);
                }
            }
        }
    }
    Ok(base.into_iter().map(|(_, params)| params).collect())
}

fn by_key<'p>(keys: &BTreeSet<&str>, params: &'p [Map], at: &Node) -> Result<BTreeMap<String, &'p Map>, Fault> {
    let mut sorted = BTreeMap::new();
    for params in params {
        let key = key(keys, params);
        if sorted.contains_key(&key) {
            return Err(Fault::wrong(
                at,
                format!(
                    "the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets to be unique. Duplicate key was {key}"
                ),
            ));
        }
        sorted.insert(key, params);
    }
    Ok(sorted)
}

fn key(keys: &BTreeSet<&str>, params: &Map) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        keys.iter().map(|key| ((*key).to_owned(), json(&params.get(key).unwrap_or(Value::Nil)))).collect();
    serde_json::Value::Object(object).to_string()
}
