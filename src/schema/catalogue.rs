//! The kinds that a cluster knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use smol_str::SmolStr;

use super::compile::Compiler;
use super::lifecycle::{self, lifecycle};
use super::node::{Arena, Flags, ListType, NodeId, SchemaNode};
use super::pack::{INTERNAL_GROUP, KindEntry, Pack};
use super::version::KubernetesVersion;
use crate::origin::Mark;
use crate::render::Resource;
use crate::yaml::Node;

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
}

/// The schema of a kind in one version.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Most kinds have one form. Where the repository holds several CRDs of one kind, or a project publishes two
    /// channels, an object may have any of them.
    pub(crate) forms: Vec<Form>,
    /// Where objects live.
    pub scope: Scope,
    /// Where the schema is from.
    pub provenance: Provenance,
    /// Whether the version is served. What says `false` of a CRD that is not in the repository may be out of date.
    pub served: bool,
    /// Whether the CRD says that the version is deprecated.
    pub deprecated: bool,
}

/// One form of a schema.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) arena: Arena,
    pub(crate) root: NodeId,
}

/// Where a schema is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// From Kubernetes itself.
    Kubernetes,
    /// From a CRD of a well-known project that is built in.
    Builtin,
    /// From a CRD of the repository, and where that stands.
    Repository(Mark),
}

/// What a catalogue says of a kind.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The kind is known and served in this version.
    Known(Arc<Schema>),
    /// The kind exists, but the cluster does not serve this version of it.
    NotServed {
        /// The apiVersions in which it is served, the preferred one first. May be empty.
        served: Vec<String>,
        /// Where the repository's CRD stands, if it is one's.
        crd: Option<Mark>,
    },
    /// The group is one of Kubernetes' own and has no such kind, in any version.
    NoSuchKind {
        /// The kinds that the group has.
        kinds: Vec<SmolStr>,
    },
    /// Neither Kubernetes nor a CRD that is known has the kind in this version.
    Unknown {
        /// Whether CRDs of the group are known.
        group_known: bool,
    },
}

/// The kinds that one cluster knows.
#[derive(Debug, Clone)]
pub struct Catalogue {
    version: KubernetesVersion,
    /// CRDs of the repository by group and kind.
    crds: BTreeMap<(SmolStr, SmolStr), Vec<CrdVersion>>,
    schemas: BTreeMap<(SmolStr, SmolStr, SmolStr), Arc<Schema>>,
}

#[derive(Debug, Clone)]
struct CrdVersion {
    version: SmolStr,
    served: bool,
    mark: Mark,
}

/// One version of a kind, as the repository's CRDs have it: several may, with different schemas.
struct OwnVersion {
    scope: Scope,
    mark: Mark,
    served: bool,
    deprecated: bool,
    roots: BTreeSet<NodeId>,
}

/// The kinds of the pack by group and kind.
static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { kinds: HashMap::new(), groups: BTreeMap::new(), object_meta: None };
    for entry in Pack::builtin().kinds() {
        if entry.group == INTERNAL_GROUP {
            index.object_meta = Some(entry.root);
            continue;
        }
        index.kinds.entry((entry.group.as_str(), entry.kind.as_str())).or_default().push(entry);
        *index.groups.entry(entry.group.as_str()).or_default() |= entry.is_native();
    }
    index
});

struct Index {
    kinds: HashMap<(&'static str, &'static str), Vec<&'static KindEntry>>,
    /// Groups, and whether they are Kubernetes' own.
    groups: BTreeMap<&'static str, bool>,
    object_meta: Option<NodeId>,
}

/// The schema of `metadata`.
pub(crate) fn object_meta() -> Option<Form> {
    INDEX.object_meta.map(|root| Form { arena: Arena::Pack(Pack::builtin()), root })
}

