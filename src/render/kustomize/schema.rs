//! What strategic merges know of kinds: merge keys, and whether a kind has a namespace.
//!
//! kustomize carries the OpenAPI of Kubernetes 1.21.2 whatever the cluster is; [`MergeSchema::builtin`] is what of it
//! decides anything: the paths that lead to lists with a merge strategy, and the scope of each kind.
//! `schemas/kustomize.rs` writes the table, and beside it the names of its definitions, which are read only where a
//! kustomization's `openapi.path` may refer to them ([`MergeSchema::from_openapi`]). Which of the two a build merges by
//! is told by [`super::in_force`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;
use smol_str::SmolStr;

/// Merge keys and scopes, by `apiVersion` and `kind`.
#[derive(Debug, Clone, Default)]
pub struct MergeSchema {
    types: Vec<Vec<(SmolStr, Field)>>,
    /// The definitions that were read, by name. The built-in table comes without: see [`builtin_names`].
    names: BTreeMap<SmolStr, u32>,
    kinds: HashMap<(SmolStr, SmolStr), u32>,
    namespaced: HashMap<(SmolStr, SmolStr), bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    /// An object; its type.
    Object(u32),
    /// A list that is replaced; the type of its items.
    List(u32),
    /// A list that is merged by keys (none: by the items' own text); the type of its items.
    Merged(Arc<[SmolStr]>, Option<u32>),
}

/// What of Kubernetes' own schema counts beside one that a kustomization names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// What the other says nothing of.
    Rest,
    /// Everything; the other adds to it.
    All,
}

/// A place in the schema; nowhere if the schema knows nothing there.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'s> {
    Nowhere,
    Object(&'s MergeSchema, u32),
    List(&'s MergeSchema, &'s Field),
}

impl<'s> At<'s> {
    /// The place of a field.
    pub(super) fn field(self, name: &str) -> At<'s> {
        let At::Object(schema, id) = self else { return At::Nowhere };
        let Some(fields) = schema.types.get(id as usize) else { return At::Nowhere };
        let found = fields.iter().find(|(key, _)| key == name).or_else(|| fields.iter().find(|(key, _)| key == "*"));
        match found {
            Some((_, Field::Object(id))) => At::Object(schema, *id),
            Some((_, field)) => At::List(schema, field),
            None => At::Nowhere,
        }
    }

    /// The place of a list's items.
    pub(super) fn items(self) -> At<'s> {
        match self {
            At::List(schema, Field::List(id) | Field::Merged(_, Some(id))) => At::Object(schema, *id),
            _ => At::Nowhere,
        }
    }

    /// The merge keys of a list that is merged; empty where its items are plain values.
    pub(super) fn merge_keys(self) -> Option<&'s [SmolStr]> {
        match self {
            At::List(_, Field::Merged(keys, _)) => Some(keys),
            _ => None,
        }
    }
}

