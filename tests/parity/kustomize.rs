//! kustomize builds against what kustomize 5.8.1 printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use tiphys::load::{Repository, load};
use tiphys::origin::FileId;
use tiphys::render::kustomize::{Builds, Options, Overrides};
use tiphys::source::worktree;
use tiphys::yaml::{Limits, Node, Value, read};

/// A recorded case: a kustomization, and what kustomize printed.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) base: PathBuf,
    pub(crate) target: String,
    pub(crate) restrict: bool,
    expected: Option<PathBuf>,
}

fn case(meta: &Json, name: String, base: PathBuf, expected: PathBuf) -> Case {
    let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
    Case {
        name,
        base,
        target: text("target"),
        restrict: text("load_restrictor") != "none",
        expected: (text("expect") == "ok").then_some(expected),
    }
}

/// Every case below `root`: folders with `case.json`, and lists in `cases.jsonl`.
pub(crate) fn cases(root: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        if let Ok(text) = std::fs::read_to_string(directory.join("case.json")) {
            let meta = serde_json::from_str(&text).unwrap();
            let expected = directory.join("expected.yaml");
            cases.push(case(&meta, relative(&directory), directory.join("in"), expected));
        } else if let Ok(text) = std::fs::read_to_string(directory.join("cases.jsonl")) {
            for line in text.lines() {
                let meta: Json = serde_json::from_str(line).unwrap();
                let name = format!("{}/{}", relative(&directory), meta["name"].as_str().unwrap_or_default());
                let expected = directory.join(meta["expected"].as_str().unwrap_or_default());
                cases.push(case(&meta, name, directory.join("tree"), expected));
            }
        } else {
            open.extend(
                std::fs::read_dir(&directory).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_dir()),
            );
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

#[derive(Default)]
struct Score {
    ok: usize,
    semantic: usize,
    exact: usize,
    expected_errors: usize,
    errors: usize,
}

fn documents(text: &str) -> Vec<Json> {
    let file = read(FileId(0), text, Limits::default());
    file.documents.iter().map(|document| document.root.to_json()).collect()
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let fields: BTreeMap<String, Json> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Json::Object(fields.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn same(a: &str, b: &str) -> bool {
    let parsed = |text: &str| documents(text).into_iter().map(sorted).collect::<Vec<_>>();
    parsed(a) == parsed(b)
}

/// The first line that differs.
fn difference(got: &str, expected: &str) -> String {
    let (mut a, mut b) = (got.lines(), expected.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => break,
            (got, expected) if got != expected => {
                return format!(
                    "line {number}: `{}` instead of `{}`",
                    got.unwrap_or("(end)"),
                    expected.unwrap_or("(end)")
                );
            }
            _ => {}
        }
    }
    "line breaks".to_owned()
}

/// A value whose origin is no place of a file.
fn unplaced(node: &Node, pointer: String) -> Option<String> {
    if !node.mark().is_some() {
        return Some(pointer);
    }
    let below = |key: &str| format!("{pointer}/{key}");
    match &node.value {
        Value::Scalar(_) => None,
        Value::Sequence(sequence) => {
            sequence.items.iter().enumerate().find_map(|(index, item)| unplaced(item, below(&index.to_string())))
        }
        Value::Mapping(mapping) => {
            mapping.entries.iter().find_map(|entry| unplaced(&entry.value, below(entry.key_text())))
        }
    }
}

/// What `tiphys kustomize build` prints, or why it prints nothing.
fn built(builds: &Builds<'_>, repository: &Repository, target: &str) -> Result<String, String> {
    let output = builds.build(target, &Overrides::none());
    if output.failed || !output.not_judged.is_empty() {
        let mut why: Vec<String> = output
            .findings
            .iter()
            .map(|finding| {
                let mark = finding.mark;
                format!("{}:{}: {}: {}", repository.snapshot.path(mark.file), mark.line, finding.rule, finding.message)
            })
            .collect();
        why.extend(output.not_judged.iter().map(|missing| format!("not judged: {}", missing.what)));
        return Err(why.join("; "));
    }
    for resource in &output.resources {
        let missing = unplaced(&resource.node, String::new());
        assert_eq!(missing, None, "{target}: {} {} has a value without place", resource.kind(), resource.name());
    }
    let mut text = String::new();
    for (index, resource) in output.resources.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        tiphys::yaml::write(&resource.node, &mut text).map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn run(root: &Path, verbose: bool) -> BTreeMap<String, Score> {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let cases = cases(root);
    let mut at = 0;
    while at < cases.len() {
        let base = &cases[at].base;
        let end = at + cases[at..].iter().take_while(|case| case.base == *base).count();
        let repository = load(Arc::new(worktree::read(base).unwrap()));
        for restrict in [true, false] {
            let builds = Builds::with(&repository, Options { restrict, helm: true });
            for case in cases[at..end].iter().filter(|case| case.restrict == restrict) {
                let group = case.name.split('/').next().unwrap_or_default().to_owned();
                let score = scores.entry(group).or_default();
                let got = built(&builds, &repository, &case.target);
                let Some(expected) = &case.expected else {
                    score.expected_errors += 1;
                    score.errors += usize::from(got.is_err());
                    if got.is_ok() && verbose {
                        println!("ACCEPTED {}", case.name);
                    }
                    continue;
                };
                score.ok += 1;
                let expected = std::fs::read_to_string(expected).unwrap();
                match got {
                    Ok(text) if text == expected => {
                        score.exact += 1;
                        score.semantic += 1;
                    }
                    Ok(text) if same(&text, &expected) => {
                        score.semantic += 1;
                        if verbose {
                            println!("BYTES    {}: {}", case.name, difference(&text, &expected));
                        }
                    }
                    Ok(text) if verbose => println!("DIFFERS  {}: {}", case.name, difference(&text, &expected)),
                    Err(why) if verbose => println!("REFUSED  {}: {why}", case.name),
                    _ => {}
                }
            }
        }
        at = end;
    }
    scores
}

fn ratchet(key: &str) -> usize {
    let text = include_str!("ratchet.toml");
    let section = text.split("[kustomize]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().parse().ok())
        .unwrap_or(0)
}

#[test]
fn recorded_kustomizations_build_as_kustomize_builds_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/kustomize");
    let root = std::env::var_os("TIPHYS_SHARED").map_or(root, |path| Path::new(&path).join("conformance/kustomize"));
    if !root.is_dir() {
        println!("skipped: {} is not there", root.display());
        return;
    }
    let scores = run(&root, true);
    let mut total = Score::default();
    for (group, score) in &scores {
        println!(
            "{group}: {}/{} semantic, {} exact, {}/{} errors",
            score.semantic, score.ok, score.exact, score.errors, score.expected_errors
        );
        total.ok += score.ok;
        total.semantic += score.semantic;
        total.exact += score.exact;
        total.errors += score.errors;
        total.expected_errors += score.expected_errors;
    }
    println!(
        "total: {}/{} semantic, {} exact, {}/{} errors",
        total.semantic, total.ok, total.exact, total.errors, total.expected_errors
    );
    assert!(total.semantic >= ratchet("semantic"), "fewer cases are right than before");
    assert!(total.exact >= ratchet("exact"), "fewer cases are exact than before");
    assert!(total.errors >= ratchet("errors"), "fewer errors are found than before");
}

#[test]
fn our_own_kustomizations_build_as_kustomize_builds_them() {
    for directory in ["tests/parity/kustomize", "tests/parity/corners"] {
        let scores = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), true);
        for (name, score) in scores {
            assert_eq!((score.exact, score.errors), (score.ok, score.expected_errors), "{name}");
        }
    }
}
