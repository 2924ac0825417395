//! Defaults, emptiness, types.

use smol_str::SmolStr;

use super::text_of;
use crate::render::template::{FunctionError, Functions, Param, Value, bytes, print};

/// Whether sprig takes `value` for empty: as `if` does, but a struct never is.
pub fn is_empty(value: &Value) -> bool {
    !value.truth()
}

/// The text of any value: `toString`.
pub fn to_text(value: &Value) -> SmolStr {
    match value {
        Value::String(text) => text.clone(),
        Value::Bytes(content) => bytes::text(content),
        other => SmolStr::new(print::sprint(other)),
    }
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Bool, String as Text};
    functions.add("hello", &[], |_, _| Ok("Hello!".into()));
    functions.add_variadic("default", &[Any, Any], |_, args| {
        Ok(match args.get(1) {
            Some(given) if !is_empty(given) => given.clone(),
            _ => args[0].clone(),
        })
    });
    functions.add("empty", &[Any], |_, args| Ok(is_empty(&args[0]).into()));
    functions.add_variadic("coalesce", &[Any], |_, args| {
        Ok(args.iter().find(|arg| !is_empty(arg)).cloned().unwrap_or(Value::Nil))
    });
    functions.add_variadic("all", &[Any], |_, args| Ok((!args.iter().any(is_empty)).into()));
    functions.add_variadic("any", &[Any], |_, args| Ok(args.iter().any(|arg| !is_empty(arg)).into()));
    functions.add("ternary", &[Any, Any, Bool], |_, args| Ok(args[usize::from(!args[2].truth())].clone()));
    functions.add("fail", &[Text], |_, args| Err(FunctionError::Message(text_of(&args[0]).to_owned())));
    functions.add("deepCopy", &[Any], |_, args| match &args[0] {
        // copystructure asks for the type of what it is given, and panics where there is none.
        value if value.is_nil() => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        value => Ok(value.deep_copy()),
    });
    functions.alias("mustDeepCopy", "deepCopy");
    functions.add("typeOf", &[Any], |_, args| Ok(type_of(&args[0]).into()));
    functions.add("typeIs", &[Text, Any], |_, args| Ok((text_of(&args[0]) == type_of(&args[1])).into()));
    functions.add("typeIsLike", &[Text, Any], |_, args| {
        let (target, found) = (text_of(&args[0]), type_of(&args[1]));
        Ok((target == found || found.strip_prefix('*') == Some(target)).into())
    });
    functions.add("kindOf", &[Any], |_, args| Ok(args[0].kind().into()));
    functions.add("kindIs", &[Text, Any], |_, args| Ok((text_of(&args[0]) == args[1].kind()).into()));
    functions.add("deepEqual", &[Any, Any], |_, args| Ok(args[0].deep_equal(&args[1]).into()));
    functions.add("toString", &[Any], |_, args| Ok(Value::String(to_text(&args[0]))));
}

fn type_of(value: &Value) -> &'static str {
    if value.is_nil() { "<nil>" } else { value.type_name() }
}
