//! `helm template` against what Helm 4.3 printed.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tiphys::load::{Repository, load};
use tiphys::origin::FileId;
use tiphys::render::helm::Charts;
use tiphys::source::{Content, File, Snapshot};
use tiphys::yaml::{Limits, read};

use super::release::release;

/// Cases that an unoptimised build takes too long for: a key derivation that is made to be slow.
const SLOW: &[&str] = &["micro-crypto-derive"];

#[derive(Debug, Default)]
struct Score {
    ok: usize,
    semantic: usize,
    exact: usize,
    expected_errors: usize,
    errors: usize,
    wrong: Vec<String>,
}

fn repository(root: &Path) -> Repository {
    let mut files = Vec::new();
    for top in std::fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        if top.file_name().to_string_lossy().starts_with("expected") {
            continue;
        }
        for entry in walkdir::WalkDir::new(top.path()).follow_links(true) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(File { path: path.into(), content: Content::of(std::fs::read(entry.path()).unwrap()) });
            }
        }
    }
    load(Arc::new(Snapshot::new(files)))
}

fn render(charts: &Charts<'_>, case: &Json) -> Result<String, String> {
    let (chart, release, flags) = release(case);
    charts.manifest(&chart, &release, &flags).map_err(|error| error.to_string())
}

fn documents(text: &str) -> Vec<Json> {
    let limits = Limits { last_key_wins: true, ..Limits::default() };
    read(FileId(0), text, limits).documents.iter().map(|document| document.root.to_json()).collect()
}

fn score(root: &Path) -> Score {
    let repository = repository(root);
    let charts = Charts::new(&repository);
    let mut score = Score::default();
    let list = std::fs::read_to_string(root.join("cases.jsonl")).unwrap();
    for line in list.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap_or_default();
        if cfg!(debug_assertions) && SLOW.contains(&name) {
            continue;
        }
        let result = render(&charts, &case);
        if case["expect"] == "error" {
            score.expected_errors += 1;
            score.errors += usize::from(result.is_err());
            if result.is_ok() {
                score.wrong.push(format!("{name}: rendered, and should not"));
            }
            continue;
        }
        score.ok += 1;
        let expected = std::fs::read(root.join(case["expected"].as_str().unwrap_or_default())).unwrap();
        match result {
            Ok(text) => {
                let got = tiphys::render::template::bytes::of(&text);
                let exact = got.as_ref() == expected.as_slice();
                let expected = String::from_utf8_lossy(&expected);
                let semantic = exact || documents(&text) == documents(&expected);
                score.exact += usize::from(exact);
                score.semantic += usize::from(semantic);
                if !exact {
                    let at = text.lines().zip(expected.lines()).position(|(got, wanted)| got != wanted).unwrap_or(0);
                    let line = |text: &str| text.lines().nth(at).unwrap_or_default().to_owned();
                    score.wrong.push(format!("{name}:{}: `{}`, not `{}`", at + 1, line(&text), line(&expected)));
                }
            }
            Err(message) => score.wrong.push(format!("{name}: {message}")),
        }
    }
    score
}

#[test]
fn our_own_charts_render_as_helm_rendered_them() {
    let score = score(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/helm"));
    assert_eq!((score.exact, score.errors), (score.ok, score.expected_errors), "{:#?}", score.wrong);
}

#[test]
fn recorded_releases_render_as_helm_rendered_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/helm");
    if !root.join("cases.jsonl").is_file() {
        println!("skipped: no recorded cases at {}", root.display());
        return;
    }
    let score = score(&root);
    let ratchet = include_str!("ratchet.toml");
    let section = ratchet.split("[helm]").nth(1).unwrap_or_default();
    let least = |key: &str| {
        let line = section.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.rsplit('=').next().and_then(|value| value.trim().parse::<usize>().ok()).unwrap_or(usize::MAX)
    };
    let found = format!(
        "{}/{} semantic, {}/{} exact, {}/{} errors\n{:#?}",
        score.semantic, score.ok, score.exact, score.ok, score.errors, score.expected_errors, score.wrong
    );
    let slow = if cfg!(debug_assertions) { SLOW.len() } else { 0 };
    assert!(score.semantic + slow >= least("semantic"), "{found}");
    assert!(score.exact + slow >= least("exact"), "{found}");
    assert!(score.errors >= least("errors"), "{found}");
    println!("{found}");
}
