//! `missing-api-version-kind`

use std::collections::{BTreeMap, BTreeSet};

use crate::check::World;
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::load::Class;
use crate::origin::FileId;
use crate::source::{base_name, parent};
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
    let used: BTreeSet<FileId> =
        world.rendered.iter().flat_map(|rendered| &rendered.output.used).copied().collect();
    // Directories, and how many files of Kubernetes objects they hold.
    let mut manifests: BTreeMap<&str, usize> = BTreeMap::new();
    for id in repository.files_of(Class::Yaml) {
        let documents = repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents);
        if !documents.is_empty() && documents.iter().all(|document| is_object(&document.root)) {
            *manifests.entry(parent(repository.snapshot.path(id))).or_default() += 1;
        }
    }
    for id in repository.files_of(Class::Yaml) {
        let path = repository.snapshot.path(id);
        let Some(yaml) = repository.yaml(id).filter(|yaml| yaml.problems.is_empty()) else { continue };
        if used.contains(&id) {
            // kustomize tells of its own resources, and its patches may do without.
            if repository.kustomization(parent(path)).is_none() {
                beside_objects(yaml, findings);
            }
        } else if manifests.get(parent(path)).is_some_and(|count| *count > 1) && !is_other(path) {
            unread(world, id, yaml, findings);
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

fn unread(world: &World<'_>, id: FileId, yaml: &YamlFile, findings: &mut Vec<Finding>) {
    let path = world.repository.snapshot.path(id);
    let Some(root) = yaml.documents.first().map(|document| &document.root) else { return };
    if root.as_mapping().is_none() || root.get("apiVersion").is_some() || root.get("kind").is_some() {
        return;
    }
    if is_named(world, id, base_name(path)) {
        return;
    }
    findings.push(
        Finding::at(&RULE, root)
            .severity(Severity::Warning)
            .message(format!("{} holds no Kubernetes object: it has neither apiVersion nor kind", base_name(path)))
            .help("nothing reads the file: write a Kubernetes object, or keep it away from manifests"),
    );
}

/// Whether another file names this one: a kustomization, a script or a workflow reads it.
fn is_named(world: &World<'_>, id: FileId, name: &str) -> bool {
    let snapshot = &world.repository.snapshot;
    let mut others = snapshot.files().map(|(other, _)| other).filter(|other| *other != id);
    others.any(|other| !snapshot.path(other).ends_with(".md") && snapshot.text(other).is_some_and(|text| text.contains(name)))
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
