//! Nodes as the values that policies see: what the Kubernetes decoders make of them.

use std::collections::BTreeMap;

use regorus::Value;

use crate::yaml::{Node, Resolved, Value as Tree};

/// The value of `node`.
pub(super) fn value(node: &Node) -> Value {
    match &node.value {
        Tree::Scalar(scalar) => match scalar.resolve_kubernetes() {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::from(value),
            Resolved::Int(value) => Value::from(value),
            Resolved::Uint(value) => Value::from(value),
            Resolved::Float(value) if value.is_finite() => Value::from(value),
            Resolved::Float(_) => Value::Null,
            Resolved::Str(text) => Value::from(text),
        },
        Tree::Sequence(sequence) => Value::from(sequence.items.iter().map(value).collect::<Vec<_>>()),
        Tree::Mapping(mapping) => object(mapping.entries.iter().map(|entry| (entry.key_text(), value(&entry.value)))),
    }
}

/// An object of `fields`.
pub(super) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::from(fields.into_iter().map(|(key, value)| (Value::from(key), value)).collect::<BTreeMap<_, _>>())
}
