//! The example, from the repository to a cluster.

use std::collections::BTreeMap;
use std::path::Path;

use super::harness::{CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, control_plane, eventually};
use super::repository::{command, tiphys};

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
    let sync = || run(&["sync".as_ref(), &plan, "--repository".as_ref(), &repository, "--journal".as_ref(), &journal]);
    let versions = || {
        let mut versions = BTreeMap::new();
        for kind in QUIET {
            for object in plane.list(kind, "").iter().filter(|object| is_ours(object)) {
                let metadata = &object["metadata"];
                let name = format!("{} {}/{}", kind.2, metadata["namespace"], metadata["name"]);
                versions.insert(name, metadata["resourceVersion"].clone());
            }
        }
        versions
    };

    make();
    sync();
    let first = versions();
    assert!(first.len() > 20, "the example has more than {} quiet objects", first.len());
    for deployment in plane.list(DEPLOYMENT, "").iter().filter(|object| is_ours(object)) {
        assert_eq!(
            deployment["status"]["availableReplicas"], deployment["spec"]["replicas"],
            "{} is available",
            deployment["metadata"]["name"]
        );
    }
    assert!(plane.get(NAMESPACE, "", "argocd").is_some());

    let shown = make();
    assert!(shown.contains(" 0 to create") || shown.contains("\n0 to create"), "{shown}");
    sync();
    assert_eq!(versions(), first, "a second sync writes nothing");

    let removed = "infrastructure/istio/traffic.yaml";
    std::fs::remove_file(repository.join(removed)).expect("the file is there");
    let list = repository.join("infrastructure/istio/kustomization.yaml");
    let text = std::fs::read_to_string(&list).expect("the file is there");
    std::fs::write(&list, text.replace("- traffic.yaml\n", "")).expect("the file is written");
    tiphys(["check".as_ref(), repository.as_os_str()]).ok();
    let shown = run(&["plan".as_ref(), &repository, "--out".as_ref(), &plan, "--prune".as_ref()]);
    assert!(shown.contains(" prune "), "{shown}");
    sync();
    eventually("the Gateway is gone", || {
        plane.get(Kind("networking.istio.io", "v1", "Gateway"), "istio-ingress", "shop").is_none()
    });
}

fn is_ours(object: &serde_json::Value) -> bool {
    object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].is_string()
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
