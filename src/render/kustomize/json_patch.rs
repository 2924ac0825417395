//! JSON patches (RFC 6902), with the leniencies of the library that kustomize uses.

use std::sync::Arc;

use smol_str::SmolStr;

use super::resource::depend;
use crate::origin::{Follows, Mark, Origin};
use crate::yaml::{Entry, Node, Resolved, Scalar, Style, Tag, Value};

/// One operation of a patch.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    kind: OperationKind,
    path: SmolStr,
    from: SmolStr,
    value: Option<Node>,
    mark: Mark,
    /// Where its parts stand, without the value.
    written: Vec<Origin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperationKind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// Why an operation is not one, or does not apply.
#[derive(Debug, Clone)]
pub(super) struct OperationError {
    /// What is wrong.
    pub(super) message: String,
    /// The operation's place.
    pub(super) mark: Mark,
}

impl Operation {
    /// Whether it puts something in the place of an object's annotations, or takes them away.
    pub(super) fn replaces_annotations(&self) -> bool {
        let ends = |path: &str| ["", "/metadata", "/metadata/annotations"].contains(&path);
        match self.kind {
            OperationKind::Add | OperationKind::Remove | OperationKind::Replace | OperationKind::Copy => {
                ends(&self.path)
            }
            OperationKind::Move => ends(&self.path) || ends(&self.from),
            OperationKind::Test => false,
        }
    }
}

/// Reads the operations of a patch.
///
/// # Errors
/// [`OperationError`] at what is no operation.
pub(super) fn operations(node: &Node) -> Result<Vec<Operation>, OperationError> {
    let error = |node: &Node, message: String| OperationError { message, mark: node.mark() };
    if node.as_sequence().is_none() {
        return Err(error(node, "a list of operations was expected".to_owned()));
    }
    let mut operations = Vec::new();
    for item in node.items() {
        if item.as_mapping().is_none() {
            return Err(error(item, "an operation with `op` and `path` was expected".to_owned()));
        }
        let kind = match item.str_at(&["op"]) {
            Some("add") => OperationKind::Add,
            Some("remove") => OperationKind::Remove,
            Some("replace") => OperationKind::Replace,
            Some("move") => OperationKind::Move,
            Some("copy") => OperationKind::Copy,
            Some("test") => OperationKind::Test,
            Some(other) => return Err(error(item.get("op").unwrap_or(item), format!("unknown operation `{other}`"))),
            None => return Err(error(item, "the operation has no `op`".to_owned())),
        };
        let text = |key: &str| item.get(key).and_then(Node::text).map(SmolStr::new);
        operations.push(Operation {
            kind,
            path: text("path").ok_or_else(|| error(item, "the operation has no `path`".to_owned()))?,
            from: text("from").unwrap_or_default(),
            value: item.get("value").cloned(),
            mark: item.get("path").map_or(item.mark(), Node::mark),
            written: ["op", "path", "from"]
                .iter()
                .filter_map(|key| item.get(key))
                .map(|node| node.origin.clone())
                .collect(),
        });
    }
    Ok(operations)
}

/// A patch in YAML as the JSON that kustomize makes of it first: `yes`, `on`, `y` and their kin are booleans there, as
/// values and as keys, and a date is text.
pub(super) fn from_yaml(node: &Node) -> Node {
    let mut node = node.clone();
    booleans(&mut node);
    node
}

fn booleans(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(scalar) => {
            if let Some(new) = as_json(scalar) {
                *scalar = new;
            }
        }
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(booleans),
        Value::Mapping(mapping) => {
            let mut entries: Vec<Entry> = Vec::with_capacity(mapping.entries.len());
            for mut entry in std::mem::take(&mut mapping.entries) {
                booleans(&mut entry.value);
                if let Some(new) = entry.key.as_scalar().and_then(as_json) {
                    entry.key.value = Value::Scalar(Scalar::string(new.text));
                }
                match entries.iter_mut().find(|known| known.key_text() == entry.key_text()) {
                    Some(known) => *known = entry,
                    None => entries.push(entry),
                }
            }
            mapping.entries = entries;
        }
    }
}

