//! What Argo CD's program keeps of an Application: it reads it into a type of its own, which has the fields of the CRD
//! and no other.

use std::sync::{Arc, LazyLock};

use crate::schema::{Catalogue, Flags, KubernetesVersion, Schema, SchemaRef, ViolationKind};
use crate::yaml::{Entry, Node, Value};

static APPLICATION: LazyLock<Option<Arc<Schema>>> =
    LazyLock::new(|| Catalogue::for_version(KubernetesVersion::NEWEST).schema("argoproj.io/v1alpha1", "Application"));

/// `application` without the fields that the type lacks.
pub(super) fn known(application: &Node) -> Node {
    match APPLICATION.as_deref().and_then(Schema::root) {
        Some(root) => kept(application, root),
        None => application.clone(),
    }
}

/// Depth is bounded by the reader.
fn kept(node: &Node, schema: SchemaRef<'_>) -> Node {
    let free = schema.node().properties.is_empty() || schema.node().flags.has(Flags::PRESERVE_UNKNOWN);
    let mut known = node.clone();
    match &mut known.value {
        Value::Mapping(mapping) if !free => {
            let entries = std::mem::take(&mut mapping.entries).into_iter().filter_map(|entry| {
                let key = entry.key_text();
                // A word to the patch, not a field.
                if key.starts_with('$') {
                    return Some(entry);
                }
                let value = kept(&entry.value, schema.property(key)?);
                Some(Entry { key: entry.key, value })
            });
            mapping.entries = entries.collect();
        }
        Value::Sequence(sequence) => {
            if let Some(items) = schema.items() {
                sequence.items.iter_mut().for_each(|item| *item = kept(item, items));
            }
        }
        Value::Mapping(_) | Value::Scalar(_) => {}
    }
    known
}

/// What of `patch` does not fit into the type: a value, and what is wrong with it.
pub(super) fn mistyped(patch: &Node) -> Option<String> {
    let schema = APPLICATION.as_deref()?;
    let labels = ["labels", "annotations"].into_iter().find_map(|key| {
        let entries = patch.path(&["metadata", key]).map(Node::entries).unwrap_or_default();
        let wrong = entries.iter().find(|entry| entry.value.as_str().is_none() && !entry.value.is_null())?;
        Some(format!("metadata.{key}.{} must be a string", wrong.key_text()))
    });
    labels.or_else(|| {
        let violations = schema.validate(patch).into_iter();
        let mut wrong = violations.filter(|found| found.kind == ViolationKind::Type && !found.node.is_null());
        Some(wrong.next()?.message)
    })
}
