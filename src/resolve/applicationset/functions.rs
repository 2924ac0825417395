//! The functions of Go templates in ApplicationSets: sprig's, without those that look at the machine, and Argo CD's.

use crate::origin::{FileId, Origin};
use crate::render::template::{FunctionError, Functions, NumberMode, Param, Value, sprig};
use crate::yaml::{Kind, Limits, Node, read, write_json};

use super::params;

/// How deep `tpl` may call itself.
const MAX_TPL: usize = 3;

/// All of them.
pub(super) fn all() -> Functions {
    let mut functions = Functions::builtins();
    sprig::register(&mut functions);
    for outside in ["env", "expandenv", "getHostByName"] {
        functions.remove(outside);
    }
    functions.add("normalize", &[Param::String], |_, args| Ok(Value::string(normalize(text(args)))));
    functions.add_variadic("slugify", &[Param::Any], |_, args| slugify_args(args));
    functions.add("toYaml", &[Param::Any], |call, args| {
        let value = args.first().cloned().unwrap_or_default();
        call.serialized(&value);
        let mut out = String::new();
        write_json(&params::json(&value), &mut out);
        Ok(Value::string(out.strip_suffix('\n').unwrap_or(&out)))
    });
    functions.add("fromYaml", &[Param::String], |_, args| from_yaml(text(args), Kind::Mapping));
    functions.add("fromYamlArray", &[Param::String], |_, args| from_yaml(text(args), Kind::Sequence));
    functions.add("tpl", &[Param::String, Param::Any], |call, args| {
        let depth = call.running("tpl");
        *depth += 1;
        let result = if *depth > MAX_TPL {
            Err(FunctionError::from(format!("maximum recursion depth {MAX_TPL} exceeded in tpl function")))
        } else {
            call.execute_text(text(args), &args.get(1).cloned().unwrap_or_default())
        };
        *call.running("tpl") -= 1;
        Ok(Value::string(result?.replace("<no value>", "")))
    });
    functions
}

fn text(args: &[Value]) -> &str {
    args.first().and_then(Value::as_str).unwrap_or_default()
}

fn from_yaml(text: &str, kind: Kind) -> Result<Value, FunctionError> {
    let node = document(text, &Origin::NONE)?;
    let word = if kind == Kind::Mapping { "map[string]interface {}" } else { "[]interface {}" };
    match node {
        Some(node) if node.kind() == kind => Ok(Value::from_node(&node, NumberMode::Float)),
        None => Ok(if kind == Kind::Mapping { Value::map::<&str>([]) } else { Value::list(Vec::new()) }),
        Some(node) if node.is_null() => {
            Ok(if kind == Kind::Mapping { Value::map::<&str>([]) } else { Value::list(Vec::new()) })
        }
        Some(node) => Err(FunctionError::from(format!(
            "error unmarshaling JSON: json: cannot unmarshal {} into Go value of type {word}",
            node.kind().as_str()
        ))),
    }
}

/// The first document of `text`, every value of it at `origin`; `None` for text without one.
pub(super) fn document(text: &str, origin: &Origin) -> Result<Option<Node>, String> {
    let file = read(FileId::NONE, text, Limits::default());
    if let Some(problem) = file.problems.first() {
        return Err(format!("error converting YAML to JSON: yaml: line {}: {:?}", problem.mark.line, problem.kind));
    }
    Ok(file.documents.first().map(|document| Node::from_json(&document.root.to_json(), origin)))
}

/// A name as Kubernetes accepts it: lower-case letters, digits, `-` and `.`, at most 253 characters.
pub(super) fn normalize(name: &str) -> String {
    let mut name: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.') { c } else { '-' })
        .collect();
    name.truncate(253);
    name.trim_matches(['-', '.']).to_owned()
}

fn slugify_args(args: &[Value]) -> Result<Value, FunctionError> {
    let Some((name, options)) = args.split_last() else { return Ok(Value::string("")) };
    let kind = |value: &Value, wanted: &str| {
        FunctionError::from(format!("interface conversion: interface {{}} is {}, not {wanted}", value.type_name()))
    };
    let Value::String(name) = name else { return Err(kind(name, "string")) };
    let size = match options.first() {
        None => 50,
        Some(Value::Int(size)) => usize::try_from(*size).unwrap_or(0),
        Some(other) => return Err(kind(other, "int")),
    };
    let smart = match options.get(1) {
        None => true,
        Some(Value::Bool(smart)) => *smart,
        Some(other) => return Err(kind(other, "bool")),
    };
    Ok(Value::string(slug(&normalize(name), size, smart)))
}

/// A part of a URL: words of letters and digits with dashes between them, cut at `size`; between words if `smart`.
pub(super) fn slug(text: &str, size: usize, smart: bool) -> String {
    let mut out: String = text.trim().replace('&', "and").replace('@', "at").to_lowercase();
    if !smart && out.len() >= size {
        out.truncate((0..=size).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0));
    }
    let mut dashed = String::with_capacity(out.len());
    for c in out.chars() {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' };
        if c != '-' || !dashed.ends_with('-') {
            dashed.push(c);
        }
    }
    let slug = dashed.trim_matches(['-', '_']);
    if size == 0 || !smart || slug.len() <= size {
        return slug.to_owned();
    }
    // Only ASCII is left.
    let cut = slug[..=size].rfind('-').unwrap_or(size);
    slug[..cut].to_owned()
}
