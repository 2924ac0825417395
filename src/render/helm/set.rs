//! `--set` and its kin: an expression in, values changed.

use std::iter::Peekable;
use std::str::Chars;

use crate::origin::Origin;
use crate::render::template::{Map, NumberMode, Value, quote};

use super::release::SetKind;

const MAX_INDEX: usize = 65_536;
const MAX_LEVELS: usize = 30;

/// A step of a path.
enum Step {
    Key(String),
    Index(usize),
}

/// Puts what `expression` says into `values`. `read` gives the text of a file, for [`SetKind::File`].
///
/// # Errors
/// Helm's words.
pub(super) fn apply(
    values: &Map,
    kind: SetKind,
    expression: &str,
    origin: &Origin,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    if kind == SetKind::Json && expression.trim().starts_with('{') {
        let parsed: serde_json::Value = serde_json::from_str(expression.trim())
            .map_err(|_| format!("failed parsing --set-json data JSON: {expression}"))?;
        if let Value::Map(map) = with_origin(Value::from_json(&parsed, NumberMode::Float), origin) {
            super::values::overlay(values, &map);
        }
        return Ok(());
    }
    let mut parser = Parser { chars: expression.chars().peekable(), kind, read };
    while let Some(path) = parser.path()? {
        let value = with_origin(parser.value()?, origin);
        if let Some((Step::Key(key), rest)) = path.split_first() {
            put(values, key, rest, value, origin)?;
        }
    }
    Ok(())
}

fn with_origin(value: Value, origin: &Origin) -> Value {
    match value {
        Value::Map(map) => {
            let out = Map::new();
            for (key, value) in map.entries() {
                out.insert_from(key, with_origin(value, origin), origin.clone());
            }
            Value::Map(out)
        }
        other => other,
    }
}

/// What follows indices.
enum After {
    Value,
    Key,
    Nothing,
}

struct Parser<'e, 'r> {
    chars: Peekable<Chars<'e>>,
    kind: SetKind,
    read: &'r dyn Fn(&str) -> Result<String, String>,
}

impl Parser<'_, '_> {
    /// Characters up to one of `stops`, which is taken; `None` for it at the end.
    fn until(&mut self, stops: &str) -> (String, Option<char>) {
        let mut out = String::new();
        while let Some(c) = self.chars.next() {
            if stops.contains(c) {
                return (out, Some(c));
            }
            if c == '\\' && self.kind != SetKind::Literal {
                match self.chars.next() {
                    Some(next) => out.push(next),
                    None => return (out, None),
                }
            } else {
                out.push(c);
            }
        }
        (out, None)
    }

    /// The path before a `=`; `None` at the end.
    fn path(&mut self) -> Result<Option<Vec<Step>>, String> {
        let stops = if self.kind == SetKind::Literal { "=[." } else { "=[,." };
        let mut path = Vec::new();
        loop {
            let (key, last) = self.until(stops);
            match last {
                None if key.is_empty() => return Ok(None),
                None => return Err(format!("key {} has no value", quote(&key))),
                Some(',') => return Err(format!("key {} has no value (cannot end with ,)", quote(&key))),
                Some('=') => {
                    path.push(Step::Key(key));
                    return Ok(Some(path));
                }
                Some('[') => {
                    path.push(Step::Key(key));
                    match self.indices(&mut path)? {
                        After::Value => return Ok(Some(path)),
                        After::Key => {}
                        After::Nothing => return Ok(None),
                    }
                }
                _ => path.push(Step::Key(key)),
            }
            if path.len() > MAX_LEVELS {
                return Err(format!(
                    "value name nested level is greater than maximum supported nested level of {MAX_LEVELS}"
                ));
            }
        }
    }

