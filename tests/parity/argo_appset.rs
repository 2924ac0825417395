//! Generated Applications against what Argo CD 3.6.1 generated.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

#[path = "../conformance/appset.rs"]
mod appset;

/// What carries a meaning: nulls, empty maps and empty lists carry none, nor does the way in which a number is written.
fn meaning(json: &Json) -> Json {
    match json {
        Json::Object(fields) => {
            let kept: BTreeMap<String, Json> = fields
                .iter()
                .map(|(key, value)| (key.clone(), meaning(value)))
                .filter(|(_, value)| !is_empty(value))
                .collect();
            Json::Object(kept.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(meaning).collect()),
        Json::Number(number) => match number.as_f64() {
            Some(value) if value.fract() == 0.0 => Json::from(value as i64),
            _ => json.clone(),
        },
        other => other.clone(),
    }
}

fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Object(fields) => fields.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn applications(list: &[Json], ordered: bool) -> Vec<String> {
    let mut texts: Vec<String> = list
        .iter()
        .map(|application| {
            let mut application = application.clone();
            for key in ["apiVersion", "kind", "status"] {
                application.as_object_mut().map(|fields| fields.remove(key));
            }
            meaning(&application).to_string()
        })
        .collect();
    if !ordered {
        texts.sort();
    }
    texts
}

/// Whether the case agrees.
fn agrees(case: &Path, expected: &Json) -> Result<(), String> {
    let found = appset::generate(case)?;
    let wants_error = expected.get("error").is_some_and(|error| !error.is_null());
    match (wants_error, found["error"].as_str()) {
        (true, Some(_)) => return Ok(()),
        (true, None) => return Err("no error".to_owned()),
        (false, Some(error)) => return Err(error.to_owned()),
        (false, None) => {}
    }
    let got = found["applications"].as_array().cloned().unwrap_or_default();
    let ordered = expected.get("ordered").and_then(Json::as_bool).unwrap_or(true);
    let wanted = expected.get("applications").and_then(Json::as_array).cloned().unwrap_or_default();
    if applications(&got, ordered) != applications(&wanted, ordered) {
        return Err("other Applications".to_owned());
    }
    // What becomes of them, where the case asks: the words of conditions may differ.
    for key in ["created", "rollout"].into_iter().filter(|key| expected.get(key).is_some()) {
        if meaning(&found[key]) != meaning(&expected[key]) {
            return Err(format!("{key} is {}", found[key]));
        }
    }
    let conditions = |answer: &Json| -> Vec<[String; 3]> {
        let text = |condition: &Json, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        let all = answer["conditions"].as_array().into_iter().flatten();
        let mut all: Vec<_> = all.map(|one| ["type", "status", "reason"].map(|key| text(one, key))).collect();
        all.sort();
        all
    };
    match expected.get("conditions").is_none() || conditions(expected) == conditions(&found) {
        true => Ok(()),
        false => Err(format!("conditions are {}", found["conditions"])),
    }
}

#[test]
fn recorded_applicationsets_generate_what_argo_cd_generates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/appset");
    let root = std::env::var_os("TIPHYS_SHARED").map_or(root, |path| Path::new(&path).join("conformance/argo/appset"));
    if !root.is_dir() {
        println!("skipped: {} is not there", root.display());
        return;
    }
    let mut cases: Vec<_> =
        std::fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    let mut passed = 0;
    for case in &cases {
        let text = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: Json = serde_json::from_str(&text).unwrap();
        match agrees(case, &expected) {
            Ok(()) => passed += 1,
            Err(why) => println!("{}: {why}", case.display()),
        }
    }
    let text = include_str!("ratchet.toml");
    let section = text.split("[argo_appset]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    let least = section.lines().find_map(|line| line.strip_prefix("generated = ")?.parse().ok()).unwrap_or(0);
    println!("argo_appset: {passed} of {}", cases.len());
    assert!(passed >= least, "{passed} of {} cases agree; the ratchet stands at {least}", cases.len());
}

/// A case of our own as a directory, as the recorded ones are.
fn lay_out(case: &serde_yaml::Value, files: &serde_yaml::Value, directory: &Path) {
    let text = |key: &str| case.get(key).and_then(serde_yaml::Value::as_str);
    std::fs::write(directory.join("applicationset.yaml"), text("set").unwrap()).unwrap();
    if let Some(inputs) = text("inputs") {
        std::fs::write(directory.join("inputs.yaml"), inputs).unwrap();
    }
    let Some(own) = case.get("files") else { return };
    let files = if own.as_str() == Some("shared") { files } else { own };
    for (path, content) in files.as_mapping().unwrap() {
        let path = directory.join("repo").join(path.as_str().unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.as_str().unwrap()).unwrap();
    }
}

#[test]
fn applicationsets_of_our_own_generate_what_argo_cd_generates() {
    let recorded: serde_yaml::Value = serde_yaml::from_str(include_str!("appset/cases.yaml")).unwrap();
    let mut wrong = Vec::new();
    for case in recorded["cases"].as_sequence().unwrap() {
        let directory = tempfile::tempdir().unwrap();
        lay_out(case, &recorded["files"], directory.path());
        let expected: Json = serde_json::to_value(case).unwrap();
        if let Err(why) = agrees(directory.path(), &expected) {
            wrong.push(format!("{}: {why}", case["name"].as_str().unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