impl MergeSchema {
    /// Kubernetes 1.21.2, as kustomize carries it.
    pub fn builtin() -> &'static Arc<MergeSchema> {
        static BUILTIN: OnceLock<Arc<MergeSchema>> = OnceLock::new();
        BUILTIN.get_or_init(|| Arc::new(MergeSchema::from_table(include_str!("../../../schemas/kustomize-1.21.2.txt"))))
    }

    /// The place of a kind.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> At<'_> {
        match self.kinds.get(&(SmolStr::new(api_version), SmolStr::new(kind))) {
            Some(id) => At::Object(self, *id),
            None => At::Nowhere,
        }
    }

    /// Whether a kind is known to have no namespace.
    pub(super) fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        let key = (SmolStr::new(api_version), SmolStr::new(kind));
        // The kinds of 1.21.2 keep their scope whatever schema is given.
        let builtin = MergeSchema::builtin();
        match builtin.namespaced.get(&key).or_else(|| self.namespaced.get(&key)) {
            Some(namespaced) => !namespaced,
            None => PRECOMPUTED.contains(&(api_version, kind)),
        }
    }

    /// Whether it is known if the kind has a namespace.
    pub(super) fn knows_scope(&self, api_version: &str, kind: &str) -> bool {
        self.namespaced.contains_key(&(SmolStr::new(api_version), SmolStr::new(kind)))
            || PRECOMPUTED.contains(&(api_version, kind))
    }

    /// Reads the definitions (and paths) of an OpenAPI v2 document. They may refer to the definitions of `beside`.
    pub fn from_openapi(document: &Json, beside: Beside) -> MergeSchema {
        let empty = serde_json::Map::new();
        let definitions = document.get("definitions").and_then(Json::as_object).unwrap_or(&empty);
        let mut schema = match beside {
            Beside::Nothing => MergeSchema::default(),
            Beside::Rest | Beside::All => {
                MergeSchema { names: builtin_names(), ..MergeSchema::clone(MergeSchema::builtin()) }
            }
        };
        let known = schema.names.clone();
        let own = || definitions.iter().filter(|(name, _)| beside != Beside::All || !known.contains_key(name.as_str()));
        let mut next = schema.types.len() as u32;
        for (name, _) in own() {
            schema.names.entry(SmolStr::new(name)).or_insert_with(|| {
                next += 1;
                next - 1
            });
        }
        schema.types.resize(next as usize, Vec::new());
        let mut extra = Vec::new();
        for (name, definition) in own() {
            let fields = fields_of(definition, &schema.names, next, &mut extra, 0);
            if let Some(slot) = schema.names.get(name.as_str()).and_then(|id| schema.types.get_mut(*id as usize)) {
                *slot = fields;
            }
        }
        schema.types.append(&mut extra);
        for (name, definition) in own() {
            let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Json::as_array);
            for kind in kinds.into_iter().flatten() {
                if let (Some(key), Some(id)) = (type_meta(kind), schema.names.get(name.as_str())) {
                    let slot = schema.kinds.entry(key).or_insert(*id);
                    if beside != Beside::All {
                        *slot = *id;
                    }
                }
            }
        }
        for (path, item) in document.get("paths").and_then(Json::as_object).into_iter().flatten() {
            let kind = item.get("get").and_then(|get| get.get("x-kubernetes-group-version-kind"));
            if let Some(key) = kind.and_then(type_meta) {
                let namespaced = path.contains("namespaces/{namespace}");
                let slot = schema.namespaced.entry(key).or_insert(namespaced);
                *slot |= namespaced;
            }
        }
        for resource in document.get("resources").and_then(Json::as_array).into_iter().flatten() {
            if let (Some(key), Some(namespaced)) = (type_meta(resource), resource.get("namespaced")) {
                schema.namespaced.insert(key, namespaced.as_bool().unwrap_or(true));
            }
        }
        schema.prune();
        schema
    }

    /// Drops what leads to no merged list.
    fn prune(&mut self) {
        let mut useful = vec![false; self.types.len()];
        loop {
            let mut changed = false;
            for id in 0..self.types.len() {
                if !useful[id] && self.types[id].iter().any(|(_, field)| leads_somewhere(field, &useful)) {
                    useful[id] = true;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        for fields in &mut self.types {
            fields.retain(|(_, field)| leads_somewhere(field, &useful));
        }
        self.kinds.retain(|_, id| useful.get(*id as usize) == Some(&true));
    }

    /// The table that [`MergeSchema::builtin`] is read from: one line a kind (`k apiVersion kind type`), a scope
    /// (`s apiVersion kind c|n`) or a field (`type field o|l|m type keys...`).
    pub fn to_table(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let used = self.numbered();
        let number = |id: u32| used.get(&id).copied().unwrap_or_default();
        for ((api_version, kind), id) in &self.kinds {
            lines.push(format!("k {api_version} {kind} {}", number(*id)));
        }
        for ((api_version, kind), namespaced) in &self.namespaced {
            lines.push(format!("s {api_version} {kind} {}", if *namespaced { 'n' } else { 'c' }));
        }
        lines.sort();
        let mut out = lines.join("\n");
        out.push('\n');
        for id in used.keys() {
            for (name, field) in self.types.get(*id as usize).into_iter().flatten() {
                let _ = match field {
                    Field::Object(to) => writeln!(out, "{} {name} o {}", number(*id), number(*to)),
                    Field::List(to) => writeln!(out, "{} {name} l {}", number(*id), number(*to)),
                    Field::Merged(keys, to) => {
                        let to =
                            to.filter(|to| used.contains_key(to)).map_or("-".to_owned(), |to| number(to).to_string());
                        let keys: String = keys.iter().flat_map(|key| [" ", key.as_str()]).collect();
                        writeln!(out, "{} {name} m {to}{keys}", number(*id))
                    }
                };
            }
        }
        out
    }

    /// The names of the definitions in the table: one line a package, with each name and its type's number.
    pub fn to_names(&self) -> String {
        let used = self.numbered();
        let mut packages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, id) in &self.names {
            if let (Some((package, word)), Some(number)) = (name.rsplit_once('.'), used.get(id)) {
                packages.entry(package).or_default().push(format!("{word} {number}"));
            }
        }
        packages.iter().map(|(package, words)| format!("{package} {}\n", words.join(" "))).collect()
    }

    /// The types that kinds lead to, numbered without gaps.
    fn numbered(&self) -> BTreeMap<u32, usize> {
        let mut used: BTreeMap<u32, usize> = BTreeMap::new();
        let mut open: Vec<u32> = self.kinds.values().copied().collect();
        while let Some(id) = open.pop() {
            if used.insert(id, 0).is_some() {
                continue;
            }
            for (_, field) in self.types.get(id as usize).into_iter().flatten() {
                match field {
                    Field::Object(id) | Field::List(id) | Field::Merged(_, Some(id)) => open.push(*id),
                    Field::Merged(_, None) => {}
                }
            }
        }
        for (number, slot) in used.values_mut().enumerate() {
            *slot = number;
        }
        used
    }

    fn from_table(table: &str) -> MergeSchema {
        let mut schema = MergeSchema::default();
        for line in table.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["k", api_version, kind, id] => {
                    let id = id.parse().unwrap_or(u32::MAX);
                    schema.kinds.insert((SmolStr::new(api_version), SmolStr::new(kind)), id);
                }
                ["s", api_version, kind, scope] => {
                    schema.namespaced.insert((SmolStr::new(api_version), SmolStr::new(kind)), *scope == "n");
                }
                [id, name, shape, to, keys @ ..] => {
                    let Ok(id) = id.parse::<usize>() else { continue };
                    let to: Option<u32> = to.parse().ok();
                    let field = match (*shape, to) {
                        ("o", Some(to)) => Field::Object(to),
                        ("l", Some(to)) => Field::List(to),
                        _ => Field::Merged(keys.iter().map(SmolStr::new).collect(), to),
                    };
                    let numbered = id.max(to.map_or(0, |to| to as usize)) + 1;
                    if schema.types.len() < numbered {
                        schema.types.resize(numbered, Vec::new());
                    }
                    schema.types[id].push((SmolStr::new(name), field));
                }
                _ => {}
            }
        }
        schema
    }
}

