//! What rendering recorded releases costs in one process, against one process of Helm for each.
//!
//! `cargo bench --bench helm -- CASES [--peer 'helm template']`, where CASES is a directory of charts with a `cases.jsonl`
//! (a line for each release: see `tests/parity/release.rs`), prints the wall time of both for all releases of charts, and
//! then for the ten releases that Helm takes longest for, one process of each.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

mod best;
#[path = "../tests/parity/release.rs"]
mod release;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use best::best;
use rayon::prelude::*;
use serde_json::Value as Json;
use tiphys::load::load_lazily;
use tiphys::render::helm::Charts;
use tiphys::source::worktree;

const RUNS: usize = 3;
/// A process of some milliseconds is measured more often.
const SINGLE_RUNS: usize = 10;
const SINGLE: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut root, mut peer) = (None, "helm template".to_owned());
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--peer" => peer = rest.next().expect("a command after --peer"),
            _ => root = Some(argument),
        }
    }
    let Some(root) = root else {
        return println!("helm: a directory with charts and cases.jsonl is needed; nothing is measured");
    };
    let root = Path::new(&root).canonicalize().expect("a directory that exists");
    let list = std::fs::read_to_string(root.join("cases.jsonl")).expect("a list of cases");
    let cases: Vec<Json> = list.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let of_charts = |case: &&Json| {
        case["expect"] == "ok" && case["chart"].as_str().is_some_and(|chart| chart.starts_with("charts/"))
    };
    let cases: Vec<&Json> = cases.iter().filter(of_charts).collect();
    let peer: Vec<&str> = peer.split_whitespace().collect();
    let mut timed: Vec<(Duration, &Json)> = cases.iter().map(|case| (ran(&root, &peer, case), *case)).collect();
    let theirs: Duration = timed.iter().map(|(time, _)| *time).sum();
    // From the files on the disk to the text.
    let ours = best(RUNS, || {
        let repository = load_lazily(Arc::new(worktree::read_all(&root.join("charts")).expect("readable charts")));
        let charts = Charts::new(&repository);
        let rendered = cases.par_iter().filter(|case| {
            let (chart, mut release, flags) = release::release(case);
            let below = |path: &str| path.strip_prefix("charts/").unwrap_or(path).to_owned();
            release.value_files.iter_mut().for_each(|(path, _)| *path = below(path));
            release.sets.iter_mut().for_each(|set| set.expression = set.expression.replace("=charts/", "="));
            std::hint::black_box(charts.manifest(&below(&chart), &release, &flags)).is_ok()
        });
        assert_eq!(rendered.count(), cases.len(), "every release renders");
    });
    print(&format!("{} releases", cases.len()), ours, theirs);
    timed.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    for (_, case) in timed.into_iter().take(SINGLE) {
        let ours = best(SINGLE_RUNS, || {
            ran(&root, &[env!("CARGO_BIN_EXE_tiphys"), "helm", "template"], case);
        });
        let theirs = best(SINGLE_RUNS, || {
            ran(&root, &peer, case);
        });
        print(case["name"].as_str().unwrap_or_default(), ours, theirs);
    }
}

fn print(name: &str, ours: Duration, theirs: Duration) {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64().max(1e-9);
    println!("{name}: {ours:.1?} against {theirs:.1?}: {ratio:.1} times");
}

/// The wall time of one process that renders a case.
fn ran(root: &Path, command: &[&str], case: &Json) -> Duration {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let (name, arguments) = command.split_first().expect("a command");
    let mut process = Command::new(name);
    process.current_dir(root).args(arguments).args([text("release"), text("chart"), "-n", text("namespace")]);
    for path in release::texts(case, "values") {
        process.args(["-f", &format!("{}/{path}", text("chart"))]);
    }
    for key in ["set_json", "set", "set_string", "set_file", "set_literal"] {
        for expression in release::texts(case, key) {
            let expression = match (key, expression.split_once('=')) {
                ("set_file", Some((name, path))) => format!("{name}={}/{path}", text("chart")),
                _ => expression,
            };
            process.args([format!("--{}", key.replace('_', "-")), expression]);
        }
    }
    if case["include_crds"] == true {
        process.arg("--include-crds");
    }
    for (key, flag) in [("kube_version", "--kube-version"), ("api_versions", "--api-versions")] {
        let given = release::texts(case, key).into_iter().chain(case[key].as_str().map(str::to_owned));
        for text in given.filter(|text| !text.is_empty()) {
            process.args([flag, &text]);
        }
    }
    process.args(release::texts(case, "flags")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = process.status().expect("a program on the PATH");
    assert!(status.success(), "{} does not render", text("name"));
    start.elapsed()
}
