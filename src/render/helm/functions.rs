//! Helm's own functions, on top of sprig's.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use crate::origin::FileId;
pub(super) use crate::render::template::sprig::UNSUPPORTED;
use crate::render::template::sprig::times::Duration;
use crate::render::template::{
    FunctionError, Functions, LIST, List, Map, NumberMode, Param, Value, json, print, sprig,
};
use crate::yaml::{Limits, read, write_json, write_json_pretty};

/// How often a template may be within itself.
const MAX_RECURSION: usize = 1000;

/// Every function that a chart's templates may call.
pub(super) fn all() -> &'static Arc<Functions> {
    static ALL: OnceLock<Arc<Functions>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut functions = Functions::builtins();
        sprig::register(&mut functions);
        register(&mut functions);
        Arc::new(functions)
    })
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Marks a message that Helm shows without the trace that led to it.
fn shown(message: &str) -> FunctionError {
    FunctionError::Message(format!("HELM_ERR_START{message}HELM_ERR_END"))
}

fn register(functions: &mut Functions) {
    use Param::{Any, String as Text};
    functions.add("include", &[Text, Any], |call, args| {
        let name = text_of(&args[0]).to_owned();
        if *call.running(&name) > MAX_RECURSION {
            return Err(
                format!("rendering template has a nested reference name: {name}: unable to execute template").into()
            );
        }
        *call.running(&name) += 1;
        let result = call.execute(&name, &args[1]);
        *call.running(&name) -= 1;
        result.map(Value::from)
    });
    functions.add("tpl", &[Text, Any], |call, args| {
        let text = call.execute_text(text_of(&args[0]), &args[1])?;
        Ok(if text.contains("<no value>") { text.replace("<no value>", "") } else { text }.into())
    });
    functions.add("required", &[Text, Any], |_, args| match &args[1] {
        value if value.is_nil() || value.as_str() == Some("") => Err(shown(text_of(&args[0]))),
        value => Ok(value.clone()),
    });
    functions.add("fail", &[Text], |_, args| Err(shown(text_of(&args[0]))));
    functions.add("lookup", &[Text, Text, Text, Text], |call, args| Ok(super::lookup::lookup(call, args)));
    functions.add("getHostByName", &[Text], |_, _| Ok("".into()));
    functions.add("toYaml", &[Any], |call, args| {
        call.serialized(&args[0]);
        Ok(to_yaml(&args[0]).into())
    });
    functions.add("mustToYaml", &[Any], |call, args| {
        call.serialized(&args[0]);
        Ok(to_yaml(&args[0]).into())
    });
    functions.add("toYamlPretty", &[Any], |call, args| {
        call.serialized(&args[0]);
        Ok(to_yaml_pretty(&args[0]).into())
    });
    functions.add("fromYaml", &[Text], |_, args| {
        Ok(Value::Map(match from_yaml(text_of(&args[0])) {
            Ok(Value::Map(map)) => map,
            Ok(value) if value.is_nil() => Map::new(),
            Ok(value) => with_error(mismatch(&value, "map[string]interface {}")),
            Err(message) => with_error(message),
        }))
    });
    functions.add("fromYamlArray", &[Text], |_, args| {
        Ok(match from_yaml(text_of(&args[0])) {
            Ok(value @ Value::List(_)) => value,
            Ok(value) if value.is_nil() => Value::list(Vec::new()),
            Ok(value) => Value::list(vec![mismatch(&value, "[]interface {}").into()]),
            Err(message) => Value::list(vec![message.into()]),
        })
    });
    functions.add("fromJson", &[Text], |_, args| {
        Ok(Value::Map(match sprig::parse_json(text_of(&args[0])) {
            Ok(Value::Map(map)) => map,
            Ok(value) if value.is_nil() => Map::new(),
            Ok(value) => with_error(json_mismatch(&value, "map[string]interface {}")),
            Err(message) => with_error(message),
        }))
    });
    functions.add("fromJsonArray", &[Text], |_, args| {
        Ok(match sprig::parse_json(text_of(&args[0])) {
            Ok(value @ Value::List(_)) => value,
            Ok(value) if value.is_nil() => Value::List(List::nil(LIST)),
            Ok(value) => Value::list(vec![json_mismatch(&value, "[]interface {}").into()]),
            Err(message) => Value::list(vec![message.into()]),
        })
    });
    functions.add("toToml", &[Any], |_, args| match super::toml::write(&args[0]) {
        Err(message) if args[0].is_nil() => Err(message.into()),
        written => Ok(written.unwrap_or_else(|message| message).into()),
    });
    functions.add("mustToToml", &[Any], |_, args| {
        super::toml::write(&args[0]).map(Value::from).map_err(FunctionError::Message)
    });
    functions.add("fromToml", &[Text], |_, args| {
        Ok(Value::Map(super::toml::read(text_of(&args[0])).unwrap_or_else(with_error)))
    });
    register_durations(functions);
}