/// `apps/v1` as group and version.
fn split(api_version: &str) -> (&str, &str) {
    api_version.rsplit_once('/').unwrap_or(("", api_version))
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

impl Catalogue {
    /// The kinds of Kubernetes in `version`, and the CRDs that are built in.
    pub fn for_version(version: KubernetesVersion) -> Catalogue {
        Catalogue { version, crds: BTreeMap::new(), schemas: BTreeMap::new() }
    }

    /// This catalogue with the CRDs among `resources`, which win over those that are built in.
    #[must_use]
    pub fn with_crds<'a>(mut self, resources: impl IntoIterator<Item = &'a Resource>) -> Catalogue {
        let mut compiler = Compiler::default();
        let mut found: BTreeMap<(SmolStr, SmolStr, SmolStr), OwnVersion> = BTreeMap::new();
        for resource in resources {
            if resource.group() != "apiextensions.k8s.io" || resource.kind() != "CustomResourceDefinition" {
                continue;
            }
            let Some(spec) = resource.node.get("spec") else { continue };
            let text = |keys: &[&str]| spec.path(keys).and_then(Node::text).map(SmolStr::new);
            let (Some(group), Some(kind)) = (text(&["group"]), text(&["names", "kind"])) else { continue };
            let scope = match spec.str_at(&["scope"]) {
                Some("Cluster") => Scope::Cluster,
                _ => Scope::Namespaced,
            };
            for version in spec.get("versions").map_or(&[][..], Node::items) {
                let Some(name) = version.get("name").and_then(Node::text).map(SmolStr::new) else { continue };
                let truth = |key: &str| version.get(key).and_then(Node::as_bool);
                let served = truth("served").unwrap_or(false);
                let mark = version.get("served").unwrap_or(version).mark();
                self.crds.entry((group.clone(), kind.clone())).or_default().push(CrdVersion {
                    version: name.clone(),
                    served,
                    mark,
                });
                let schema = version
                    .path(&["schema", "openAPIV3Schema"])
                    .or_else(|| spec.path(&["validation", "openAPIV3Schema"]));
                let open = schema.is_none() || spec.get("preserveUnknownFields").and_then(Node::as_bool) == Some(true);
                // Argo CD reads its objects into types of its own: what these lack is lost, whatever the CRD lets through.
                if is_of_argocd(&group, &kind) && (open || schema.is_some_and(says_nothing_of_spec)) {
                    continue;
                }
                let schema = schema.map_or(serde_json::Value::Null, Node::to_json);
                let root = compiler.crd(if open { &serde_json::Value::Null } else { &schema });
                let deprecated = truth("deprecated").unwrap_or(false);
                let key = (group.clone(), name, kind.clone());
                let roots = BTreeSet::new();
                let version = OwnVersion { scope, mark, served, deprecated, roots };
                let version = found.entry(key).or_insert(version);
                version.served |= served;
                version.roots.insert(root);
            }
        }
        let nodes = Arc::new(compiler.into_nodes());
        for (key, OwnVersion { scope, mark, served, deprecated, roots }) in found {
            let forms = roots.into_iter().map(|root| Form { arena: Arena::Own(Arc::clone(&nodes)), root }).collect();
            let provenance = Provenance::Repository(mark);
            self.schemas.insert(key, Arc::new(Schema { forms, scope, provenance, served, deprecated }));
        }
        self
    }

    /// The version of Kubernetes.
    pub fn version(&self) -> KubernetesVersion {
        self.version
    }

    /// What is known of `kind` in `api_version`.
    pub fn lookup(&self, api_version: &str, kind: &str) -> Lookup {
        let (group, version) = split(api_version);
        if let Some(versions) = self.crds.get(&(SmolStr::new(group), SmolStr::new(kind))) {
            return self.lookup_own(versions, group, version, kind);
        }
        self.lookup_builtin(group, version, kind)
    }

    fn lookup_builtin(&self, group: &str, version: &str, kind: &str) -> Lookup {
        let entries = INDEX.kinds.get(&(group, kind)).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<&'static KindEntry> = entries.iter().copied().filter(|e| e.version == version).collect();
        if entries.iter().any(|entry| entry.is_native()) || INDEX.groups.get(group) == Some(&true) {
            found.retain(|entry| serves(self.version, entry));
            if let Some(entry) = found.first() {
                return Lookup::Known(schema(entry, &found));
            }
            return self.lookup_missing_native(entries, group, version, kind);
        }
        match found.first() {
            Some(entry) => Lookup::Known(schema(entry, &found)),
            None if lifecycle::is_group(group) => self.lookup_missing_native(entries, group, version, kind),
            None => {
                let own = self.crds.keys().any(|(known, _)| known == group);
                Lookup::Unknown { group_known: own || INDEX.groups.contains_key(group) }
            }
        }
    }

    fn lookup_own(&self, versions: &[CrdVersion], group: &str, version: &str, kind: &str) -> Lookup {
        let key = (SmolStr::new(group), SmolStr::new(version), SmolStr::new(kind));
        match self.schemas.get(&key) {
            Some(schema) if schema.served => Lookup::Known(Arc::clone(schema)),
            // A CRD without a version that its project serves is older than the object: of another cluster, or about to
            // be upgraded. Only what it says of a version is held against the object.
            None if builtin_serves(group, version, kind) => self.lookup_builtin(group, version, kind),
            schema => {
                let served: BTreeSet<&SmolStr> = versions.iter().filter(|v| v.served).map(|v| &v.version).collect();
                let mut served: Vec<&SmolStr> = served.into_iter().collect();
                served.sort_by_key(|version| std::cmp::Reverse(version_priority(version)));
                let crd = match schema.map(|schema| schema.provenance) {
                    Some(Provenance::Repository(mark)) => Some(mark),
                    _ => versions.first().map(|version| version.mark),
                };
                Lookup::NotServed { served: served.into_iter().map(|version| join(group, version)).collect(), crd }
            }
        }
    }

    fn lookup_missing_native(&self, entries: &[&'static KindEntry], group: &str, version: &str, kind: &str) -> Lookup {
        let mut served: Vec<&KindEntry> = entries.iter().copied().filter(|entry| serves(self.version, entry)).collect();
        served.sort_by_key(|entry| std::cmp::Reverse(version_priority(&entry.version)));
        let mut served: Vec<String> = served.into_iter().map(|entry| join(&entry.group, &entry.version)).collect();
        let end = lifecycle(group, version, kind);
        if let Some(replacement) = end.map(|end| end.replacement).filter(|replacement| !replacement.is_empty())
            && served.is_empty()
        {
            served.push(replacement.to_owned());
        }
        if end.is_some() || !entries.is_empty() {
            return Lookup::NotServed { served, crd: None };
        }
        let kinds: BTreeSet<&str> = INDEX.kinds.keys().filter(|(known, _)| *known == group).map(|(_, k)| *k).collect();
        Lookup::NoSuchKind { kinds: kinds.into_iter().map(SmolStr::new_static).collect() }
    }

    /// The schema of `kind` in `api_version`, if it is known and served.
    pub fn schema(&self, api_version: &str, kind: &str) -> Option<Arc<Schema>> {
        match self.lookup(api_version, kind) {
            Lookup::Known(schema) => Some(schema),
            _ => None,
        }
    }

    /// Where objects of `kind` live: in any version, if this one is not known.
    pub fn scope(&self, api_version: &str, kind: &str) -> Option<Scope> {
        if let Some(schema) = self.schema(api_version, kind) {
            return Some(schema.scope);
        }
        let (group, _) = split(api_version);
        let own = self.schemas.iter().find(|((known, _, name), _)| known == group && name == kind);
        if let Some((_, schema)) = own {
            return Some(schema.scope);
        }
        INDEX.kinds.get(&(group, kind)).and_then(|entries| entries.first()).map(|entry| scope(entry))
    }

    /// The best apiVersion in which `kind` of `group` is served.
    pub fn preferred(&self, group: &str, kind: &str) -> Option<String> {
        let own = self.crds.get(&(SmolStr::new(group), SmolStr::new(kind)));
        let versions: Vec<&str> = match own {
            Some(versions) => versions.iter().filter(|v| v.served).map(|v| v.version.as_str()).collect(),
            None => {
                let entries = INDEX.kinds.get(&(group, kind))?.iter();
                let served = entries.filter(|e| match e.is_native() {
                    true => serves(self.version, e),
                    false => e.served,
                });
                served.map(|entry| entry.version.as_str()).collect()
            }
        };
        let best = versions.into_iter().max_by_key(|version| version_priority(version))?;
        Some(join(group, best))
    }

    /// The apiVersion of Kubernetes' own kind of this name: where a person who took the wrong group meant to be.
    pub fn native_home(&self, kind: &str) -> Option<String> {
        let groups = INDEX.groups.iter().filter(|(_, native)| **native).map(|(group, _)| *group);
        groups.filter(|group| INDEX.kinds.contains_key(&(*group, kind))).find_map(|group| self.preferred(group, kind))
    }

    /// Whether `group` is one of Kubernetes' own.
    pub fn is_native_group(&self, group: &str) -> bool {
        INDEX.groups.get(group) == Some(&true) || lifecycle::is_group(group)
    }

    /// Whether the repository holds a CRD of `kind` in `group`.
    pub fn has_own_crd(&self, group: &str, kind: &str) -> bool {
        self.crds.contains_key(&(SmolStr::new(group), SmolStr::new(kind)))
    }
}

/// Whether Kubernetes `version` serves one of its own kinds. Its published schemas may still hold what ended with it.
fn serves(version: KubernetesVersion, entry: &KindEntry) -> bool {
    let unstable = entry.version.contains("alpha") || entry.version.contains("beta");
    let ended =
        |kind: &str| lifecycle(&entry.group, &entry.version, kind).is_some_and(|end| end.removed <= version.minor());
    entry.minors & version.bit() != 0 && !(unstable && ended(&entry.kind))
}

/// Whether a kind is one that Argo CD's controllers read.
fn is_of_argocd(group: &str, kind: &str) -> bool {
    group == "argoproj.io" && matches!(kind, "Application" | "ApplicationSet" | "AppProject")
}

/// Whether a CRD's schema lets everything through in `spec`.
fn says_nothing_of_spec(schema: &Node) -> bool {
    let spec = schema.path(&["properties", "spec"]);
    let open = |node: &Node| node.get("x-kubernetes-preserve-unknown-fields").and_then(Node::as_bool) == Some(true);
    spec.is_none_or(|spec| open(spec) || spec.get("properties").is_none())
}

/// Whether a CRD that is built in serves the version.
fn builtin_serves(group: &str, version: &str, kind: &str) -> bool {
    let entries = INDEX.kinds.get(&(group, kind)).map_or(&[][..], Vec::as_slice);
    entries.iter().any(|entry| entry.version == version && entry.served && !entry.is_native())
}

fn scope(entry: &KindEntry) -> Scope {
    if entry.namespaced { Scope::Namespaced } else { Scope::Cluster }
}

fn schema(entry: &KindEntry, forms: &[&'static KindEntry]) -> Arc<Schema> {
    let form = |entry: &&KindEntry| Form { arena: Arena::Pack(Pack::builtin()), root: entry.root };
    Arc::new(Schema {
        forms: forms.iter().map(form).collect(),
        scope: scope(entry),
        provenance: if entry.is_native() { Provenance::Kubernetes } else { Provenance::Builtin },
        served: entry.is_native() || forms.iter().any(|entry| entry.served),
        deprecated: entry.deprecated,
    })
}

/// The order in which Kubernetes prefers versions: `v2`, `v1`, `v1beta1`, `v1alpha1`, then others.
fn version_priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major: u32 = rest[..digits].parse().ok()?;
        match &rest[digits..] {
            "" => Some((3, major, 0)),
            stage => {
                let (rank, minor) = match stage.strip_prefix("beta") {
                    Some(minor) => (2, minor),
                    None => (1, stage.strip_prefix("alpha")?),
                };
                Some((rank, major, minor.parse().ok()?))
            }
        }
    };
    parse().unwrap_or((0, 0, 0))
}

