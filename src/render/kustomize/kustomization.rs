//! A kustomization file: what it says, typed, and what of it kustomize would refuse.
//!
//! kustomize reads the file as JSON and strictly: unknown fields and values of the wrong type are errors. Here they are
//! findings, all at once, and the rest of the file is used.

use std::sync::OnceLock;

use smol_str::SmolStr;

use super::config::field_specs;
use super::fieldspec::FieldSpec;
use super::patch::Body;
use super::resource::{leaves, raw};
use crate::check::rules;
use crate::finding::Finding;
use crate::origin::{FileId, Follows, Mark, Origin};
use crate::yaml::{Kind, Mapping, Node, Resolved, Scalar, Value};

/// A kustomization or component.
#[derive(Debug, Default)]
pub(super) struct Kustomization {
    pub(super) path: String,
    pub(super) component: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) resources: Vec<Node>,
    pub(super) components: Vec<Node>,
    pub(super) crds: Vec<Node>,
    pub(super) configurations: Vec<Node>,
    pub(super) generators: Vec<Node>,
    pub(super) transformers: Vec<Node>,
    pub(super) validators: Vec<Node>,
    pub(super) openapi_path: Option<Node>,
    /// Kubernetes' own schema is asked for by its version.
    pub(super) openapi_builtin: bool,
    pub(super) name_prefix: Option<Node>,
    pub(super) name_suffix: Option<Node>,
    pub(super) namespace: Option<Node>,
    pub(super) labels: Vec<Label>,
    pub(super) common_labels: Vec<(SmolStr, Node)>,
    pub(super) common_annotations: Vec<(SmolStr, Node)>,
    pub(super) patches_strategic_merge: Vec<PatchEntry>,
    pub(super) patches_json6902: Vec<PatchEntry>,
    pub(super) patches: Vec<PatchEntry>,
    pub(super) images: Vec<Image>,
    pub(super) replicas: Vec<Replica>,
    pub(super) replacements: Vec<Node>,
    pub(super) vars: Vec<Variable>,
    pub(super) config_maps: Vec<Generator>,
    pub(super) secrets: Vec<Generator>,
    pub(super) helm_charts: Vec<Node>,
    pub(super) helm_globals: Option<Node>,
    pub(super) sort: Option<Sort>,
    pub(super) build_metadata: Vec<(SmolStr, Origin)>,
}

/// An entry of `labels`.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) pairs: Vec<(SmolStr, Node)>,
    pub(super) include_selectors: bool,
    pub(super) include_templates: bool,
    pub(super) fields: Vec<FieldSpec>,
    pub(super) origin: Origin,
}

/// An entry of `patches`, `patchesJson6902` or `patchesStrategicMerge`.
#[derive(Debug)]
pub(super) struct PatchEntry {
    pub(super) path: Option<Node>,
    pub(super) text: Option<Node>,
    pub(super) target: Option<Selector>,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
    pub(super) mark: Mark,
    /// What the patch says, read once.
    pub(super) body: OnceLock<Body>,
}

/// Which resources something is for; empty parts ask for nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) group: SmolStr,
    pub(super) version: SmolStr,
    pub(super) kind: SmolStr,
    pub(super) name: SmolStr,
    pub(super) namespace: SmolStr,
    pub(super) label_selector: SmolStr,
    pub(super) annotation_selector: SmolStr,
    pub(super) mark: Option<Mark>,
    /// Where its parts stand.
    pub(super) written: Vec<Origin>,
}

impl Selector {
    /// What it asks for, in words.
    pub(super) fn described(&self) -> String {
        let mut words = Vec::new();
        if !self.kind.is_empty() {
            words.push(self.kind.to_string());
        }
        if !self.name.is_empty() {
            words.push(format!("`{}`", self.name));
        }
        for (what, text) in [
            ("namespace", &self.namespace),
            ("group", &self.group),
            ("version", &self.version),
            ("labels", &self.label_selector),
            ("annotations", &self.annotation_selector),
        ] {
            if !text.is_empty() {
                words.push(format!("{what} `{text}`"));
            }
        }
        words.join(", ")
    }
}

