//! `unreferenced-values-file`

use std::collections::BTreeSet;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::origin::{FileId, Mark};
use crate::source::{base_name, normalize};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a file of Helm values outside of a chart that nothing refers to.
    ///
    /// ## Why it matters
    /// What is set in it reaches no release. Most often a path that should name it is wrong.
    ///
    /// ## Example
    /// `environments/production/values.yaml`, and `valueFiles: [../production/values.yaml]`, which is another place.
    ///
    /// ## Instead
    /// Mend the path, or remove the file.
    "unreferenced-values-file" = {
        summary: "nothing reads the values",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    if world.resolved.applications.is_empty() {
        return;
    }
    let repository = world.repository;
    let mut used: BTreeSet<FileId> =
        world.rendered.iter().flat_map(|rendered| rendered.output.used.iter().copied()).collect();
    for application in &world.resolved.applications {
        for source in application.sources() {
            let directory = source.node.str_at(&["path"]).unwrap_or_default();
            for file in source.node.path(&["helm", "valueFiles"]).map(Node::items).unwrap_or_default() {
                let Some(text) = file.text() else { continue };
                // `$values/path` is a path from the root of the source of that name.
                let path = match text.strip_prefix('$').and_then(|text| text.split_once('/')) {
                    Some((_, path)) => normalize("", path),
                    None => normalize(directory, text),
                };
                used.extend(path.and_then(|path| repository.snapshot.find(&path)));
            }
        }
    }
    for id in repository.files_of(Class::Yaml) {
        let path = repository.snapshot.path(id);
        if used.contains(&id) || !is_values(base_name(path)) {
            continue;
        }
        let Some(document) = repository.yaml(id).and_then(|yaml| yaml.documents.first()) else { continue };
        if document.root.get("kind").is_some() || document.root.as_mapping().is_none() || named(world, path) {
            continue;
        }
        findings.push(
            Finding::new(&RULE, Mark { end: 0, ..Mark::file(id) })
                .message(format!("no Application and no kustomization reads the values of {path}"))
                .help("mend the path that should name it, or remove the file"),
        );
    }
}

/// `values.yaml`, `values-production.yaml`, `production-values.yaml`, `values.production.yaml`
pub(super) fn is_values(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".yaml").or(name.strip_suffix(".yml")) else { return false };
    stem == "values"
        || ["values-", "values.", "values_"].iter().any(|start| stem.starts_with(start))
        || stem.ends_with("-values")
}

/// Whether an ApplicationSet or a kustomization names the path, or part of it by a template: then who reads it is not
/// known here.
fn named(world: &World<'_>, path: &str) -> bool {
    let sets = world.resolved.application_sets.iter().map(|set| &set.node);
    let kustomizations = world
        .repository
        .kustomizations
        .iter()
        .filter_map(|(directory, id)| Some((directory, &world.repository.yaml(*id)?.documents.first()?.root)));
    sets.into_iter().any(|set| {
        mentions(set, &|text| text.contains(base_name(path)) || text.contains("values") && text.contains("{{"))
    }) || kustomizations
        .into_iter()
        .any(|(directory, root)| mentions(root, &|text| normalize(directory, text).as_deref() == Some(path)))
}

fn mentions(root: &Node, wanted: &dyn Fn(&str) -> bool) -> bool {
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        match &node.value {
            Value::Scalar(scalar) if wanted(&scalar.text) => return true,
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => stack.extend(&sequence.items),
            Value::Mapping(mapping) => stack.extend(mapping.entries.iter().map(|entry| &entry.value)),
        }
    }
    false
}
