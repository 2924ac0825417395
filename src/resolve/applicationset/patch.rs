//! `templatePatch`: text that is rendered with the parameters, read as YAML and merged into the Application.

use std::cell::RefCell;
use std::collections::HashMap;

use super::generator::Scope;
use super::interpolate::Replaced;
use super::typed;
use super::{FROM_PARAMETER, Fault};
use crate::origin::{FileId, Mark, Origin};
use crate::render::template::Map;
use crate::yaml::{Entry, Limits, Node, Value, read};

/// What patches say, by their texts: many parameter sets make the same.
#[derive(Default)]
pub(super) struct Patches(RefCell<HashMap<String, Read>>);

/// A patch, if it changes anything; or Argo CD's words for what is wrong with it.
type Read = Result<Option<Node>, String>;

impl Patches {
    fn read(&self, text: &str) -> Read {
        if let Some(known) = self.0.borrow().get(text) {
            return known.clone();
        }
        let read = change(text);
        self.0.borrow_mut().insert(text.to_owned(), read.clone());
        read
    }
}

fn change(text: &str) -> Read {
    let file = read(FileId::NONE, text, Limits::default());
    if file.documents.is_empty() && file.problems.is_empty() {
        return Ok(None);
    }
    let Some(document) = file.documents.first().filter(|_| file.problems.is_empty()) else {
        let what = file.problems.first().map(|problem| format!("yaml: line {}: {:?}", problem.mark.line, problem.kind));
        return Err(format!("error while converting template to json: {}", what.unwrap_or_default()));
    };
    if document.root.is_null() {
        return Ok(None);
    }
    if document.root.as_mapping().is_none() {
        let what = document.root.kind().as_str();
        return Err(format!(
            "invalid templatePatch: json: cannot unmarshal {what} into Go value of type v1alpha1.Application"
        ));
    }
    match typed::mistyped(&document.root) {
        Some(why) => Err(format!("invalid templatePatch: {why}")),
        None => Ok(Some(typed::known(&document.root))),
    }
}

pub(super) fn apply(scope: &Scope<'_>, application: &Node, patch: &Node, params: &Map) -> Result<Node, Fault> {
    let template = patch.text().unwrap_or_default();
    let replaced = scope
        .language
        .replace(template, params)
        .map_err(|message| Fault::wrong(patch, format!("error replacing values in templatePatch: {message}")))?;
    let change = scope.patches.read(&replaced.text).map_err(|message| Fault::wrong(patch, message))?;
    let Some(mut change) = change else { return Ok(application.clone()) };
    locate(&mut change, patch, template, &replaced);
    let project = application.path(&["spec", "project"]).cloned();
    let mut patched = merge(application, &change, "").map_err(|message| Fault::wrong(patch, message))?;
    if patched.get("spec").is_none_or(|spec| spec.as_mapping().is_none())
        && let Some(patched) = patched.as_mapping_mut()
    {
        patched.set("spec", Node::mapping(Vec::new(), patch.origin.clone()));
    }
    if let Some(spec) = patched.get_mut("spec").and_then(Node::as_mapping_mut) {
        match project {
            Some(project) => spec.set("project", project),
            None => drop(spec.remove("project")),
        }
    }
    Ok(patched)
}

/// Merges as a strategic merge patch does, as far as the type has merge keys: finalizers are a set, other lists are
/// replaced, `null` deletes.
fn merge(base: &Node, patch: &Node, key: &str) -> Result<Node, String> {
    let (Value::Mapping(below), Value::Mapping(above)) = (&base.value, &patch.value) else {
        if key == "finalizers" && !base.items().is_empty() {
            return Ok(Node::sequence(in_order(base.items(), patch.items()), patch.origin.clone()));
        }
        return Ok(patch.clone());
    };
    match above.get("$patch").and_then(Node::text) {
        Some("replace") => {
            let mut replaced = patch.clone();
            if let Some(mapping) = replaced.as_mapping_mut() {
                mapping.remove("$patch");
            }
            return Ok(replaced);
        }
        Some("delete") => return Ok(Node::mapping(Vec::new(), patch.origin.clone())),
        _ => {}
    }
    if key == "valuesObject" {
        return Err("error while applying templatePatch template to json: unable to find api field in struct RawExtension for the json field".to_owned());
    }
    let mut merged = below.clone();
    for Entry { key, value } in &above.entries {
        let name = key.as_scalar().map_or("", |scalar| &scalar.text);
        if value.is_null() {
            merged.remove(name);
            continue;
        }
        let value = match merged.get(name) {
            Some(base) => merge(base, value, name)?,
            None => value.clone(),
        };
        merged.set(name, value);
    }
    Ok(Node { value: Value::Mapping(merged), origin: base.origin.clone() })
}

/// The items of both lists, each once: those of the patch first, unless the base has an item of its own before one.
fn in_order(base: &[Node], patch: &[Node]) -> Vec<Node> {
    let place = |item: &Node| base.iter().position(|known| known.text() == item.text());
    let mut own = base.iter().filter(|item| patch.iter().all(|other| other.text() != item.text())).peekable();
    let mut items: Vec<Node> = Vec::with_capacity(base.len() + patch.len());
    for item in patch {
        if items.iter().any(|known| known.text() == item.text()) {
            continue;
        }
        let at = place(item);
        while let Some(before) = own.next_if(|before| at.is_some() && place(before) < at) {
            items.push(before.clone());
        }
        items.push(item.clone());
    }
    items.extend(own.cloned());
    items
}

/// Gives every value of the rendered patch its place in the template.
fn locate(node: &mut Node, patch: &Node, template: &str, replaced: &Replaced) {
    let start = node.origin.mark.start as usize;
    let offset = if replaced.pieces.is_empty() {
        start
    } else {
        let after = replaced.pieces.partition_point(|piece| piece.at <= start);
        match after.checked_sub(1).map(|index| replaced.pieces[index]) {
            Some(piece) if piece.literal => piece.from + (start - piece.at),
            Some(piece) => piece.from,
            None => 0,
        }
    };
    let origin = patch.origin.clone();
    let mark = within(patch, template, offset);
    node.origin =
        replaced.read.iter().take(8).fold(Origin { mark, trail: origin.trail }, |origin, parameter| {
            origin.then(parameter.mark, FROM_PARAMETER)
        });
    match &mut node.value {
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                locate(&mut entry.key, patch, template, replaced);
                locate(&mut entry.value, patch, template, replaced);
            }
        }
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(|item| locate(item, patch, template, replaced)),
        Value::Scalar(_) => {}
    }
}

/// The place of a byte of a block scalar's text. A block's lines follow the line of its header; their indentation is
/// not known here, so columns count from the text's own margin.
fn within(patch: &Node, template: &str, offset: usize) -> Mark {
    let mut mark = patch.mark();
    if !patch.as_scalar().is_some_and(crate::yaml::Scalar::is_block) {
        return mark;
    }
    let before = &template.as_bytes()[..offset.min(template.len())];
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    mark.line += 1 + lines as u32;
    mark.column = (before.len() - line_start) as u32 + 1;
    mark
}
