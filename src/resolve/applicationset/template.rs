//! A template and one parameter set in, an Application out.

use super::Fault;
use super::generator::Scope;
use super::{interpolate, patch};
use crate::render::Resource;
use crate::render::template::Map;
use crate::yaml::{Entry, Node, Resolved, Value};

/// What Argo CD adds so that deleting an Application deletes what it deployed.
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// The fields of `template.metadata` that reach the Application.
const METADATA: [&str; 5] = ["name", "namespace", "labels", "annotations", "finalizers"];

/// A generator's template over the set's: what it leaves empty falls back, maps are merged, lists are not.
pub(super) fn merged(own: Option<&Node>, of_set: Option<&Node>) -> Node {
    match (own, of_set) {
        (Some(own), Some(set)) => over(own, set, ""),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => Node::mapping(Vec::new(), crate::origin::Origin::NONE),
    }
}

fn over(own: &Node, below: &Node, key: &str) -> Node {
    match (&own.value, &below.value) {
        // It is kept as text, and text is not merged.
        (Value::Mapping(_), Value::Mapping(_)) if key == "valuesObject" => own.clone(),
        (Value::Mapping(mapping), Value::Mapping(base)) => {
            let mut entries: Vec<Entry> = Vec::with_capacity(base.entries.len());
            for entry in &base.entries {
                let value = match mapping.get(entry.key_text()) {
                    Some(value) => over(value, &entry.value, entry.key_text()),
                    None => entry.value.clone(),
                };
                entries.push(Entry { key: entry.key.clone(), value });
            }
            let more = mapping.entries.iter().filter(|entry| base.get(entry.key_text()).is_none());
            entries.extend(more.cloned());
            Node::mapping(entries, own.origin.clone())
        }
        _ if is_zero(own) => below.clone(),
        _ => own.clone(),
    }
}

fn is_zero(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(mapping) => mapping.entries.is_empty(),
        Value::Sequence(sequence) => sequence.items.is_empty(),
        Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
            Resolved::Null | Resolved::Bool(false) | Resolved::Int(0) => true,
            Resolved::Str(text) => text.is_empty(),
            _ => false,
        },
    }
}

/// A template made ready to be filled in.
pub(super) struct Prepared {
    /// The Application with its placeholders.
    unfilled: Node,
    filling: interpolate::Prepared,
}

/// Makes an Application with placeholders of `template`.
pub(super) fn prepared(scope: &Scope<'_>, template: &Node) -> Prepared {
    let origin = template.origin.clone();
    let mut metadata: Vec<Entry> = Vec::new();
    let of_template = template.get("metadata");
    for entry in of_template.map(Node::entries).unwrap_or_default() {
        if METADATA.contains(&entry.key_text()) {
            metadata.push(entry.clone());
        }
    }
    let text = |text: &str| Node::string(text, origin.clone());
    let entry = |key: &str, value: Node| Entry { key: text(key), value };
    let mut entries = vec![
        entry("apiVersion", text("argoproj.io/v1alpha1")),
        entry("kind", text("Application")),
        entry("metadata", Node::mapping(metadata, of_template.map_or(origin.clone(), |node| node.origin.clone()))),
    ];
    entries.extend(template.as_mapping().and_then(|mapping| mapping.entry("spec")).cloned());
    let unfilled = Node::mapping(entries, origin.clone());
    let filling = scope.language.prepare(&unfilled);
    Prepared { unfilled, filling }
}

/// The Application that `template` makes of `params`.
pub(super) fn application(set: &Resource, scope: &Scope<'_>, template: &Prepared, params: &Map) -> Result<Node, Fault> {
    // Nothing to fill in: Argo CD returns the template as it is, and without the finalizer.
    let mut node = if params.is_empty() {
        template.unfilled.clone()
    } else {
        let mut node = scope.language.fill(&template.filling, params)?;
        let preserved = scope.spec.path(&["syncPolicy", "preserveResourcesOnDeletion"]);
        if !preserved.and_then(Node::as_bool).unwrap_or(false)
            && let Some(metadata) = node.get_mut("metadata")
            && metadata.get("finalizers").is_none_or(|finalizers| finalizers.items().is_empty())
        {
            let place = metadata.origin.clone();
            let finalizers = Node::sequence(vec![Node::string(FINALIZER, place.clone())], place);
            if let Some(metadata) = metadata.as_mapping_mut() {
                metadata.set("finalizers", finalizers);
            }
        }
        node
    };
    if let Some(patch) = scope.spec.get("templatePatch").filter(|patch| !patch.is_null()) {
        node = patch::apply(scope, &node, patch, params)?;
    }
    // Whatever the template says: an Application lives beside its set.
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.set(
            "namespace",
            match set.node.path(&["metadata", "namespace"]) {
                Some(namespace) => namespace.clone(),
                None => Node::string(scope.context.namespace, set.node.origin.clone()),
            },
        );
    }
    Ok(node)
}