fn as_json(scalar: &Scalar) -> Option<Scalar> {
    match (scalar.resolve_kubernetes(), scalar.resolve()) {
        (Resolved::Bool(value), Resolved::Str(_)) => Some(Scalar::plain(value.to_string())),
        (Resolved::Str(text), _) if scalar.tag == Tag::None => Some(Scalar::string(text)),
        _ => None,
    }
}

/// Applies `operations` to `node`, which is read as JSON: large numbers lose digits. `follows` is what chose the node.
///
/// # Errors
/// The first operation that does not apply. `node` is then half changed.
pub(super) fn apply(
    node: &mut Node,
    operations: &[Operation],
    step: &Arc<str>,
    follows: Follows,
) -> Result<(), OperationError> {
    through_json(node, &follows);
    let chosen = Origin::NONE.because(Some(follows));
    for operation in operations {
        let because: Follows = operation.written.iter().cloned().chain([chosen.clone()]).collect();
        one(node, operation, step, &because).map_err(|message| OperationError {
            message: format!("{}: {message}", operation.path),
            mark: operation.mark,
        })?;
    }
    Ok(())
}

fn one(node: &mut Node, operation: &Operation, step: &Arc<str>, because: &Follows) -> Result<(), String> {
    let value = || {
        let mut value = operation.value.clone().unwrap_or_else(|| Node::null(Origin::at(operation.mark)));
        through_json(&mut value, because);
        depend(&mut value, because);
        value
    };
    let path = operation.path.as_str();
    match operation.kind {
        OperationKind::Add => add(node, path, value(), step),
        OperationKind::Remove => remove(node, path, because).map(drop),
        OperationKind::Replace if path.is_empty() => {
            *node = value();
            Ok(())
        }
        OperationKind::Replace => replace(node, path, value(), step),
        OperationKind::Move => {
            let mut value =
                get(node, &operation.from)?.cloned().unwrap_or_else(|| Node::null(Origin::at(operation.mark)));
            depend(&mut value, because);
            remove(node, &operation.from, because)?;
            add(node, path, value, step)
        }
        OperationKind::Copy => {
            let mut value =
                get(node, &operation.from)?.cloned().unwrap_or_else(|| Node::null(Origin::at(operation.mark)));
            depend(&mut value, because);
            add(node, path, value, step)
        }
        OperationKind::Test => {
            let found = if path.is_empty() { Some(&*node) } else { get(node, path)? };
            let expected = operation.value.as_ref();
            let same = match (found, expected) {
                (None, expected) => expected.is_none_or(Node::is_null),
                (Some(_), None) => false,
                (Some(found), Some(expected)) => same_json(found, expected),
            };
            if same { Ok(()) } else { Err("the value is not the one that `test` expects".to_owned()) }
        }
    }
}

/// The value as JSON and back: numbers are floats of 64 bits.
fn through_json(node: &mut Node, because: &Follows) {
    match &mut node.value {
        Value::Mapping(mapping) => {
            mapping.entries.iter_mut().for_each(|entry| through_json(&mut entry.value, because));
        }
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(|item| through_json(item, because)),
        Value::Scalar(scalar) => {
            const EXACT: u64 = 1 << 53;
            let rounded = match scalar.resolve() {
                Resolved::Int(value) if value.unsigned_abs() > EXACT => value as f64,
                Resolved::Uint(value) => value as f64,
                _ => return,
            };
            node.origin = node.origin.because(Some(because.clone()));
            *scalar = Scalar { text: SmolStr::new(format!("{rounded:e}")), style: Style::Plain, tag: Tag::None };
        }
    }
}

fn same_json(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.entries.len() == b.entries.len()
                && a.entries
                    .iter()
                    .all(|entry| b.get(entry.key_text()).is_some_and(|other| same_json(&entry.value, other)))
        }
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(|(a, b)| same_json(a, b))
        }
        (Value::Scalar(a), Value::Scalar(b)) => match (a.resolve(), b.resolve()) {
            (Resolved::Int(a), Resolved::Float(b)) | (Resolved::Float(b), Resolved::Int(a)) => a as f64 == b,
            (a, b) => a == b,
        },
        _ => false,
    }
}

/// The pointer's parts, unescaped; the last is apart.
fn split(path: &str) -> Result<(Vec<String>, String), String> {
    let mut parts: Vec<String> =
        path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    match parts.pop() {
        Some(last) => Ok((parts, last)),
        None => Err("the path does not begin with `/`".to_owned()),
    }
}

