//! The tree: mappings, sequences and scalars, each with its origin.

use serde_json::{Map, Number, Value as Json};
use smol_str::SmolStr;

use super::scalar::{Resolved, Scalar, Style};
use crate::origin::{Mark, Origin};

/// A value of a document and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// The three shapes of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, a number, a boolean or null.
    Scalar(Scalar),
    /// A list.
    Sequence(Sequence),
    /// A mapping; its keys keep the order in which they were written.
    Mapping(Mapping),
}

/// A list and whether it was written in flow style.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequence {
    /// The items.
    pub items: Vec<Node>,
    /// Written as `[a, b]`.
    pub flow: bool,
}

/// A mapping and whether it was written in flow style. No key occurs twice: the reader reports the second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Written as `{a: b}`.
    pub flow: bool,
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key; a scalar in everything that Kubernetes accepts.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// What a node is, to people and to schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// An integer.
    Int,
    /// A number with a fraction or an exponent.
    Float,
    /// Text.
    String,
    /// A list.
    Sequence,
    /// A mapping.
    Mapping,
}

impl Kind {
    /// The word for it in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "boolean",
            Kind::Int => "integer",
            Kind::Float => "number",
            Kind::String => "string",
            Kind::Sequence => "array",
            Kind::Mapping => "object",
        }
    }
}

impl Node {
    /// A scalar.
    pub fn scalar(scalar: Scalar, origin: Origin) -> Node {
        Node { value: Value::Scalar(scalar), origin }
    }

    /// Text, whatever it looks like.
    pub fn string(text: impl Into<SmolStr>, origin: Origin) -> Node {
        Node::scalar(Scalar::string(text), origin)
    }

    /// `null`
    pub fn null(origin: Origin) -> Node {
        Node::scalar(Scalar::plain("null"), origin)
    }

    /// `true` or `false`
    pub fn bool(value: bool, origin: Origin) -> Node {
        Node::scalar(Scalar::plain(if value { "true" } else { "false" }), origin)
    }

    /// An integer.
    pub fn int(value: i64, origin: Origin) -> Node {
        Node::scalar(Scalar::plain(value.to_string()), origin)
    }

    /// A mapping of `entries`, in block style.
    pub fn mapping(entries: Vec<Entry>, origin: Origin) -> Node {
        Node { value: Value::Mapping(Mapping { entries, flow: false }), origin }
    }

    /// A list of `items`, in block style.
    pub fn sequence(items: Vec<Node>, origin: Origin) -> Node {
        Node { value: Value::Sequence(Sequence { items, flow: false }), origin }
    }

    /// The node's place.
    pub fn mark(&self) -> Mark {
        self.origin.mark
    }

