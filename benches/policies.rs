//! What policies cost over the manifests of a tree, against `conftest test` on the same files in the same run.
//!
//! `cargo bench --bench policies -- TREE POLICIES [--peer conftest] [--runs 3]` prints the CPU time of conftest, of
//! `tiphys check` with the policies and of the same without them: a check does more than policies, and the difference
//! is what they cost. TREE holds plain manifests. Both see every core: conftest in as many processes as there are. The
//! three take turns, and the best of each counts.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

mod children;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use children::children;

fn main() {
    let (mut paths, mut peer, mut runs) = (Vec::new(), "conftest".to_owned(), 3);
    let mut rest = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--peer" => peer = rest.next().expect("a command after --peer"),
            "--runs" => runs = rest.next().and_then(|text| text.parse().ok()).expect("a number after --runs"),
            _ => paths.push(argument),
        }
    }
    let [tree, policies] = paths.as_slice() else {
        println!("cargo bench --bench policies -- TREE POLICIES [--peer conftest] [--runs 3]");
        return;
    };
    let tree = Path::new(tree).canonicalize().expect("a tree that exists");
    let policies = Path::new(policies).canonicalize().expect("policies that exist");
    let mut files = Vec::new();
    manifests(&tree, &mut files);
    files.sort();
    let mut best = [Duration::MAX; 3];
    for _ in 0..runs {
        let costs = [conftest(&peer, &policies, &files), check(&tree, Some(&policies)), check(&tree, None)];
        for (best, cost) in best.iter_mut().zip(costs) {
            *best = cost.min(*best);
        }
    }
    let [theirs, with, without] = best;
    let percent = |part: Duration| part.as_secs_f64() * 100.0 / theirs.as_secs_f64().max(1e-9);
    let alone = with.saturating_sub(without);
    println!("{} files; CPU time, the best of {runs} runs", files.len());
    println!("{peer} {theirs:.2?}");
    println!("tiphys check with the policies {with:.2?}: {:.1} %", percent(with));
    println!("tiphys check without them {without:.2?}; the policies alone {alone:.2?}: {:.1} %", percent(alone));
}

/// The YAML files below `directory`.
fn manifests(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            manifests(&path, files);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
}

/// The CPU time of conftest over `files`, one batch a core.
fn conftest(peer: &str, policies: &Path, files: &[PathBuf]) -> Duration {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let before = children();
    let running: Vec<Child> = files
        .chunks(files.len().div_ceil(cores).max(1))
        .map(|files| {
            let mut command = Command::new(peer);
            command.args(["test", "--no-color", "-p"]).arg(policies).args(files);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the peer on the PATH")
        })
        .collect();
    for mut child in running {
        child.wait().expect("the peer ends");
    }
    children().saturating_sub(before)
}

/// The CPU time of one check of `tree`.
fn check(tree: &Path, policies: Option<&Path>) -> Duration {
    let before = children();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiphys"));
    command.arg("check").arg(tree);
    if let Some(policies) = policies {
        command.arg("--policy").arg(policies);
    }
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command runs");
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    children().saturating_sub(before)
}
