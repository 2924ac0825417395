//! What stands for itself: the kustomizations, charts and manifests that no other file of the repository uses.

use std::collections::{BTreeSet, HashSet};

use crate::load::{Class, Repository};
use crate::origin::{FileId, Mark};
use crate::source::{base_name, normalize, parent};
use crate::yaml::{Node, Value};

use super::{Target, TargetKind};

/// What the kustomizations of a repository refer to.
#[derive(Debug, Default)]
pub struct References {
    /// Files that some kustomization names, as a resource, a patch or otherwise.
    pub files: BTreeSet<FileId>,
    /// Directories with a kustomization that another kustomization names.
    pub directories: BTreeSet<String>,
}

/// Finds what kustomizations name. Every text in a kustomization that names a file or a kustomization's directory
/// counts, whatever field it stands in: fields that kustomize adds one day are then covered too.
pub fn references(repository: &Repository) -> References {
    let mut references = References::default();
    let names = names(repository);
    for (directory, id) in &repository.kustomizations {
        let Some(yaml) = repository.yaml(*id) else { continue };
        for document in &yaml.documents {
            collect(repository, &names, directory, &document.root, &mut references);
        }
    }
    references
}

/// The names of all files and directories: most texts of a kustomization end in none of them, and need no search.
fn names(repository: &Repository) -> HashSet<&str> {
    let mut names = HashSet::new();
    let mut before = "";
    for (_, file) in repository.snapshot.files() {
        let path: &str = &file.path;
        names.insert(base_name(path));
        let mut directory = parent(path);
        if std::mem::replace(&mut before, directory) == directory {
            continue;
        }
        while !directory.is_empty() {
            names.insert(base_name(directory));
            directory = parent(directory);
        }
    }
    names
}

fn collect(repository: &Repository, names: &HashSet<&str>, directory: &str, node: &Node, references: &mut References) {
    match &node.value {
        Value::Scalar(scalar) => {
            let text = scalar.text.as_str();
            if text.is_empty() || text.len() > 4096 || text.contains('\n') {
                return;
            }
            // `key=path` in the files of a generator.
            for path in [Some(text), text.split_once('=').map(|(_, path)| path)].into_iter().flatten() {
                let last = base_name(path.trim_end_matches('/'));
                if !matches!(last, "" | "." | "..") && !names.contains(last) {
                    continue;
                }
                let Some(path) = normalize(directory, path) else { continue };
                if let Some(id) = repository.snapshot.find(&path) {
                    references.files.insert(id);
                } else if path != directory
                    && let Some(real) = repository.snapshot.directory(&path)
                    && repository.kustomization(&real).is_some()
                {
                    references.directories.insert(real);
                }
            }
        }
        // Depth is bounded by the reader.
        Value::Sequence(sequence) => {
            sequence.items.iter().for_each(|item| collect(repository, names, directory, item, references));
        }
        Value::Mapping(mapping) => {
            mapping.entries.iter().for_each(|entry| collect(repository, names, directory, &entry.value, references));
        }
    }
}

/// The kustomizations and manifests from which everything else is reached, sorted by path.
pub fn roots(repository: &Repository, references: &References) -> Vec<Target> {
    let mut targets = Vec::new();
    for (directory, id) in &repository.kustomizations {
        let within_chart = repository.class(*id) != Class::Kustomization || chart_above(repository, directory);
        if within_chart || references.directories.contains(directory) || is_component(repository, *id) {
            continue;
        }
        targets.push(Target {
            id: format!("kustomization {}", shown(directory)),
            kind: TargetKind::Kustomization(directory.clone()),
            mark: Mark::file(*id),
        });
    }
    for id in repository.files_of(Class::Yaml) {
        if references.files.contains(&id) || !holds_objects(repository, id) {
            continue;
        }
        let path = repository.snapshot.path(id);
        targets.push(Target {
            id: format!("manifest {path}"),
            kind: TargetKind::Manifest(path.to_owned()),
            mark: Mark::file(id),
        });
    }
    targets
}

/// The charts that no other chart contains, sorted by path.
pub fn charts(repository: &Repository) -> Vec<Target> {
    repository
        .charts
        .iter()
        .filter(|(directory, _)| !chart_above(repository, directory))
        .map(|(directory, id)| Target {
            id: format!("chart {}", shown(directory)),
            kind: TargetKind::Chart(directory.clone()),
            mark: Mark::file(*id),
        })
        .collect()
}

fn shown(directory: &str) -> &str {
    if directory.is_empty() { "." } else { directory }
}

fn chart_above(repository: &Repository, directory: &str) -> bool {
    let mut at = directory;
    while !at.is_empty() {
        at = parent(at);
        if repository.charts.contains_key(at) {
            return true;
        }
    }
    false
}

pub(super) fn is_component(repository: &Repository, id: FileId) -> bool {
    let Some(yaml) = repository.yaml(id) else { return false };
    yaml.documents.first().is_some_and(|document| document.root.str_at(&["kind"]) == Some("Component"))
}

/// Whether a file holds Kubernetes objects: something with `apiVersion` and `kind`.
fn holds_objects(repository: &Repository, id: FileId) -> bool {
    let Some(yaml) = repository.yaml(id) else { return false };
    yaml.documents
        .iter()
        .any(|document| document.root.str_at(&["apiVersion"]).is_some() && document.root.str_at(&["kind"]).is_some())
}
