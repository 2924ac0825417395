//! Argo CD's own options for kustomize: `spec.source.kustomize` of an Application.
//!
//! Argo CD writes them into the kustomization with `kustomize edit` before it builds: images and replicas replace the
//! entries of the same name, prefixes, suffixes and the namespace replace those that are there, labels and annotations
//! are added (`force` lets them replace), patches and components come last.

use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::{Build, Context};
use super::kustomization::{Image, Kustomization, Label, Reader, Replica, field};
use super::resource::raw;
use crate::origin::{Mark, Origin};
use crate::source::normalize;
use crate::yaml::{Mapping, Node};

/// What an Application asks kustomize for beside the kustomization.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    node: Option<Node>,
}

impl Overrides {
    /// Nothing.
    pub fn none() -> Overrides {
        Overrides::default()
    }

    /// The options of a `spec.source.kustomize`.
    pub fn from_node(node: Option<&Node>) -> Overrides {
        Overrides { node: node.filter(|node| !node.entries().is_empty()).cloned() }
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
        edit(&mut edited, options, &mut reader, context);
        build.failed |= !findings.is_empty();
        build.findings.extend(findings);
        Arc::new(edited)
    }

    /// What Argo CD does with the output: nothing at present.
    pub(super) fn after(&self, _build: &mut Build) {}
}

fn edit(edited: &mut Kustomization, options: &Mapping, reader: &mut Reader<'_>, context: &Context<'_, '_>) {
    if let Some(prefix) = reader.text(options, "namePrefix") {
        edited.name_prefix = Some(prefix);
    }
    if let Some(suffix) = reader.text(options, "nameSuffix") {
        edited.name_suffix = Some(suffix);
    }
    for node in reader.texts(options, "images") {
        let image = image(&node);
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
    labels(edited, options, reader);
    for (key, value) in reader.pairs(options, "commonAnnotations") {
        set_pair(&mut edited.common_annotations, key, value);
    }
    if let Some(namespace) = reader.text(options, "namespace") {
        edited.namespace = Some(namespace);
    }
    for node in reader.items(options, "patches") {
        edited.patches.extend(reader.patch(node));
    }
    let ignore_missing = reader.flag(options, "ignoreMissingComponents");
    for node in reader.texts(options, "components") {
        let there = normalize(context.directory, raw(&node))
            .is_some_and(|path| context.builds.repository.snapshot.directory(&path).is_some());
        if there || !ignore_missing {
            edited.components.push(node);
        }
    }
}

fn set_pair(pairs: &mut Vec<(SmolStr, Node)>, key: SmolStr, value: Node) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => {
            pairs.push((key, value));
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
}

fn labels(edited: &mut Kustomization, options: &Mapping, reader: &mut Reader<'_>) {
    let pairs = reader.pairs(options, "commonLabels");
    if pairs.is_empty() {
        return;
    }
    let without_selector = reader.flag(options, "labelWithoutSelector");
    let include_templates = reader.flag(options, "labelIncludeTemplates");
    let force = reader.flag(options, "forceCommonLabels");
    if !without_selector {
        for (key, value) in pairs {
            if !force && edited.common_labels.iter().any(|(known, _)| *known == key) {
                let message = format!("the label `{key}` is in the kustomization already: set `forceCommonLabels`");
                reader.error(value.mark(), message);
                continue;
            }
            set_pair(&mut edited.common_labels, key, value);
        }
        return;
    }
    let origin = field(options, "commonLabels").map_or(Origin::NONE, |node| node.origin.clone());
    edited.labels.push(Label { pairs, include_selectors: false, include_templates, fields: Vec::new(), origin });
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
