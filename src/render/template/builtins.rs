//! The functions of the language itself.

use std::cmp::Ordering;

use super::bytes;
use super::functions::{Body, Call, FunctionError, Functions, Param};
use super::print::{sprint, sprint_all};
use super::quote::is_print;
use super::value::Value;

type Result = std::result::Result<Value, FunctionError>;

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Reflect, String as Text};
    functions.insert("and", &[Reflect, Reflect], true, Body::And);
    functions.insert("or", &[Reflect, Reflect], true, Body::Or);
    functions.insert("call", &[Reflect, Reflect], true, Body::Call);
    functions.add("not", &[Reflect], |_, args| Ok(Value::Bool(!args[0].truth())));
    functions.add("len", &[Reflect], |_, args| length(&args[0]));
    functions.add_variadic("index", &[Reflect, Reflect], |call, args| index(call, &args[0], &args[1..]));
    functions.add_variadic("slice", &[Reflect, Reflect], |_, args| slice(&args[0], &args[1..]));
    functions.add_variadic("html", &[Any], |_, args| Ok(html(&escaped_text(args)).into()));
    functions.add_variadic("js", &[Any], |_, args| Ok(js(&escaped_text(args)).into()));
    functions.add_variadic("urlquery", &[Any], |_, args| Ok(url_query(&escaped_text(args)).into()));
    functions.add_variadic("print", &[Any], |_, args| Ok(sprint_all(args).into()));
    functions.add_variadic("println", &[Any], |_, args| {
        Ok((args.iter().map(sprint).collect::<Vec<_>>().join(" ") + "\n").into())
    });
    functions.add_variadic("printf", &[Text, Any], |_, args| {
        Ok(Value::String(super::printf(args[0].as_str().unwrap_or_default(), &args[1..]).into()))
    });
    functions.add_variadic("eq", &[Reflect, Reflect], |_, args| equal_any(&args[0], &args[1..]).map(Value::Bool));
    functions.add("ne", &[Reflect, Reflect], |_, args| Ok(Value::Bool(!equal_any(&args[0], &args[1..])?)));
    functions.add("lt", &[Reflect, Reflect], |_, args| Ok(Value::Bool(less(&args[0], &args[1])?)));
    functions.add("le", &[Reflect, Reflect], |_, args| Ok(Value::Bool(less_or_equal(&args[0], &args[1])?)));
    functions.add("gt", &[Reflect, Reflect], |_, args| Ok(Value::Bool(!less_or_equal(&args[0], &args[1])?)));
    functions.add("ge", &[Reflect, Reflect], |_, args| Ok(Value::Bool(!less(&args[0], &args[1])?)));
}

fn escaped_text(args: &[Value]) -> String {
    match args {
        [Value::String(text)] => text.to_string(),
        // A lone missing value prints as such here.
        args => {
            let shown: Vec<Value> =
                args.iter().map(|arg| if arg.is_nil() { Value::from("<no value>") } else { arg.clone() }).collect();
            sprint_all(&shown)
        }
    }
}

fn length(value: &Value) -> Result {
    Ok(Value::Int(match value {
        Value::String(text) => bytes::of(text).len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.len(),
        Value::Object(object) => match object.entries() {
            Some(entries) => entries.len(),
            None => return Err(format!("len of type {}", object.type_name()).into()),
        },
        Value::Nil => return Err("len of nil pointer".into()),
        Value::NoValue => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        other => return Err(format!("len of type {}", other.type_name()).into()),
    } as i64))
}

fn position(index: &Value, limit: usize) -> std::result::Result<usize, FunctionError> {
    let found = match index {
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Uint(value) => i64::try_from(*value).unwrap_or(-1),
        Value::Nil | Value::NoValue => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    };
    match usize::try_from(found) {
        Ok(position) if position <= limit => Ok(position),
        _ => Err(format!("index out of range: {found}").into()),
    }
}

