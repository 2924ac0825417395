//! JSON as Go's encoding/json writes it: keys sorted, numbers in its format, HTML escaped where asked for.

use std::fmt::Write;

use serde_json::{Map as JsonMap, Number, Value as Json};

use super::bytes;
use super::print::{format_float, sprint};
use super::value::Value;

/// How to write JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Two spaces for each level, each item in a line of its own.
    pub pretty: bool,
    /// `<`, `>` and `&` as escapes.
    pub html: bool,
}

/// The JSON of `value`.
///
/// # Errors
/// What Go says of a number that JSON does not know.
pub fn encode(value: &Value, style: Style) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value, style, 0)?;
    Ok(out)
}

/// Text that is written at once, in bytes.
const MAX_BYTES: usize = 128 << 20;
/// Values that are written at once.
const MAX_VALUES: usize = 5_000_000;

fn write(out: &mut String, value: &Value, style: Style, depth: usize) -> Result<(), String> {
    if depth > 1000 || out.len() > MAX_BYTES {
        return Err("json: unsupported value: encountered a cycle".to_owned());
    }
    match value {
        Value::Nil | Value::NoValue => out.push_str("null"),
        Value::Bool(value) => drop(write!(out, "{value}")),
        Value::Int(value) | Value::Int64(value) => drop(write!(out, "{value}")),
        Value::Uint(value) => drop(write!(out, "{value}")),
        Value::Float(value) => out.push_str(&number(*value)?),
        Value::String(text) => string(out, text, style.html),
        Value::Bytes(content) => {
            use base64::Engine;
            let encoded = base64::engine::general_purpose::STANDARD.encode(content);
            string(out, &encoded, style.html);
        }
        Value::List(list) if list.is_nil() => out.push_str("null"),
        Value::List(list) => {
            let items = list.items();
            if items.is_empty() {
                out.push_str("[]");
                return Ok(());
            }
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, style, depth + 1);
                write(out, item, style, depth + 1)?;
            }
            line(out, style, depth);
            out.push(']');
        }
        Value::Map(map) if map.is_empty() && !map.holds_anything() => out.push_str("null"),
        Value::Map(map) => {
            object(out, map.entries().into_iter().map(|(key, value)| (key.to_string(), value)).collect(), style, depth)?
        }
        Value::Object(value) => match value.entries() {
            Some(entries) => {
                object(out, entries.into_iter().map(|(key, value)| (sprint(&key), value)).collect(), style, depth)?;
            }
            None => match value.json() {
                Some(inner) => write(out, &inner, style, depth + 1)?,
                None => string(out, &value.print(), style.html),
            },
        },
    }
    Ok(())
}

fn object(out: &mut String, entries: Vec<(String, Value)>, style: Style, depth: usize) -> Result<(), String> {
    if entries.is_empty() {
        out.push_str("{}");
        return Ok(());
    }
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(out, style, depth + 1);
        string(out, key, style.html);
        out.push_str(if style.pretty { ": " } else { ":" });
        write(out, value, style, depth + 1)?;
    }
    line(out, style, depth);
    out.push('}');
    Ok(())
}

fn line(out: &mut String, style: Style, depth: usize) {
    if style.pretty {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

fn number(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Err(format!("json: unsupported value: {}", format_float(value, 'g', None)));
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format_float(value, 'e', None);
        return Ok(text.replace("e-0", "e-").replace("e+0", "e+"));
    }
    Ok(format_float(value, 'f', None))
}

fn string(out: &mut String, text: &str, html: bool) {
    out.push('"');
    let raw = bytes::of(text);
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '<' | '>' | '&' if html => drop(write!(out, "\\u{:04x}", c as u32)),
                '\u{2028}' | '\u{2029}' => drop(write!(out, "\\u{:04x}", c as u32)),
                c if c < ' ' => drop(write!(out, "\\u{:04x}", c as u32)),
                c => out.push(c),
            }
        }
        out.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    out.push('"');
}

/// The value as serde_json's, for the YAML writer and for schemas: what encoding/json writes, read again. `None` where
/// JSON cannot say it.
pub fn to_json(value: &Value) -> Option<Json> {
    to_json_within(value, 0, false, &mut MAX_VALUES.clone())
}

/// The same, with floats that stay floats where they are whole numbers.
pub(crate) fn to_json_with_floats(value: &Value) -> Option<Json> {
    to_json_within(value, 0, true, &mut MAX_VALUES.clone())
}

fn to_json_within(value: &Value, depth: usize, floats: bool, left: &mut usize) -> Option<Json> {
    *left = left.checked_sub(1)?;
    if depth > 500 {
        return None;
    }
    Some(match value {
        Value::Nil | Value::NoValue => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Json::Number((*value).into()),
        Value::Uint(value) => Json::Number((*value).into()),
        Value::Float(value) => {
            if !floats && *value == value.trunc() && value.abs() < 9.2e18 {
                Json::Number((*value as i64).into())
            } else {
                Json::Number(Number::from_f64(*value)?)
            }
        }
        Value::String(text) => Json::String(lossy(text)),
        Value::Bytes(content) => {
            use base64::Engine;
            Json::String(base64::engine::general_purpose::STANDARD.encode(content))
        }
        Value::List(list) if list.is_nil() => Json::Null,
        Value::List(list) => Json::Array(
            list.items().iter().map(|item| to_json_within(item, depth + 1, floats, left)).collect::<Option<_>>()?,
        ),
        // A nil map, as Go has them where a struct's field was not set.
        Value::Map(map) if map.is_empty() && !map.holds_anything() => Json::Null,
        Value::Map(map) => {
            let mut object = JsonMap::new();
            for (key, value) in map.entries() {
                object.insert(lossy(&key), to_json_within(&value, depth + 1, floats, left)?);
            }
            Json::Object(object)
        }
        Value::Object(value) => match value.entries() {
            Some(entries) => {
                let mut object = JsonMap::new();
                for (key, value) in entries {
                    object.insert(sprint(&key), to_json_within(&value, depth + 1, floats, left)?);
                }
                Json::Object(object)
            }
            None => match value.json() {
                Some(inner) => to_json_within(&inner, depth + 1, floats, left)?,
                None => Json::String(value.print()),
            },
        },
    })
}

/// Text with a replacement character for each byte that is not UTF-8, as encoding/json has it.
fn lossy(text: &str) -> String {
    match bytes::of(text) {
        std::borrow::Cow::Borrowed(_) => text.to_owned(),
        std::borrow::Cow::Owned(raw) => {
            let mut out = String::with_capacity(raw.len());
            for chunk in raw.utf8_chunks() {
                out.push_str(chunk.valid());
                out.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
            }
            out
        }
    }
}