/// An entry of `images`.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) name: SmolStr,
    pub(super) new_name: SmolStr,
    pub(super) new_tag: SmolStr,
    pub(super) digest: SmolStr,
    pub(super) tag_suffix: SmolStr,
    /// Where the entry stands.
    pub(super) mark: Mark,
    /// The value in force: the tag, the digest or the name.
    pub(super) origin: Origin,
    /// Where all that it says stands.
    pub(super) written: Follows,
}

/// An entry of `replicas`.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) name: SmolStr,
    pub(super) count: i64,
    pub(super) mark: Mark,
    pub(super) origin: Origin,
    /// Where the name stands.
    pub(super) written: Option<Origin>,
}

/// An entry of `vars`.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: SmolStr,
    pub(super) group: SmolStr,
    pub(super) version: SmolStr,
    pub(super) kind: SmolStr,
    pub(super) target: SmolStr,
    pub(super) namespace: SmolStr,
    pub(super) field_path: SmolStr,
    pub(super) mark: Mark,
    /// Where its parts stand.
    pub(super) written: Vec<Origin>,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub(super) name: Option<Node>,
    pub(super) namespace: Option<Node>,
    pub(super) behavior: SmolStr,
    pub(super) literals: Vec<Node>,
    pub(super) files: Vec<Node>,
    pub(super) envs: Vec<Node>,
    pub(super) secret_type: Option<Node>,
    pub(super) options: Options,
    pub(super) origin: Origin,
}

/// `generatorOptions`, or the `options` of one generator.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) labels: Vec<(SmolStr, Node)>,
    pub(super) annotations: Vec<(SmolStr, Node)>,
    pub(super) disable_name_suffix_hash: bool,
    pub(super) immutable: Option<Node>,
}

impl Options {
    /// Adds what `global` says beside.
    pub(super) fn under(mut self, global: &Options) -> Options {
        let add = |own: &mut Vec<(SmolStr, Node)>, global: &[(SmolStr, Node)]| {
            for (key, value) in global {
                if !own.iter().any(|(known, _)| known == key) {
                    own.push((key.clone(), value.clone()));
                }
            }
        };
        add(&mut self.labels, &global.labels);
        add(&mut self.annotations, &global.annotations);
        self.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        if global.immutable.is_some() {
            self.immutable = global.immutable.clone();
        }
        self
    }
}

/// `sortOptions`
#[derive(Debug, Clone)]
pub(super) enum Sort {
    /// In the order of reading.
    Fifo,
    /// By kind: those first, those last.
    Legacy(Option<(Vec<SmolStr>, Vec<SmolStr>)>),
}

const FIELDS: [&str; 34] = [
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];
const SELECTOR: [&str; 7] = ["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"];
const GENERATOR: [&str; 9] = ["name", "namespace", "behavior", "literals", "files", "envs", "env", "options", "type"];
const HELM_TEXTS: [&str; 9] =
    ["name", "version", "repo", "releaseName", "namespace", "valuesFile", "valuesMerge", "kubeVersion", "nameTemplate"];
const HELM_CHART: [&str; 17] = [
    "name",
    "version",
    "repo",
    "releaseName",
    "namespace",
    "additionalValuesFiles",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "includeCRDs",
    "skipHooks",
    "apiVersions",
    "kubeVersion",
    "nameTemplate",
    "skipTests",
    "debug",
    "devel",
];

