//! The example, from the repository to a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::harness::{CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, control_plane};
use super::repository::command;

/// Kinds that nothing but a sync writes to.
const QUIET: [Kind; 6] = [
    CONFIG_MAP,
    Kind("", "v1", "Service"),
    Kind("", "v1", "ServiceAccount"),
    Kind("networking.k8s.io", "v1", "NetworkPolicy"),
    Kind("rbac.authorization.k8s.io", "v1", "Role"),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole"),
];

#[test]
fn the_example_is_synced_twice_and_pruned() {
    let Some(plane) = control_plane() else { return };
    let directory = tempfile::tempdir().expect("a directory is made");
    let repository = directory.path().join("platform");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/platform"), &repository);
    let [plan, journal] = ["plan.json", "journal.sqlite"].map(|name| directory.path().join(name));
    let run = |verb: &[&Path]| {
        let mut command = command();
        command.args(verb).arg("--kubeconfig").arg(&plane.kubeconfig).args(["--cluster", "*=test"]);
        super::repository::Ended::from(command.output().expect("tiphys starts")).ok()
    };
    let make = || run(&["plan".as_ref(), &repository, "--out".as_ref(), &plan]);
    let sync = || {
        let journal: [&Path; 3] = ["--journal".as_ref(), &journal, "--by-hand".as_ref()];
        run(&[&["sync".as_ref(), plan.as_path(), "--repository".as_ref(), repository.as_path()], &journal[..]].concat())
    };
    let planned = || -> Vec<Value> {
        let text = std::fs::read_to_string(&plan).expect("the plan is there");
        let plan: Value = serde_json::from_str(&text).expect("a plan is JSON");
        plan["clusters"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|part| part["tasks"].as_array().cloned())
            .flatten()
            .collect()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let versions = || {
        let mut versions = BTreeMap::new();
        for kind in QUIET {
            let names: BTreeSet<(String, String)> = planned()
                .iter()
                .filter(|task| task["kind"] == kind.2)
                .map(|task| (text(&task["namespace"]), text(&task["name"])))
                .collect();
            for object in plane.list(kind, "") {
                let metadata = &object["metadata"];
                let name = (text(&metadata["namespace"]), text(&metadata["name"]));
                if names.contains(&name) {
                    versions.insert((kind.2, name), metadata["resourceVersion"].clone());
                }
            }
        }
        versions
    };

    make();
    sync();
    let first = versions();
    assert!(first.len() > 20, "the example has more than {} quiet objects", first.len());
    for task in planned().iter().filter(|task| task["kind"] == "Deployment") {
        let deployment = plane.get(DEPLOYMENT, &text(&task["namespace"]), &text(&task["name"])).expect("it is there");
        assert_eq!(deployment["status"]["availableReplicas"], deployment["spec"]["replicas"], "{task} is available");
    }
    assert!(plane.get(NAMESPACE, "", "argocd").is_some());

    let shown = make();
    assert!(shown.contains(" 0 to create") || shown.contains("\n0 to create"), "{shown}");
    sync();
    assert_eq!(versions(), first, "a second sync writes nothing");

    std::fs::remove_file(repository.join("infrastructure/monitoring/rules/shop.yaml")).expect("the file is there");
    let list = repository.join("infrastructure/monitoring/kustomization.yaml");
    let before = std::fs::read_to_string(&list).expect("the file is there");
    std::fs::write(&list, before.replace("- rules/shop.yaml\n", "")).expect("the file is written");
    let rule = Kind("monitoring.coreos.com", "v1", "PrometheusRule");
    let rules = |names: &[Value]| names.iter().map(|object| text(&object["metadata"]["name"])).collect::<Vec<_>>();
    let before = rules(&plane.list(rule, ""));
    let shown = run(&["plan".as_ref(), &repository, "--out".as_ref(), &plan, "--prune".as_ref()]);
    assert!(shown.contains("prune     PrometheusRule "), "{shown}");
    sync();
    let after = rules(&plane.list(rule, ""));
    assert!(after.len() < before.len(), "{before:?} became {after:?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory is made");
    for entry in std::fs::read_dir(from).expect("the directory is readable") {
        let entry = entry.expect("the entry is readable");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("the file is copied");
        }
    }
}
