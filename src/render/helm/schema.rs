//! values.schema.json: the rules that a chart makes for its values.

use jsonschema::error::ValidationErrorKind;
use serde_json::Value as Json;

use super::dependencies::Instance;
use super::error::HelmError;
use crate::origin::Mark;
use crate::render::template::{Map, Value, json};

/// Holds the values of `chart` and its subcharts to their schemas.
pub(super) fn validate(chart: &Instance, values: &Map) -> Result<(), HelmError> {
    let mut message = String::new();
    let mut violations = Vec::new();
    walk(chart, values, &mut message, &mut violations);
    if message.is_empty() { Ok(()) } else { Err(HelmError::Schema { message, violations }) }
}

fn walk(chart: &Instance, values: &Map, message: &mut String, violations: &mut Vec<(Mark, String)>) {
    if let Some(file) = &chart.chart.schema {
        let instance = json::to_json(&Value::Map(values.clone())).unwrap_or(Json::Null);
        let found = match chart.chart.validator.get_or_init(|| compile(file.bytes())) {
            // What is elsewhere on the network says nothing here.
            Err(what) if what.contains("http") => Vec::new(),
            Err(what) => vec![(String::new(), what.clone(), Some(Mark::file(file.id)), None)],
            Ok(validator) => validator
                .iter_errors(&instance)
                .map(|error| (error.instance_path().to_string(), error.to_string(), None, unexpected(error.kind())))
                .collect(),
        };
        if !found.is_empty() {
            message.push_str(&format!("{}:\n", chart.name));
        }
        for (pointer, what, mark, unexpected) in found {
            message.push_str(&format!("- at '{pointer}': {what}\n"));
            let guilty = unexpected.and_then(|key| place(values, &format!("{pointer}/{key}")));
            let mark = mark.or(guilty).or_else(|| place(values, &pointer)).unwrap_or(Mark::file(file.id));
            violations.push((mark, format!("{}: {what}", if pointer.is_empty() { "/" } else { &pointer })));
        }
    }
    for child in &chart.children {
        match values.get(&child.name) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(own)) => walk(child, &own, message, violations),
            Some(other) => {
                let found = other.type_name();
                let what = format!("invalid type for values: expected object (map), got {found}");
                message.push_str(&format!("{}:\n{what}\n", child.name));
                let mark = place(values, &format!("/{}", child.name)).unwrap_or(Mark::NONE);
                violations.push((mark, what));
            }
        }
    }
}

/// The first key that should not be there, as a token of a JSON Pointer.
fn unexpected(kind: &ValidationErrorKind) -> Option<String> {
    match kind {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            Some(unexpected.first()?.replace('~', "~0").replace('/', "~1"))
        }
        _ => None,
    }
}

/// The rules that a schema's text states.
fn compile(text: &[u8]) -> Result<jsonschema::Validator, String> {
    let schema: Json = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    jsonschema::options().should_validate_formats(true).build(&schema).map_err(|error| error.to_string())
}

/// Where the value behind a JSON Pointer came from: its own place, or that of the nearest value around it.
fn place(values: &Map, pointer: &str) -> Option<Mark> {
    let mut current = Value::Map(values.clone());
    let mut mark = None;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let (next, origin) = match &current {
            Value::Map(map) => map.get_with_origin(&key)?,
            Value::List(list) => {
                let index: usize = key.parse().ok()?;
                (list.items().get(index)?.clone(), list.origin(index).cloned().unwrap_or(crate::origin::Origin::NONE))
            }
            _ => break,
        };
        if origin.mark.is_some() {
            mark = Some(origin.mark);
        }
        current = next;
    }
    mark
}
