//! The hash at the end of a generated name.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::resource::{Res, raw};
use crate::yaml::{Node, Printed, Value, printed};

/// The hash of a ConfigMap's or Secret's content; other kinds are hashed as a whole.
pub(super) fn of(res: &Res) -> String {
    let field = |key: &str| res.node.get(key).map_or_else(|| json!(""), plain);
    let mut object = Map::new();
    match res.kind() {
        "ConfigMap" => {
            let binary = field("binaryData");
            if binary.is_object() {
                object.insert("binaryData".to_owned(), binary);
            }
            object.insert("data".to_owned(), field("data"));
            object.insert("kind".to_owned(), json!("ConfigMap"));
            object.insert("name".to_owned(), json!(""));
        }
        "Secret" => {
            object.insert("data".to_owned(), field("data"));
            object.insert("kind".to_owned(), json!("Secret"));
            object.insert("name".to_owned(), json!(""));
            let text = field("stringData");
            if text.is_object() {
                object.insert("stringData".to_owned(), text);
            }
            object.insert("type".to_owned(), field("type"));
        }
        _ => {
            object.insert("node".to_owned(), sorted(&res.node));
        }
    }
    let text = escaped(&Json::Object(object).to_string());
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    hex.chars()
        .map(|c| match c {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            c => c,
        })
        .collect()
}

/// The fields that count; all of them for other kinds.
pub(super) fn fields(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "ConfigMap" => Some(&["data", "binaryData"]),
        "Secret" => Some(&["data", "stringData", "type"]),
        _ => None,
    }
}

/// A field as it is hashed: the text of a scalar, the JSON of a mapping.
fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(_) => Json::String(raw(node).to_owned()),
        _ => sorted(node),
    }
}

/// The JSON that kustomize makes of a value, keys sorted.
fn sorted(node: &Node) -> Json {
    match &node.value {
        Value::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping.entries.iter().collect();
            entries.sort_by(|a, b| a.key_text().cmp(b.key_text()));
            Json::Object(entries.into_iter().map(|entry| (entry.key_text().to_owned(), sorted(&entry.value))).collect())
        }
        Value::Sequence(sequence) => Json::Array(sequence.items.iter().map(sorted).collect()),
        Value::Scalar(scalar) => match printed(scalar, node.mark()) {
            Ok(Printed::Text(text)) => Json::String(text.into_owned()),
            Ok(Printed::Bare(text)) => serde_json::from_str(&text).unwrap_or(Json::Null),
            Err(_) => Json::Null,
        },
    }
}

/// Go escapes what HTML gives a meaning to, and two line separators.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}