/// The names of the built-in definitions, read when a schema of a kustomization's own may refer to them.
fn builtin_names() -> BTreeMap<SmolStr, u32> {
    let mut names = BTreeMap::new();
    for line in include_str!("../../../schemas/kustomize-1.21.2-names.txt").lines() {
        let mut words = line.split(' ');
        let package = words.next().unwrap_or_default();
        while let (Some(word), Some(number)) = (words.next(), words.next()) {
            if let Ok(number) = number.parse() {
                names.insert(SmolStr::new(format!("{package}.{word}")), number);
            }
        }
    }
    names
}

fn leads_somewhere(field: &Field, useful: &[bool]) -> bool {
    match field {
        Field::Merged(..) => true,
        Field::Object(id) | Field::List(id) => useful.get(*id as usize) == Some(&true),
    }
}

/// Schemas inside schemas are followed this deep.
const DEPTH: usize = 64;

fn fields_of(
    definition: &Json,
    ids: &BTreeMap<SmolStr, u32>,
    base: u32,
    extra: &mut Vec<Vec<(SmolStr, Field)>>,
    depth: usize,
) -> Vec<(SmolStr, Field)> {
    let mut fields = Vec::new();
    let properties = definition.get("properties").and_then(Json::as_object);
    let other = definition.get("additionalProperties").filter(|schema| schema.is_object());
    let named = properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema));
    for (name, schema) in named.chain(other.map(|schema| ("*", schema))) {
        if depth < DEPTH
            && let Some(field) = field_of(schema, ids, base, extra, depth)
        {
            fields.push((SmolStr::new(name), field));
        }
    }
    fields
}

/// The type of `schema`: a definition's, or a new one for what is written in place.
fn type_of(
    schema: &Json,
    ids: &BTreeMap<SmolStr, u32>,
    base: u32,
    extra: &mut Vec<Vec<(SmolStr, Field)>>,
    depth: usize,
) -> Option<u32> {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        return ids.get(reference.rsplit('/').next()?).copied();
    }
    if schema.get("properties").is_none() && schema.get("additionalProperties").is_none() {
        return None;
    }
    let fields = fields_of(schema, ids, base, extra, depth + 1);
    extra.push(fields);
    Some(base + extra.len() as u32 - 1)
}

fn field_of(
    schema: &Json,
    ids: &BTreeMap<SmolStr, u32>,
    base: u32,
    extra: &mut Vec<Vec<(SmolStr, Field)>>,
    depth: usize,
) -> Option<Field> {
    let strategy = schema.get("x-kubernetes-patch-strategy").and_then(Json::as_str).unwrap_or_default();
    let items = schema.get("items").and_then(|items| type_of(items, ids, base, extra, depth));
    if strategy.split(',').any(|word| word == "merge") {
        let listed = schema.get("x-kubernetes-list-map-keys").and_then(Json::as_array);
        let single = schema.get("x-kubernetes-patch-merge-key").and_then(Json::as_str);
        let keys = match (listed, single) {
            (Some(keys), _) => keys.iter().filter_map(Json::as_str).map(SmolStr::new).collect(),
            (None, Some(key)) => [SmolStr::new(key)].into(),
            (None, None) => [].into(),
        };
        return Some(Field::Merged(keys, items));
    }
    if schema.get("items").is_some() {
        return items.map(Field::List);
    }
    type_of(schema, ids, base, extra, depth).map(Field::Object)
}

fn type_meta(kind: &Json) -> Option<(SmolStr, SmolStr)> {
    let text = |key: &str| kind.get(key).and_then(Json::as_str).unwrap_or_default();
    let (group, version) = (text("group"), text("version"));
    let api_version = if group.is_empty() { SmolStr::new(version) } else { SmolStr::new(format!("{group}/{version}")) };
    Some((api_version, SmolStr::new(kind.get("kind")?.as_str()?)))
}

/// Kinds without namespace that kustomize knows beside those of its OpenAPI.
const PRECOMPUTED: [(&str, &str); 1] = [("policy/v1beta1", "PodSecurityPolicy")];
