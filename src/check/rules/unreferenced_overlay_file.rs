//! `unreferenced-overlay-file`

use std::collections::BTreeSet;

use super::unreferenced_values_file::is_values;
use crate::check::World;
use crate::check::mentions::mentioned;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::origin::{FileId, Mark};
use crate::resolve::roots::references;
use crate::schema::Lookup;
use crate::source::{base_name, parent};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a manifest, a patch or a file of Helm values that lies with a kustomization and that nothing uses.
    ///
    /// A file lies with a kustomization if it is beside it, or in a directory below from which the kustomization takes
    /// other files. It is used if anything of the repository names it: a kustomization, an Application, a chart, a
    /// script, a pipeline. A comment that names it counts as well: whoever wrote it left the file out on purpose.
    ///
    /// ## Why it matters
    /// It looks as if it were in force. The limit, the network policy or the probe that it carries never reaches the
    /// cluster, and kustomize does not say a word.
    ///
    /// ## Example
    /// ```yaml
    /// # beside network-policy.yaml
    /// resources:
    /// - deployment.yaml
    /// - service.yaml
    /// ```
    ///
    /// ## Instead
    /// Name the file in the kustomization, or delete it.
    "unreferenced-overlay-file" = {
        summary: "file beside a kustomization is not used",
        severity: Warning,
        profile: Recommended,
        since: "0.2.0",
        check: Check::World(check),
    }
}

/// What a file is to a kustomization.
#[derive(Clone, Copy)]
enum Role {
    Manifest,
    Patch,
    Values,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Manifest => "manifest",
            Role::Patch => "patch",
            Role::Values => "values file",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Role::Manifest => "`resources`, or under `patches` if it changes one",
            Role::Patch => "`patches`",
            Role::Values => "`helmCharts`, as a `valuesFile`",
        }
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let candidates = candidates(world);
    if candidates.is_empty() {
        return;
    }
    let ids: BTreeSet<FileId> = candidates.iter().map(|(id, ..)| *id).collect();
    let mentioned = mentioned(world, &ids);
    let snapshot = &world.repository.snapshot;
    for (id, role, kustomization) in candidates.into_iter().filter(|(id, ..)| !mentioned.contains(id)) {
        let overlay = snapshot.path(kustomization);
        findings.push(
            Finding::new(&RULE, Mark { end: 0, ..Mark::file(id) })
                .message(format!("nothing uses the {} {}", role.name(), snapshot.path(id)))
                .help(format!("name it in {overlay} under {}; or delete it", role.field()))
                .related(Mark { end: 0, ..Mark::file(kustomization) }, "this kustomization does not name it"),
        );
    }
}

/// The files that lie with a kustomization and that neither a kustomization nor a target uses.
fn candidates(world: &World<'_>) -> Vec<(FileId, Role, FileId)> {
    let repository = world.repository;
    let snapshot = &repository.snapshot;
    let mut used = references(repository).files;
    let sources: BTreeSet<&str> = used.iter().map(|id| parent(snapshot.path(*id))).collect();
    let reads: BTreeSet<FileId> = (world.rendered.iter())
        // A file that stands for itself is read as one, which does not deploy it.
        .filter(|rendered| rendered.application().is_some() || !is_manifest(&rendered.target.kind))
        .flat_map(|rendered| rendered.output.used.iter().copied())
        .collect();
    used.extend(reads);
    let mut found = Vec::new();
    for id in repository.files_of(Class::Yaml).filter(|id| !used.contains(id)) {
        let path = snapshot.path(id);
        let Some((directory, kustomization)) = overlay_of(world, path, &sources) else { continue };
        let below = path.get(directory.len()..).unwrap_or(path).trim_start_matches('/');
        if is_for_people(below) {
            continue;
        }
        if let Some(role) = role(world, id, kustomization) {
            found.push((id, role, kustomization));
        }
    }
    found
}

fn is_manifest(kind: &crate::resolve::TargetKind) -> bool {
    matches!(kind, crate::resolve::TargetKind::Manifest(_))
}

/// The kustomization with which the file at `path` lies, and its directory.
fn overlay_of<'a>(world: &World<'_>, path: &'a str, sources: &BTreeSet<&str>) -> Option<(&'a str, FileId)> {
    let own = parent(path);
    let mut directory = own;
    loop {
        if let Some(file) = world.repository.kustomization(directory) {
            return (directory == own || sources.contains(own)).then_some((directory, file));
        }
        if directory.is_empty() {
            return None;
        }
        directory = parent(directory);
    }
}

/// Whether the path says that people or other tools read the file: hidden ones, examples, samples, tests.
fn is_for_people(path: &str) -> bool {
    path.split('/').any(|part| {
        part.starts_with(['.', '_'])
            || part.split(['.', '-', '_']).any(|word| {
                matches!(
                    word.to_ascii_lowercase().as_str(),
                    "example"
                        | "examples"
                        | "sample"
                        | "samples"
                        | "template"
                        | "templates"
                        | "test"
                        | "tests"
                        | "demo"
                        | "docs"
                        | "backup"
                        | "bak"
                        | "old"
                        | "disabled"
                        | "unused"
                )
            })
    })
}

/// What the file would be to the kustomization; `None` if that is not certain.
fn role(world: &World<'_>, id: FileId, kustomization: FileId) -> Option<Role> {
    let repository = world.repository;
    let own = repository.yaml(kustomization).filter(|yaml| yaml.problems.is_empty())?;
    let [document] = own.documents.as_slice() else { return None };
    document.root.as_mapping()?;
    let yaml = repository.yaml(id).filter(|yaml| yaml.problems.is_empty())?;
    let roots: Vec<&Node> = yaml.documents.iter().map(|one| &one.root).filter(|root| !root.is_null()).collect();
    let first = roots.first()?;
    if is_values(base_name(repository.snapshot.path(id))) && first.get("kind").is_none() {
        let charts = document.root.get("helmCharts").is_some_and(|charts| !charts.items().is_empty());
        return (charts && first.as_mapping().is_some()).then_some(Role::Values);
    }
    if roots.len() == 1 && is_json_patch(first) {
        return Some(Role::Patch);
    }
    roots.iter().all(|root| is_deployable(world, root)).then_some(Role::Manifest)
}

fn is_json_patch(root: &Node) -> bool {
    let Value::Sequence(sequence) = &root.value else { return false };
    let is_step = |item: &Node| {
        let verb = item.str_at(&["op"]);
        matches!(verb, Some("add" | "remove" | "replace" | "move" | "copy" | "test"))
            && item.str_at(&["path"]).is_some_and(|path| path.starts_with('/'))
    };
    !sequence.items.is_empty() && sequence.items.iter().all(is_step)
}

/// Whether `root` is an object of a kind that a cluster of the repository serves. Argo CD's own kinds are applied by hand
/// to begin with, and have rules of their own.
fn is_deployable(world: &World<'_>, root: &Node) -> bool {
    let (Some(version), Some(kind)) = (root.str_at(&["apiVersion"]), root.str_at(&["kind"])) else { return false };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    root.str_at(&["metadata", "name"]).is_some()
        && !matches!(kind, "Application" | "ApplicationSet" | "AppProject")
        && match world.schemas.default_catalogue().lookup(version, kind) {
            Lookup::Known(_) | Lookup::NotServed { .. } => true,
            Lookup::NoSuchKind { .. } => false,
            Lookup::Unknown { .. } => world.rendered.iter().any(|rendered| {
                let mut resources = rendered.output.resources.iter();
                !is_manifest(&rendered.target.kind) && resources.any(|one| one.group() == group && one.kind() == kind)
            }),
        }
}