/// Reads fields of a node and notes what is wrong with them.
pub(super) struct Reader<'f> {
    pub(super) findings: &'f mut Vec<Finding>,
    /// Plugin configurations are read leniently: unknown fields are passed over, any scalar is text.
    pub(super) lenient: bool,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, mark: Mark, message: impl Into<String>) {
        self.findings.push(Finding::new(&rules::kustomize_error::RULE, mark).message(message));
    }

    /// The mapping of `node`, every field of it among `known`.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<&'n Mapping> {
        if node.is_null() {
            return None;
        }
        let Some(mapping) = node.as_mapping() else {
            self.wrong(node, what, "a mapping");
            return None;
        };
        for entry in mapping.entries.iter().filter(|_| !self.lenient) {
            let key = entry.key_text();
            if !known.iter().any(|name| name.eq_ignore_ascii_case(key)) {
                self.findings.push(
                    Finding::new(&rules::kustomization_unknown_field::RULE, entry.key.mark())
                        .message(format!("{what} has no field `{key}`"))
                        .help_did_you_mean(key, known.iter().copied()),
                );
            }
        }
        Some(mapping)
    }

    /// What a scalar means: a plugin's configuration goes through go-yaml before it is read.
    fn meaning<'n>(&self, scalar: &'n Scalar) -> Resolved<'n> {
        if self.lenient { scalar.resolve() } else { scalar.resolve_kubernetes() }
    }

    fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what}: expected {expected}, found {}", found(node));
        self.error(node.mark(), message);
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, mapping: &Mapping, key: &str) -> Option<Node> {
        let node = field(mapping, key)?;
        self.string(node, key)
    }

    fn string(&mut self, node: &Node, key: &str) -> Option<Node> {
        match node.as_scalar().map(|scalar| self.meaning(scalar)) {
            Some(Resolved::Null) => None,
            Some(Resolved::Str("")) => None,
            Some(Resolved::Str(_)) => Some(node.clone()),
            Some(_) if self.lenient => Some(Node::string(raw(node), node.origin.clone())),
            Some(_) => {
                self.wrong(node, key, "a string (quote it)");
                None
            }
            None => {
                self.wrong(node, key, "a string");
                None
            }
        }
    }

    pub(super) fn smol(&mut self, mapping: &Mapping, key: &str) -> SmolStr {
        self.text(mapping, key).and_then(|node| node.as_scalar().map(|s| s.text.clone())).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, mapping: &Mapping, key: &str) -> bool {
        let Some(node) = field(mapping, key).filter(|node| !node.is_null()) else { return false };
        node.as_bool().unwrap_or_else(|| {
            self.wrong(node, key, "`true` or `false`");
            false
        })
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, mapping: &'n Mapping, key: &str) -> &'n [Node] {
        let Some(node) = field(mapping, key).filter(|node| !node.is_null()) else { return &[] };
        if node.as_sequence().is_none() {
            self.wrong(node, key, "a list");
        }
        node.items()
    }

    pub(super) fn texts(&mut self, mapping: &Mapping, key: &str) -> Vec<Node> {
        let mut texts = Vec::new();
        for item in self.items(mapping, key) {
            match item.as_scalar().map(|scalar| self.meaning(scalar)) {
                Some(Resolved::Str(_)) => texts.push(item.clone()),
                Some(Resolved::Null) => texts.push(Node::string("", item.origin.clone())),
                _ => self.wrong(item, key, "a string"),
            }
        }
        texts
    }

    /// A mapping of texts, sorted by key.
    pub(super) fn pairs(&mut self, mapping: &Mapping, key: &str) -> Vec<(SmolStr, Node)> {
        let Some(node) = field(mapping, key).filter(|node| !node.is_null()) else { return Vec::new() };
        if node.as_mapping().is_none() {
            self.wrong(node, key, "a mapping");
        }
        let mut pairs = Vec::new();
        for entry in node.entries() {
            let name = SmolStr::new(entry.key_text());
            if entry.key.as_scalar().is_none_or(|key| !matches!(self.meaning(key), Resolved::Str(_))) {
                self.error(entry.key.mark(), format!("the key `{name}` is no string: quote it"));
            }
            match entry.value.as_scalar().map(|scalar| self.meaning(scalar)) {
                Some(Resolved::Str(_)) => pairs.push((name, entry.value.clone())),
                Some(Resolved::Null) => pairs.push((name, Node::string("", entry.value.origin.clone()))),
                Some(_) if self.lenient => {
                    pairs.push((name, Node::string(raw(&entry.value), entry.value.origin.clone())));
                }
                _ => self.wrong(&entry.value, &format!("{key}.{name}"), "a string (quote it)"),
            }
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs
    }

    pub(super) fn selector(&mut self, node: &Node) -> Option<Selector> {
        let mapping = self.fields(node, "the target", &SELECTOR)?;
        Some(Selector {
            group: self.smol(mapping, "group"),
            version: self.smol(mapping, "version"),
            kind: self.smol(mapping, "kind"),
            name: self.smol(mapping, "name"),
            namespace: self.smol(mapping, "namespace"),
            label_selector: self.smol(mapping, "labelSelector"),
            annotation_selector: self.smol(mapping, "annotationSelector"),
            // Where it has one, the name is what is at fault when nothing is selected.
            mark: Some(field(mapping, "name").unwrap_or(node).mark()),
            written: leaves(node),
        })
    }

    pub(super) fn patch(&mut self, node: &Node) -> Option<PatchEntry> {
        let mapping = self.fields(node, "a patch", &["path", "patch", "target", "options"])?;
        let options = field(mapping, "options")
            .and_then(|options| self.fields(options, "the patch's options", &["allowNameChange", "allowKindChange"]));
        let (allow_name_change, allow_kind_change) = options.map_or((false, false), |options| {
            (self.flag(options, "allowNameChange"), self.flag(options, "allowKindChange"))
        });
        Some(PatchEntry {
            path: self.text(mapping, "path"),
            text: self.text(mapping, "patch"),
            target: field(mapping, "target").and_then(|target| self.selector(target)),
            allow_name_change,
            allow_kind_change,
            mark: node.mark(),
            body: OnceLock::new(),
        })
    }

    pub(super) fn image(&mut self, node: &Node) -> Option<Image> {
        let mapping = self.fields(node, "an image", &["name", "newName", "newTag", "digest", "tagSuffix"])?;
        let in_force = ["newTag", "digest", "newName", "tagSuffix"].iter().find_map(|key| self.text(mapping, key));
        let name = self.text(mapping, "name");
        Some(Image {
            name: self.smol(mapping, "name"),
            new_name: self.smol(mapping, "newName"),
            new_tag: self.smol(mapping, "newTag"),
            digest: self.smol(mapping, "digest"),
            tag_suffix: self.smol(mapping, "tagSuffix"),
            mark: name.as_ref().map_or(node.mark(), Node::mark),
            origin: in_force.map_or_else(|| node.origin.clone(), |node| node.origin),
            written: leaves(node).into(),
        })
    }

    pub(super) fn replica(&mut self, node: &Node) -> Option<Replica> {
        let mapping = self.fields(node, "a replica count", &["name", "count"])?;
        let name = self.text(mapping, "name");
        let count = field(mapping, "count").filter(|count| !count.is_null());
        if let Some(count) = count.filter(|count| count.as_i64().is_none()) {
            self.wrong(count, "count", "an integer");
            return None;
        }
        Some(Replica {
            name: self.smol(mapping, "name"),
            count: count.and_then(Node::as_i64).unwrap_or(0),
            mark: name.as_ref().map_or(node.mark(), Node::mark),
            origin: count.map_or_else(|| node.origin.clone(), |count| count.origin.clone()),
            written: name.map(|name| name.origin),
        })
    }

    fn variable(&mut self, node: &Node) -> Option<Variable> {
        let mapping = self.fields(node, "a variable", &["name", "objref", "fieldref"])?;
        let name = self.smol(mapping, "name");
        let known = ["apiVersion", "group", "version", "kind", "name", "namespace"];
        let object = field(mapping, "objref").and_then(|object| self.fields(object, "objref", &known))?;
        let api_version = self.smol(object, "apiVersion");
        let (mut group, mut version) = (self.smol(object, "group"), self.smol(object, "version"));
        match api_version.split('/').collect::<Vec<_>>().as_slice() {
            [one] if !one.is_empty() => version = SmolStr::new(one),
            [one, two] => (group, version) = (SmolStr::new(one), SmolStr::new(two)),
            _ => {}
        }
        let path = field(mapping, "fieldref")
            .and_then(|field| self.fields(field, "fieldref", &["fieldPath"]))
            .map(|field| self.smol(field, "fieldPath"))
            .filter(|path| !path.is_empty());
        Some(Variable {
            name,
            group,
            version,
            kind: self.smol(object, "kind"),
            target: self.smol(object, "name"),
            namespace: self.smol(object, "namespace"),
            field_path: path.unwrap_or_else(|| SmolStr::new_static("metadata.name")),
            mark: node.mark(),
            written: leaves(node),
        })
    }

    fn label(&mut self, node: &Node) -> Option<Label> {
        let known = ["pairs", "includeSelectors", "includeTemplates", "fields"];
        let mapping = self.fields(node, "a label", &known)?;
        let fields = match field(mapping, "fields").map(|node| field_specs(node, false)) {
            Some(Err((message, at))) => {
                self.error(at.mark(), message);
                Vec::new()
            }
            Some(Ok(fields)) => fields,
            None => Vec::new(),
        };
        Some(Label {
            pairs: self.pairs(mapping, "pairs"),
            include_selectors: self.flag(mapping, "includeSelectors"),
            include_templates: self.flag(mapping, "includeTemplates"),
            fields,
            origin: node.origin.clone(),
        })
    }

    pub(super) fn options(&mut self, node: &Node) -> Options {
        let known = ["labels", "annotations", "disableNameSuffixHash", "immutable"];
        let Some(mapping) = self.fields(node, "the generator's options", &known) else { return Options::default() };
        Options {
            labels: self.pairs(mapping, "labels"),
            annotations: self.pairs(mapping, "annotations"),
            disable_name_suffix_hash: self.flag(mapping, "disableNameSuffixHash"),
            immutable: if self.flag(mapping, "immutable") { field(mapping, "immutable").cloned() } else { None },
        }
    }

    pub(super) fn generator(&mut self, node: &Node, secret: bool) -> Option<Generator> {
        let known = if secret { &GENERATOR[..] } else { &GENERATOR[..8] };
        let mapping = self.fields(node, "a generator", known)?;
        Some(self.generator_of(mapping, node))
    }

    pub(super) fn generator_of(&mut self, mapping: &Mapping, node: &Node) -> Generator {
        let mut envs = self.texts(mapping, "envs");
        envs.extend(self.text(mapping, "env"));
        let options = field(mapping, "options").map(|options| self.options(options)).unwrap_or_default();
        Generator {
            name: self.text(mapping, "name"),
            namespace: self.text(mapping, "namespace"),
            behavior: self.smol(mapping, "behavior"),
            literals: self.texts(mapping, "literals"),
            files: self.texts(mapping, "files"),
            envs,
            secret_type: self.text(mapping, "type"),
            options,
            origin: node.origin.clone(),
        }
    }

    pub(super) fn sort(&mut self, node: &Node) -> Option<Sort> {
        let mapping = self.fields(node, "sortOptions", &["order", "legacySortOptions"])?;
        let legacy = field(mapping, "legacySortOptions")
            .and_then(|node| self.fields(node, "legacySortOptions", &["orderFirst", "orderLast"]));
        let order = self.smol(mapping, "order");
        let kinds = |texts: Vec<Node>| {
            texts.iter().filter_map(|node| node.as_scalar().map(|scalar| scalar.text.clone())).collect::<Vec<_>>()
        };
        match (order.as_str(), legacy) {
            ("fifo", None) => Some(Sort::Fifo),
            ("legacy", None) => Some(Sort::Legacy(None)),
            ("legacy", Some(legacy)) => Some(Sort::Legacy(Some((
                kinds(self.texts(legacy, "orderFirst")),
                kinds(self.texts(legacy, "orderLast")),
            )))),
            ("fifo", Some(_)) => {
                self.error(node.mark(), "`legacySortOptions` goes with `order: legacy`, not with `fifo`");
                None
            }
            (other, _) => {
                self.error(node.mark(), format!("sortOptions.order: expected `fifo` or `legacy`, found `{other}`"));
                None
            }
        }
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
            Resolved::Bool(_) => format!("the boolean `{}`", scalar.text),
            Resolved::Int(_) | Resolved::Uint(_) | Resolved::Float(_) => format!("the number `{}`", scalar.text),
            _ => format!("`{}`", scalar.text),
        },
        _ if node.kind() == Kind::Mapping => "a mapping".to_owned(),
        _ => "a list".to_owned(),
    }
}