    /// Indices up to `=` or `.`.
    fn indices(&mut self, path: &mut Vec<Step>) -> Result<After, String> {
        loop {
            let (digits, last) = self.until("]");
            if last.is_none() {
                // Helm takes the end within brackets for the end of the expression.
                return Ok(After::Nothing);
            }
            let index: i64 = digits.parse().map_err(|_| {
                format!("error parsing index: strconv.Atoi: parsing {}: invalid syntax", quote(&digits))
            })?;
            let Ok(index) = usize::try_from(index) else {
                return Err(format!("negative {index} index not allowed"));
            };
            if index > MAX_INDEX {
                return Err(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}"));
            }
            path.push(Step::Index(index));
            let (between, last) = self.until("[.=");
            if !between.is_empty() {
                return Err(format!("unexpected data at end of array index: {}", quote(&between)));
            }
            match last {
                Some('=') => return Ok(After::Value),
                Some('[') => {}
                Some(_) => return Ok(After::Key),
                None => return Err("unexpected end of array index".to_owned()),
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.kind {
            SetKind::Json => return self.json(),
            SetKind::Literal => return Ok(self.chars.by_ref().collect::<String>().into()),
            _ => {}
        }
        if self.chars.peek() != Some(&'{') {
            let at_end = self.chars.peek().is_none();
            let (text, _) = self.until(",");
            return if at_end { Ok("".into()) } else { self.typed(&text) };
        }
        self.chars.next();
        let mut items = Vec::new();
        loop {
            let (text, last) = self.until(",}");
            match last {
                Some(',') => items.push(self.typed(&text)?),
                Some(_) => {
                    if self.chars.peek() == Some(&',') {
                        self.chars.next();
                    }
                    items.push(self.typed(&text)?);
                    return Ok(Value::list(items));
                }
                None => return Err("list must terminate with '}'".to_owned()),
            }
        }
    }

    fn json(&mut self) -> Result<Value, String> {
        let rest: String = self.chars.clone().collect();
        let value = if rest.trim_start().is_empty() || rest.trim_start().starts_with(',') {
            Value::Nil
        } else {
            let mut stream = serde_json::Deserializer::from_str(&rest).into_iter::<serde_json::Value>();
            let parsed = match stream.next() {
                Some(Ok(parsed)) => parsed,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("unexpected end of JSON input".to_owned()),
            };
            let taken = rest[..stream.byte_offset()].chars().count();
            self.chars.by_ref().take(taken).for_each(drop);
            Value::from_json(&parsed, NumberMode::Float)
        };
        while self.chars.peek().is_some_and(|c| c.is_whitespace()) {
            self.chars.next();
        }
        if self.chars.peek() == Some(&',') {
            self.chars.next();
        }
        Ok(value)
    }

    fn typed(&self, text: &str) -> Result<Value, String> {
        Ok(match self.kind {
            SetKind::String => text.into(),
            SetKind::File => (self.read)(text)?.into(),
            _ if text.eq_ignore_ascii_case("true") => true.into(),
            _ if text.eq_ignore_ascii_case("false") => false.into(),
            _ if text.eq_ignore_ascii_case("null") => Value::Nil,
            _ if text == "0" => Value::Int64(0),
            _ => match text.parse::<i64>() {
                Ok(number) if !text.starts_with('0') => Value::Int64(number),
                _ => text.into(),
            },
        })
    }
}

fn put(map: &Map, key: &str, rest: &[Step], value: Value, origin: &Origin) -> Result<(), String> {
    if key.is_empty() {
        return Ok(());
    }
    let old = map.get(key);
    let conflict = |old: &Value, wanted: &str| {
        let found = if old.is_nil() { "nil" } else { old.type_name() };
        format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
    };
    let new = match (rest.split_first(), old) {
        (None, _) => value,
        (Some((Step::Key(next), rest)), old) => {
            let inner = match old {
                None => Map::new(),
                Some(Value::Map(inner)) => inner,
                Some(other) => return Err(conflict(&other, "map[string]interface {}")),
            };
            put(&inner, next, rest, value, origin)?;
            if inner.is_empty() {
                return Err(format!("key map {} has no value", quote(key)));
            }
            Value::Map(inner)
        }
        (Some((Step::Index(index), rest)), old) => {
            let items = match old {
                None => Vec::new(),
                Some(Value::List(list)) => list.items().to_vec(),
                Some(other) => return Err(conflict(&other, "[]interface {}")),
            };
            put_item(items, *index, rest, value, origin)?
        }
    };
    map.insert_from(key, new, origin.clone());
    Ok(())
}

fn put_item(
    mut items: Vec<Value>,
    index: usize,
    rest: &[Step],
    value: Value,
    origin: &Origin,
) -> Result<Value, String> {
    let old = items.get(index).cloned().unwrap_or(Value::Nil);
    let new = match rest.split_first() {
        None => value,
        Some((Step::Key(next), rest)) => {
            let inner = match old {
                Value::Map(inner) => inner,
                _ => Map::new(),
            };
            put(&inner, next, rest, value, origin)?;
            Value::Map(inner)
        }
        Some((Step::Index(next), rest)) => {
            let inner = match old {
                Value::List(list) => list.items().to_vec(),
                Value::Nil => Vec::new(),
                other => {
                    return Err(format!(
                        "unable to parse key: interface conversion: interface {{}} is {}, not []interface {{}}",
                        other.type_name()
                    ));
                }
            };
            put_item(inner, *next, rest, value, origin)?
        }
    };
    if items.len() <= index {
        items.resize(index + 1, Value::Nil);
    }
    items[index] = new;
    Ok(Value::list(items))
}
