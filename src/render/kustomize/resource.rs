//! One resource on its way through a build: the object, and the names that it had before.
//!
//! kustomize keeps these names in annotations of the object; here they stand beside it. Objects are shared between
//! builds until somebody changes them.

use std::sync::Arc;

use smol_str::SmolStr;

use super::schema::MergeSchema;
use super::shared::{Parted, Shared};
use crate::origin::{Follows, Origin};
use crate::yaml::{Entry, Mapping, Node, Resolved, Scalar, Style, Tag, Value};

/// The namespace that stands for having none.
pub(super) const CLUSTER: &str = "_non_namespaceable_";

/// A resource and what the build knows of it.
#[derive(Debug, Clone)]
pub(super) struct Res {
    pub(super) node: Arc<Node>,
    pub(super) book: Book,
}

/// What kustomize notes of a resource while it builds.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    /// The names it had, oldest first.
    pub(super) previous: Vec<PreviousName>,
    pub(super) prefixes: Vec<SmolStr>,
    pub(super) suffixes: Vec<SmolStr>,
    pub(super) behavior: Behavior,
    pub(super) needs_hash: bool,
    /// Made by a generator.
    pub(super) generated: bool,
    /// Made by a chart: the namespace transformer passes it over.
    pub(super) from_helm: bool,
    /// Labels and annotations that are one value in several places.
    pub(super) shared: Vec<Shared>,
    /// Those that were one value until a JSON patch.
    pub(super) parted: Vec<Parted>,
    /// The variables that take a value from it.
    pub(super) variables: Vec<SmolStr>,
    /// For `buildMetadata`.
    pub(super) provenance: Option<Arc<str>>,
    /// For `buildMetadata`.
    pub(super) transformations: Vec<Arc<str>>,
}

impl Book {
    /// Whether kustomize holds any of this in annotations of the object now.
    pub(super) fn is_noted(&self) -> bool {
        !self.previous.is_empty()
            || !self.prefixes.is_empty()
            || !self.suffixes.is_empty()
            || self.needs_hash
            || self.from_helm
            || self.provenance.is_some()
            || self.generated
    }

    /// Forgets what kustomize holds in annotations, because they were taken away or others were put in their place.
    pub(super) fn forget(&mut self) {
        let Book { shared, parted, variables, .. } = std::mem::take(self);
        *self = Book { shared, parted, variables, ..Book::default() };
    }
}

/// What a generated resource does to one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

impl Behavior {
    pub(super) fn of(text: &str) -> Behavior {
        match text {
            "create" => Behavior::Create,
            "replace" => Behavior::Replace,
            "merge" => Behavior::Merge,
            _ => Behavior::Unspecified,
        }
    }
}

/// A name that a resource had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PreviousName {
    pub(super) name: SmolStr,
    pub(super) namespace: SmolStr,
    pub(super) kind: SmolStr,
}

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(super) struct Gvk {
    pub(super) group: SmolStr,
    pub(super) version: SmolStr,
    pub(super) kind: SmolStr,
}

impl Gvk {
    pub(super) fn new(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: SmolStr::new(group), version: SmolStr::new(version), kind: SmolStr::new(kind) }
    }

    /// Whether it is what `selector` asks for; empty parts ask for nothing.
    pub(super) fn is_selected(&self, selector: &Gvk) -> bool {
        (selector.group.is_empty() || self.group == selector.group)
            && (selector.version.is_empty() || self.version == selector.version)
            && (selector.kind.is_empty() || self.kind == selector.kind)
    }
}

/// Kind, name and the namespace that counts.
pub(super) type IdKey = (Gvk, SmolStr, SmolStr);

/// What tells one resource from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) gvk: Gvk,
    pub(super) name: SmolStr,
    /// As it is written; see [`Id::effective_namespace`].
    pub(super) namespace: SmolStr,
    pub(super) cluster_scoped: bool,
}

impl Id {
    /// `default` where no namespace is written, [`CLUSTER`] for kinds without.
    pub(super) fn effective_namespace(&self) -> &str {
        match self.namespace.as_str() {
            _ if self.cluster_scoped => CLUSTER,
            "" => "default",
            namespace => namespace,
        }
    }

    pub(super) fn same_namespace(&self, other: &Id) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    /// The id with the namespace that counts, to look it up by.
    pub(super) fn key(&self) -> IdKey {
        (self.gvk.clone(), self.name.clone(), SmolStr::new(self.effective_namespace()))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.gvk.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// The text of a scalar, null included; empty for everything else.
pub(super) fn raw(node: &Node) -> &str {
    node.as_scalar().map_or("", |scalar| scalar.text.as_str())
}

/// Notes in every value of `node` what it depends on.
pub(super) fn depend(node: &mut Node, because: &Follows) {
    node.origin = node.origin.because(Some(because.clone()));
    match &mut node.value {
        Value::Mapping(mapping) => mapping.entries.iter_mut().for_each(|entry| depend(&mut entry.value, because)),
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(|item| depend(item, because)),
        Value::Scalar(_) => {}
    }
}

/// The origins of every plain value in `node`.
pub(super) fn leaves(node: &Node) -> Vec<Origin> {
    fn walk(node: &Node, found: &mut Vec<Origin>) {
        match &node.value {
            Value::Scalar(_) => found.push(node.origin.clone()),
            Value::Sequence(sequence) => sequence.items.iter().for_each(|item| walk(item, found)),
            Value::Mapping(mapping) => mapping.entries.iter().for_each(|entry| walk(&entry.value, found)),
        }
    }
    let mut found = Vec::new();
    walk(node, &mut found);
    found
}

/// Null, or an empty mapping or list.
pub(super) fn is_nil_or_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.resolve() == Resolved::Null,
        Value::Sequence(sequence) => sequence.items.is_empty(),
        Value::Mapping(mapping) => mapping.entries.is_empty(),
    }
}

