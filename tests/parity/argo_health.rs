//! The health of live objects against what Argo CD says of them: the kinds that are built into Kubernetes.

use std::path::Path;

use serde_json::Value;
use tiphys::sync::health::{Health, assess};

/// What Argo CD's answer is to a sync: one that is suspended needs nothing more, and a kind that nobody assesses is
/// healthy as soon as it is there.
fn expected(status: Option<&str>) -> &'static str {
    match status {
        None | Some("Healthy" | "Suspended") => "Healthy",
        Some("Degraded") => "Degraded",
        Some("Progressing") => "Progressing",
        Some(_) => "other",
    }
}

#[test]
fn built_in_kinds_are_as_healthy_as_argo_cd_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/health");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        println!("skipped: {} is not there", directory.display());
        return;
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let (mut agreeing, mut total, mut differing) = (0, 0, Vec::new());
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !name.starts_with("own-") && !name.starts_with("builtin-") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("the case is readable");
        let live: Value = serde_yaml::from_str(&text).expect("the case is YAML");
        let answer = std::fs::read_to_string(path.with_extension("expected.json")).expect("the answer is readable");
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        let found = match assess(&live) {
            Health::Healthy => "Healthy",
            Health::Progressing(_) => "Progressing",
            Health::Degraded(_) => "Degraded",
        };
        total += 1;
        if found == expected(answer["status"].as_str()) {
            agreeing += 1;
        } else {
            differing.push(format!("{name}: Argo CD says {}, we say {found}", answer["status"]));
        }
    }
    println!("argo_health: {agreeing}/{total}\n{}", differing.join("\n"));
    let section = include_str!("ratchet.toml").split("[argo_health]").nth(1).unwrap_or_default();
    let least: usize = section.lines().find_map(|line| line.strip_prefix("builtin = ")?.parse().ok()).unwrap_or(0);
    assert!(agreeing >= least, "{agreeing} of {total} agree; the ratchet stands at {least}\n{}", differing.join("\n"));
}
