//! Lists: every function makes a new one.

use super::{Outcome, int_of, is_empty, text_of, to_int, to_text};
use crate::render::template::{FunctionError, Functions, LIST, List, Param, Value};

/// The items of anything that Go takes for a slice.
pub fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.items().to_vec()),
        Value::Bytes(bytes) => Some(bytes.iter().map(|byte| Value::Uint(u64::from(*byte))).collect()),
        Value::Object(object) if object.kind() == "slice" => {
            Some(object.entries()?.into_iter().map(|(_, value)| value).collect())
        }
        _ => None,
    }
}

/// The items, or the error that `what` gives for other types; nil panics in Go.
fn items_for(value: &Value, what: &str) -> Result<Vec<Value>, FunctionError> {
    match items(value) {
        Some(items) => Ok(items),
        None if value.is_nil() => Err("runtime error: invalid memory address or nil pointer dereference".into()),
        None => Err(format!("{what} {}", value.kind()).into()),
    }
}

/// What sprig returns where there is nothing to take from.
fn nil() -> Value {
    Value::List(List::nil(LIST))
}

/// What `toStrings` makes: nil items fall out.
pub(super) fn strings(value: &Value) -> Vec<smol_str::SmolStr> {
    match items(value) {
        Some(items) => items.iter().filter(|item| !item.is_nil()).map(to_text).collect(),
        None if value.is_nil() => Vec::new(),
        None => vec![to_text(value)],
    }
}

/// Bytes of separators that `join` writes.
const MAX_JOINED: usize = 64 << 20;

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Int, String as Text};
    functions.add_variadic("list", &[Any], |_, args| Ok(Value::list(args.to_vec())));
    functions.alias("tuple", "list");
    functions.add("append", &[Any, Any], |_, args| {
        let mut items = items_for(&args[0], "Cannot push on type")?;
        items.push(args[1].clone());
        Ok(Value::list(items))
    });
    for alias in ["push", "mustAppend", "mustPush"] {
        functions.alias(alias, "append");
    }
    functions.add("prepend", &[Any, Any], |_, args| {
        let mut items = items_for(&args[0], "Cannot prepend on type")?;
        items.insert(0, args[1].clone());
        Ok(Value::list(items))
    });
    functions.alias("mustPrepend", "prepend");
    functions.add("first", &[Any], |_, args| {
        Ok(items_for(&args[0], "Cannot find first on type")?.first().cloned().unwrap_or(Value::Nil))
    });
    functions.alias("mustFirst", "first");
    functions.add("last", &[Any], |_, args| {
        Ok(items_for(&args[0], "Cannot find last on type")?.last().cloned().unwrap_or(Value::Nil))
    });
    functions.alias("mustLast", "last");
    functions.add("rest", &[Any], |_, args| {
        let items = items_for(&args[0], "Cannot find rest on type")?;
        Ok(if items.is_empty() { nil() } else { Value::list(items.into_iter().skip(1).collect()) })
    });
    functions.alias("mustRest", "rest");
    functions.add("initial", &[Any], |_, args| {
        let mut items = items_for(&args[0], "Cannot find initial on type")?;
        Ok(if items.pop().is_none() { nil() } else { Value::list(items) })
    });
    functions.alias("mustInitial", "initial");
    functions.add("reverse", &[Any], |_, args| {
        let mut items = items_for(&args[0], "Cannot find reverse on type")?;
        items.reverse();
        Ok(Value::list(items))
    });
    functions.alias("mustReverse", "reverse");
    functions.add("compact", &[Any], |_, args| {
        let items = items_for(&args[0], "Cannot compact on type")?;
        Ok(Value::list(items.into_iter().filter(|item| !is_empty(item)).collect()))
    });
    functions.alias("mustCompact", "compact");
    functions.add("uniq", &[Any], |_, args| {
        let mut found: Vec<Value> = Vec::new();
        for item in items_for(&args[0], "Cannot find uniq on type")? {
            if !found.iter().any(|other| other.deep_equal(&item)) {
                found.push(item);
            }
        }
        Ok(Value::list(found))
    });
    functions.alias("mustUniq", "uniq");
    functions.add_variadic("without", &[Any, Any], |_, args| {
        let items = items_for(&args[0], "Cannot find without on type")?;
        let omitted = &args[1..];
        Ok(Value::list(items.into_iter().filter(|item| !omitted.iter().any(|o| o.deep_equal(item))).collect()))
    });
    functions.alias("mustWithout", "without");
    functions.add("has", &[Any, Any], |_, args| {
        if args[1].is_nil() {
            return Ok(false.into());
        }
        let items = items_for(&args[1], "Cannot find has on type")?;
        Ok(items.iter().any(|item| item.deep_equal(&args[0])).into())
    });
    functions.alias("mustHas", "has");
    functions.add_variadic("slice", &[Any, Any], |_, args| slice(args));
    functions.alias("mustSlice", "slice");
    functions.add_variadic("concat", &[Any], |_, args| {
        let mut all = Vec::new();
        for arg in args {
            match items(arg) {
                Some(items) => all.extend(items),
                None if arg.is_nil() => {
                    return Err("runtime error: invalid memory address or nil pointer dereference".into());
                }
                None => return Err(format!("Cannot concat type {} as list", arg.kind()).into()),
            }
        }
        Ok(Value::List(List::appended(all, LIST)))
    });
    functions.add("chunk", &[Int, Any], |_, args| {
        let items = items_for(&args[1], "Cannot chunk type")?;
        let Ok(size @ 1..) = usize::try_from(int_of(&args[0])) else {
            return Err("runtime error: makeslice: len out of range".into());
        };
        let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
        Ok(Value::List(List::typed(chunks, "[][]interface {}")))
    });
    functions.alias("mustChunk", "chunk");
    functions.add("join", &[Text, Any], |_, args| {
        let (separator, items) = (text_of(&args[0]), strings(&args[1]));
        if separator.len().saturating_mul(items.len()) > MAX_JOINED {
            return Err("the result would be too long".into());
        }
        Ok(items.join(separator).into())
    });
    functions.add("toStrings", &[Any], |_, args| Ok(Value::strings(strings(&args[0]))));
    functions.add("sortAlpha", &[Any], |_, args| {
        let mut found = match items(&args[0]) {
            Some(_) => strings(&args[0]),
            None => vec![to_text(&args[0])],
        };
        found.sort();
        Ok(Value::strings(found))
    });
}

fn slice(args: &[Value]) -> Outcome {
    let items = match items(&args[0]) {
        Some(items) => items,
        None => return items_for(&args[0], "list should be type of slice or array but").map(Value::list),
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(items.len() as i64, to_int);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= items.len() => {
            Ok(Value::List(List::typed(items[start..end].to_vec(), args[0].type_name())))
        }
        _ => Err("reflect.Value.Slice: slice index out of bounds".into()),
    }
}