fn register_durations(functions: &mut Functions) {
    use Param::Any;
    let value = |nanos: i64| Value::Object(Rc::new(Duration(nanos)));
    functions
        .add("mustToDuration", &[Any], move |_, args| duration(&args[0]).map(value).map_err(FunctionError::Message));
    for (name, nanos) in [
        ("durationSeconds", 1e9),
        ("durationMinutes", 6e10),
        ("durationHours", 3.6e12),
        ("durationDays", 8.64e13),
        ("durationWeeks", 6.048e14),
    ] {
        functions.add(name, &[Any], move |_, args| {
            Ok(Value::Float(duration(&args[0]).map_or(0.0, |found| found as f64 / nanos)))
        });
    }
    for (name, nanos) in
        [("durationMilliseconds", 1_000_000), ("durationMicroseconds", 1_000), ("durationNanoseconds", 1)]
    {
        functions
            .add(name, &[Any], move |_, args| Ok(Value::Int64(duration(&args[0]).map_or(0, |found| found / nanos))));
    }
    for (name, round) in [("durationRoundTo", true), ("durationTruncateTo", false)] {
        functions.add(name, &[Any, Any], move |_, args| {
            let Ok(found) = duration(&args[0]) else { return Ok(value(0)) };
            let unit = match duration(&args[1]) {
                Ok(unit @ 1..) => unit,
                _ => return Ok(value(found)),
            };
            let rest = found % unit;
            let down = found - rest;
            let half = rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs();
            Ok(value(if round && half { down + unit * rest.signum() } else { down }))
        });
    }
}

fn duration(value: &Value) -> Result<i64, String> {
    let seconds = |seconds: f64| {
        if !seconds.is_finite() {
            return Err(format!("invalid duration seconds: {}", print::float(seconds)));
        }
        if seconds.abs() > 9.223_372_036e9 {
            return Err(format!("duration seconds overflow: {}", print::float(seconds)));
        }
        Ok((seconds * 1e9) as i64)
    };
    match value {
        Value::Object(object) => match object.as_any().downcast_ref::<Duration>() {
            Some(duration) => Ok(duration.0),
            None => Err(format!("unsupported duration type {}", object.type_name())),
        },
        Value::String(text) => {
            let trimmed = text.trim();
            if trimmed.is_empty() {
                return Err("empty duration".to_owned());
            }
            match (Duration::parse(trimmed), trimmed.parse::<f64>()) {
                (Some(duration), _) => Ok(duration.0),
                (None, Ok(number)) => seconds(number),
                (None, Err(_)) => Err(format!("could not parse duration {}", crate::render::template::quote(text))),
            }
        }
        Value::Nil | Value::NoValue => Err("invalid duration".to_owned()),
        Value::Int(number) | Value::Int64(number) => {
            number.checked_mul(1_000_000_000).ok_or_else(|| format!("duration seconds overflow: {number}"))
        }
        Value::Uint(number) => seconds(*number as f64),
        Value::Float(number) => seconds(*number),
        other => Err(format!("unsupported duration type {}", other.type_name())),
    }
}

fn with_error(message: String) -> Map {
    let map = Map::new();
    map.insert("Error", message.into());
    map
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        Value::String(_) => "string",
        _ => "number",
    }
}

fn mismatch(value: &Value, wanted: &str) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {}", json_mismatch(value, wanted))
}

fn json_mismatch(value: &Value, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {wanted}", json_type(value))
}

/// `toYaml`; empty for what JSON cannot say.
pub(super) fn to_yaml(value: &Value) -> String {
    let Some(json) = json::to_json(value) else { return String::new() };
    let mut out = String::new();
    write_json(&json, &mut out);
    if out.ends_with('\n') {
        out.pop();
    }
    indented(&json, out)
}

/// A lone text is indented as if it were within something.
fn indented(json: &serde_json::Value, out: String) -> String {
    if !json.is_string() || !out.contains('\n') {
        return out;
    }
    let mut lines = out.split('\n');
    let mut indented = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        indented.push('\n');
        if !line.is_empty() {
            indented.push_str("  ");
            indented.push_str(line);
        }
    }
    indented
}

/// `toYamlPretty`; empty for what cannot be said.
fn to_yaml_pretty(value: &Value) -> String {
    let Some(json) = json::to_json_with_floats(value) else { return String::new() };
    let mut out = String::new();
    write_json_pretty(&json, &mut out);
    if out.ends_with('\n') {
        out.pop();
    }
    indented(&json, out)
}

/// The value of the first document of `text`.
fn from_yaml(text: &str) -> Result<Value, String> {
    let yaml = read(FileId::NONE, text, Limits { last_key_wins: true, ..Limits::default() });
    if let Some((message, _)) = super::chart::broken(&yaml, text) {
        return Err(message);
    }
    if let Some(document) = yaml.documents.first() {
        super::values::check(&document.root).map_err(|(message, _)| message)?;
    }
    Ok(yaml.documents.first().map_or(Value::Nil, |document| {
        // What a template reads has the template for its origin, not this text.
        forget_origins(Value::from_node(&document.root, NumberMode::Float))
    }))
}

fn forget_origins(value: Value) -> Value {
    match value {
        Value::List(list) => Value::list(list.items().iter().cloned().map(forget_origins).collect()),
        Value::Map(map) => {
            let out = Map::new();
            for (key, value) in map.entries() {
                out.insert(key, forget_origins(value));
            }
            Value::Map(out)
        }
        other => other,
    }
}
