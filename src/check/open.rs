//! A target that could not be rendered whole in, what it could have made besides out.
//!
//! A kustomization with one broken patch says nothing about the ServiceAccount of its neighbour. What a target makes is
//! spoken of in its files, or called after the target, so that a name of which neither is true is not its own.

use std::collections::BTreeSet;

use super::World;
use crate::resolve::Rendered;
use crate::source::{base_name, parent};

/// How much of a target is known.
#[derive(Debug)]
pub(crate) enum Openness<'a> {
    /// All.
    Whole,
    /// What it makes is written in files of the repository, and not all of it could be rendered.
    Partial(Partial<'a>),
    /// What it makes is not written in the repository.
    Unknown,
}

/// A target that is rendered in part.
#[derive(Debug)]
pub(crate) struct Partial<'a> {
    id: &'a str,
    /// Names, or parts of names, of what it makes.
    stems: BTreeSet<&'a str>,
}

/// Keys whose values are names or parts of names, or are put into them.
const NAMING: [&str; 6] = ["name", "namePrefix", "nameSuffix", "fullnameOverride", "nameOverride", "releaseName"];

impl<'a> Partial<'a> {
    /// How much of `rendered` is known.
    pub(crate) fn of(world: &World<'a>, rendered: &'a Rendered) -> Openness<'a> {
        let output = &rendered.output;
        if !output.not_judged.is_empty() {
            return Openness::Unknown;
        }
        if !output.failed {
            return Openness::Whole;
        }
        if output.used.is_empty() {
            return Openness::Unknown;
        }
        let snapshot = &world.repository.snapshot;
        // What a broken kustomization does not reach lies beside it.
        let directories: BTreeSet<&str> = output.used.iter().map(|file| parent(snapshot.path(*file))).collect();
        let mut files = output.used.clone();
        for directory in directories.into_iter().filter(|directory| !directory.is_empty()) {
            files.extend(snapshot.under(directory).map(|(id, _)| id));
        }
        // A chart reads any file for its values; beside kustomizations lie settings, whose names are none of objects.
        let charted =
            files.iter().any(|file| inflates(snapshot.path(*file), snapshot.text(*file).map_or("", |text| text)));
        let mut stems = BTreeSet::new();
        for file in files {
            if !charted && !declares(snapshot.path(file), snapshot.text(file).map_or("", |text| text)) {
                continue;
            }
            for line in snapshot.text(file).map(|text| text.lines()).into_iter().flatten() {
                stems.extend(named(line));
            }
        }
        if let Some(application) = rendered.application() {
            stems.insert(application.name());
            let sources = application.sources();
            stems.extend(sources.iter().filter_map(|source| Some(base_name(source.node.str_at(&["path"])?))));
        }
        // What is shorter is a part of too many words to say anything.
        stems.retain(|stem| stem.len() > 3);
        Openness::Partial(Partial { id: &rendered.target.id, stems })
    }

    /// Whether this is `rendered`.
    pub(crate) fn is(&self, rendered: &Rendered) -> bool {
        self.id == rendered.target.id
    }

    /// Whether something called or labelled `word` could be made: whether a name of the target is part of it.
    pub(crate) fn may_make(&self, word: &str) -> bool {
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(['-', '.']);
        let begins = |before: &str| before.is_empty() || before.ends_with(['-', '.']);
        self.stems.iter().any(|stem| {
            let mut places = word.match_indices(stem);
            places.any(|(at, _)| begins(&word[..at]) && ends(&word[at + stem.len()..]))
        })
    }
}

/// Whether the file is part of a chart, or asks kustomize for one.
fn inflates(path: &str, text: &str) -> bool {
    base_name(path) == "Chart.yaml" || text.contains("helmChart") || text.contains("HelmChartInflationGenerator")
}

/// Whether the file speaks of objects: a kustomization, or a manifest, broken or not.
fn declares(path: &str, text: &str) -> bool {
    let keys = || text.lines().filter_map(|line| line.trim_start_matches(['-', ' ', '{']).split_once(':'));
    matches!(base_name(path), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
        || keys().any(|(key, _)| matches!(key.trim_matches(['"', '\'', ' ']), "kind" | "apiVersion"))
}

/// What a line of a manifest or a template says of names: the value after a naming key or a label, without templating.
fn named(line: &str) -> impl Iterator<Item = &str> {
    // Deeper down there are the names of containers, ports and variables, which name no object.
    let shallow = line.len() - line.trim_start().len() <= 2;
    let line = line.trim_start().trim_start_matches("- ");
    let value = line.split_once(':').filter(|(key, _)| {
        let key = key.trim_matches(['"', '\'', ' ']);
        shallow && NAMING.contains(&key) || key.contains('/') || matches!(key, "app" | "component" | "k8s-app" | "tier")
    });
    let value = value.map(|(_, value)| value.split(" #").next().unwrap_or_default());
    // In `{{ .Release.Name }}-web` the word is `web`.
    let parts = value.into_iter().flat_map(|value| value.split(['{', '}']).step_by(2));
    parts.map(|part| part.trim().trim_matches(['"', '\'', '-'])).filter(|part| !part.is_empty() && !part.contains(' '))
}