fn index(call: &mut Call<'_>, item: &Value, indices: &[Value]) -> Result {
    if item.is_nil() {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indices {
        item = match &item {
            Value::Nil | Value::NoValue => return Err("index of nil pointer".into()),
            Value::Map(map) => {
                let key = match index {
                    Value::String(key) => key,
                    Value::Nil | Value::NoValue => return Err("value is nil; should be of type string".into()),
                    other => return Err(format!("value has type {}; should be string", other.type_name()).into()),
                };
                match map.get_with_origin(key) {
                    Some((value, origin)) => {
                        call.read(&value, &origin);
                        value
                    }
                    None if item.type_name() == "map[string]string" => Value::from(""),
                    None => Value::Nil,
                }
            }
            Value::List(list) => {
                let at = position(index, list.items().len())?;
                let Some(value) = list.items().get(at) else {
                    return Err("reflect: slice index out of range".into());
                };
                if let Some(origin) = list.origin(at) {
                    call.read(value, origin);
                }
                value.clone()
            }
            Value::String(text) => {
                let bytes = bytes::of(text);
                let at = position(index, bytes.len())?;
                match bytes.get(at) {
                    Some(byte) => Value::Uint(u64::from(*byte)),
                    None => return Err("reflect: string index out of range".into()),
                }
            }
            Value::Bytes(bytes) => match bytes.get(position(index, bytes.len())?) {
                Some(byte) => Value::Uint(u64::from(*byte)),
                None => return Err("reflect: slice index out of range".into()),
            },
            Value::Object(object) => match object.entries() {
                Some(entries) => {
                    entries.into_iter().find(|(key, _)| key.deep_equal(index)).map_or(Value::Nil, |(_, value)| value)
                }
                None => return Err(format!("can't index item of type {}", object.type_name()).into()),
            },
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    Ok(item)
}

fn slice(item: &Value, indices: &[Value]) -> Result {
    if item.is_nil() {
        return Err("slice of untyped nil".into());
    }
    if indices.len() > 3 {
        return Err(format!("too many slice indexes: {}", indices.len()).into());
    }
    let length = match item {
        Value::String(text) => {
            if indices.len() == 3 {
                return Err("cannot 3-index slice a string".into());
            }
            bytes::of(text).len()
        }
        Value::List(list) => list.items().len(),
        Value::Bytes(bytes) => bytes.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name()).into()),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indices) {
        *bound = position(index, length)?;
    }
    for pair in [[0, 1], [1, 2]] {
        let (from, to) = (bounds[pair[0]], bounds[pair[1]]);
        if from > to {
            return Err(format!("invalid slice index: {from} > {to}").into());
        }
    }
    let range = bounds[0]..bounds[1];
    Ok(match item {
        Value::String(text) => Value::String(bytes::text(&bytes::of(text)[range])),
        Value::List(list) => Value::List(super::value::List::typed(list.items()[range].to_vec(), item.type_name())),
        Value::Bytes(bytes) => Value::Bytes(bytes[range].into()),
        other => other.clone(),
    })
}

#[derive(PartialEq, Clone, Copy)]
enum Basic {
    None,
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(_) | Value::Int64(_) => Basic::Int,
        Value::Uint(_) => Basic::Uint,
        Value::Float(_) => Basic::Float,
        Value::String(_) => Basic::Text,
        _ => Basic::None,
    }
}

fn int(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) | Value::Int64(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> FunctionError {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()).into()
}

/// Whether `first` equals one of `others`, as `eq` compares.
pub(super) fn equal_any(first: &Value, others: &[Value]) -> std::result::Result<bool, FunctionError> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `%s` makes of a value.
fn text(value: &Value) -> String {
    super::printf::printf("%s", std::slice::from_ref(value))
}

fn equal(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    if let (Some(a), Some(b)) = (int(a), int(b)) {
        return Ok(a == b);
    }
    if basic(a) != basic(b) {
        return if a.is_nil() || b.is_nil() { Ok(false) } else { Err(incompatible(a, b)) };
    }
    if basic(a) != Basic::None {
        return Ok(a.deep_equal(b));
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    if a.kind() != b.kind() {
        let (ta, tb) = (a.type_name(), b.type_name());
        return Err(format!("non-comparable types {}: {ta}, {tb}: {}", text(a), text(b)).into());
    }
    match (a, b) {
        (Value::Object(_), Value::Object(_)) => Ok(a.deep_equal(b)),
        _ => Err(format!("non-comparable type {}: {}", text(b), b.type_name()).into()),
    }
}

fn less(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    const BAD: &str = "invalid type for comparison";
    if basic(a) == Basic::None || basic(b) == Basic::None {
        return Err(BAD.into());
    }
    if let (Some(a), Some(b)) = (int(a), int(b)) {
        return Ok(a < b);
    }
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b) == Some(Ordering::Less)),
        (Value::String(a), Value::String(b)) => Ok(a < b),
        (Value::Bool(_), Value::Bool(_)) => Err(BAD.into()),
        _ => Err(incompatible(a, b)),
    }
}

fn less_or_equal(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    Ok(less(a, b)? || equal(a, b)?)
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{FFFD}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if c < ' ' || !is_print(c) => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// `url.QueryEscape`
pub(super) fn url_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in bytes::of(text).iter() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte as char),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
