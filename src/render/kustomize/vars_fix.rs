//! The `vars` of a kustomization in, edits that say the same with `replacements` out.
//!
//! As `kustomize edit fix --vars` does it: each `$(NAME)` in the files that the kustomization reads becomes
//! `NAME_PLACEHOLDER`, and a replacement with that place as its target puts the value in. What cannot be said so, or would
//! touch what others say, is left to a person; whether all renders as before is for the caller to see.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::finding::{Edit, Replacement};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::source::{normalize, parent};
use crate::yaml::{Node, Value};

/// The edits for the kustomization `file`; `None` where a person has to.
pub(crate) fn vars_as_replacements(repository: &Repository, file: FileId) -> Option<Vec<Edit>> {
    let text = repository.snapshot.text(file)?;
    let [document] = repository.yaml(file)?.documents.as_slice() else { return None };
    let mapping =
        document.root.as_mapping().filter(|mapping| !mapping.flow && mapping.entry("replacements").is_none())?;
    let vars = mapping.entry("vars")?;
    let variables: Vec<Variable<'_>> = vars.value.items().iter().map(Variable::of).collect::<Option<_>>()?;
    let mut files = Files { repository, seen: BTreeSet::new(), manifests: Vec::new() };
    files.collect(file, &variables)?;
    let mut edits = Vec::new();
    let mut new = String::new();
    for variable in &variables {
        let mut targets = String::new();
        for id in &files.manifests {
            let text = repository.snapshot.text(*id)?;
            for document in &repository.yaml(*id)?.documents {
                let mut uses = Vec::new();
                find(&document.root, &variable.said(), &mut Vec::new(), &mut uses);
                for (path, node) in uses {
                    variable.target(&document.root, &path, node, &mut targets)?;
                    edits.push(variable.placeholder(node, text)?);
                }
            }
        }
        if !targets.is_empty() {
            variable.source(&mut new)?;
            new.push_str("  targets:\n");
            new.push_str(&targets);
        }
    }
    if !new.is_empty() {
        new.insert_str(0, "replacements:\n");
    }
    let key = vars.key.mark();
    let start = text.get(..key.start as usize)?.rfind('\n').map_or(0, |at| at + 1);
    let last = vars.value.mark().end as usize;
    let end = match text.get(..last)?.ends_with('\n') {
        true => last,
        false => text.get(last..)?.find('\n').map_or(text.len(), |at| last + at + 1),
    };
    edits.push(Edit { mark: Mark { start: start as u32, end: end as u32, ..key }, text: Replacement::Raw(new) });
    Some(edits)
}

/// A variable and what it is of.
struct Variable<'v> {
    name: &'v str,
    object: &'v Node,
    field: String,
}

impl<'v> Variable<'v> {
    fn of(node: &'v Node) -> Option<Variable<'v>> {
        let object = node.get("objref")?;
        object.str_at(&["kind"]).and(object.str_at(&["name"]))?;
        let field = node.str_at(&["fieldref", "fieldpath"]).unwrap_or("metadata.name");
        // `ports[0].port` is `ports.0.port` to replacements.
        let field = field.replace('[', ".").replace(']', "");
        Some(Variable { name: node.str_at(&["name"])?, object, field })
    }

    fn said(&self) -> String {
        format!("$({})", self.name)
    }

    fn source(&self, out: &mut String) -> Option<()> {
        out.push_str("- source:\n");
        selected(self.object, self.object.str_at(&["apiVersion"]), "    ", out)?;
        writeln!(out, "    fieldPath: {}", word(&self.field)).ok()
    }

    fn target(&self, object: &Node, path: &[String], node: &Node, out: &mut String) -> Option<()> {
        let (delimiter, index) = place(node.text()?, &self.said())?;
        let metadata = object.get("metadata")?;
        out.push_str("  - select:\n");
        writeln!(out, "      kind: {}", word(object.str_at(&["kind"])?)).ok()?;
        selected(metadata, object.str_at(&["apiVersion"]), "      ", out)?;
        writeln!(out, "    fieldPaths:\n    - {}", word(&path.join("."))).ok()?;
        if let Some(delimiter) = delimiter {
            writeln!(out, "    options:\n      delimiter: \"{delimiter}\"\n      index: {index}").ok()?;
        }
        Some(())
    }

    /// The edit that puts a placeholder where `node` says the variable, once.
    fn placeholder(&self, node: &Node, text: &str) -> Option<Edit> {
        let (mark, said) = (node.mark(), self.said());
        let raw = text.get(mark.start as usize..mark.end as usize)?;
        let at = raw.find(&said).filter(|at| raw.rfind(&said) == Some(*at))?;
        let start = mark.start + at as u32;
        let mark = Mark { start, end: start + said.len() as u32, ..mark };
        Some(Edit { mark, text: Replacement::Raw(format!("{}_PLACEHOLDER", self.name)) })
    }
}

/// Writes what selects an object: the parts of its type, its name and its namespace.
fn selected(named: &Node, api_version: Option<&str>, margin: &str, out: &mut String) -> Option<()> {
    let api_version = api_version.unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let parts = [("group", Some(group)), ("version", Some(version)), ("kind", named.str_at(&["kind"]))];
    let names = [("name", named.str_at(&["name"])), ("namespace", named.str_at(&["namespace"]))];
    names[0].1?;
    for (key, text) in parts.into_iter().chain(names) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            writeln!(out, "{margin}{key}: {}", word(text)).ok()?;
        }
    }
    Some(())
}

