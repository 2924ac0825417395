//! What a plan says of a live cluster, and what happens where the cluster changed since.

use serde_json::{Value, json};

use super::harness::{CONFIG_MAP, ControlPlane, SECRET, control_plane};
use super::repository::Repository;

fn tasks(repository: &Repository) -> Vec<Value> {
    let text = std::fs::read_to_string(repository.plan_file()).expect("the plan is there");
    assert_eq!(crate::cli::fits_the_plan_schema(&text), Ok(()));
    let plan: Value = serde_json::from_str(&text).expect("a plan is JSON");
    plan["clusters"][0]["tasks"].as_array().expect("a plan has tasks").clone()
}

fn task(repository: &Repository, name: &str) -> Value {
    tasks(repository).into_iter().find(|task| task["name"] == name).expect("the plan has the object")
}

fn config_map(plane: &ControlPlane, namespace: &str, name: &str, value: &str) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}});
    plane.apply(CONFIG_MAP, namespace, &object).expect("somebody may change it");
}

#[test]
fn a_plan_names_the_fields_that_change() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("fields");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    repository.config_map("settings", "two");
    let shown = repository.plan(plane);
    assert!(shown.contains(r#"~ /data/value: "one" -> "two""#), "{shown}");
    let task = task(&repository, "settings");
    assert_eq!(task["action"], "apply");
    assert_eq!(task["changes"], json!([{"pointer": "/data/value", "from": {"value": "one"}, "to": {"value": "two"}}]));
}

#[test]
fn a_plan_holds_no_value_of_a_secret() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("hidden");
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  namespace: hidden\nstringData:\n  token: ${{{value}}}\n"
        )
    };
    repository.write("manifests/token.yaml", &secret("FIRST"));
    repository.deploy(plane);
    repository.write("manifests/token.yaml", &secret("SECOND"));
    let shown = repository.plan(plane);
    let text = std::fs::read_to_string(repository.plan_file()).expect("the plan is there");
    // As they are written, and as the server keeps them: in base64.
    for word in ["FIRST", "SECOND", "JHtGSVJTVH0", "JHtTRUNPTkR9"] {
        assert!(!text.contains(word) && !shown.contains(word), "{word} is in the plan");
    }
    assert_eq!(task(&repository, "token")["changes"][0]["from"], "secret");
    repository.sync_with(plane, &[]).ok();
    assert_eq!(plane.get(SECRET, "hidden", "token").expect("it is there")["data"]["token"], "JHtTRUNPTkR9");
}

#[test]
fn what_changed_since_the_plan_was_made_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("moved");
    repository.config_map("settings", "one");
    repository.config_map("other", "one");
    repository.deploy(plane);
    repository.config_map("other", "two");
    repository.plan(plane);
    config_map(plane, "moved", "settings", "by hand");
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("ConfigMap moved/settings: the plan says unchanged, now it is apply"), "{error}");
    let value = |name: &str| plane.get(CONFIG_MAP, "moved", name).expect("it is there")["data"]["value"].clone();
    assert_eq!((value("settings"), value("other")), (json!("by hand"), json!("one")), "nothing was done");
    let out = repository.sync_with(plane, &["--on-drift", "replan"]).ok();
    assert!(out.contains("replanned ConfigMap moved/settings"), "{out}");
    assert_eq!((value("settings"), value("other")), (json!("one"), json!("two")));
}

#[test]
fn what_others_do_to_their_own_fields_is_no_drift() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("theirs");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    repository.config_map("settings", "two");
    repository.plan(plane);
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"more": "x"}});
    plane.apply(CONFIG_MAP, "theirs", &object).expect("somebody may add a field");
    repository.sync_with(plane, &[]).ok();
    let live = plane.get(CONFIG_MAP, "theirs", "settings").expect("it is there");
    assert_eq!(live["data"], json!({"value": "two", "more": "x"}));
}

#[test]
fn a_plan_says_what_it_takes_over() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("adopts");
    repository.deploy_namespace(plane);
    config_map(plane, "adopts", "settings", "one");
    repository.config_map("settings", "one");
    let shown = repository.plan(plane);
    assert!(shown.contains("adopts it: no Application owns it"), "{shown}");
    assert_eq!(task(&repository, "settings")["adopts"], "");
}

#[test]
fn more_deletions_than_allowed_are_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("budget");
    for name in ["kept", "first", "second"] {
        repository.config_map(name, "one");
    }
    repository.deploy(plane);
    repository.remove("manifests/first.yaml");
    repository.remove("manifests/second.yaml");
    let error = repository.plan_with(plane, &["--max-deletions", "1"]).failed(2);
    assert!(error.contains("2 objects of cluster https://kubernetes.default.svc would be deleted"), "{error}");
    assert!(error.contains("ConfigMap budget/first"), "{error}");
    assert!(repository.plan_with(plane, &["--max-deletions", "2"]).ok().contains("2 to prune"));
}