/// A field, its name read as Go's JSON decoder does: capitals do not count.
pub(super) fn field<'n>(mapping: &'n Mapping, key: &str) -> Option<&'n Node> {
    mapping.get(key).or_else(|| {
        mapping.entries.iter().find(|entry| entry.key_text().eq_ignore_ascii_case(key)).map(|entry| &entry.value)
    })
}

impl Kustomization {
    /// Reads the root of a kustomization file.
    pub(super) fn read(file: FileId, path: &str, root: Option<&Node>) -> Kustomization {
        let mut findings = Vec::new();
        let mut kustomization = Kustomization { path: path.to_owned(), ..Kustomization::default() };
        let mut reader = Reader { findings: &mut findings, lenient: false };
        match root.and_then(|root| reader.fields(root, "a kustomization", &FIELDS)) {
            Some(mapping) => kustomization.fill(mapping, &mut reader),
            None => reader.error(Mark::file(file), "the kustomization is empty"),
        }
        kustomization.findings = findings;
        kustomization
    }

    fn fill(&mut self, mapping: &Mapping, reader: &mut Reader<'_>) {
        let only_type = mapping.entries.iter().all(|entry| {
            ["apiversion", "kind"].contains(&entry.key_text().to_ascii_lowercase().as_str()) || is_zero(&entry.value)
        });
        if only_type {
            let mark = mapping.entries.first().map_or(Mark::NONE, |entry| entry.key.mark());
            reader.error(mark, "the kustomization is empty: it has nothing but apiVersion and kind");
        }
        self.types(mapping, reader);
        self.resources = reader.texts(mapping, "resources");
        self.resources.extend(reader.texts(mapping, "bases"));
        self.components = reader.texts(mapping, "components");
        self.crds = reader.texts(mapping, "crds");
        self.configurations = reader.texts(mapping, "configurations");
        self.generators = reader.texts(mapping, "generators");
        self.transformers = reader.texts(mapping, "transformers");
        self.validators = reader.texts(mapping, "validators");
        self.name_prefix = reader.text(mapping, "namePrefix");
        self.name_suffix = reader.text(mapping, "nameSuffix");
        self.namespace = reader.text(mapping, "namespace");
        self.common_labels = reader.pairs(mapping, "commonLabels");
        self.common_annotations = reader.pairs(mapping, "commonAnnotations");
        self.labels = reader.items(mapping, "labels").iter().filter_map(|node| reader.label(node)).collect();
        self.patches = reader.items(mapping, "patches").iter().filter_map(|node| reader.patch(node)).collect();
        self.patches_json6902 =
            reader.items(mapping, "patchesJson6902").iter().filter_map(|node| reader.patch(node)).collect();
        self.patches_strategic_merge = reader
            .texts(mapping, "patchesStrategicMerge")
            .into_iter()
            .map(|node| PatchEntry {
                mark: node.mark(),
                path: None,
                text: Some(node),
                target: None,
                allow_name_change: false,
                allow_kind_change: false,
                body: OnceLock::new(),
            })
            .collect();
        for key in ["images", "imageTags"] {
            self.images.extend(reader.items(mapping, key).iter().filter_map(|node| reader.image(node)));
        }
        self.replicas = reader.items(mapping, "replicas").iter().filter_map(|node| reader.replica(node)).collect();
        self.replacements = reader.items(mapping, "replacements").to_vec();
        self.vars = reader.items(mapping, "vars").iter().filter_map(|node| reader.variable(node)).collect();
        let global = field(mapping, "generatorOptions").map(|node| reader.options(node)).unwrap_or_default();
        let mut generators = |key: &str, secret: bool| -> Vec<Generator> {
            reader
                .items(mapping, key)
                .iter()
                .filter_map(|node| reader.generator(node, secret))
                .map(|generator| Generator { options: generator.options.clone().under(&global), ..generator })
                .collect()
        };
        self.config_maps = generators("configMapGenerator", false);
        self.secrets = generators("secretGenerator", true);
        self.helm_charts = reader.items(mapping, "helmCharts").to_vec();
        for chart in &self.helm_charts {
            if let Some(chart) = reader.fields(chart, "a helm chart", &HELM_CHART) {
                for key in HELM_TEXTS {
                    reader.text(chart, key);
                }
            }
        }
        self.helm_charts.extend(reader.items(mapping, "helmChartInflationGenerator").iter().cloned());
        self.helm_globals = field(mapping, "helmGlobals").cloned();
        self.sort = field(mapping, "sortOptions").and_then(|node| reader.sort(node));
        let openapi = field(mapping, "openapi").and_then(|node| reader.fields(node, "openapi", &["path", "version"]));
        if let Some(openapi) = openapi {
            self.openapi_path = reader.text(openapi, "path");
            let version = reader.text(openapi, "version");
            self.openapi_builtin = version.is_some();
            match &version {
                Some(version) if self.openapi_path.is_some() => {
                    reader.error(version.mark(), "openapi has a `version` or a `path`, not both");
                }
                Some(version) if raw(version) != "v1.21.2" => {
                    let message = format!("openapi.version: expected `v1.21.2`, found `{}`", raw(version));
                    reader.error(version.mark(), message);
                }
                _ => {}
            }
        }
        for option in reader.texts(mapping, "buildMetadata") {
            let text = option.as_scalar().map_or_else(SmolStr::default, |scalar| scalar.text.clone());
            self.build_metadata.push((text, option.origin.clone()));
        }
        if let Some(metadata) = field(mapping, "metadata") {
            reader.fields(metadata, "metadata", &["name", "namespace", "labels", "annotations"]);
        }
    }

