//! What kustomize would fetch from elsewhere: which paths those are, and which directories of this repository stand for
//! them.

use super::build::Build;
use crate::finding::{Finding, NotJudged};
use crate::yaml::Node;

/// Why a path leads to no file.
#[derive(Debug, Clone)]
pub(super) enum Missing {
    /// There is none.
    Wrong(Box<Finding>),
    /// It lies outside of the repository.
    Elsewhere(Box<NotJudged>),
}

impl Missing {
    /// What `entry` names lies outside of the repository.
    pub(super) fn elsewhere(entry: &Node, what: &str, written: &str) -> Missing {
        Missing::Elsewhere(Box::new(NotJudged {
            mark: entry.mark(),
            what: format!("remote {what} {written}"),
            reason: "it lies outside of the repository; `repositories` of tiphys.yaml can name a directory for its URL"
                .to_owned(),
        }))
    }
}

impl Build {
    /// Notes that part of the input is not there.
    pub(super) fn lacks(&mut self, missing: Missing) {
        match missing {
            Missing::Wrong(finding) => self.fail(Some(finding)),
            Missing::Elsewhere(judgement) => {
                self.partial = true;
                self.not_judged.push(*judgement);
            }
        }
    }
}

/// Whether kustomize would fetch `path` from elsewhere.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://")
        || path.starts_with("git::")
        || path.starts_with("git@")
        || path.starts_with("github.com/")
        || path.starts_with("github.com:")
        || path.contains("?ref=")
        || path.contains("?version=")
}

/// The URLs that directories of this repository stand for.
#[derive(Debug, Clone, Default)]
pub struct Remotes {
    /// The URL in its plain form, its revision if one is asked for, and the directory.
    known: Vec<(String, Option<String>, String)>,
}

impl Remotes {
    /// `url` and the directory for it, each. A URL with a query (`?ref=v1`) is for this revision only.
    pub fn new<'u>(mapped: impl IntoIterator<Item = (&'u str, &'u str)>) -> Remotes {
        let known = mapped.into_iter().map(|(url, directory)| {
            let (plain, revision) = plain(url);
            (plain, revision, directory.trim_matches('/').to_owned())
        });
        let mut known: Vec<_> = known.collect();
        // The longest URL knows best, and one with a revision better than one without.
        known.sort_by_key(|(url, revision, _)| (std::cmp::Reverse(url.len()), revision.is_none()));
        Remotes { known }
    }

    /// The path, from the repository's root, that stands for `written`.
    pub(super) fn local(&self, written: &str) -> Option<String> {
        if self.known.is_empty() || !is_remote(written) {
            return None;
        }
        let (url, revision) = plain(written);
        self.known.iter().find_map(|(known, wanted, directory)| {
            let rest = url.strip_prefix(known.as_str())?;
            let fits = (rest.is_empty() || rest.starts_with('/')) && (wanted.is_none() || *wanted == revision);
            let rest = rest.trim_matches('/');
            // What climbs out of the directory is not what the mapping is for.
            (fits && !rest.split('/').any(|part| part == "..")).then(|| match (directory.as_str(), rest) {
                ("", rest) => rest.to_owned(),
                (directory, "") => directory.to_owned(),
                (directory, rest) => format!("{directory}/{rest}"),
            })
        })
    }
}

/// A URL without scheme, user, `.git` and empty parts: `github.com/org/repository/path`; and its revision.
fn plain(url: &str) -> (String, Option<String>) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let revision = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("ref=").or(pair.strip_prefix("version=")))
        .map(str::to_owned);
    let address = address.strip_prefix("git::").unwrap_or(address);
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, path) = address.split_at(address.find(['/', ':']).unwrap_or(address.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = path.trim_start_matches(':');
    let parts = path.split('/').filter(|part| !part.is_empty()).map(|part| part.strip_suffix(".git").unwrap_or(part));
    let mut all = vec![host.to_ascii_lowercase()];
    all.extend(parts.map(str::to_owned));
    (all.join("/"), revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(url: &str) -> Option<String> {
        let known = [
            ("https://github.com/org/bases", "vendor/bases"),
            ("https://github.com/org/bases?ref=v1", "vendor/v1"),
            ("https://raw.githubusercontent.com/org/bases/main", "vendor/bases"),
        ];
        Remotes::new(known).local(url)
    }

    #[test]
    fn every_way_to_write_a_repository_is_the_same() {
        for url in [
            "https://github.com/org/bases//web?ref=v2",
            "https://github.com/org/bases.git//web?ref=v2",
            "https://user@github.com/org/bases/web",
            "git@github.com:org/bases//web",
            "git::https://github.com/org/bases.git/web",
            "ssh://git@github.com/org/bases//web",
            "github.com/org/bases/web?timeout=90s",
            "https://raw.githubusercontent.com/org/bases/main/web",
        ] {
            assert_eq!(local(url).as_deref(), Some("vendor/bases/web"), "{url}");
        }
    }

    #[test]
    fn a_revision_can_have_a_directory_of_its_own() {
        assert_eq!(local("https://github.com/org/bases?ref=v1").as_deref(), Some("vendor/v1"));
    }

    #[test]
    fn other_repositories_and_ways_out_are_not_mapped() {
        assert_eq!(local("https://github.com/org/bases-more"), None);
        assert_eq!(local("https://github.com/org/other"), None);
        assert_eq!(local("https://github.com/org/bases/../../etc"), None);
        assert_eq!(local("../bases"), None);
    }
}
