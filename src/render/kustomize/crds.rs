//! `crds`: what the OpenAPI of custom resources adds to the transformers' fields.

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::config::{BackReference, Config};
use super::fieldspec::{self, FieldSpec};
use super::kustomization::field;
use super::resource::{Gvk, raw};
use crate::origin::{FileId, Mark, Origin};
use crate::yaml::{Mapping, Node};

/// Types are followed into each other at most this deep.
const DEPTH: usize = 32;

/// Reads a file of `crds`: type names, each with its schema.
pub(super) fn load(context: &Context<'_, '_>, entry: &Node, id: FileId, build: &mut Build) {
    let root = context.builds.repository.yaml(id).and_then(|yaml| yaml.documents.first());
    let Some(types) = root.and_then(|document| document.root.as_mapping()) else {
        return build.error(entry.mark(), "type names with their schemas were expected");
    };
    let mut config = Config::default();
    let mut result = Ok(());
    for definition in &types.entries {
        let name = definition.key_text();
        let Some(properties) = properties(&definition.value) else { continue };
        if !["kind", "apiVersion", "metadata"].iter().all(|key| properties.get(key).is_some()) {
            continue;
        }
        let kind = SmolStr::new(name.rsplit('.').next().unwrap_or(name));
        let gvk = Gvk { kind, ..Gvk::default() };
        result = result.and_then(|()| follow(&mut config, &gvk, types, properties, &mut Vec::new()));
    }
    let mut merged = Config::clone(&build.config());
    if let Err(message) = result.and_then(|()| merged.merge(&config)) {
        build.error(entry.mark(), message);
    }
    build.config = Some(std::sync::Arc::new(merged));
}

fn properties(definition: &Node) -> Option<&Mapping> {
    field(definition.as_mapping()?, "schema")?.get("properties")?.as_mapping()
}

fn follow(
    config: &mut Config,
    gvk: &Gvk,
    types: &Mapping,
    properties: &Mapping,
    path: &mut Vec<SmolStr>,
) -> Result<(), String> {
    if path.len() >= DEPTH {
        return Ok(());
    }
    for entry in &properties.entries {
        path.push(SmolStr::new(entry.key_text()));
        let written = Origin::at(Mark::file(entry.value.mark().file));
        let spec = |path: &[SmolStr]| FieldSpec {
            written: vec![written.clone()],
            ..FieldSpec::new(gvk.clone(), &path.join("/"), false)
        };
        let has = |key: &str| entry.value.get(key).and_then(Node::as_str).is_some();
        if has("x-kubernetes-annotation") {
            fieldspec::merge(&mut config.common_annotations, &[spec(path)])?;
        }
        if has("x-kubernetes-label-selector") {
            fieldspec::merge(&mut config.common_labels, &[spec(path)])?;
        }
        if has("x-kubernetes-identity") {
            fieldspec::merge(&mut config.name_prefix, &[spec(path)])?;
        }
        let text = |key: &str| entry.value.get(key).map(|node| SmolStr::new(raw(node)));
        if let (Some(version), Some(kind)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        {
            path.push(text("x-kubernetes-object-ref-name-key").unwrap_or_else(|| SmolStr::new_static("name")));
            let target = Gvk { group: SmolStr::default(), version, kind };
            config.add_reference(BackReference { target, referrers: vec![spec(path)] })?;
            path.pop();
        }
        if let Some(inner) = text("$ref").and_then(|name| types.get(&name)).and_then(self::properties) {
            follow(config, gvk, types, inner, path)?;
        }
        path.pop();
    }
    Ok(())
}