    fn types(&mut self, mapping: &Mapping, reader: &mut Reader<'_>) {
        let kind = reader.text(mapping, "kind");
        let api_version = reader.text(mapping, "apiVersion");
        let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_str).unwrap_or_default().to_owned();
        self.component = text(&kind) == "Component";
        if let Some(node) = &kind
            && !["Kustomization", "Component"].contains(&text(&kind).as_str())
        {
            let message = format!("kind: expected `Kustomization` or `Component`, found `{}`", text(&kind));
            reader.error(node.mark(), message);
        }
        let expected =
            if self.component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
        if let Some(node) = &api_version
            && text(&api_version) != expected
        {
            reader.error(node.mark(), format!("apiVersion: expected `{expected}`, found `{}`", text(&api_version)));
        }
    }

    /// A copy to be edited. The bodies of its patches are read anew.
    pub(super) fn edited(other: &Kustomization) -> Kustomization {
        let again = |patches: &[PatchEntry]| -> Vec<PatchEntry> {
            patches
                .iter()
                .map(|patch| PatchEntry {
                    path: patch.path.clone(),
                    text: patch.text.clone(),
                    target: patch.target.clone(),
                    allow_name_change: patch.allow_name_change,
                    allow_kind_change: patch.allow_kind_change,
                    mark: patch.mark,
                    body: patch.body.clone(),
                })
                .collect()
        };
        Kustomization {
            path: other.path.clone(),
            component: other.component,
            findings: other.findings.clone(),
            resources: other.resources.clone(),
            components: other.components.clone(),
            crds: other.crds.clone(),
            configurations: other.configurations.clone(),
            generators: other.generators.clone(),
            transformers: other.transformers.clone(),
            validators: other.validators.clone(),
            openapi_path: other.openapi_path.clone(),
            openapi_builtin: other.openapi_builtin,
            name_prefix: other.name_prefix.clone(),
            name_suffix: other.name_suffix.clone(),
            namespace: other.namespace.clone(),
            labels: other.labels.clone(),
            common_labels: other.common_labels.clone(),
            common_annotations: other.common_annotations.clone(),
            patches_strategic_merge: again(&other.patches_strategic_merge),
            patches_json6902: again(&other.patches_json6902),
            patches: again(&other.patches),
            images: other.images.clone(),
            replicas: other.replicas.clone(),
            replacements: other.replacements.clone(),
            vars: other.vars.clone(),
            config_maps: other.config_maps.clone(),
            secrets: other.secrets.clone(),
            helm_charts: other.helm_charts.clone(),
            helm_globals: other.helm_globals.clone(),
            sort: other.sort.clone(),
            build_metadata: other.build_metadata.clone(),
        }
    }

    /// `namespace in environments/dev/kustomization.yaml`
    pub(super) fn step(&self, field: &str) -> std::sync::Arc<str> {
        format!("{field} in {}", self.path).into()
    }
}

/// What Go's decoder takes for a field that is not set.
fn is_zero(node: &Node) -> bool {
    node.is_null() || node.as_str() == Some("")
}
