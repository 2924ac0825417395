//! Runs the specifications of the rules: `tests/spec/<rule>.md`.
//!
//! A specification is Markdown. Fenced `yaml` blocks that follow one another without prose are the files of one case;
//! `file=PATH` names a file (else `manifest.yaml`). A line of a file ends with `# error[rule] part of the message` where
//! a finding is expected: its severity, its rule and, if given, a part of its message or help. Nothing else may be
//! found by the specified rule, nor by a rule that the case names; other rules are not looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use tiphys::check::rules;
use tiphys::finding::{Finding, Profile};
use tiphys::run::{Input, Options, run};
use tiphys::source::Snapshot;

/// Files that belong together, and where they begin in the specification.
pub(crate) struct Case {
    pub(crate) line: usize,
    pub(crate) files: Vec<(String, String)>,
}

/// A finding that a comment asks for.
#[derive(Debug)]
struct Expected {
    file: String,
    line: u32,
    severity: String,
    rule: String,
    text: String,
}

#[test]
fn every_rule_does_what_its_specification_says() {
    let paths = specifications();
    let only = std::env::var("SPEC").ok();
    let mut failures = Vec::new();
    for path in paths {
        let rule = path.file_stem().and_then(|stem| stem.to_str()).expect("a UTF-8 name").to_owned();
        if only.as_ref().is_some_and(|only| *only != rule) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable specification");
        assert!(rules::all().iter().any(|known| known.id == rule), "{rule}.md specifies no rule that exists");
        for case in cases(&text) {
            check(&rule, &case, &mut failures);
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_rule_has_a_specification() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec");
    let missing: Vec<_> =
        rules::all().iter().filter(|rule| !directory.join(format!("{}.md", rule.id)).exists()).collect();
    let missing: Vec<_> = missing.iter().map(|rule| rule.id).collect();
    assert!(missing.is_empty(), "no tests/spec/<rule>.md for {missing:?}");
}

/// The files of all specifications, sorted.
pub(crate) fn specifications() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec");
    let mut paths: Vec<_> = std::fs::read_dir(&directory)
        .expect("tests/spec is in the crate")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths
}

/// The cases of a specification.
pub(crate) fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut open: Option<(String, String)> = None;
    let mut new = true;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some((_, content)) if !line.starts_with("```") => {
                content.push_str(line);
                content.push('\n');
            }
            Some(_) => {
                let file = open.take().expect("a block is open");
                cases.last_mut().expect("a case was begun").files.push(file);
            }
            None if line.starts_with("```") => {
                let name = line.split_whitespace().find_map(|word| word.strip_prefix("file="));
                if std::mem::take(&mut new) {
                    cases.push(Case { line: number + 1, files: Vec::new() });
                }
                open = Some((name.unwrap_or("manifest.yaml").to_owned(), String::new()));
            }
            None if line.trim().is_empty() => {}
            None => new = true,
        }
    }
    cases
}

fn expected(case: &Case) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (file, content) in &case.files {
        for (number, line) in content.lines().enumerate() {
            for part in line.split("# ").skip(1) {
                let Some((head, text)) = part.split_once(']') else { continue };
                let Some((severity, rule)) = head.split_once('[') else { continue };
                if matches!(severity, "error" | "warning" | "info") {
                    expected.push(Expected {
                        file: file.clone(),
                        line: number as u32 + 1,
                        severity: severity.to_owned(),
                        rule: rule.to_owned(),
                        text: text.trim().to_owned(),
                    });
                }
            }
        }
    }
    expected
}

fn check(rule: &str, case: &Case, failures: &mut Vec<String>) {
    let snapshot = Arc::new(Snapshot::from_files(case.files.iter().cloned()));
    let mut found = findings(&snapshot);
    let expected = expected(case);
    found.retain(|finding| finding.rule == rule || expected.iter().any(|expected| finding.rule == expected.rule));
    let at = format!("tests/spec/{rule}.md:{}", case.line);
    for expected in expected {
        let place = found.iter().position(|finding| {
            let help = finding.help.as_deref().unwrap_or_default();
            finding.rule == expected.rule
                && finding.severity.as_str() == expected.severity
                && snapshot.path(finding.mark.file) == expected.file
                && finding.mark.line == expected.line
                && (finding.message.contains(&expected.text) || help.contains(&expected.text))
        });
        match place {
            Some(place) => drop(found.remove(place)),
            None => failures.push(format!(
                "{at}: not found: {}:{}: {}[{}] {}",
                expected.file, expected.line, expected.severity, expected.rule, expected.text
            )),
        }
    }
    for finding in found {
        failures.push(format!(
            "{at}: not expected: {}:{}:{}: {}[{}] {} ({})",
            snapshot.path(finding.mark.file),
            finding.mark.line,
            finding.mark.column,
            finding.severity.as_str(),
            finding.rule,
            finding.message,
            finding.help.unwrap_or_default(),
        ));
    }
}

/// What all rules find in the files, with every profile's rules.
fn findings(snapshot: &Arc<Snapshot>) -> Vec<Finding> {
    let input = Input { snapshot: Arc::clone(snapshot), config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    run(&input, Options { profile: Some(Profile::Seed), today }).findings().to_vec()
}
