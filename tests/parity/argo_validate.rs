//! What AppProjects and Applications are refused for, against what Argo CD 3.6.1 says.

use std::path::Path;

use serde_json::Value as Json;

#[path = "../conformance/validate.rs"]
mod validate;

/// What counts: whether the project is in error, and the types of the conditions.
fn meaning(answer: &Json) -> (bool, Vec<String>) {
    let conditions = answer["conditions"].as_array().into_iter().flatten();
    let kinds = conditions.map(|condition| condition["type"].as_str().unwrap_or_default().to_owned()).collect();
    (answer["project"].as_str().is_some_and(|error| !error.is_empty()), kinds)
}

#[test]
fn applications_and_projects_are_refused_as_argo_cd_refuses_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/validate");
    let root =
        std::env::var_os("TIPHYS_SHARED").map_or(root, |path| Path::new(&path).join("conformance/argo/validate"));
    let Ok(directory) = std::fs::read_dir(&root) else {
        println!("no cases at {}: skipped", root.display());
        return;
    };
    let mut cases: Vec<_> = directory.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    let (mut agreeing, mut differing) = (0, Vec::new());
    for case in &cases {
        let expected = std::fs::read_to_string(case.join("expected.json")).unwrap_or_default();
        let expected: Json = serde_json::from_str(&expected).unwrap_or_default();
        let found = validate::judge(case).unwrap_or_default();
        if meaning(&expected) == meaning(&found) {
            agreeing += 1;
        } else {
            differing.push(format!("{}: {found}, not {expected}", case.display()));
        }
    }
    println!("argo_validate: {agreeing}/{}\n{}", cases.len(), differing.join("\n"));
    let section = include_str!("ratchet.toml").split("[argo_validate]").nth(1).unwrap_or_default();
    let least: usize = section
        .lines()
        .find_map(|line| line.strip_prefix("agreeing = ")?.trim().parse().ok())
        .expect("ratchet.toml says how many agree");
    assert!(agreeing >= least, "{agreeing} agree, {least} did before");
}
