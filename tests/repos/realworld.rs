//! Repositories that people run: how many errors each rule reports in them.
//!
//! A rule that says more than before about a repository that works has most likely become wrong: read what is new
//! before changing `realworld.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Errors of each rule, by repository.
type Counts = BTreeMap<String, BTreeMap<String, usize>>;

#[test]
fn the_errors_reported_in_real_repositories_are_as_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repositories = root.join("../shared/conformance/kustomize/realworld");
    if !repositories.is_dir() {
        println!("{} is not there: its repositories are skipped", repositories.display());
        return;
    }
    let recorded = fs::read_to_string(root.join("tests/repos/realworld.toml")).expect("the recorded counts");
    let recorded: Counts = toml::from_str(&recorded).expect("TOML");
    let mut found = Counts::new();
    for entry in fs::read_dir(repositories).expect("a readable directory") {
        let entry = entry.expect("a readable entry");
        let counts = errors(&entry.path().join("tree"));
        if !counts.is_empty() {
            found.insert(entry.file_name().to_string_lossy().into_owned(), counts);
        }
    }
    assert_eq!(found, recorded, "read what is new; then write:\n{}", toml::to_string(&found).expect("TOML"));
}

fn errors(repository: &Path) -> BTreeMap<String, usize> {
    let output = Command::new(env!("CARGO_BIN_EXE_tiphys"))
        .args(["check", "--format", "json"])
        .arg(repository)
        .output()
        .expect("the command runs");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {:?}", repository.display(), output.status);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on the standard output");
    let mut counts = BTreeMap::new();
    for finding in report["findings"].as_array().expect("findings") {
        if finding["severity"] == "error" {
            *counts.entry(finding["rule"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    counts
}
