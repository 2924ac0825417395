//! Field paths of replacements and variables: `spec.ports.[name=http].port`, `data.a\.b`, `containers.*.image`.

use smol_str::SmolStr;

use super::fieldspec::split_path;
use super::resource::raw;
use super::selector::compile;
use crate::origin::Origin;
use crate::yaml::{Entry, Mapping, Node, Scalar, Sequence, Style, Value};

/// What is made where a path leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    Mapping,
    Sequence,
}

impl Shape {
    pub(super) fn of(node: &Node) -> Shape {
        match node.value {
            Value::Scalar(_) => Shape::Scalar,
            Value::Mapping(_) => Shape::Mapping,
            Value::Sequence(_) => Shape::Sequence,
        }
    }

    fn empty(self, origin: &Origin) -> Node {
        let value = match self {
            Shape::Scalar => Value::Scalar(Scalar::plain("")),
            Shape::Mapping => Value::Mapping(Mapping::default()),
            Shape::Sequence => Value::Sequence(Sequence::default()),
        };
        Node { value, origin: origin.clone() }
    }
}

/// Splits at dots, except behind a backslash and within brackets.
pub(super) fn split(path: &str) -> Vec<SmolStr> {
    let pieces = split_path(path, '.');
    let mut parts = Vec::with_capacity(pieces.len());
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        if !piece.starts_with('[') || piece.ends_with(']') {
            parts.push(piece);
            continue;
        }
        let mut whole = piece.to_string();
        for next in pieces.by_ref() {
            whole.push('.');
            whole.push_str(&next);
            if next.ends_with(']') {
                break;
            }
        }
        if whole.contains('=') {
            parts.push(SmolStr::new(whole));
        } else {
            parts.push(SmolStr::new(whole.trim_matches(['[', ']'])));
        }
    }
    parts
}

/// As [`split`]; `ports[0]` is `ports`, `0`.
pub(super) fn with_indices(path: &str) -> Vec<SmolStr> {
    let mut parts = Vec::new();
    for part in split(path) {
        let indexed = part
            .strip_suffix(']')
            .and_then(|part| part.rsplit_once('['))
            .filter(|(_, index)| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()));
        match indexed {
            Some((name, index)) => {
                if !name.is_empty() {
                    parts.push(SmolStr::new(name));
                }
                parts.push(SmolStr::new(index));
            }
            None => parts.push(part),
        }
    }
    parts
}

fn index(part: &str) -> Option<usize> {
    part.parse().ok()
}

/// `[key=value]`; the key is empty for lists of plain values.
fn selection(part: &str) -> Option<Result<(&str, &str), String>> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split_once('=').ok_or_else(|| format!("`{part}`: expected `[key=value]`")))
}

/// The value at `parts`; nothing if it is not there.
///
/// # Errors
/// When the path does not fit what is there.
pub(super) fn lookup<'n>(node: &'n Node, parts: &[SmolStr]) -> Result<Option<&'n Node>, String> {
    let mut at = node;
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        if at.is_null() {
            return Ok(None);
        }
        let found = if let Some(index) = index(part) {
            list(at, part)?.get(index)
        } else if part == "-" {
            list(at, part)?.last()
        } else if part == "*" {
            return Err("`*` is not possible here".to_owned());
        } else if let Some(selection) = selection(part) {
            let (key, value) = selection?;
            list(at, part)?.iter().find(|item| match key {
                "" => raw(item) == value,
                key => item.get(key).is_some_and(|field| raw(field) == value),
            })
        } else {
            match &at.value {
                Value::Mapping(mapping) => mapping.get(part),
                _ => return Err(format!("`{part}`: there is no mapping")),
            }
        };
        match found {
            Some(node) => at = node,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn list<'n>(node: &'n Node, part: &str) -> Result<&'n [Node], String> {
    match &node.value {
        Value::Sequence(sequence) => Ok(&sequence.items),
        _ => Err(format!("`{part}`: there is no list")),
    }
}

/// Sets a value; the origins are those of the keys by which the elements were chosen that lead to it.
type Setter<'w> = &'w mut dyn FnMut(&mut Node, &[Origin]) -> Result<(), String>;

/// How a path is followed to change what is there.
pub(super) struct Walk<'w> {
    /// Whether and as what a missing field is made.
    pub(super) create: Option<Shape>,
    /// The origin of what is made.
    pub(super) origin: &'w Origin,
    /// Is called with each value.
    pub(super) set: Setter<'w>,
    /// The keys of the elements that the walk is in.
    pub(super) chosen: Vec<Origin>,
    /// How many values there were.
    pub(super) found: usize,
}