fn index(key: &str, length: usize) -> Result<usize, String> {
    let wanted: i64 = key.parse().map_err(|_| format!("`{key}` is no index of a list"))?;
    let index = if wanted < 0 { wanted + length as i64 } else { wanted };
    usize::try_from(index)
        .ok()
        .filter(|index| *index < length)
        .ok_or_else(|| format!("the list has no element {wanted}: it has {}", length))
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Mapping(mapping) => mapping.get(key),
        Value::Sequence(sequence) => sequence.items.get(index(key, sequence.items.len()).ok()?),
        Value::Scalar(_) => None,
    }
}

fn container<'n>(node: &'n mut Node, parts: &[String]) -> Result<&'n mut Node, String> {
    let mut at = node;
    for part in parts {
        let missing = || format!("there is no `{part}`");
        at = match &mut at.value {
            Value::Mapping(mapping) => mapping.get_mut(part).ok_or_else(missing)?,
            Value::Sequence(sequence) => {
                let index = index(part, sequence.items.len())?;
                sequence.items.get_mut(index).ok_or_else(missing)?
            }
            Value::Scalar(_) => return Err(missing()),
        };
    }
    match at.value {
        Value::Scalar(_) => Err("the path leads to a value that has no fields".to_owned()),
        _ => Ok(at),
    }
}

/// What is at `path`. An absent key of a mapping is nothing; an absent element of a list is an error.
fn get<'n>(node: &'n Node, path: &str) -> Result<Option<&'n Node>, String> {
    let (parts, last) = split(path)?;
    let mut at = node;
    for part in &parts {
        at = child(at, part).ok_or_else(|| format!("there is no `{part}`"))?;
    }
    match &at.value {
        Value::Mapping(mapping) => Ok(mapping.get(&last)),
        Value::Sequence(sequence) => index(&last, sequence.items.len()).map(|index| sequence.items.get(index)),
        Value::Scalar(_) => Err(format!("there is no `{last}`")),
    }
}

fn put(value: Node, old: &Node, step: &Arc<str>) -> Node {
    let origin = old.origin.replaced_by_value(&value.origin, step.clone());
    Node { origin, ..value }
}

fn add(node: &mut Node, path: &str, value: Node, step: &Arc<str>) -> Result<(), String> {
    let (parts, last) = split(path)?;
    match &mut container(node, &parts)?.value {
        Value::Mapping(mapping) => match mapping.get_mut(&last) {
            Some(old) => *old = put(value, old, step),
            None => {
                let key = Node::string(last, value.origin.clone());
                mapping.entries.push(Entry { key, value });
            }
        },
        Value::Sequence(sequence) if last == "-" => sequence.items.push(value),
        Value::Sequence(sequence) => {
            let index = index(&last, sequence.items.len() + 1)?;
            sequence.items.insert(index, value);
        }
        Value::Scalar(_) => {}
    }
    Ok(())
}

fn remove(node: &mut Node, path: &str, because: &Follows) -> Result<Node, String> {
    let (parts, last) = split(path)?;
    let container = container(node, &parts)?;
    container.origin = container.origin.because(Some(because.clone()));
    match &mut container.value {
        Value::Mapping(mapping) => {
            mapping.remove(&last).map(|entry| entry.value).ok_or_else(|| format!("there is no `{last}` to remove"))
        }
        Value::Sequence(sequence) => {
            let index = index(&last, sequence.items.len())?;
            Ok(sequence.items.remove(index))
        }
        Value::Scalar(_) => Err(format!("there is no `{last}` to remove")),
    }
}

fn replace(node: &mut Node, path: &str, value: Node, step: &Arc<str>) -> Result<(), String> {
    let (parts, last) = split(path)?;
    match &mut container(node, &parts)?.value {
        // An absent key is set: the library does not look.
        Value::Mapping(mapping) => match mapping.get_mut(&last) {
            Some(old) => *old = put(value, old, step),
            None => {
                let key = Node::string(last, value.origin.clone());
                mapping.entries.push(Entry { key, value });
            }
        },
        Value::Sequence(sequence) => {
            let index = index(&last, sequence.items.len())?;
            if let Some(old) = sequence.items.get_mut(index) {
                *old = put(value, old, step);
            }
        }
        Value::Scalar(_) => {}
    }
    Ok(())
}
