//! Values from YAML and JSON, and back to JSON.

use base64::Engine;
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::bytes;
use super::value::{List, Map, Value};
use crate::origin::Origin;
use crate::yaml::{Node, Resolved, Scalar, Tag, Value as Yaml};

/// What the integers of YAML and JSON become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberMode {
    /// `float64`, as in Helm's values and in the parameters of ApplicationSets.
    Float,
    /// `int64`.
    Int,
}

impl Value {
    /// The value of `node`, its maps and lists with the origins of what they hold.
    pub fn from_node(node: &Node, numbers: NumberMode) -> Value {
        match &node.value {
            Yaml::Scalar(scalar) => from_scalar(scalar, numbers),
            Yaml::Sequence(sequence) => {
                let items = sequence.items.iter().map(|item| Value::from_node(item, numbers)).collect();
                let origins: Vec<Origin> = sequence.items.iter().map(|item| item.origin.clone()).collect();
                Value::List(List::with_origins(items, origins))
            }
            Yaml::Mapping(mapping) => {
                let map = Map::new();
                for entry in &mapping.entries {
                    let value = Value::from_node(&entry.value, numbers);
                    map.insert_from(key_text(&entry.key), value, entry.value.origin.clone());
                }
                Value::Map(map)
            }
        }
    }

    /// The value of `json`.
    pub fn from_json(json: &Json, numbers: NumberMode) -> Value {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (numbers, number.as_i64()) {
                (NumberMode::Int, Some(value)) => Value::Int64(value),
                _ => Value::Float(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Value::string(text.as_str()),
            Json::Array(items) => Value::list(items.iter().map(|item| Value::from_json(item, numbers)).collect()),
            Json::Object(fields) => {
                Value::map(fields.iter().map(|(key, value)| (key.as_str(), Value::from_json(value, numbers))))
            }
        }
    }
}

fn from_scalar(scalar: &Scalar, numbers: NumberMode) -> Value {
    match scalar.resolve_kubernetes() {
        Resolved::Null => Value::Nil,
        Resolved::Bool(value) => Value::Bool(value),
        Resolved::Int(value) => match numbers {
            NumberMode::Float => Value::Float(value as f64),
            NumberMode::Int => Value::Int64(value),
        },
        Resolved::Uint(value) => Value::Float(value as f64),
        Resolved::Float(value) => Value::Float(value),
        Resolved::Str(_) if scalar.tag == Tag::Binary => {
            let clean: String = scalar.text.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(clean);
            decoded.map_or_else(|_| Value::String(scalar.text.clone()), |bytes| Value::String(bytes::text(&bytes)))
        }
        Resolved::Str(_) => Value::String(scalar.text.clone()),
    }
}

/// A key as the text that it becomes in JSON: `on` is `true`, `0x10` is `16`.
pub(crate) fn key_text(key: &Node) -> SmolStr {
    let Some(scalar) = key.as_scalar() else { return SmolStr::default() };
    match scalar.resolve_kubernetes() {
        Resolved::Bool(value) => SmolStr::new_static(if value { "true" } else { "false" }),
        Resolved::Int(value) => SmolStr::new(value.to_string()),
        Resolved::Uint(value) => SmolStr::new(value.to_string()),
        Resolved::Float(value) => SmolStr::new(super::print::float(value)),
        Resolved::Null => SmolStr::new_static("null"),
        Resolved::Str(text) => SmolStr::new(text),
    }
}
