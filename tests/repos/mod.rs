//! Whole repositories on disk, broken in ten ways: each break is found at its place, everything else is still reported,
//! in seconds and in bounded memory.

mod breaks;
mod realworld;
mod releases;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use breaks::BREAKS;

/// How long a run may take, with all that runs beside it.
const LIMIT: Duration = Duration::from_secs(60);
/// How much address space a run may ask for, in KiB.
const MEMORY_KIB: u64 = 4 << 20;

/// A repository and the service in it that is broken.
struct Subject {
    repository: PathBuf,
    service: &'static str,
    /// Files that only reach a cluster by way of that service: what is wrong with them is not seen without it.
    carried: &'static str,
    /// The Application that deploys other Applications, and what it deploys.
    root: &'static str,
    applications: &'static str,
}

/// Where a finding is, and of what rule.
type Place = (String, String, u64);

fn example() -> Subject {
    Subject {
        repository: Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/platform"),
        service: "services/catalog",
        carried: "services/catalog",
        root: "bootstrap/root.yaml",
        applications: "applications",
    }
}

fn seed() -> Option<Subject> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seed/repo");
    if !repository.is_dir() {
        println!("{} is not there: its breaks are skipped", repository.display());
        return None;
    }
    Some(Subject {
        repository,
        service: "services/sophia/orchestrator",
        carried: "environments",
        root: "applications/platform-apps.yaml",
        applications: "applications",
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a readable directory") {
        let entry = entry.expect("a readable entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a readable file");
        }
    }
}

/// Runs the command as a person would, held to the limits.
fn check(repository: &Path) -> (BTreeSet<Place>, Value) {
    let begun = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY_KIB}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_tiphys")])
        .args(["check", "--profile", "seed", "--format", "json", "--threads", "2"])
        .arg(repository)
        .output()
        .expect("the command runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {errors}", output.status);
    assert!(begun.elapsed() < LIMIT, "took {:?}", begun.elapsed());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on the standard output");
    let places = report["findings"].as_array().expect("findings").iter().map(place).collect();
    (places, report)
}

fn place(finding: &Value) -> Place {
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    (text("rule"), text("file"), finding["line"].as_u64().unwrap_or_default())
}

fn every_break_is_found(subject: &Subject) {
    let whole = tempfile::tempdir().expect("a directory");
    copy(&subject.repository, whole.path());
    fs::create_dir_all(whole.path().join("beside")).expect("a directory can be made");
    // A defect that has nothing to do with what is broken.
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: beside\ndata:\n  key: \"not base64\"\n";
    fs::write(whole.path().join("beside/secret.yaml"), secret).expect("a file can be written");
    let (before, _) = check(whole.path());
    assert!(before.contains(&("invalid-base64".to_owned(), "beside/secret.yaml".to_owned(), 6)), "{before:?}");
    let mut failures = Vec::new();
    for case in BREAKS {
        let broken = tempfile::tempdir().expect("a directory");
        copy(whole.path(), broken.path());
        let (file, line) = (case.make)(subject, broken.path());
        let (after, report) = check(broken.path());
        let found =
            after.iter().any(|(rule, at, on)| case.rules.contains(&rule.as_str()) && *at == file && *on == line);
        if !found {
            let near: Vec<_> = after.difference(&before).collect();
            failures.push(format!("{}: no {:?} at {file}:{line} among {near:?}", case.name, case.rules));
        }
        for finding in report["findings"].as_array().expect("findings") {
            let located = finding["line"].as_u64() > Some(0) && finding["column"].as_u64() > Some(0);
            assert!(located && finding["file"] != "", "{}: {finding}", case.name);
        }
        let apart = |at: &str| !at.starts_with(subject.service) && !at.starts_with(subject.carried) && at != file;
        let lost: Vec<_> = before.difference(&after).filter(|(_, at, _)| apart(at)).collect();
        if !lost.is_empty() {
            failures.push(format!("{}: no longer reported: {lost:?}", case.name));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn each_of_ten_breaks_of_the_example_is_found_and_nothing_else_is_lost() {
    every_break_is_found(&example());
}

#[test]
fn each_of_ten_breaks_of_the_seed_is_found_and_nothing_else_is_lost() {
    if let Some(subject) = seed() {
        every_break_is_found(&subject);
    }
}