/// Between which delimiters `said` stands in `text`, and how many come before; no delimiter if it is all of it.
fn place(text: &str, said: &str) -> Option<(Option<char>, usize)> {
    let (before, after) = text.split_once(said)?;
    let (left, right) = (before.chars().next_back(), after.chars().next());
    let delimiter = match (left, right) {
        (None, None) => return Some((None, 0)),
        (Some(left), Some(right)) if left != right => return None,
        (Some(one), _) | (None, Some(one)) => one,
    };
    let plain = !delimiter.is_alphanumeric() && !matches!(delimiter, '"' | '\\' | '\n' | '$' | '(' | ')');
    plain.then(|| (Some(delimiter), before.matches(delimiter).count()))
}

/// Finds the values that contain `said`, and the paths to them.
fn find<'n>(node: &'n Node, said: &str, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'n Node)>) {
    match &node.value {
        Value::Scalar(scalar) if scalar.text.contains(said) => found.push((path.clone(), node)),
        Value::Scalar(_) => {}
        Value::Sequence(sequence) => {
            for (index, item) in sequence.items.iter().enumerate() {
                path.push(index.to_string());
                find(item, said, path, found);
                path.pop();
            }
        }
        Value::Mapping(mapping) => {
            for entry in &mapping.entries {
                path.push(entry.key_text().replace('.', "\\."));
                find(&entry.value, said, path, found);
                path.pop();
            }
        }
    }
}

/// The manifests that a kustomization and its bases read.
struct Files<'r> {
    repository: &'r Repository,
    seen: BTreeSet<FileId>,
    manifests: Vec<FileId>,
}

impl Files<'_> {
    /// `None` where a kustomization itself says a variable, or a patch with a target might.
    fn collect(&mut self, file: FileId, variables: &[Variable<'_>]) -> Option<()> {
        if !self.seen.insert(file) {
            return Some(());
        }
        let snapshot = &self.repository.snapshot;
        let text = snapshot.text(file)?;
        if variables.iter().any(|variable| text.contains(&variable.said())) {
            return None;
        }
        let root = &self.repository.yaml(file)?.documents.first()?.root;
        let directory = parent(snapshot.path(file));
        let resources = ["resources", "bases", "components"];
        for item in resources.iter().filter_map(|field| root.get(field)).flat_map(Node::items) {
            let path = normalize(directory, item.text()?)?;
            if let Some(id) = snapshot.find(&path) {
                self.add(id);
            } else if let Some(kustomization) = self.repository.kustomization(&path) {
                self.collect(kustomization, variables)?;
            }
        }
        for patch in root.get("patches").map_or(&[][..], Node::items) {
            let Some(id) = patch.str_at(&["path"]).and_then(|path| snapshot.find(&normalize(directory, path)?)) else {
                continue;
            };
            match patch.get("target") {
                None => self.add(id),
                Some(_)
                    if variables.iter().any(|one| snapshot.text(id).is_some_and(|text| text.contains(&one.said()))) =>
                {
                    return None;
                }
                Some(_) => {}
            }
        }
        Some(())
    }

    fn add(&mut self, id: FileId) {
        if self.seen.insert(id) {
            self.manifests.push(id);
        }
    }
}

/// A text as a YAML scalar.
fn word(text: &str) -> String {
    let simple = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && crate::yaml::reads_as_text(text);
    if simple { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
