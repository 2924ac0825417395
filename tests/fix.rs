//! Fixes on the cases of all specifications: they mend what they say, and mending twice changes nothing more.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use rayon::prelude::*;
use tiphys::finding::Profile;
use tiphys::fix::{Fixed, Selection, fix};
use tiphys::run::{Input, Options};
use tiphys::source::Snapshot;

use crate::spec::{Case, cases, specifications};

/// How many rules must carry a fix at least.
const RULES: usize = 20;

fn fixed(files: &[(String, String)], rules: &[String]) -> Fixed {
    let snapshot = Arc::new(Snapshot::from_files(files.iter().cloned()));
    let input = Input { snapshot, config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    let selection = Selection { rules: rules.to_vec(), unsafe_too: true };
    fix(&input, Options { profile: Some(Profile::Strict), today }, &selection)
}

/// The rules of which a case's findings are mended, and what is wrong with that.
fn mended(rule: &str, case: &Case) -> (BTreeSet<String>, Vec<String>) {
    let at = format!("tests/spec/{rule}.md:{}", case.line);
    let once = fixed(&case.files, &[]);
    let mut files = case.files.clone();
    for changed in &once.files {
        if let Some(file) = files.iter_mut().find(|(path, _)| *path == changed.path) {
            file.1 = changed.new.to_string();
        }
    }
    let twice = fixed(&files, &[]);
    let mut wrong = Vec::new();
    if !twice.files.is_empty() {
        wrong.push(format!("{at}: mended again: {:?}", twice.mended));
    }
    for (finding, reason) in once.refused.iter().filter(|(_, reason)| reason.contains("again")) {
        wrong.push(format!("{at}: {}: {}: {reason}", finding.rule, finding.message));
    }
    (once.mended.iter().map(|finding| finding.rule.to_string()).collect(), wrong)
}

#[test]
fn what_is_mended_stays_mended() {
    let paths = specifications();
    let results: Vec<_> = paths
        .par_iter()
        .flat_map_iter(|path| {
            let rule = path.file_stem().and_then(|stem| stem.to_str()).expect("a UTF-8 name").to_owned();
            let text = std::fs::read_to_string(path).expect("a readable specification");
            cases(&text).into_iter().map(move |case| mended(&rule, &case)).collect::<Vec<_>>()
        })
        .collect();
    let rules: BTreeSet<&String> = results.iter().flat_map(|(rules, _)| rules).collect();
    let wrong: Vec<&String> = results.iter().flat_map(|(_, wrong)| wrong).collect();
    println!("{} rules have a fix that a case shows: {rules:?}", rules.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rules.len() >= RULES, "only {} rules have a fix: {rules:?}", rules.len());
}
