//! What stands for itself: the kustomizations, charts and manifests that no other file of the repository uses.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Kustomizations that another kustomization names.
    pub kustomizations: BTreeSet<FileId>,
    /// What each kustomization names.
    pub(super) named: BTreeMap<FileId, Named>,
}

/// What one kustomization refers to.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) files: Vec<FileId>,
    pub(super) kustomizations: Vec<FileId>,
    /// Whether it names a resource that is not in the repository under that name.
    pub(super) elsewhere: bool,
}

/// Finds what kustomizations name. Every text in a kustomization that names a file or a kustomization's directory
/// counts, whatever field it stands in: fields that kustomize adds one day are then covered too.
pub fn references(repository: &Repository) -> References {
    let mut all: Vec<(FileId, Named)> = Vec::with_capacity(repository.kustomizations.len());
    for (directory, id) in &repository.kustomizations {
        let Some(yaml) = repository.yaml(*id) else { continue };
        let mut search = Search { repository, directory, own: *id, named: Named::default() };
        for document in &yaml.documents {
            if document.root.as_mapping().is_none() {
                search.collect(&document.root);
            }
            for entry in document.root.entries() {
                let lists_resources = RESOURCES.contains(&entry.key_text());
                let Some(items) = entry.value.as_sequence().filter(|_| lists_resources) else {
                    search.collect(&entry.value);
                    continue;
                };
                for item in &items.items {
                    let names_nothing = !search.collect(item);
                    search.named.elsewhere |= names_nothing && item.text().is_some_and(|text| !text.contains('\n'));
                }
            }
        }
        all.push((*id, search.named));
    }
    References {
        files: all.iter().flat_map(|(_, named)| named.files.iter().copied()).collect(),
        kustomizations: all.iter().flat_map(|(_, named)| named.kustomizations.iter().copied()).collect(),
        named: all.into_iter().collect(),
    }
}

/// The fields whose entries are files or other kustomizations.
const RESOURCES: [&str; 5] = ["bases", "components", "generators", "resources", "transformers"];

/// The search through one kustomization.
struct Search<'r> {
    repository: &'r Repository,
    directory: &'r str,
    /// The kustomization itself.
    own: FileId,
    named: Named,
}

/// What a text of a kustomization names.
enum Place {
    File(FileId),
    Kustomization(FileId),
}

impl Search<'_> {
    /// Takes what the texts of `node` name; whether it is a text that as a whole names something.
    fn collect(&mut self, node: &Node) -> bool {
        match &node.value {
            Value::Scalar(scalar) => {
                let text = scalar.text.as_str();
                if text.is_empty() || text.len() > 4096 || text.contains('\n') {
                    return false;
                }
                // `key=path` in the files of a generator.
                let behind = text.split_once('=').map(|(_, path)| path);
                let whole = self.take(text);
                if let Some(path) = behind {
                    self.take(path);
                }
                whole
            }
            // Depth is bounded by the reader.
            Value::Sequence(sequence) => {
                for item in &sequence.items {
                    self.collect(item);
                }
                false
            }
            Value::Mapping(mapping) => {
                for entry in &mapping.entries {
                    self.collect(&entry.value);
                }
                false
            }
        }
    }

    fn take(&mut self, path: &str) -> bool {
        match self.find(path) {
            Some(Place::File(id)) => self.named.files.push(id),
            Some(Place::Kustomization(id)) if id != self.own => self.named.kustomizations.push(id),
            Some(Place::Kustomization(_)) => {}
            None => return false,
        }
        true
    }

    /// The file, or the directory of a kustomization, at `path`.
    fn find(&self, path: &str) -> Option<Place> {
        let last = base_name(path.trim_end_matches('/'));
        // Most texts of a kustomization end in no file's name, and need no search.
        if !matches!(last, "" | "." | "..") && !self.repository.snapshot.has_name(last) {
            return None;
        }
        let path = normalize(self.directory, path)?;
        if let Some(id) = self.repository.snapshot.find(&path) {
            return Some(Place::File(id));
        }
        if path == self.directory {
            return None;
        }
        let kustomization = |directory: &str| self.repository.kustomization(directory);
        let id = kustomization(&path).or_else(|| kustomization(&self.repository.snapshot.directory(&path)?))?;
        Some(Place::Kustomization(id))
    }
}

/// The kustomizations and manifests from which everything else is reached, sorted by path.
pub fn roots(repository: &Repository, references: &References) -> Vec<Target> {
    let mut targets = Vec::new();
    for (directory, id) in &repository.kustomizations {
        let within_chart = repository.class(*id) != Class::Kustomization || chart_above(repository, directory);
        if within_chart || references.kustomizations.contains(id) || is_component(repository, *id) {
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

/// The file that stands for a root: whoever reads it deploys the root.
pub(super) fn file_of(repository: &Repository, target: &Target) -> Option<FileId> {
    match &target.kind {
        TargetKind::Kustomization(directory) => repository.kustomization(directory),
        TargetKind::Manifest(path) => repository.snapshot.find(path),
        TargetKind::Chart(_) | TargetKind::Application(_) => None,
    }
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