impl Schema {
    /// The root of the schema, to walk it: for merging, comparing and defaults.
    pub fn root(&self) -> Option<SchemaRef<'_>> {
        self.forms.first().map(|form| SchemaRef { arena: &form.arena, id: form.root })
    }

    /// Whether the kind is one of Kubernetes' own.
    pub fn is_native(&self) -> bool {
        self.provenance == Provenance::Kubernetes
    }
}

/// A node of a schema.
#[derive(Debug, Clone, Copy)]
pub struct SchemaRef<'s> {
    arena: &'s Arena,
    id: NodeId,
}

impl<'s> SchemaRef<'s> {
    /// What the node says.
    pub fn node(self) -> &'s SchemaNode {
        self.arena.node(self.id)
    }

    /// The node of the property `name`: its own, or that of properties that are not named.
    pub fn property(self, name: &str) -> Option<SchemaRef<'s>> {
        let node = self.node();
        let id = node.property(name).or(node.additional)?;
        Some(SchemaRef { arena: self.arena, id })
    }

    /// The node of a list's items.
    pub fn items(self) -> Option<SchemaRef<'s>> {
        self.node().items.map(|id| SchemaRef { arena: self.arena, id })
    }

    /// How server-side apply sees the list.
    pub fn list_type(self) -> ListType {
        self.node().list_type
    }

    /// The fields that tell the items of a map list apart.
    pub fn list_keys(self) -> &'s [SmolStr] {
        &self.node().list_keys
    }

    /// The field that tells items apart in a strategic merge; `None` if the list is replaced.
    pub fn patch_merge_key(self) -> Option<&'s str> {
        Some(self.node().patch_merge_key.as_str()).filter(|key| !key.is_empty())
    }

    /// Whether a strategic merge merges the list: `merge` is among its patch strategies.
    pub fn is_merged(self) -> bool {
        self.node().patch_strategy.split(',').any(|strategy| strategy == "merge")
    }

    /// Whether the object is one value to server-side apply.
    pub fn is_atomic_map(self) -> bool {
        self.node().flags.has(Flags::ATOMIC_MAP)
    }

    /// The default, as JSON text.
    pub fn default(self) -> Option<&'s str> {
        self.node().default.as_deref()
    }
}

