//! Snapshot in, classified repository out.
//!
//! [`load`] decides for each file what it is ([`Class`]) and parses what is YAML, once, in parallel. Files that are
//! only sometimes YAML (JSON, names without extension) are parsed when somebody asks: see [`Repository::yaml`].
//! Templates of charts are never parsed as YAML. What is wrong with a file stays with it; rules report it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::origin::FileId;
use crate::source::{Content, Snapshot, base_name, parent};
use crate::yaml::{Limits, YamlFile, read};

/// A snapshot and what its files are.
#[derive(Debug)]
pub struct Repository {
    /// The files.
    pub snapshot: Arc<Snapshot>,
    classes: Vec<Class>,
    yaml: Vec<OnceLock<Option<Arc<YamlFile>>>>,
    /// Directories with a kustomization, and the file.
    pub kustomizations: BTreeMap<String, FileId>,
    /// Directories with a `Chart.yaml`, and the file.
    pub charts: BTreeMap<String, FileId>,
}

/// What a file is, by its name and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// YAML that may hold Kubernetes objects, values or anything else.
    Yaml,
    /// A kustomization.
    Kustomization,
    /// `Chart.yaml`
    Chart,
    /// A file below `templates/` of a chart.
    Template,
    /// Another file of a chart: values, schema, CRDs and the rest.
    ChartFile,
    /// A Rego policy.
    Policy,
    /// `tiphys.yaml`
    Config,
    /// Anything else.
    Other,
}

/// The names that kustomize looks for, in its order.
pub const KUSTOMIZATION_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Classifies and parses `snapshot`.
pub fn load(snapshot: Arc<Snapshot>) -> Repository {
    let repository = load_lazily(snapshot);
    let ids: Vec<FileId> = repository.snapshot.files().map(|(id, _)| id).collect();
    ids.par_iter().filter(|id| repository.is_yaml(**id)).for_each(|id| {
        repository.yaml(*id);
    });
    repository
}

/// Classifies `snapshot`, and parses a file only when somebody asks for it: for who needs a few files of many.
pub fn load_lazily(mut snapshot: Arc<Snapshot>) -> Repository {
    if snapshot.has_archives() {
        Arc::make_mut(&mut snapshot).unpack();
    }
    let mut kustomizations = BTreeMap::new();
    let mut charts = BTreeMap::new();
    for (id, file) in snapshot.files() {
        let name = base_name(&file.path);
        if let Some(rank) = KUSTOMIZATION_NAMES.iter().position(|known| *known == name) {
            let entry = kustomizations.entry(parent(&file.path).to_owned()).or_insert((rank, id));
            if rank < entry.0 {
                *entry = (rank, id);
            }
        } else if name == "Chart.yaml" {
            charts.insert(parent(&file.path).to_owned(), id);
        }
    }
    // A Chart.yaml below another chart's templates is not a chart.
    let all: BTreeSet<&str> = charts.keys().map(String::as_str).collect();
    let nested: Vec<String> = charts.keys().filter(|directory| within_templates(directory, &all)).cloned().collect();
    for directory in nested {
        charts.remove(&directory);
    }
    let directories: BTreeSet<&str> = charts.keys().map(String::as_str).collect();
    let classes: Vec<Class> = snapshot.files().map(|(_, file)| classify(&file.path, &directories)).collect();
    let yaml = snapshot.files().map(|_| OnceLock::new()).collect();
    let kustomizations = kustomizations.into_iter().map(|(directory, (_, id))| (directory, id)).collect();
    Repository { snapshot, classes, yaml, kustomizations, charts }
}

/// Whether `path` lies in the `templates` directory of one of `charts`.
fn within_templates(path: &str, charts: &BTreeSet<&str>) -> bool {
    let mut at = path;
    while let Some((directory, name)) = at.rsplit_once('/') {
        if name == "templates" && charts.contains(directory) {
            return true;
        }
        at = directory;
    }
    at == "templates" && charts.contains("")
}

fn within_chart(path: &str, charts: &BTreeSet<&str>) -> bool {
    let mut at = path;
    loop {
        at = parent(at);
        if charts.contains(at) {
            return true;
        }
        if at.is_empty() {
            return false;
        }
    }
}

fn classify(path: &str, charts: &BTreeSet<&str>) -> Class {
    let name = base_name(path);
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    if within_templates(parent(path), charts) {
        return Class::Template;
    }
    if name == "Chart.yaml" {
        return Class::Chart;
    }
    if KUSTOMIZATION_NAMES.contains(&name) {
        return Class::Kustomization;
    }
    if path == "tiphys.yaml" {
        return Class::Config;
    }
    if name.ends_with(".rego") {
        return Class::Policy;
    }
    if within_chart(path, charts) {
        return Class::ChartFile;
    }
    if yaml { Class::Yaml } else { Class::Other }
}

impl Repository {
    /// What a file is.
    pub fn class(&self, id: FileId) -> Class {
        self.classes.get(id.0 as usize).copied().unwrap_or(Class::Other)
    }

    /// Whether a file is YAML by its name and place: those are parsed and held to YAML's rules.
    pub fn is_yaml(&self, id: FileId) -> bool {
        let name = base_name(self.snapshot.path(id));
        match self.class(id) {
            Class::Yaml | Class::Kustomization | Class::Chart | Class::Config => true,
            Class::ChartFile => name.ends_with(".yaml") || name.ends_with(".yml"),
            Class::Template | Class::Policy | Class::Other => false,
        }
    }

    /// Whether a file that is YAML by its name is text that a chart reads with `.Files` and fills in: nobody else parses
    /// it, so it need not be YAML.
    pub fn is_chart_text(&self, id: FileId) -> bool {
        let path = self.snapshot.path(id);
        let name = base_name(path);
        self.class(id) == Class::ChartFile
            && !name.contains("values")
            && self.snapshot.text(id).is_some_and(|text| text.contains("{{"))
    }

    /// Whether a file takes part in what is judged, by its name and place: YAML, templates and policies. A picture that
    /// is not UTF-8 is as it should be.
    pub fn is_read(&self, id: FileId) -> bool {
        self.is_yaml(id) || matches!(self.class(id), Class::Template | Class::Policy)
    }

    /// The file parsed as YAML, whatever its name; `None` if it is no text. Parsed once.
    pub fn yaml(&self, id: FileId) -> Option<&Arc<YamlFile>> {
        let slot = self.yaml.get(id.0 as usize)?;
        slot.get_or_init(|| match &self.snapshot.file(id)?.content {
            Content::Text(text) => Some(Arc::new(read(id, text, Limits::default()))),
            _ => None,
        })
        .as_ref()
    }

    /// The file at `path` parsed as YAML.
    pub fn yaml_at(&self, path: &str) -> Option<&Arc<YamlFile>> {
        self.yaml(self.snapshot.find(path)?)
    }

    /// Files of one class, sorted by path.
    pub fn files_of(&self, class: Class) -> impl Iterator<Item = FileId> + '_ {
        self.snapshot.files().map(|(id, _)| id).filter(move |id| self.class(*id) == class)
    }

    /// The directory of the kustomization in `directory`, if there is one.
    pub fn kustomization(&self, directory: &str) -> Option<FileId> {
        self.kustomizations.get(directory).copied()
    }
}
