//! Replacements inside of texts: a field of JSON or YAML that a resource holds as text.
//!
//! kustomize reads the text, sets the field and writes it again. JSON stays JSON, pretty or not. YAML keeps comments and
//! quotes where it is written as go-yaml writes it (see [`canonical`]); elsewhere it is written anew.

use std::sync::Arc;

use serde_json::Value as Json;
use smol_str::SmolStr;

use super::canonical;
use super::path::{Shape, Walk, lookup};
use super::replacement::{by_keys, explicit_tag};
use super::resource::{Res, raw};
use crate::origin::{FileId, Origin};
use crate::yaml::{Limits, Node, Scalar, Style, Tag, Value, read};

/// Sets a field of JSON or YAML that a resource holds as text; whether there was such a text.
pub(super) fn set(
    res: &mut Res,
    value: &Node,
    parts: &[SmolStr],
    create: Option<Shape>,
    path: &Node,
    step: &Arc<str>,
) -> bool {
    let found = (1..parts.len())
        .find(|length| matches!(lookup(&res.node, &parts[..*length]), Ok(Some(node)) if node.as_scalar().is_some()));
    let Some(length) = found else { return false };
    let Ok(Some(node)) = lookup(&res.node, &parts[..length]) else { return false };
    let text = raw(node).to_owned();
    let file = read(FileId::NONE, &text, Limits::default());
    let Some(document) = file.documents.first().filter(|_| file.problems.is_empty()) else { return false };
    let mut root = document.root.clone();
    if root.as_scalar().is_some() {
        return false;
    }
    // What stands in the text already is changed where it stands: kustomize keeps comments and quotes around it.
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    let json = is_json(&text);
    let mut in_place = !json;
    let mut fits = true;
    let mut set = |target: &mut Node, _: &[Origin]| {
        match (&target.value, &value.value) {
            (Value::Scalar(old), Value::Scalar(new))
                if !target.mark().is_some()
                    && !old.text.is_empty()
                    && !matches!(old.style, Style::Literal | Style::Folded) =>
            {
                let mark = target.mark();
                fits &= fits_tag(&explicit_tag(old), &new.text);
                edits.push((mark.start as usize, mark.end as usize, scalar_in_place(old, &new.text)));
            }
            _ => in_place = false,
        }
        match &target.value {
            Value::Scalar(old) => {
                let fresh = old.text.is_empty() && old.style == Style::Plain;
                let tag = match value.as_scalar().filter(|_| fresh && json) {
                    Some(new) => explicit_tag(new),
                    None if fresh => Tag::None,
                    None => explicit_tag(old),
                };
                let scalar = Scalar { text: SmolStr::new(raw(value)), style: old.style, tag };
                *target = Node::scalar(scalar, value.origin.clone());
            }
            _ => *target = value.clone(),
        }
        Ok(())
    };
    let mut walk = Walk { create, origin: &value.origin, set: &mut set, chosen: Vec::new(), found: 0 };
    if walk.follow(&mut root, &parts[length..]).is_err() || walk.found == 0 {
        return false;
    }
    // JSON has no tags: a text in the place of a number cannot be written, and kustomize leaves all as it was.
    if json && !fits {
        return true;
    }
    let new = match serialized(&root, &text).filter(|_| !(in_place && canonical::is_canonical(&file, &text))) {
        Some(new) => new,
        None if in_place => edited(&text, edits),
        None => return false,
    };
    let mut put = |target: &mut Node, keys: &[Origin]| {
        let value = by_keys(value, keys);
        let origin = target
            .origin
            .then_following(value.origin.mark, step.clone(), Some(Arc::from([value.origin.clone()])))
            .then(path.mark(), step.clone());
        *target = Node::string(new.clone(), origin);
        Ok(())
    };
    let mut walk = Walk { create: None, origin: &value.origin, set: &mut put, chosen: Vec::new(), found: 0 };
    walk.follow(res.node_mut(), &parts[..length]).is_ok() && walk.found > 0
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// `text` with ranges of it replaced.
fn edited(text: &str, mut edits: Vec<(usize, usize, String)>) -> String {
    let mut new = text.to_owned();
    edits.sort_by_key(|(start, ..)| std::cmp::Reverse(*start));
    for (start, end, by) in edits {
        if new.is_char_boundary(start) && new.is_char_boundary(end) && start <= end {
            new.replace_range(start..end, &by);
        }
    }
    new.trim().to_owned()
}

fn fits_tag(tag: &Tag, text: &str) -> bool {
    match (tag, explicit_tag(&Scalar::plain(text))) {
        (Tag::Float, Tag::Int) => true,
        (Tag::Int | Tag::Float | Tag::Bool | Tag::Null, found) => found == *tag,
        _ => true,
    }
}

/// A scalar in the style of the one that it replaces. What was a number or the like is one by its tag.
fn scalar_in_place(old: &Scalar, text: &str) -> String {
    let new = Scalar { text: SmolStr::new(text), style: old.style, tag: explicit_tag(old) };
    let tag = match new.tag {
        Tag::Int => "!!int",
        Tag::Float => "!!float",
        Tag::Bool => "!!bool",
        Tag::Null => "!!null",
        _ => return crate::yaml::written_scalar(text, old.style),
    };
    let text = if crate::yaml::reads_as_text(text) {
        crate::yaml::written_scalar(text, Style::Plain)
    } else {
        text.to_owned()
    };
    if fits_tag(&new.tag, &text) { text } else { format!("{tag} {text}") }
}

/// The text in its old form: JSON stays JSON, pretty or not; YAML stays YAML.
fn serialized(root: &Node, old: &str) -> Option<String> {
    if is_json(old) {
        let json = sorted(root.to_json());
        let text = if old.contains('\n') && old.contains("  ") {
            serde_json::to_string_pretty(&json).ok()?
        } else {
            json.to_string()
        };
        return Some(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"));
    }
    let mut text = String::new();
    crate::yaml::write_as_it_is(root, &mut text).ok()?;
    Some(text.trim().to_owned())
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut entries: Vec<(String, Json)> = fields.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        // Go writes a float that is whole like an integer.
        Json::Number(number) => match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
            Some(float) if float.abs() < 9e15 => Json::from(float as i64),
            _ => Json::Number(number),
        },
        other => other,
    }
}
