//! The invariants of `lib.rs` that a look at the source can hold: who may know what.

use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in
        std::fs::read_dir(directory).expect("a readable directory").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The places of `words` in the modules for which `judged` holds; tests do not count.
fn places(words: &[&str], judged: impl Fn(&str) -> bool) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    let mut places = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("a path below src").to_string_lossy().replace('\\', "/");
        let module = path.split(['/', '.']).next().unwrap_or_default().to_owned();
        if !judged(&module) || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if words.iter().any(|word| line.contains(word)) {
                places.push(format!("src/{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    places
}

#[test]
fn only_the_command_line_knows_clap() {
    assert_eq!(places(&["clap::", "use clap"], |module| module != "cli"), Vec::<String>::new());
}

#[test]
fn only_reports_know_miette() {
    assert_eq!(places(&["miette::", "use miette"], |module| module != "report"), Vec::<String>::new());
}

#[test]
fn only_sync_and_serve_know_the_kube_client() {
    let judged = |module: &str| !matches!(module, "sync" | "serve");
    assert_eq!(places(&["kube::", "use kube", "k8s_openapi"], judged), Vec::<String>::new());
}

#[test]
fn loading_to_planning_touches_nothing_outside() {
    let pure = [
        "yaml", "origin", "glob", "load", "config", "resolve", "render", "schema", "check", "finding", "fix", "waiver",
        "plan",
    ];
    let outside = [
        "std::fs",
        "std::env",
        "std::process",
        "TcpStream",
        "UdpSocket",
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "Local::now",
    ];
    assert_eq!(places(&outside, |module| pure.contains(&module)), Vec::<String>::new());
}
