//! TOML, as BurntSushi's package writes it.

use crate::render::template::{Map, Value, print, quote};

/// `fromToml`
///
/// # Errors
/// What is wrong with `text`, and where.
pub(super) fn read(text: &str) -> Result<Map, String> {
    let parsed: toml::Table = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(text.len(), |span| span.start.min(text.len()));
        let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        let line = before.matches('\n').count() + 1;
        let found = before.rsplit('\n').next().unwrap_or_default();
        let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map_or("", |(key, _)| key.trim());
        let words = error.message();
        // BurntSushi's words for what charts get wrong most.
        if words.starts_with("duplicate key") {
            return format!("toml: line {line} (last key {}): Key '{key}' has already been defined.", quote(key));
        }
        if words.starts_with("unquoted keys cannot be empty") {
            return format!("toml: line {line}: unexpected '=': key name appears blank");
        }
        if words.starts_with("key with no value") {
            // The span is the key's; what stands behind it is no equals sign.
            let behind = [found, rest.split('\n').next().unwrap_or_default()].concat();
            let next =
                behind.trim_start().split_once([' ', '\t']).and_then(|(_, rest)| rest.trim_start().chars().next());
            if let Some(next) = next {
                return format!("toml: line {line}: expected '.' or '=', but got '{next}' instead");
            }
        }
        if rest.trim().is_empty() && found.trim_end().ends_with('=') {
            return format!("toml: line {line} (last key {}): unexpected EOF; expected value", quote(key));
        }
        format!("toml: line {line}: {words}")
    })?;
    Ok(map_of(parsed))
}

fn map_of(table: toml::Table) -> Map {
    let map = Map::new();
    for (key, value) in table {
        map.insert(key, value_of(value));
    }
    map
}

fn value_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => Value::Int64(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => Value::list(items.into_iter().map(value_of).collect()),
        toml::Value::Table(table) => Value::Map(map_of(table)),
    }
}

/// `toToml`
///
/// # Errors
/// The package's words.
pub(super) fn write(value: &Value) -> Result<String, String> {
    let Value::Map(map) = value else {
        return match value {
            value if value.is_nil() => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
            value => inline(value, 0),
        };
    };
    let mut out = String::new();
    table(&mut out, map, &[], 0)?;
    Ok(out)
}

fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { text.to_owned() } else { quote(text) }
}

fn is_table_list(value: &Value) -> bool {
    match value {
        Value::List(list) => !list.items().is_empty() && list.items().iter().all(|item| matches!(item, Value::Map(_))),
        _ => false,
    }
}

fn table(out: &mut String, map: &Map, path: &[String], depth: usize) -> Result<(), String> {
    if depth > 100 {
        return Err("toml: nested too deep".to_owned());
    }
    let pad = "  ".repeat(path.len());
    let entries = map.entries();
    for (name, value) in entries.iter().filter(|(_, value)| !matches!(value, Value::Map(_)) && !is_table_list(value)) {
        if value.is_nil() {
            continue;
        }
        out.push_str(&format!("{pad}{} = {}\n", key(name), inline(value, 0)?));
    }
    for (name, value) in entries {
        let mut inner = path.to_vec();
        inner.push(key(&name));
        let header = "  ".repeat(path.len());
        match &value {
            Value::Map(map) => {
                if path.is_empty() {
                    blank(out);
                }
                out.push_str(&format!("{header}[{}]\n", inner.join(".")));
                table(out, map, &inner, depth + 1)?;
            }
            Value::List(list) if is_table_list(&value) => {
                for item in list.items() {
                    if let Value::Map(map) = item {
                        blank(out);
                        out.push_str(&format!("{header}[[{}]]\n", inner.join(".")));
                        table(out, map, &inner, depth + 1)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn blank(out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
}

fn inline(value: &Value, depth: usize) -> Result<String, String> {
    if depth > 100 {
        return Err("toml: nested too deep".to_owned());
    }
    Ok(match value {
        Value::String(text) => string(text),
        Value::Float(number) if number.is_finite() => {
            let text = print::float(*number);
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
        Value::Float(number) => print::float(*number).to_lowercase(),
        Value::List(list) => {
            let items: Vec<String> =
                list.items().iter().map(|item| inline(item, depth + 1)).collect::<Result<_, _>>()?;
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let items: Vec<String> = map
                .entries()
                .iter()
                .filter(|(_, value)| !value.is_nil())
                .map(|(name, value)| Ok(format!("{} = {}", key(name), inline(value, depth + 1)?)))
                .collect::<Result<_, String>>()?;
            format!("{{{}}}", items.join(", "))
        }
        Value::Nil | Value::NoValue => return Err("toml: cannot encode array with nil element".to_owned()),
        other => print::sprint(other),
    })
}

fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
