//! What holds for every run of `check`: each finding has a place, and the result is the same at any number of threads.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use tiphys::check::Checked;
use tiphys::finding::Profile;
use tiphys::run::{Input, Options, run};
use tiphys::source::worktree;

/// The example, and the seed's repository where it is there.
fn repositories() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = root.join("../shared/seed/repo");
    let mut all = vec![root.join("examples/platform")];
    if seed.is_dir() {
        all.push(seed);
    } else {
        println!("{} is not there: its repository is skipped", seed.display());
    }
    all
}

fn checked(path: &Path, threads: usize) -> Checked {
    let snapshot = Arc::new(worktree::read(path).expect("a readable repository"));
    let input = Input { snapshot, config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| run(&input, Options { profile: Some(Profile::Seed), today }))
}

#[test]
fn the_example_is_clean_and_wholly_judged() {
    let checked = checked(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/platform"), 2);
    let snapshot = &checked.repository().snapshot;
    let findings: Vec<String> = checked
        .findings()
        .iter()
        .map(|finding| format!("{}:{}: {}", snapshot.path(finding.mark.file), finding.mark.line, finding.message))
        .collect();
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(checked.not_judged(), []);
    let summary = checked.summary();
    assert_eq!((summary.applications, summary.resources), (24, 222));
}

#[test]
fn every_finding_stands_at_a_line_and_column_of_a_file() {
    for path in repositories() {
        let checked = checked(&path, 2);
        let snapshot = &checked.repository().snapshot;
        for finding in checked.findings() {
            let mark = finding.mark;
            let place = format!("{}: {} in {}", finding.rule, finding.message, snapshot.path(mark.file));
            let file = snapshot.file(mark.file).unwrap_or_else(|| panic!("{place}: no file"));
            assert!(mark.line >= 1 && mark.column >= 1, "{place}: {}:{}", mark.line, mark.column);
            if let Some(text) = snapshot.text(mark.file) {
                let line = text.lines().nth(mark.line as usize - 1);
                let line =
                    line.or((mark.line == 1).then_some("")).unwrap_or_else(|| panic!("{place}: no line {}", mark.line));
                assert!(mark.column as usize <= line.chars().count() + 1, "{place}: no column {}", mark.column);
            }
            assert!(!file.path.is_empty() && finding.fingerprint.len() == 24, "{place}: {}", finding.fingerprint);
        }
        for judgement in checked.not_judged() {
            assert!(judgement.not_judged.mark.is_some(), "{}: no place", judgement.not_judged.what);
        }
    }
}

#[test]
fn the_result_is_the_same_at_any_number_of_threads() {
    for path in repositories() {
        let (one, many) = (checked(&path, 1), checked(&path, 7));
        assert_eq!(one.findings(), many.findings(), "{}", path.display());
        assert_eq!(one.not_judged(), many.not_judged(), "{}", path.display());
        assert_eq!(one.summary(), many.summary(), "{}", path.display());
    }
}

#[test]
fn no_two_findings_have_one_fingerprint() {
    for path in repositories() {
        let checked = checked(&path, 2);
        let mut seen = std::collections::BTreeMap::new();
        for finding in checked.findings() {
            if let Some(other) = seen.insert(finding.fingerprint.clone(), finding.message.clone()) {
                panic!("{}: {other} / {}", finding.fingerprint, finding.message);
            }
        }
    }
}
