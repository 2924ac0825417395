//! Which repository URLs are the repository at hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::load::{Class, Repository};
use crate::yaml::{Node, Value};

/// The URLs that mean this repository, and those that are mapped to a directory of it.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    own: BTreeSet<String>,
    mapped: BTreeMap<String, String>,
    /// Directories of charts, by the URL of their chart repository and their names.
    charts: BTreeMap<(String, String), String>,
}

/// What a repository URL means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// This repository; paths start at the directory, empty for its root.
    Here(&'a str),
    /// Another repository.
    Elsewhere,
}

impl Identity {
    /// The URLs that the configuration declares and those of the git remotes. Where Applications use none of them, the
    /// URL that they use most: a fork or a copy is judged like its original.
    pub fn of(repository: &Repository, config: &Config) -> Identity {
        let mut identity = Identity::default();
        for known in &config.repositories {
            match (&known.path, &known.chart) {
                (None, None) => {
                    identity.own.insert(normalize_url(&known.url));
                }
                (Some(path), None) => {
                    identity.mapped.insert(normalize_url(&known.url), path.trim_matches('/').to_owned());
                }
                (Some(path), Some(chart)) => {
                    let key = (normalize_url(&known.url), chart.to_string());
                    identity.charts.insert(key, path.trim_matches('/').to_owned());
                }
                (None, Some(_)) => {}
            }
        }
        let remotes = repository.snapshot.remotes.iter().map(|url| normalize_url(url));
        let used = used(repository);
        if identity.own.is_empty() {
            identity.own.extend(remotes.filter(|remote| used.contains_key(remote)));
        } else {
            identity.own.extend(remotes);
        }
        if identity.own.is_empty() {
            let is_here = holds_sources(repository);
            let unmapped = used.into_iter().filter(|(url, _)| is_here && !identity.mapped.contains_key(url));
            // Of two that are used as often, the first in the alphabet.
            let most = unmapped.max_by(|(a, times), (b, others)| times.cmp(others).then_with(|| b.cmp(a)));
            identity.own.extend(most.map(|(url, _)| url));
        }
        identity
    }

    /// What `url` means.
    pub fn meaning(&self, url: &str) -> Meaning<'_> {
        let url = normalize_url(url);
        match self.mapped.get(&url) {
            Some(directory) => Meaning::Here(directory),
            None if self.own.contains(&url) => Meaning::Here(""),
            None => Meaning::Elsewhere,
        }
    }

    /// The directory that stands for a chart of a chart repository; one that is mapped whole holds them by name.
    pub fn chart(&self, url: &str, name: &str) -> Option<String> {
        let url = normalize_url(url);
        match self.charts.get(&(url.clone(), name.to_owned())) {
            Some(directory) => Some(directory.clone()),
            None => crate::source::normalize(self.mapped.get(&url)?, name),
        }
    }

    /// Whether `url` is this repository itself.
    pub fn is_own(&self, url: &str) -> bool {
        self.own.contains(&normalize_url(url))
    }
}

/// Whether the repository holds something to deploy: where there is nothing but objects of Argo CD, what they deploy lies
/// elsewhere, unless one of their paths is a directory here.
fn holds_sources(repository: &Repository) -> bool {
    let mut files = repository.files_of(Class::Yaml);
    let is_other = |root: &Node| {
        let kind = root.str_at(&["kind"]);
        let is_argo = matches!(kind, Some("Application" | "ApplicationSet" | "AppProject"));
        kind.is_some() && !is_argo || leads_here(repository, root)
    };
    !repository.charts.is_empty()
        || !repository.kustomizations.is_empty()
        || files.any(|id| {
            let yaml = repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents);
            yaml.iter().any(|document| is_other(&document.root))
        })
}

/// Whether a `path` beside a `repoURL` is a directory of the repository.
fn leads_here(repository: &Repository, node: &Node) -> bool {
    match &node.value {
        Value::Mapping(mapping) => {
            let path = mapping.get("repoURL").and(mapping.get("path")).and_then(Node::text);
            let path = path.map(|path| path.trim_matches('/')).filter(|path| !path.is_empty());
            path.is_some_and(|path| repository.snapshot.under(path).next().is_some())
                || mapping.entries.iter().any(|entry| leads_here(repository, &entry.value))
        }
        Value::Sequence(sequence) => sequence.items.iter().any(|item| leads_here(repository, item)),
        Value::Scalar(_) => false,
    }
}

/// How often each repository URL stands in an Application or ApplicationSet; those of charts do not count.
fn used(repository: &Repository) -> BTreeMap<String, usize> {
    let mut used = BTreeMap::new();
    for id in repository.files_of(Class::Yaml) {
        let Some(yaml) = repository.yaml(id) else { continue };
        for document in &yaml.documents {
            if matches!(document.root.str_at(&["kind"]), Some("Application" | "ApplicationSet")) {
                count(&document.root, &mut used);
            }
        }
    }
    used
}

fn count(node: &Node, used: &mut BTreeMap<String, usize>) {
    match &node.value {
        Value::Mapping(mapping) => {
            if let Some(url) = mapping.get("repoURL").and_then(Node::text)
                && mapping.get("chart").is_none()
                && !url.contains("{{")
                && !url.starts_with("oci://")
            {
                *used.entry(normalize_url(url)).or_default() += 1;
            }
            mapping.entries.iter().for_each(|entry| count(&entry.value, used));
        }
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| count(item, used)),
        Value::Scalar(_) => {}
    }
}

/// One form for the ways in which a repository can be written: `https://host/org/name.git`, `git@host:org/name`,
/// `ssh://git@host/org/name/` are all `host/org/name`.
pub fn normalize_url(url: &str) -> String {
    let url = url.trim();
    let (rest, scheme) = match url.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (url, false),
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) if scheme || !authority.contains(':') => (authority, path),
        _ => rest.split_once(':').unwrap_or((rest, "")),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let mut normal = String::with_capacity(host.len() + 1 + path.len());
    match host.is_ascii() {
        true => normal.extend(host.chars().map(|c| c.to_ascii_lowercase())),
        false => normal.push_str(&host.to_lowercase()),
    }
    if !path.is_empty() {
        normal.push('/');
        normal.push_str(path);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_write_a_repository_are_one() {
        for url in [
            "https://github.com/org/name",
            "https://user@GitHub.com/org/name.git",
            "git@github.com:org/name.git",
            "ssh://git@github.com/org/name/",
        ] {
            assert_eq!(normalize_url(url), "github.com/org/name", "{url}");
        }
    }
}
