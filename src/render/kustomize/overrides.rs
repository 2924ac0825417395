//! Argo CD's own options for kustomize: `spec.source.kustomize` of an Application.
//!
//! Argo CD writes them into the kustomization with `kustomize edit` before it builds: images and replicas replace the
//! entries of the same name, prefixes, suffixes and the namespace replace those that are there, labels and annotations
//! are added (`force` lets them replace), patches and components come last. Images, labels and, if that is asked for,
//! annotations may hold build variables. Charts are told the version of the cluster and its APIs.

use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::kustomization::{Image, Kustomization, Label, Reader, Replica, field};
use super::resource::raw;
use crate::origin::{Mark, Origin};
use crate::render::variables::Variables;
use crate::source::normalize;
use crate::yaml::{Mapping, Node};

/// What an Application asks kustomize for beside the kustomization.
#[derive(Debug, Clone, Default)]
pub struct Overrides<'a> {
    node: Option<Node>,
    variables: Option<Variables<'a>>,
    cluster: Served,
}

/// What charts are told of the cluster; it wins over what they are told by the kustomization.
#[derive(Debug, Clone, Default)]
pub(super) struct Served {
    /// The version of Kubernetes.
    pub(super) kube_version: Option<String>,
    /// The API versions beside those that Helm knows.
    pub(super) api_versions: Vec<String>,
}

impl<'a> Overrides<'a> {
    /// Nothing.
    pub fn none() -> Overrides<'a> {
        Overrides::default()
    }

    /// The options of a `spec.source.kustomize`.
    pub fn from_node(node: Option<&Node>) -> Overrides<'a> {
        let list = node.and_then(|node| node.get("apiVersions")).map(Node::items).unwrap_or_default();
        let cluster = Served {
            kube_version: node.and_then(|node| node.str_at(&["kubeVersion"])).map(str::to_owned),
            api_versions: list.iter().filter_map(Node::text).map(str::to_owned).collect(),
        };
        Overrides { node: node.filter(|node| !node.entries().is_empty()).cloned(), variables: None, cluster }
    }

    /// The same, with the build variables of the Application.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables<'a>) -> Overrides<'a> {
        self.variables = Some(variables);
        self
    }

    /// The same for a cluster of a version, where the options name none.
    #[must_use]
    pub fn on(mut self, kube_version: Option<String>) -> Overrides<'a> {
        self.cluster.kube_version = self.cluster.kube_version.or(kube_version);
        self
    }

    /// What charts are told of the cluster.
    pub(super) fn cluster(&self) -> &Served {
        &self.cluster
    }

    /// Where the options stand.
    pub(super) fn mark(&self) -> Mark {
        self.node.as_ref().map_or(Mark::NONE, Node::mark)
    }

    /// The kustomization as Argo CD edits it.
    pub(super) fn applied(
        &self,
        kustomization: &Arc<Kustomization>,
        context: &Context<'_, '_>,
        build: &mut Build,
    ) -> Arc<Kustomization> {
        let Some(options) = self.node.as_ref().and_then(Node::as_mapping) else { return kustomization.clone() };
        let mut findings = Vec::new();
        let mut edited = Kustomization::edited(kustomization);
        let mut reader = Reader { findings: &mut findings, lenient: true };
        edit(&mut edited, options, self.variables.as_ref(), &mut reader, context);
        build.failed |= !findings.is_empty();
        build.findings.extend(findings);
        Arc::new(edited)
    }
}

/// A text with the Application's build variables filled in.
fn expanded(node: Node, variables: Option<&Variables<'_>>) -> Node {
    match (variables, node.text()) {
        (Some(variables), Some(text)) if text.contains('$') => {
            Node::string(variables.expand(text), node.origin.clone())
        }
        _ => node,
    }
}

fn edit(
    edited: &mut Kustomization,
    options: &Mapping,
    variables: Option<&Variables<'_>>,
    reader: &mut Reader<'_>,
    context: &Context<'_, '_>,
) {
    if let Some(prefix) = reader.text(options, "namePrefix") {
        edited.name_prefix = Some(prefix);
    }
    if let Some(suffix) = reader.text(options, "nameSuffix") {
        edited.name_suffix = Some(suffix);
    }
    for node in reader.texts(options, "images") {
        let image = image(&expanded(node, variables));
        match edited.images.iter_mut().find(|known| known.name == image.name) {
            Some(known) => *known = merged(known, image),
            None => edited.images.push(image),
        }
    }
    for node in reader.items(options, "replicas") {
        let Some(replica) = replica(node) else { continue };
        match edited.replicas.iter_mut().find(|known| known.name == replica.name) {
            Some(known) => *known = replica,
            None => edited.replicas.push(replica),
        }
    }
    labels(edited, options, variables, reader);
    let substituted = variables.filter(|_| reader.flag(options, "commonAnnotationsEnvsubst"));
    let force = reader.flag(options, "forceCommonAnnotations");
    for (key, value) in reader.pairs(options, "commonAnnotations") {
        let value = expanded(value, substituted);
        add_pair(&mut edited.common_annotations, (key, value), force, "annotation", reader);
    }
    if let Some(namespace) = reader.text(options, "namespace") {
        edited.namespace = Some(namespace);
    }
    for node in reader.items(options, "patches") {
        edited.patches.extend(reader.patch(node));
    }
    let ignore_missing = reader.flag(options, "ignoreMissingComponents");
    let known: Vec<String> = edited.components.iter().map(|node| raw(node).to_owned()).collect();
    for node in reader.texts(options, "components") {
        let directory = normalize(context.directory, raw(&node));
        let there = directory.is_some_and(|directory| context.builds.kustomization(&directory).is_some());
        if !there && ignore_missing {
            continue;
        }
        // `kustomize edit` adds none that is there.
        if !known.iter().any(|known| known == raw(&node)) {
            edited.components.push(node);
        }
        // Where components may be missing, Argo CD looks for the first that is there and no further.
        if ignore_missing {
            break;
        }
    }
}

