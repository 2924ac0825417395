//! `missing-api-version-kind`

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::check::World;
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::load::Class;
use crate::origin::FileId;
use crate::source::{Content, base_name, parent};
use crate::yaml::{Node, YamlFile};

declare_rule! {
    /// Reports a document without `apiVersion` and `kind` among Kubernetes objects: beside others in one file of an
    /// Application's directory, or, as a warning, in a file that nothing uses in a directory of manifests.
    ///
    /// ## Why it matters
    /// Argo CD refuses the directory for the one (`Object 'Kind' is missing`), and passes over the other: what it is to register
    /// is never registered.
    ///
    /// ## Example
    /// ```yaml
    /// # clusters.yaml, beside the manifests of Argo CD
    /// clusters:
    ///   development: {server: https://dev.example.com}
    /// ```
    ///
    /// ## Instead
    /// Write a Kubernetes object, or keep the file away from manifests.
    "missing-api-version-kind" = {
        summary: "document is no Kubernetes object",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    let used: BTreeSet<FileId> = world.rendered.iter().flat_map(|rendered| &rendered.output.used).copied().collect();
    // Directories, and how many files of Kubernetes objects they hold.
    let mut manifests: BTreeMap<&str, usize> = BTreeMap::new();
    for id in repository.files_of(Class::Yaml) {
        let documents = repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents);
        if !documents.is_empty() && documents.iter().all(|document| is_object(&document.root)) {
            *manifests.entry(parent(repository.snapshot.path(id))).or_default() += 1;
        }
    }
    let names = OnceCell::new();
    for id in repository.files_of(Class::Yaml) {
        let path = repository.snapshot.path(id);
        let Some(yaml) = repository.yaml(id).filter(|yaml| yaml.problems.is_empty()) else { continue };
        if used.contains(&id) {
            // kustomize tells of its own resources, and its patches may do without.
            if repository.kustomization(parent(path)).is_none() {
                beside_objects(yaml, findings);
            }
        } else if manifests.get(parent(path)).is_some_and(|count| *count > 1) && !is_other(path) {
            unread(world, id, yaml, &names, findings);
        }
    }
}

fn beside_objects(yaml: &YamlFile, findings: &mut Vec<Finding>) {
    if !yaml.documents.iter().any(|document| is_object(&document.root)) {
        return;
    }
    for root in yaml.documents.iter().map(|document| &document.root) {
        if root.as_mapping().is_none_or(|mapping| mapping.entries.is_empty()) {
            continue;
        }
        let lacks: Vec<&str> = ["apiVersion", "kind"].into_iter().filter(|key| root.get(key).is_none()).collect();
        if !lacks.is_empty() {
            findings.push(
                Finding::at(&RULE, root)
                    .message(format!("the document has no {}", lacks.join(" and no ")))
                    .help("every document of a directory that Argo CD deploys is a Kubernetes object"),
            );
        }
    }
}

fn unread(world: &World<'_>, id: FileId, yaml: &YamlFile, names: &OnceCell<Names>, findings: &mut Vec<Finding>) {
    let path = world.repository.snapshot.path(id);
    let Some(root) = yaml.documents.first().map(|document| &document.root) else { return };
    if root.as_mapping().is_none() || root.get("apiVersion").is_some() || root.get("kind").is_some() {
        return;
    }
    // A file may name itself in a comment.
    let named = names.get_or_init(|| names_of(world)).get(base_name(path));
    if named.is_some_and(|by| by.iter().any(|other| *other != id)) {
        return;
    }
    findings.push(
        Finding::at(&RULE, root)
            .severity(Severity::Warning)
            .message(format!("{} holds no Kubernetes object: it has neither apiVersion nor kind", base_name(path)))
            .help("nothing reads the file: write a Kubernetes object, or keep it away from manifests"),
    );
}

/// Names of files, and the files that they stand in.
type Names = BTreeMap<String, BTreeSet<FileId>>;

/// The names of YAML files that stand in any file: a kustomization, a script or a workflow reads what it names.
fn names_of(world: &World<'_>) -> Names {
    let mut names = Names::new();
    let snapshot = &world.repository.snapshot;
    for (id, file) in snapshot.files().filter(|(_, file)| !file.path.ends_with(".md")) {
        let Content::Text(text) = &file.content else { continue };
        let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-')));
        for word in words.filter(|word| word.ends_with(".yaml") || word.ends_with(".yml")) {
            names.entry(word.to_owned()).or_default().insert(id);
        }
    }
    names
}

fn is_object(node: &Node) -> bool {
    node.get("apiVersion").is_some() && node.get("kind").is_some()
}

/// Files that are often beside manifests and are none: values of charts, configuration of tools, what lies at the root.
fn is_other(path: &str) -> bool {
    const WORDS: &[&str] = &[
        "values", "config", "conf", "settings", "kustom", "patch", "compose", "param", "vars", "data", "test", "schema",
    ];
    let name = base_name(path).trim_end_matches(".yaml").trim_end_matches(".yml").to_ascii_lowercase();
    parent(path).is_empty()
        || path.split('/').any(|part| part.starts_with('.'))
        || WORDS.iter().any(|word| name.contains(word))
}
