//! Every option, annotation, label, finalizer and static check of Argo CD in `../shared/conformance/argo/syncoptions` is
//! known to a rule: what is wrong there is reported, what is right is not.

mod checks;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::Value as Json;
use tiphys::finding::Profile;
use tiphys::origin::FileId;
use tiphys::run::{Input, Options, run};
use tiphys::source::Snapshot;
use tiphys::yaml::{Limits, read};

/// One of the two lists, where it is there.
fn list(name: &str) -> Option<Json> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/syncoptions").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("{} is not there: skipped", path.display());
        return None;
    };
    Some(read(FileId(0), &text, Limits::default()).documents[0].root.to_json())
}

fn items<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_default()
}

/// The rules with a finding in a repository, with the messages and helps. `#### PATH` begins another file than
/// `manifest.yaml`.
fn reported(manifest: &str) -> Vec<(String, String)> {
    let mut parts = manifest.split("#### ");
    let first = parts.next().map(|text| ("manifest.yaml".to_owned(), text.to_owned()));
    let others = parts.filter_map(|part| part.split_once('\n')).map(|(path, text)| (path.to_owned(), text.to_owned()));
    let snapshot = Arc::new(Snapshot::from_files(first.into_iter().chain(others)));
    let input = Input { snapshot, config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    let checked = run(&input, Options { profile: Some(Profile::Seed), today });
    let findings = checked.findings().iter();
    findings
        .map(|finding| {
            let help = finding.help.as_deref().unwrap_or_default();
            (finding.rule.to_string(), format!("{} {help}", finding.message))
        })
        .collect()
}

fn has(manifest: &str, rule: &str) -> bool {
    reported(manifest).iter().any(|(found, _)| found == rule)
}

/// What `tiphys argocd appset generate` says of an ApplicationSet of the seed, and how it ends.
fn generated(name: &str) -> Option<(Json, String, Option<i32>)> {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seed/repo");
    if !seed.is_dir() {
        println!("{} is not there: skipped", seed.display());
        return None;
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tiphys"))
        .args(["argocd", "appset", "generate", &format!("applicationsets/{name}.yaml"), "--repository", "."])
        .current_dir(seed)
        .output()
        .expect("tiphys runs");
    let json = serde_json::from_slice(&output.stdout).expect("JSON");
    Some((json, String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code()))
}

#[test]
fn a_set_with_text_where_a_boolean_belongs_generates_nothing() {
    let Some((json, _, code)) = generated("multi-env-apps") else { return };
    assert_eq!((items(&json, "applications").len(), code), (0, Some(1)));
    let error = text(&json, "error");
    assert!(error.contains("automated.prune must be a boolean, found the string `{{.prune}}`"), "{error}");
}

#[test]
fn a_set_that_asks_a_server_is_not_judged() {
    let Some((json, stderr, code)) = generated("pr-preview-apps") else { return };
    assert_eq!((items(&json, "applications").len(), code), (0, Some(3)));
    assert!(stderr.contains("pr-preview-apps.yaml:9:") && stderr.contains("known to a server only"), "{stderr}");
}

#[test]
fn a_set_whose_glob_matches_nothing_says_what_would_match() {
    let Some((json, stderr, code)) = generated("progressive-rollout") else { return };
    assert_eq!((items(&json, "applications").len(), code), (0, Some(0)));
    assert!(stderr.contains("did you mean `services/*/*/overlays/*`?"), "{stderr}");
}