    /// What the node is, to kustomize.
    pub fn kind(&self) -> Kind {
        match &self.value {
            Value::Mapping(_) => Kind::Mapping,
            Value::Sequence(_) => Kind::Sequence,
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => Kind::Null,
                Resolved::Bool(_) => Kind::Bool,
                Resolved::Int(_) | Resolved::Uint(_) => Kind::Int,
                Resolved::Float(_) => Kind::Float,
                Resolved::Str(_) => Kind::String,
            },
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar that is text. Numbers, booleans and null are none.
    pub fn as_str(&self) -> Option<&str> {
        match self.as_scalar()?.resolve() {
            Resolved::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar but null, as it was written.
    pub fn text(&self) -> Option<&str> {
        let scalar = self.as_scalar()?;
        (scalar.resolve() != Resolved::Null).then_some(scalar.text.as_str())
    }

    /// A boolean, as Kubernetes reads it.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_scalar()?.resolve_kubernetes() {
            Resolved::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_i64(&self) -> Option<i64> {
        match self.as_scalar()?.resolve() {
            Resolved::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the node is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The mapping, if it is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The mapping, to change it.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_sequence(&self) -> Option<&Sequence> {
        match &self.value {
            Value::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The list, to change it.
    pub fn as_sequence_mut(&mut self) -> Option<&mut Sequence> {
        match &mut self.value {
            Value::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        self.as_mapping().map_or(&[], |mapping| &mapping.entries)
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        self.as_sequence().map_or(&[], |sequence| &sequence.items)
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// The value of `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.get_mut(key)
    }

    /// The value behind a path of keys: `node.path(&["metadata", "name"])`.
    pub fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text behind a path of keys.
    pub fn str_at(&self, keys: &[&str]) -> Option<&str> {
        self.path(keys)?.as_str()
    }

    /// The node that a JSON Pointer (RFC 6901) names; the empty pointer names the node itself.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        let Some(rest) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(self) };
        rest.split('/').try_fold(self, |node, token| match &node.value {
            Value::Mapping(mapping) if token.contains('~') => mapping.get(&token.replace("~1", "/").replace("~0", "~")),
            Value::Mapping(mapping) => mapping.get(token),
            Value::Sequence(sequence) => sequence.items.get(token.parse::<usize>().ok()?),
            Value::Scalar(_) => None,
        })
    }

    /// The place of what `pointer` names: the value's, or that of its deepest ancestor that exists.
    pub fn nearest(&self, pointer: &str) -> &Node {
        let mut pointer = pointer;
        loop {
            if let Some(node) = self.pointer(pointer) {
                return node;
            }
            pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// The JSON that the Kubernetes decoders make of the node. What JSON cannot say (infinities) is null.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
                Resolved::Null => Json::Null,
                Resolved::Bool(value) => Json::Bool(value),
                Resolved::Int(value) => Json::Number(value.into()),
                Resolved::Uint(value) => Json::Number(value.into()),
                Resolved::Float(value) => Number::from_f64(value).map_or(Json::Null, Json::Number),
                Resolved::Str(text) => Json::String(text.to_owned()),
            },
            Value::Sequence(sequence) => Json::Array(sequence.items.iter().map(Node::to_json).collect()),
            Value::Mapping(mapping) => {
                let mut object = Map::with_capacity(mapping.entries.len());
                for entry in &mapping.entries {
                    object.insert(entry.json_key(), entry.value.to_json());
                }
                Json::Object(object)
            }
        }
    }

    /// Whether both say the same to the Kubernetes decoders, wherever it was written and in whatever order.
    pub fn says_same(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Scalar(a), Value::Scalar(b)) => a == b || a.resolve_kubernetes() == b.resolve_kubernetes(),
            (Value::Sequence(a), Value::Sequence(b)) => {
                a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(|(a, b)| a.says_same(b))
            }
            (Value::Mapping(a), Value::Mapping(b)) => {
                let same = |(at, entry): (usize, &Entry)| {
                    let key = entry.key_text();
                    let beside = b.entries.get(at).filter(|other| other.key_text() == key);
                    beside.or_else(|| b.entry(key)).is_some_and(|other| entry.value.says_same(&other.value))
                };
                a.entries.len() == b.entries.len() && a.entries.iter().enumerate().all(same)
            }
            _ => false,
        }
    }

    /// The node that says what `json` says, every value of it at `origin`.
    pub fn from_json(json: &Json, origin: &Origin) -> Node {
        match json {
            Json::Null => Node::null(origin.clone()),
            Json::Bool(value) => Node::bool(*value, origin.clone()),
            Json::Number(number) => Node::scalar(Scalar::plain(number.to_string()), origin.clone()),
            Json::String(text) => Node::string(text.as_str(), origin.clone()),
            Json::Array(items) => {
                Node::sequence(items.iter().map(|item| Node::from_json(item, origin)).collect(), origin.clone())
            }
            Json::Object(fields) => Node::mapping(
                fields
                    .iter()
                    .map(|(key, value)| Entry {
                        key: Node::string(key.as_str(), origin.clone()),
                        value: Node::from_json(value, origin),
                    })
                    .collect(),
                origin.clone(),
            ),
        }
    }
}

impl Mapping {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key_text() == key).map(|entry| &mut entry.value)
    }

    /// The entry of `key`: where the key itself stands matters to findings.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key_text() == key)
    }

    /// Sets `key` to `value`; a new key goes to the end and takes the value's origin.
    pub fn set(&mut self, key: &str, value: Node) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => {
                let key = Node::string(key, value.origin.clone());
                self.entries.push(Entry { key, value });
            }
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let position = self.entries.iter().position(|entry| entry.key_text() == key)?;
        Some(self.entries.remove(position))
    }
}

impl Entry {
    /// The key as the Kubernetes decoders make it text: `on` is `true`, `0x10` is `16`.
    fn json_key(&self) -> String {
        match self.key.as_scalar().map(Scalar::resolve_kubernetes) {
            Some(Resolved::Bool(value)) => value.to_string(),
            Some(Resolved::Int(value)) => value.to_string(),
            Some(Resolved::Uint(value)) => value.to_string(),
            _ => self.key_text().to_owned(),
        }
    }

    /// The key's text, as it was written; empty for a key that is no scalar.
    pub fn key_text(&self) -> &str {
        self.key.as_scalar().map_or("", |scalar| &scalar.text)
    }
}

impl Scalar {
    /// Whether the scalar spans lines by its style.
    pub fn is_block(&self) -> bool {
        matches!(self.style, Style::Literal | Style::Folded)
    }
}