impl Res {
    pub(super) fn new(node: Arc<Node>) -> Res {
        Res { node, book: Book::default() }
    }

    pub(super) fn kind(&self) -> &str {
        self.node.get("kind").map_or("", raw)
    }

    pub(super) fn api_version(&self) -> &str {
        self.node.get("apiVersion").map_or("", raw)
    }

    pub(super) fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.kind())
    }

    pub(super) fn metadata(&self, key: &str) -> Option<&Node> {
        self.node.get("metadata")?.get(key)
    }

    pub(super) fn name(&self) -> &str {
        self.metadata("name").filter(|node| !is_nil_or_empty(node)).map_or("", raw)
    }

    pub(super) fn namespace(&self) -> &str {
        self.metadata("namespace").filter(|node| !is_nil_or_empty(node)).map_or("", raw)
    }

    /// Where its kind and API version come from: they decide which fields a transformer looks at.
    pub(super) fn type_origins(&self) -> Vec<Origin> {
        ["kind", "apiVersion"].iter().filter_map(|key| self.node.get(key)).map(|node| node.origin.clone()).collect()
    }

    /// Where its kind, API version, name and namespace come from: by them it is found.
    pub(super) fn id_origins(&self) -> Vec<Origin> {
        let mut origins = self.type_origins();
        origins
            .extend(["name", "namespace"].iter().filter_map(|key| self.metadata(key)).map(|node| node.origin.clone()));
        origins
    }

    /// Where its labels and annotations come from.
    pub(super) fn text_origins(&self) -> Vec<Origin> {
        ["labels", "annotations"].iter().filter_map(|key| self.metadata(key)).flat_map(leaves).collect()
    }

    /// The labels or annotations, with the text of their values.
    pub(super) fn texts(&self, field: &str) -> impl Iterator<Item = (&str, &str)> {
        self.metadata(field).map_or(&[][..], Node::entries).iter().map(|entry| (entry.key_text(), raw(&entry.value)))
    }

    pub(super) fn id(&self, schema: &MergeSchema) -> Id {
        Id {
            gvk: self.gvk(),
            name: SmolStr::new(self.name()),
            namespace: SmolStr::new(self.namespace()),
            cluster_scoped: schema.is_cluster_scoped(self.api_version(), self.kind()),
        }
    }

    pub(super) fn previous_ids(&self) -> Vec<Id> {
        if self.book.previous.is_empty() {
            return Vec::new();
        }
        let gvk = self.gvk();
        self.book
            .previous
            .iter()
            .map(|previous| Id {
                gvk: Gvk { kind: previous.kind.clone(), ..gvk.clone() },
                name: previous.name.clone(),
                namespace: previous.namespace.clone(),
                cluster_scoped: false,
            })
            .collect()
    }

    /// The first name it had.
    pub(super) fn original_id(&self, schema: &MergeSchema) -> Id {
        self.previous_ids().into_iter().next().unwrap_or_else(|| self.id(schema))
    }

    /// The names it had, then the one it has.
    pub(super) fn all_ids(&self, schema: &MergeSchema) -> Vec<Id> {
        let mut ids = self.previous_ids();
        ids.push(self.id(schema));
        ids
    }

    /// Notes the name that it has, as it is about to change.
    pub(super) fn remember_name(&mut self, schema: &MergeSchema) {
        let id = self.id(schema);
        let namespace = SmolStr::new(id.effective_namespace());
        self.book.previous.push(PreviousName { name: id.name, namespace, kind: id.gvk.kind });
    }

    pub(super) fn node_mut(&mut self) -> &mut Node {
        Arc::make_mut(&mut self.node)
    }
}

/// A scalar that holds `text` where `old` stood: the style stays, as kustomize keeps it, and with it what plain text
/// like `123` means. `tag` is what the new value is meant to be.
pub(super) fn in_style_of(old: &Node, text: impl Into<SmolStr>, tag: Tag, origin: Origin) -> Node {
    let style = old.as_scalar().map_or(Style::Plain, |scalar| scalar.style);
    Node::scalar(Scalar { text: text.into(), style, tag }, origin)
}

/// The mapping of `key` in a mapping, made if it is absent or null.
pub(super) fn mapping_at<'n>(node: &'n mut Node, key: &str, origin: &Origin) -> Option<&'n mut Mapping> {
    let mapping = node.as_mapping_mut()?;
    let position = match mapping.entries.iter().position(|entry| entry.key_text() == key) {
        Some(position) => position,
        None => {
            let key = Node::string(key, origin.clone());
            mapping.entries.push(Entry { key, value: Node::mapping(Vec::new(), origin.clone()) });
            mapping.entries.len() - 1
        }
    };
    let value = &mut mapping.entries[position].value;
    if value.is_null() {
        value.value = Value::Mapping(Mapping::default());
    }
    value.as_mapping_mut()
}
