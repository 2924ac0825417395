//! Health against what Argo CD 3.6.1 says of the same objects: status and message.

use std::path::Path;

use serde_json::Value as Json;

#[path = "../conformance/health.rs"]
mod health;

#[test]
fn objects_are_as_healthy_as_argo_cd_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/health");
    let root = std::env::var_os("TIPHYS_SHARED").map_or(root, |path| Path::new(&path).join("conformance/argo/health"));
    let Ok(directory) = std::fs::read_dir(&root) else {
        println!("no cases at {}: skipped", root.display());
        return;
    };
    let mut names: Vec<_> = directory.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| path.to_string_lossy().ends_with(".expected.json"));
    names.sort();
    let (mut agreeing, mut differing) = (0, Vec::new());
    for path in &names {
        let expected: Json =
            std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let object = path.to_string_lossy().replace(".expected.json", ".yaml");
        let found = health::assess(Path::new(&object)).unwrap_or_default();
        // The wording of a check that fails is nobody's business.
        let told = expected["error"] == true || expected["message"] == found["message"];
        if expected["status"] == found["status"] && told {
            agreeing += 1;
        } else {
            differing.push(format!("{object}: {found}, not {expected}"));
        }
    }
    println!("argo_health: {agreeing}/{}\n{}", names.len(), differing.join("\n"));
    let section = include_str!("ratchet.toml").split("[argo_health]").nth(1).unwrap_or_default();
    let least: usize = section
        .lines()
        .find_map(|line| line.strip_prefix("agreeing = ")?.trim().parse().ok())
        .expect("ratchet.toml says how many agree");
    assert!(agreeing >= least, "{agreeing} agree, {least} did before");
}
