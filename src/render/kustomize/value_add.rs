//! The ValueAddTransformer: sets a value, or puts it into a path, in fields of selected resources.

use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::fieldspec::split_path;
use super::kustomization::{Reader, field};
use super::resource::{Res, in_style_of, leaves, raw};
use super::selector::Matcher;
use super::transform::{self, Subjects};
use crate::source::base_name;
use crate::yaml::{Entry, Mapping, Node, Tag, Value};

/// Runs the transformer that `plugin` configures.
pub(super) fn run(
    context: &Context<'_, '_>,
    plugin: &Res,
    mapping: &Mapping,
    step: &Arc<str>,
    reader: &mut Reader<'_>,
    build: &mut Build,
) {
    let value = field(mapping, "value").map_or_else(
        || Node::string(base_name(context.directory), plugin.node.origin.clone()),
        |node| Node::string(raw(node).trim(), node.origin.clone()),
    );
    let mut targets = reader.items(mapping, "targets").to_vec();
    if let Some(path) = reader.text(mapping, "targetFilePath") {
        match context.file(&path) {
            Ok((id, _)) => {
                build.used.insert(id);
                let root = context.builds.repository.yaml(id).and_then(|yaml| yaml.documents.first());
                targets.extend(root.and_then(|root| root.root.get("targets")).map_or(&[][..], Node::items).to_vec());
            }
            Err(missing) => build.lacks(missing),
        }
    }
    if targets.is_empty() {
        return build.error(plugin.node.mark(), "at least one target is needed");
    }
    for target in &targets {
        let path = target.get("fieldPath").map_or("", raw).to_owned();
        let position = target.get("filePathPosition").and_then(Node::as_i64).unwrap_or(0);
        if path.is_empty() || position < 0 {
            build.error(target.mark(), "a target needs a `fieldPath`, and no negative `filePathPosition`");
            continue;
        }
        let selector = target.get("selector").and_then(|node| reader.selector(node));
        let matcher = match selector.as_ref().map(Matcher::new).transpose() {
            Ok(matcher) => matcher,
            Err(message) => {
                build.error(target.mark(), message);
                continue;
            }
        };
        let selected: Vec<bool> = build
            .resources
            .iter()
            .map(|res| matcher.as_ref().is_none_or(|matcher| matcher.selects(res, context.schema())))
            .collect();
        if path == "metadata/namespace" {
            let (chosen, others): (Vec<_>, Vec<_>) = std::mem::take(&mut build.resources)
                .into_iter()
                .zip(selected)
                .enumerate()
                .partition(|(_, (_, yes))| *yes);
            let places: Vec<usize> = chosen.iter().map(|(index, _)| *index).collect();
            build.resources = chosen.into_iter().map(|(_, (res, _))| res).collect();
            let chosen = leaves(target).into();
            let value = Node { origin: value.origin.because(Some(chosen)), value: value.value.clone() };
            transform::namespace(context, build, &value, &[], Subjects::Default, false, step);
            let changed = std::mem::take(&mut build.resources);
            let mut all: Vec<(usize, Res)> = places.into_iter().zip(changed).collect();
            all.extend(others.into_iter().map(|(index, (res, _))| (index, res)));
            all.sort_by_key(|(index, _)| *index);
            build.resources = all.into_iter().map(|(_, res)| res).collect();
            continue;
        }
        let parts = split_path(&path, '/');
        for (res, _) in build.resources.iter_mut().zip(selected).filter(|(_, yes)| *yes) {
            let chosen = res.id_origins().into_iter().chain(leaves(target)).collect();
            let value = Node { origin: value.origin.because(Some(chosen)), value: value.value.clone() };
            set(res.node_mut(), &parts, &value, position, step);
        }
    }
}

fn set(node: &mut Node, parts: &[SmolStr], value: &Node, position: i64, step: &Arc<str>) {
    let Some((part, rest)) = parts.split_first() else {
        let text =
            if position > 0 { inserted(raw(node), position as usize - 1, raw(value)) } else { raw(value).into() };
        if matches!(node.value, Value::Scalar(_)) {
            let origin = node.origin.replaced_by_value(&value.origin, step.clone());
            *node = in_style_of(node, text, Tag::None, origin);
        }
        return;
    };
    if let Ok(index) = part.parse::<usize>() {
        if let Some(item) = node.as_sequence_mut().and_then(|sequence| sequence.items.get_mut(index)) {
            set(item, rest, value, position, step);
        }
        return;
    }
    let Some(mapping) = node.as_mapping_mut() else { return };
    if mapping.get(part).is_none() {
        let fresh = if rest.is_empty() {
            Node::scalar(crate::yaml::Scalar::plain(""), value.origin.clone())
        } else {
            Node::mapping(Vec::new(), value.origin.clone())
        };
        mapping.entries.push(Entry { key: Node::string(part.clone(), value.origin.clone()), value: fresh });
    }
    if let Some(child) = mapping.get_mut(part) {
        set(child, rest, value, position, step);
    }
}

/// `path` with `part` put in as its piece at `position`.
fn inserted(path: &str, position: usize, part: &str) -> String {
    if part.is_empty() {
        return path.to_owned();
    }
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.insert(position.min(parts.len()), part);
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}
