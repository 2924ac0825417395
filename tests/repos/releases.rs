//! Charts that people install, rendered: how many errors each rule reports in them.
//!
//! Each release is a repository of one file. Many are rendered with every switch of the chart on, or off, which makes
//! objects that an API server refuses; what is reported there is right, or it is no finding. Read what is new before
//! changing `releases.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use tiphys::finding::Severity;
use tiphys::run::{Input, Options, run};
use tiphys::source::Snapshot;

#[test]
fn the_errors_reported_in_rendered_releases_are_as_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let releases = root.join("../shared/conformance/helm/expected");
    if !releases.is_dir() {
        println!("{} is not there: its releases are skipped", releases.display());
        return;
    }
    let recorded = fs::read_to_string(root.join("tests/repos/releases.toml")).expect("the recorded counts");
    let recorded: BTreeMap<String, usize> = toml::from_str(&recorded).expect("TOML");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(releases).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("micro-") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable release");
        for rule in errors(text) {
            *found.entry(rule).or_default() += 1;
        }
    }
    assert_eq!(found, recorded, "read what is new; then write:\n{}", toml::to_string(&found).expect("TOML"));
}

fn errors(release: String) -> Vec<String> {
    let snapshot = Arc::new(Snapshot::from_files([("release.yaml".to_owned(), release)]));
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    let checked = run(&Input { snapshot, config: None, policies: Vec::new() }, Options { profile: None, today });
    let errors = checked.findings().iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.rule.to_string()).collect()
}