impl Walk<'_> {
    /// Follows `parts` from `node`.
    ///
    /// # Errors
    /// When the path does not fit what is there, or from `set`.
    pub(super) fn follow(&mut self, node: &mut Node, parts: &[SmolStr]) -> Result<(), String> {
        let Some((part, rest)) = parts.split_first() else {
            self.found += 1;
            return (self.set)(node, &self.chosen);
        };
        if let Some(index) = index(part) {
            return self.at_index(node, index, rest);
        }
        if let Some(selection) = selection(part) {
            let (key, expression) = selection?;
            return self.select(node, key, expression, rest);
        }
        if part == "*" {
            let items = items_mut(node, part)?;
            return items.iter_mut().try_for_each(|item| self.follow(item, rest));
        }
        let shape = self.shape_before(rest);
        let origin = self.origin;
        if node.is_null() && self.create.is_none() {
            return Ok(());
        }
        let Some(mapping) = node.as_mapping_mut() else { return Err(format!("`{part}`: there is no mapping")) };
        let position = mapping.entries.iter().position(|entry| entry.key_text() == part);
        let position = match (position, shape) {
            (Some(position), _) => position,
            (None, None) => return Ok(()),
            (None, Some(shape)) => {
                let key = Node::string(part.clone(), origin.clone());
                mapping.entries.push(Entry { key, value: shape.empty(origin) });
                mapping.entries.len() - 1
            }
        };
        let value = &mut mapping.entries[position].value;
        if let (Value::Scalar(_), false) = (&value.value, rest.is_empty()) {
            // kustomize looks into the text as YAML of its own, and loses what it sets there.
            return Err(format!("`{part}` has no fields"));
        }
        self.follow(value, rest)
    }

    /// As what the value before `rest` is made.
    fn shape_before(&self, rest: &[SmolStr]) -> Option<Shape> {
        let default = self.create?;
        Some(match rest.first() {
            None => default,
            Some(next) if selection(next).is_some() || index(next).is_some() => Shape::Sequence,
            Some(_) => Shape::Mapping,
        })
    }

    fn at_index(&mut self, node: &mut Node, index: usize, rest: &[SmolStr]) -> Result<(), String> {
        let shape = self.shape_before(rest);
        let origin = self.origin;
        let items = items_mut(node, "index")?;
        if let Some(shape) = shape
            && items.len() == index
        {
            items.push(shape.empty(origin));
        }
        let length = items.len();
        match items.get_mut(index) {
            Some(item) => self.follow(item, rest),
            None => Err(format!("there is no element {index}: the list has {length}")),
        }
    }

    fn select(&mut self, node: &mut Node, key: &str, expression: &str, rest: &[SmolStr]) -> Result<(), String> {
        let regex = compile(expression)?;
        let origin = self.origin;
        let create = self.create;
        let asked =
            |item: &Node| (if key.is_empty() { Some(item) } else { item.get(key) }).map(|node| node.origin.clone());
        let follows = items_mut(node, expression)?.iter().filter_map(asked).chain([origin.clone()]).collect();
        node.origin = node.origin.because(Some(follows));
        let items = items_mut(node, expression)?;
        let matches = |item: &Node| match key {
            "" => regex.is_match(&shown(item)),
            key => item.get(key).is_some_and(|field| regex.is_match(&shown(field))),
        };
        if create.is_some() && !items.iter().any(matches) {
            let value = Node::scalar(Scalar::plain(expression), origin.clone());
            items.push(match key {
                "" => value,
                key => Node::mapping(vec![Entry { key: Node::string(key, origin.clone()), value }], origin.clone()),
            });
        }
        for item in items.iter_mut().filter(|item| matches(item)) {
            match key {
                "" => {
                    self.found += 1;
                    (self.set)(item, &self.chosen)?;
                }
                key => {
                    let before = self.chosen.len();
                    self.chosen.extend(item.get(key).map(|field| field.origin.clone()));
                    self.follow(item, rest)?;
                    self.chosen.truncate(before);
                }
            }
        }
        Ok(())
    }
}

fn items_mut<'n>(node: &'n mut Node, part: &str) -> Result<&'n mut Vec<Node>, String> {
    match &mut node.value {
        Value::Sequence(sequence) => Ok(&mut sequence.items),
        _ => Err(format!("`{part}`: there is no list")),
    }
}

/// A scalar as it would be written: expressions see the quotes.
fn shown(node: &Node) -> String {
    let text = raw(node);
    match node.as_scalar().map(|scalar| scalar.style) {
        Some(Style::Double) => format!("\"{text}\""),
        Some(Style::Single) => format!("'{text}'"),
        _ => text.to_owned(),
    }
}
