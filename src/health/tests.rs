use serde_json::json;

use super::*;

fn said(live: Value) -> (Status, String) {
    let Assessment { status, message, .. } = super::status(&live).expect("the kind is assessed");
    (status, message)
}

#[test]
fn every_table_can_be_read_and_finds_what_it_uses() {
    for (name, text) in kinds::TABLES {
        Table::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for used in text.lines().filter_map(|line| line.trim_start().strip_prefix("use ")) {
            assert!(BUILT_IN.table(used).is_some(), "{name} uses {used}, which is no table");
        }
    }
}

#[test]
fn every_file_is_listed_and_the_list_is_in_order() {
    let names: Vec<&str> = kinds::TABLES.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/health/kinds");
    let mut files = 0;
    for group in std::fs::read_dir(root).expect("the directory is there") {
        for file in std::fs::read_dir(group.expect("an entry").path()).expect("each group is a directory") {
            let path = file.expect("an entry").path();
            let part = |path: &std::path::Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
            let group = path.parent().expect("a group").file_name().expect("a name").to_string_lossy().into_owned();
            let name = format!("{group}/{}", part(&path));
            assert!(names.contains(&name.as_str()), "{name} is missing in kinds.rs");
            files += 1;
        }
    }
    assert_eq!(files, names.len());
}

#[test]
fn a_deployment_is_healthy_when_its_new_replicas_are_available() {
    let mut live = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"generation": 2}, "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2},
    });
    assert!(matches!(assess(&live), Health::Progressing(_)));
    live["status"]["observedGeneration"] = json!(2);
    assert_eq!(assess(&live), Health::Healthy);
    live["status"]["availableReplicas"] = json!(1);
    let message = "Waiting for rollout to finish: 1 of 2 updated replicas are available...";
    assert_eq!(assess(&live), Health::Progressing(message.to_owned()));
}

#[test]
fn what_nobody_assesses_is_healthy_until_it_goes() {
    let mut live = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    assert_eq!(super::status(&live), None);
    assert_eq!(assess(&live), Health::Healthy);
    live["metadata"] = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a", "b"]});
    assert_eq!(said(live).1, "Pending deletion; blocked by finalizers: a, b");
}

#[test]
fn a_kind_without_a_table_of_its_own_has_that_of_its_family() {
    let live = json!({
        "apiVersion": "s3.example.upbound.io/v1", "kind": "Bucket",
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    assert_eq!(said(live), (Status::Healthy, "Resource is up-to-date.".to_owned()));
    assert_eq!(find("upbound.io", "Bucket"), None);
    assert_eq!(find("shared", "ready"), None);
}

#[test]
fn a_check_that_fails_tells_so() {
    let live = json!({"apiVersion": "lifecycle.keptn.sh/v1", "kind": "KeptnTask"});
    let assessment = super::status(&live).expect("it is assessed");
    assert!(assessment.failed);
    assert_eq!((assessment.status, assessment.message.as_str()), (Status::Unknown, "status is not there"));
}
