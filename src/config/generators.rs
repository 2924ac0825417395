//! `generators:` of `tiphys.yaml`: what servers would answer to the generators of ApplicationSets.
//!
//! The names are those of the file that `tiphys argocd appset generate --inputs` reads. What is not given stays unknown,
//! and a generator that asks for it is not judged; a list that is empty says that there is nothing.

use serde_json::{Map, Value as Json};

use super::fields::Findings;
use crate::yaml::Node;

const KEYS: [&str; 8] = [
    "clusters",
    "pullRequests",
    "repositories",
    "plugins",
    "decisionConfigMaps",
    "decisionResources",
    "newGitFileGlobbing",
    "includeHiddenDirectories",
];

const PULL_REQUEST: [&str; 8] =
    ["repository", "number", "title", "branch", "targetBranch", "headSHA", "labels", "author"];

const REPOSITORY: [&str; 8] =
    ["organization", "repository", "repositoryId", "sshUrl", "httpsUrl", "defaultBranch", "labels", "branches"];

/// Reads the section. The clusters in it are left to the caller.
pub(super) fn generators(findings: &mut Findings, root: &Node) -> Json {
    let Some(node) = root.get("generators").filter(|node| !node.is_null()) else { return Json::Null };
    if !findings.keys(node, "generators", &KEYS) {
        return Json::Null;
    }
    let mut answers = Map::new();
    let mut list = |findings: &mut Findings, key: &str, stored: &str, known: &[&str], needed: &[&str]| {
        let Some(given) = node.get(key).filter(|given| !given.is_null()) else { return };
        let mut kept = Vec::new();
        for item in findings.items(node, "generators", key) {
            let what = format!("generators.{key}");
            if (known.is_empty() || findings.keys(item, &what, known)) && complete(findings, item, &what, needed) {
                kept.push(item.to_json());
            }
        }
        if given.as_sequence().is_some() {
            answers.insert(stored.to_owned(), Json::Array(kept));
        }
    };
    list(findings, "pullRequests", "pullRequests", &PULL_REQUEST, &["number", "branch", "headSHA"]);
    list(findings, "repositories", "scm", &REPOSITORY, &["repository", "defaultBranch", "branches"]);
    list(findings, "decisionResources", "decisionResources", &[], &["apiVersion", "kind", "metadata"]);
    for repository in node.get("repositories").map(Node::items).unwrap_or_default() {
        for branch in repository.get("branches").map(Node::items).unwrap_or_default() {
            findings.keys(branch, "generators.repositories.branches", &["name", "sha", "paths"]);
        }
    }
    for (key, known) in [
        ("plugins", ["noToken", "responses"].as_slice()),
        ("decisionConfigMaps", &["apiVersion", "kind", "statusListKey", "matchKey"]),
    ] {
        let Some(given) = node.get(key).filter(|given| !given.is_null()) else { continue };
        if given.as_mapping().is_none() {
            let found = given.kind().as_str();
            findings
                .report(given.mark(), format!("generators.{key}: expected ConfigMaps by their names, found {found}"));
            continue;
        }
        for entry in given.entries() {
            findings.keys(&entry.value, &format!("generators.{key}.{}", entry.key_text()), known);
            for response in entry.value.get("responses").map(Node::items).unwrap_or_default() {
                findings.keys(response, "generators.plugins.responses", &["when", "parameters"]);
            }
        }
        answers.insert(key.to_owned(), given.to_json());
    }
    for key in ["newGitFileGlobbing", "includeHiddenDirectories"] {
        let Some(given) = node.get(key) else { continue };
        match given.as_bool() {
            Some(switch) => drop(answers.insert(key.to_owned(), Json::Bool(switch))),
            None => {
                let found = given.kind().as_str();
                findings.report(given.mark(), format!("generators.{key}: expected true or false, found {found}"));
            }
        }
    }
    Json::Object(answers)
}

/// Whether what an item needs is there.
fn complete(findings: &mut Findings, item: &Node, what: &str, needed: &[&str]) -> bool {
    let missing: Vec<&&str> = needed.iter().filter(|key| item.get(key).is_none_or(Node::is_null)).collect();
    for key in &missing {
        findings.report(item.mark(), format!("{what}: `{key}` is missing"));
    }
    missing.is_empty()
}
