//! Files in, those of them out that some text of the repository speaks of.
//!
//! Scripts, pipelines, documentation and configuration of other tools name files in ways of their own. A file that one of
//! them may mean is not known to be unused, so every doubt counts as a mention.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::World;
use crate::glob::Glob;
use crate::origin::FileId;
use crate::source::{base_name, normalize, parent};
use crate::yaml::{Node, Value};

/// Which of `files` another file may mean.
pub(crate) fn mentioned(world: &World<'_>, files: &BTreeSet<FileId>) -> BTreeSet<FileId> {
    let snapshot = &world.repository.snapshot;
    let mut by_name: BTreeMap<&str, Vec<FileId>> = BTreeMap::new();
    for id in files {
        by_name.entry(base_name(snapshot.path(*id))).or_default().push(*id);
    }
    let mut found = by_pattern(world, files);
    // Sorted backwards, so that of two names the longer is tried first.
    let names: Vec<String> = by_name.keys().rev().map(|name| regex::escape(name)).collect();
    // The path before a name, as far as it is written in characters of paths, patterns and placeholders.
    let Ok(expression) = Regex::new(&format!(r"(?P<before>[\w./${{}}*@~-]*?)(?P<name>{})\b", names.join("|"))) else {
        return files.clone();
    };
    for (from, _) in snapshot.files() {
        let Some(text) = snapshot.text(from) else { continue };
        for captures in expression.captures_iter(text) {
            let (Some(before), Some(name)) = (captures.name("before"), captures.name("name")) else { continue };
            let written = format!("{}{}", before.as_str(), name.as_str());
            // `old-web.yaml` is another name than `web.yaml`.
            let Some(candidates) = by_name.get(base_name(&written)) else { continue };
            let meant = |id: &&FileId| **id != from && may_mean(world, from, &written, **id);
            found.extend(candidates.iter().filter(meant));
        }
    }
    found
}

/// Whether the text `written` in the file `from` may be the path of `file`.
fn may_mean(world: &World<'_>, from: FileId, written: &str, file: FileId) -> bool {
    let snapshot = &world.repository.snapshot;
    let (directory, path) = (parent(snapshot.path(from)), snapshot.path(file));
    if written.contains(['*', '$', '{', '@', '~']) {
        return true;
    }
    let relative = written.trim_start_matches('/');
    let meant: Vec<FileId> = [normalize(directory, written), normalize("", relative)]
        .into_iter()
        .flatten()
        .filter_map(|path| snapshot.find(&path))
        .collect();
    if !meant.is_empty() {
        return meant.contains(&file);
    }
    let tail = relative.trim_start_matches("../").trim_start_matches("./");
    path == tail || path.strip_suffix(tail).is_some_and(|before| before.ends_with('/'))
}

/// Which of `files` a pattern in an Application or ApplicationSet agrees with.
fn by_pattern(world: &World<'_>, files: &BTreeSet<FileId>) -> BTreeSet<FileId> {
    let snapshot = &world.repository.snapshot;
    let applications = world.resolved.applications.iter().map(|application| &application.resource);
    let sets = world.resolved.application_sets.iter().map(|set| &**set);
    let mut patterns = BTreeSet::new();
    for resource in applications.chain(sets) {
        collect_patterns(&resource.node, &mut patterns);
    }
    let globs: Vec<Glob> = patterns.into_iter().filter_map(|pattern| Glob::new(pattern, None)).collect();
    files.iter().copied().filter(|id| globs.iter().any(|glob| glob.is_match(snapshot.path(*id)))).collect()
}

fn collect_patterns<'a>(node: &'a Node, patterns: &mut BTreeSet<&'a str>) {
    match &node.value {
        // `*` alone permits a repository, a namespace or a kind.
        Value::Scalar(scalar) if scalar.text.contains('*') && scalar.text.contains('.') => {
            let text: &str = &scalar.text;
            patterns.insert(text.trim_start_matches("./").trim_start_matches('/'));
        }
        Value::Scalar(_) => {}
        // Depth is bounded by the reader.
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| collect_patterns(item, patterns)),
        Value::Mapping(mapping) => {
            mapping.entries.iter().for_each(|entry| collect_patterns(&entry.value, patterns));
        }
    }
}
