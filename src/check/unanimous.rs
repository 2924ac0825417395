//! Findings in kustomize Components that only some of their users have are no defects: a Component is written for many
//! overlays, and a patch of Deployments finds nothing in an overlay that has none. What no overlay has use for is a
//! defect.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::Raw;
use crate::check::rules::{unmatched_image_override, unmatched_patch_target, unmatched_replica_override};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::resolve::Rendered;
use crate::source::parent;

/// Removes from `parts` (one a target, as in `rendered`) what another user of the same Component does not have.
pub(super) fn keep(repository: &Repository, rendered: &[Rendered], parts: &mut [Vec<Raw>]) {
    let rules =
        [unmatched_patch_target::RULE.id, unmatched_replica_override::RULE.id, unmatched_image_override::RULE.id];
    let mut found: BTreeMap<FileId, BTreeSet<(Mark, &str)>> = BTreeMap::new();
    let mut held: Vec<BTreeSet<(Mark, &str)>> = Vec::with_capacity(parts.len());
    for part in parts.iter() {
        let mut own = BTreeSet::new();
        for finding in part.iter().map(|raw| &raw.finding) {
            if let Some(rule) = rules.iter().find(|rule| **rule == finding.rule)
                && is_component(repository, finding.mark.file)
            {
                found.entry(finding.mark.file).or_default().insert((finding.mark, rule));
                own.insert((finding.mark, *rule));
            }
        }
        held.push(own);
    }
    let mut dropped: BTreeSet<(Mark, &str)> = BTreeSet::new();
    for (file, keys) in &found {
        for (target, own) in rendered.iter().zip(&held) {
            // A target that failed may have stopped before it came so far.
            if target.output.used.contains(file) && !target.output.failed {
                dropped.extend(keys.difference(own));
            }
        }
    }
    if dropped.is_empty() {
        return;
    }
    for part in parts {
        part.retain(|raw| !dropped.iter().any(|(mark, rule)| *mark == raw.finding.mark && *rule == raw.finding.rule));
    }
}

/// Whether the kustomization that `file` is or belongs to is a Component.
fn is_component(repository: &Repository, file: FileId) -> bool {
    let mut directory = parent(repository.snapshot.path(file));
    loop {
        if let Some(kustomization) = repository.kustomization(directory) {
            let root = repository.yaml(kustomization).and_then(|yaml| yaml.documents.first());
            return root.and_then(|document| document.root.str_at(&["kind"])) == Some("Component");
        }
        if directory.is_empty() {
            return false;
        }
        directory = parent(directory);
    }
}