/// Adds a pair as `kustomize edit add` does: one that is there is an error, unless it is forced.
fn add_pair(
    pairs: &mut Vec<(SmolStr, Node)>,
    (key, value): (SmolStr, Node),
    force: bool,
    what: &str,
    reader: &mut Reader<'_>,
) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) if force => *known = value,
        Some(_) => {
            let option = if what == "label" { "forceCommonLabels" } else { "forceCommonAnnotations" };
            let message = format!("the {what} `{key}` is in the kustomization already: set `{option}`");
            reader.error(value.mark(), message);
        }
        None => {
            pairs.push((key, value));
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
}

fn labels(edited: &mut Kustomization, options: &Mapping, variables: Option<&Variables<'_>>, reader: &mut Reader<'_>) {
    let pairs = reader.pairs(options, "commonLabels");
    let Some((_, first)) = pairs.first() else { return };
    let mark = first.mark();
    let without_selector = reader.flag(options, "labelWithoutSelector");
    let include_templates = reader.flag(options, "labelIncludeTemplates");
    let force = reader.flag(options, "forceCommonLabels");
    if include_templates && !without_selector {
        let at = field(options, "labelIncludeTemplates").map_or(mark, Node::mark);
        reader.error(at, "`labelIncludeTemplates` needs `labelWithoutSelector`");
        return;
    }
    let pairs = pairs.into_iter().map(|(key, value)| (key, expanded(value, variables)));
    if !without_selector {
        pairs.for_each(|pair| add_pair(&mut edited.common_labels, pair, force, "label", reader));
        return;
    }
    // They go to the first entry that is alike, whatever its fields.
    let alike = |label: &&mut Label| !label.include_selectors && label.include_templates == include_templates;
    match edited.labels.iter_mut().find(alike) {
        Some(label) => pairs.for_each(|pair| add_pair(&mut label.pairs, pair, force, "label", reader)),
        None => {
            let origin = field(options, "commonLabels").map_or(Origin::NONE, |node| node.origin.clone());
            let pairs = pairs.collect();
            edited.labels.push(Label {
                pairs,
                include_selectors: false,
                include_templates,
                fields: Vec::new(),
                origin,
            });
        }
    }
}

/// An entry of `images`: `[old=]new[:tag][@digest]`.
fn image(node: &Node) -> Image {
    let text = raw(node);
    let (old, new) = text.split_once('=').map_or((None, text), |(old, new)| (Some(old), new));
    let (head, digest) = new.split_once('@').unwrap_or((new, ""));
    let from = head.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match head[from..].find(':') {
        Some(colon) => (&head[..from + colon], &head[from + colon + 1..]),
        None => (head, ""),
    };
    Image {
        name: SmolStr::new(old.unwrap_or(name)),
        new_name: if old.is_some() { SmolStr::new(name) } else { SmolStr::default() },
        new_tag: SmolStr::new(tag),
        digest: SmolStr::new(digest),
        tag_suffix: SmolStr::default(),
        mark: node.mark(),
        origin: node.origin.clone(),
        written: [node.origin.clone()].into(),
    }
}

/// What `kustomize edit set image` leaves of the entry that was there.
fn merged(known: &Image, new: Image) -> Image {
    let pick = |new: SmolStr, old: &SmolStr| if new.is_empty() { old.clone() } else { new };
    let changed = !new.new_tag.is_empty() || !new.digest.is_empty();
    Image {
        new_name: pick(new.new_name, &known.new_name),
        new_tag: if changed { new.new_tag } else { known.new_tag.clone() },
        digest: if changed { new.digest } else { known.digest.clone() },
        ..new
    }
}

fn replica(node: &Node) -> Option<Replica> {
    let name = node.get("name")?;
    let count = node.get("count")?;
    let number = raw(count).trim().parse().ok()?;
    Some(Replica {
        name: SmolStr::new(raw(name)),
        count: number,
        mark: name.mark(),
        origin: count.origin.clone(),
        written: Some(name.origin.clone()),
    })
}
