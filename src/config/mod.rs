//! `tiphys.yaml` in, a [`Config`] with places in it and findings out.
//!
//! The file is read with our own reader, so that what is wrong in it is found at its line, and what it sets (a cluster,
//! a waiver, a severity) can be pointed at. A repository without the file has the default configuration. A part of the
//! file that is wrong is left out and reported; the other parts count.

mod environment;
mod fields;
mod generators;
mod parse;
mod sync;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use globset::GlobSet;
use smol_str::SmolStr;

pub(crate) use environment::LABELS as ENVIRONMENT_LABELS;
pub(crate) use environment::glob;
pub use environment::{Environment, Place};
pub(crate) use sync::parse_duration;
pub use sync::{Extent, StageConfig, SyncConfig};

use crate::finding::{Finding, Profile, Severity};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::source::Snapshot;
use crate::yaml::Node;

/// The name of the file that is read when no other is given.
pub const DEFAULT_PATH: &str = "tiphys.yaml";

/// What `tiphys.yaml` says.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file, if there is one.
    pub file: Option<FileId>,
    /// The Kubernetes version of clusters that name none: `1.37`. `None` means the newest that is known.
    pub kubernetes: Option<KubernetesVersion>,
    /// The clusters, in the file's order.
    pub clusters: Vec<ClusterConfig>,
    /// Which URLs are this repository, and which are mapped to a directory of it.
    pub repositories: Vec<RepositoryConfig>,
    /// The choice of rules; the command line has the last word.
    pub profile: Option<Profile>,
    /// Settings of single rules, by id.
    pub rules: BTreeMap<SmolStr, RuleConfig>,
    /// Directories of Rego, from the repository's root.
    pub policies: Vec<Located<String>>,
    /// Findings that are accepted.
    pub waivers: Vec<WaiverConfig>,
    /// What may stay not judged.
    pub accept_not_judged: Vec<NotJudgedAcceptance>,
    /// How an environment is told; the default knows `production` (see [`Environment::defaults`]).
    pub environments: Vec<Environment>,
    /// Files that are not judged at all.
    pub exclude: Vec<Located<String>>,
    /// What servers would answer to the generators of ApplicationSets, by the names of `generators:`.
    pub generators: serde_json::Value,
    /// Whether the clusters are all that are registered.
    pub all_clusters: bool,
    /// How plans are carried out.
    pub sync: SyncConfig,
    /// Objects that the clusters hold, to the `lookup` of charts.
    pub lookup: Vec<Node>,
    excluded: GlobSet,
}

/// A value and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub mark: Mark,
}

/// A minor version of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// `1`
    pub major: u16,
    /// `37`
    pub minor: u16,
}

impl KubernetesVersion {
    /// Reads `1.37`, `v1.37` or `1.37.2`.
    pub fn parse(text: &str) -> Option<KubernetesVersion> {
        let mut parts = text.trim().trim_start_matches('v').split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(KubernetesVersion { major, minor })
    }
}

impl std::fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A cluster that Applications may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Its name in Argo CD.
    pub name: SmolStr,
    /// Its API server's URL.
    pub server: SmolStr,
    /// Its version.
    pub kubernetes: Option<KubernetesVersion>,
    /// Its environment.
    pub environment: Option<SmolStr>,
    /// The project that it is reserved for.
    pub project: Option<SmolStr>,
    /// The labels of its cluster Secret.
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// The annotations of its cluster Secret.
    pub annotations: BTreeMap<SmolStr, SmolStr>,
    /// Where it stands.
    pub mark: Mark,
}

/// What a repository URL means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// The URL, as Applications write it.
    pub url: SmolStr,
    /// The chart, for a chart repository.
    pub chart: Option<SmolStr>,
    /// The local directory that stands for it; `None` means that the URL is this repository.
    pub path: Option<String>,
    /// Where it stands.
    pub mark: Mark,
}

/// What is set for one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleConfig {
    /// The severity of its findings; `None` switches the rule off.
    pub severity: Option<Severity>,
    /// Where it stands.
    pub mark: Mark,
}

/// An accepted finding: everything that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverConfig {
    /// The rule's id.
    pub rule: Located<SmolStr>,
    /// A glob over the finding's file.
    pub path: Option<String>,
    /// `kind/name` or `namespace/kind/name`; `*` stands for any text.
    pub resource: Option<SmolStr>,
    /// The finding's fingerprint, or its beginning.
    pub fingerprint: Option<SmolStr>,
    /// Who answers for it.
    pub owner: SmolStr,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: NaiveDate,
    /// Where it stands.
    pub mark: Mark,
}

/// Something that may stay not judged: everything that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudgedAcceptance {
    /// A pattern over what it is; `*` stands for any text.
    pub what: Option<String>,
    /// A glob over its file.
    pub path: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Where it stands.
    pub mark: Mark,
}

impl Config {
    /// Reads the configuration of `repository`: the file that was given by name (see [`Config::add`]), else
    /// [`DEFAULT_PATH`], else the default.
    pub fn load(repository: &Repository, given: Option<FileId>) -> (Config, Vec<Finding>) {
        Config::read(&repository.snapshot, given)
    }

    /// As [`Config::load`], before the repository is loaded: policies and mappings are needed for that.
    pub fn read(snapshot: &Snapshot, given: Option<FileId>) -> (Config, Vec<Finding>) {
        match given.or_else(|| snapshot.find(DEFAULT_PATH)) {
            Some(file) => parse::parse(snapshot, file),
            None => (Config { environments: Environment::defaults(), ..Config::default() }, Vec::new()),
        }
    }

    /// Adds the text of a configuration that lies outside of the repository, for [`Config::load`].
    pub fn add(snapshot: &mut Snapshot, path: &str, text: &str) -> FileId {
        snapshot.add_external(path, crate::source::Content::Text(text.into()))
    }

    /// The cluster that an Application's destination names, by server or by name.
    pub fn cluster(&self, destination: &str) -> Option<&ClusterConfig> {
        let wanted = destination.trim_end_matches('/');
        self.clusters
            .iter()
            .find(|cluster| cluster.server.trim_end_matches('/') == wanted || cluster.name == destination)
    }

    /// The Kubernetes version of a destination; `None` means the newest that is known.
    pub fn kubernetes_of(&self, destination: &str) -> Option<KubernetesVersion> {
        self.cluster(destination).and_then(|cluster| cluster.kubernetes).or(self.kubernetes)
    }

    /// Whether findings in `path` are left out.
    pub fn is_excluded(&self, path: &str) -> bool {
        self.excluded.is_match(path)
    }

    /// The entry of `accept-not-judged` that accepts `what` in the file `path`.
    pub fn accepts(&self, what: &str, path: &str) -> Option<&NotJudgedAcceptance> {
        self.accept_not_judged.iter().find(|entry| {
            entry.what.as_deref().is_none_or(|pattern| matches_pattern(pattern, what))
                && entry.path.as_deref().is_none_or(|pattern| matches_path(pattern, path))
        })
    }

    /// The first environment that `place` belongs to.
    pub fn environment(&self, place: &Place<'_>) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.matches(place))
    }

    /// Whether `place` belongs to production.
    pub fn is_production(&self, place: &Place<'_>) -> bool {
        self.environments.iter().any(|environment| environment.is_production() && environment.matches(place))
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return text.is_empty() };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether the glob `pattern` matches `path`; one that is no glob matches nothing (it is reported when it is read).
pub(crate) fn matches_path(pattern: &str, path: &str) -> bool {
    pattern == path || glob(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(path))
}

#[cfg(test)]
mod tests;
