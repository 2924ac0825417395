//! How to tell to which environment something is deployed.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use smol_str::SmolStr;

/// An environment and what belongs to it: anything that one of the patterns matches.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `production`
    pub name: SmolStr,
    /// Whether it is production; so is one that is called `production` or `prod`.
    pub production: bool,
    paths: GlobSet,
    clusters: GlobSet,
    namespaces: GlobSet,
    labels: BTreeMap<SmolStr, SmolStr>,
    applications: GlobSet,
}

/// Where something is deployed to, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The paths of the sources.
    pub paths: &'a [&'a str],
    /// The destination cluster: its URL, its name, and its environment in the configuration.
    pub cluster: &'a [&'a str],
    /// The destination namespace.
    pub namespace: &'a str,
    /// The Application's name.
    pub application: &'a str,
    /// The Application's labels.
    pub labels: &'a [(&'a str, &'a str)],
}

/// The patterns of an environment, as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    pub(super) paths: Vec<String>,
    pub(super) clusters: Vec<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) applications: Vec<String>,
    pub(super) labels: BTreeMap<SmolStr, SmolStr>,
}

/// The words for production.
const PRODUCTION: [&str; 2] = ["production", "prod"];

/// The words for environments that are not production.
const OTHERS: [&str; 12] = [
    "dev",
    "development",
    "test",
    "testing",
    "qa",
    "integration",
    "uat",
    "stage",
    "staging",
    "preview",
    "sandbox",
    "ephemeral",
];

/// The labels that name an environment by custom.
pub(crate) const LABELS: [&str; 3] = ["environment", "env", "app.kubernetes.io/environment"];

/// A glob in which `*` stops at `/` and `**` does not.
pub(crate) fn glob(pattern: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

fn set(patterns: &[String], literal_separator: bool) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(GlobBuilder::new(pattern).literal_separator(literal_separator).build()?);
    }
    builder.build()
}

impl Environment {
    /// What is known without configuration: an environment is where a path has a segment of its name, where the
    /// environment label says so, or where the cluster is called so. Production first, then those that are none.
    pub fn defaults() -> Vec<Environment> {
        let named =
            |name, production| Environment { name: SmolStr::new_static(name), production, ..Environment::default() };
        let others = OTHERS.into_iter().map(|name| named(name, false));
        std::iter::once(named("production", true)).chain(others).collect()
    }

    /// An environment of the configuration.
    pub(super) fn new(name: &str, production: Option<bool>, patterns: Patterns) -> Result<Environment, globset::Error> {
        Ok(Environment {
            name: SmolStr::new(name),
            production: production.unwrap_or_else(|| PRODUCTION.contains(&name)),
            paths: set(&patterns.paths, true)?,
            clusters: set(&patterns.clusters, false)?,
            namespaces: set(&patterns.namespaces, false)?,
            applications: set(&patterns.applications, false)?,
            labels: patterns.labels,
        })
    }

    /// Whether it is production.
    pub fn is_production(&self) -> bool {
        self.production
    }

    /// Whether `place` belongs to it. An environment without patterns goes by its name.
    pub fn matches(&self, place: &Place<'_>) -> bool {
        if self.has_no_patterns() {
            return self.matches_by_name(place);
        }
        place.paths.iter().any(|path| self.paths.is_match(path))
            || place.cluster.iter().any(|cluster| self.clusters.is_match(cluster))
            || self.namespaces.is_match(place.namespace)
            || self.applications.is_match(place.application)
            || place.labels.iter().any(|(key, value)| self.labels.get(*key).is_some_and(|wanted| wanted == value))
    }

    fn has_no_patterns(&self) -> bool {
        self.paths.is_empty()
            && self.clusters.is_empty()
            && self.namespaces.is_empty()
            && self.applications.is_empty()
            && self.labels.is_empty()
    }

    /// The Application's own word counts most: a label, then the path, then the cluster's name.
    fn matches_by_name(&self, place: &Place<'_>) -> bool {
        let is_name = |text: &str| {
            text == self.name || self.production && PRODUCTION.iter().any(|word| word.eq_ignore_ascii_case(text))
        };
        if let Some((_, value)) = place.labels.iter().find(|(key, _)| LABELS.contains(key)) {
            return is_name(value);
        }
        place.paths.iter().any(|path| path.split('/').any(is_name))
            || place.cluster.iter().any(|cluster| {
                let host = cluster.trim_start_matches("https://").trim_start_matches("http://");
                host.split(|c: char| !c.is_ascii_alphanumeric()).any(is_name)
            })
    }
}