/// The catalogues of all clusters.
#[derive(Debug, Clone)]
pub struct Catalogues {
    default: Arc<Catalogue>,
    clusters: BTreeMap<SmolStr, Arc<Catalogue>>,
}

impl Catalogues {
    /// The same catalogue for every cluster.
    pub fn new(default: Catalogue) -> Catalogues {
        Catalogues { default: Arc::new(default), clusters: BTreeMap::new() }
    }

    /// Gives a cluster, by its name or its server's URL, a catalogue of its own.
    #[must_use]
    pub fn with_cluster(mut self, cluster: impl Into<SmolStr>, catalogue: Arc<Catalogue>) -> Catalogues {
        self.clusters.insert(cluster.into(), catalogue);
        self
    }

    /// The catalogue of a cluster: a name or a server's URL.
    pub fn for_cluster(&self, cluster: &str) -> &Catalogue {
        self.clusters.get(cluster).unwrap_or(&self.default)
    }

    /// The catalogue of clusters of which nothing is said.
    pub fn default_catalogue(&self) -> &Catalogue {
        &self.default
    }
}

impl Default for Catalogues {
    fn default() -> Self {
        Catalogues::new(Catalogue::for_version(KubernetesVersion::NEWEST))
    }
}

#[cfg(test)]
mod tests;
