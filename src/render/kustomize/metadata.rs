//! `buildMetadata`: annotations that tell where a resource came from, and the label of who manages it.

use std::sync::Arc;

use super::accumulate::Context;
use super::build::Build;
use super::kustomization::Kustomization;
use super::resource::{Res, mapping_at};
use crate::origin::Origin;
use crate::source::base_name;
use crate::yaml::Node;

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The note of a built-in plugin of a kustomization.
pub(super) fn configured(context: &Context<'_, '_>, kustomization: &Kustomization, kind: &str) -> Option<String> {
    let directory = context.provenance?;
    let file = super::accumulate::join_origin(directory, base_name(&kustomization.path));
    Some(format!("configuredIn: {file}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {kind}\n"))
}

/// Notes the generator of `res`.
pub(super) fn generated(context: &Context<'_, '_>, kustomization: &Kustomization, kind: &str, res: &mut Res) {
    if let Some(note) = configured(context, kustomization, kind) {
        res.book.provenance = Some(note.into());
    }
}

/// Notes a transformer on every resource.
pub(super) fn transformed(context: &Context<'_, '_>, kustomization: &Kustomization, kind: &str, build: &mut Build) {
    if let Some(note) = configured(context, kustomization, kind) {
        noted(&note, build);
    }
}

/// Notes a transformer by its text.
pub(super) fn noted(note: &str, build: &mut Build) {
    let note: Arc<str> = note.into();
    for res in &mut build.resources {
        if res.book.provenance.is_none() {
            res.book.provenance = Some(note.clone());
        } else {
            res.book.transformations.push(note.clone());
        }
    }
}

/// Sets the label of `managedByLabel`.
pub(super) fn label(kustomization: &Kustomization, build: &mut Build) {
    let Some(asked) = asked(kustomization, "managedByLabel") else { return };
    for res in &mut build.resources {
        set(res, "labels", "app.kubernetes.io/managed-by", "kustomize-v5.8.1".to_owned(), asked);
        super::shared::settle(res);
    }
}

/// Sets the annotations that were asked for.
pub(super) fn annotate(kustomization: &Kustomization, build: &mut Build) {
    let origins = asked(kustomization, "originAnnotations");
    let transformations = asked(kustomization, "transformerAnnotations");
    for res in &mut build.resources {
        if let (Some(note), Some(asked)) = (res.book.provenance.clone(), origins) {
            set(res, "annotations", ORIGIN, note.to_string(), asked);
        }
        if let Some(asked) = transformations.filter(|_| !res.book.transformations.is_empty()) {
            let notes: String = res
                .book
                .transformations
                .iter()
                .map(|note| format!("- {}\n", note.trim_end().replace('\n', "\n  ")))
                .collect();
            set(res, "annotations", TRANSFORMATIONS, notes, asked);
        }
    }
}

/// Where the kustomization asks for `option`.
fn asked<'k>(kustomization: &'k Kustomization, option: &str) -> Option<&'k Origin> {
    kustomization.build_metadata.iter().find(|(known, _)| known == option).map(|(_, origin)| origin)
}

/// Sets what `asked` asks for, in `res`, on which it depends as a whole.
fn set(res: &mut Res, field: &str, key: &str, text: String, asked: &Origin) {
    let origin: Origin = res.node.origin.because(Some([asked.clone()].into()));
    let node = res.node_mut();
    if let Some(metadata) = node.get_mut("metadata")
        && let Some(mapping) = mapping_at(metadata, field, &origin)
    {
        mapping.set(key, Node::string(text, origin));
    }
}
