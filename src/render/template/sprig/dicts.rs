//! Maps, changed in place where sprig changes them.

use smol_str::SmolStr;

use super::{Outcome, text_of, to_text};
use crate::render::template::{FunctionError, Functions, Map, Param, Value};

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Map as Dict, String as Text};
    functions.add_variadic("dict", &[Any], |_, args| {
        let map = Map::new();
        for pair in args.chunks(2) {
            map.insert(to_text(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| "".into()));
        }
        Ok(Value::Map(map))
    });
    functions.add("get", &[Dict, Text], |call, args| {
        let found = args[0].as_map().and_then(|map| map.get_with_origin(text_of(&args[1])));
        Ok(match found {
            Some((value, origin)) => {
                call.read(&value, &origin);
                value
            }
            None => "".into(),
        })
    });
    functions.add("set", &[Dict, Text, Any], |_, args| {
        let Some(map) = args[0].as_map() else { return Err("assignment to entry in nil map".into()) };
        if map.within(&args[2]) {
            // A map within itself would never print to an end.
            map.insert(text_of(&args[1]), args[2].deep_copy());
        } else {
            map.insert(text_of(&args[1]), args[2].clone());
        }
        Ok(args[0].clone())
    });
    functions.add("unset", &[Dict, Text], |_, args| {
        if let Some(map) = args[0].as_map() {
            map.remove(text_of(&args[1]));
        }
        Ok(args[0].clone())
    });
    functions.add("hasKey", &[Dict, Text], |_, args| {
        Ok(args[0].as_map().is_some_and(|map| map.contains(text_of(&args[1]))).into())
    });
    functions.add_variadic("pluck", &[Text, Dict], |_, args| {
        let key = text_of(&args[0]);
        Ok(Value::list(args[1..].iter().filter_map(|map| map.get(key)).collect()))
    });
    functions.add_variadic("keys", &[Dict], |_, args| {
        Ok(Value::strings(args.iter().filter_map(Value::as_map).flat_map(Map::keys)))
    });
    functions.add("values", &[Dict], |_, args| {
        let entries = args[0].as_map().map(Map::entries).unwrap_or_default();
        Ok(Value::list(entries.into_iter().map(|(_, value)| value).collect()))
    });
    functions.add_variadic("pick", &[Dict, Text], |_, args| Ok(filtered(args, true)));
    functions.add_variadic("omit", &[Dict, Text], |_, args| Ok(filtered(args, false)));
    functions.add_variadic("merge", &[Dict, Dict], |_, args| Ok(merge_all(args, false).unwrap_or_else(|_| "".into())));
    functions.add_variadic("mergeOverwrite", &[Dict, Dict], |_, args| {
        Ok(merge_all(args, true).unwrap_or_else(|_| "".into()))
    });
    functions.add_variadic("mustMerge", &[Dict, Dict], |_, args| merge_all(args, false));
    functions.add_variadic("mustMergeOverwrite", &[Dict, Dict], |_, args| merge_all(args, true));
    functions.add_variadic("dig", &[Any], |call, args| {
        let [keys @ .., default, dict] = args else { return Err("dig needs at least three arguments".into()) };
        if keys.is_empty() {
            return Err("dig needs at least three arguments".into());
        }
        let mut current = dict.clone();
        for key in keys {
            let Value::Map(map) = &current else {
                let found = if current.is_nil() { "nil" } else { current.type_name() };
                return Err(conversion(found, "map[string]interface {}"));
            };
            if current.type_name() != "map[string]interface {}" {
                return Err(conversion(current.type_name(), "map[string]interface {}"));
            }
            let Some(key) = key.as_str() else { return Err(conversion(key.type_name(), "string")) };
            let Some((value, origin)) = map.get_with_origin(key) else { return Ok(default.clone()) };
            if !matches!(value, Value::Map(_)) {
                call.read(&value, &origin);
            }
            current = value;
        }
        Ok(current)
    });
}

fn conversion(found: &str, wanted: &str) -> FunctionError {
    format!("interface conversion: interface {{}} is {found}, not {wanted}").into()
}

fn filtered(args: &[Value], keep: bool) -> Value {
    let names: Vec<&str> = args[1..].iter().map(text_of).collect();
    let result = Map::new();
    for (key, value, origin) in args[0].as_map().map(Map::entries_with_origins).unwrap_or_default() {
        if names.contains(&key.as_str()) == keep {
            result.insert_from(key, value, origin);
        }
    }
    Value::Map(result)
}

fn merge_all(args: &[Value], overwrite: bool) -> Outcome {
    let target = args[0].as_map().cloned().unwrap_or_default();
    for source in args[1..].iter().filter_map(Value::as_map) {
        merge(&target, source, overwrite, 0);
    }
    Ok(Value::Map(target))
}

/// mergo's rules: what the target has and is not empty stays, unless overwriting; maps merge, lists are replaced.
fn merge(target: &Map, source: &Map, overwrite: bool, depth: usize) {
    if target.same(source) || depth > 200 {
        return;
    }
    for (key, value, origin) in source.entries_with_origins() {
        let put = |key: SmolStr| {
            if target.within(&value) {
                target.insert_from(key, value.deep_copy(), origin.clone());
            } else {
                target.insert_from(key, value.clone(), origin.clone());
            }
        };
        if value.is_nil() {
            if overwrite {
                put(key);
            }
            continue;
        }
        let old = target.get(&key);
        let filled = old.as_ref().is_some_and(Value::truth);
        match (&old, &value) {
            (Some(Value::Map(old)), Value::Map(new)) => {
                merge(old, new, overwrite, depth + 1);
                if !old.is_empty() {
                    continue;
                }
            }
            // A list never replaces what is filled unless asked to; the target's list stays as it is.
            (Some(_), Value::List(_)) if filled => {
                if overwrite {
                    put(key);
                }
                continue;
            }
            _ => {}
        }
        if overwrite || !filled {
            put(key);
        }
    }
}
