//! What a sync does.

use serde_json::json;

use super::harness::{CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, SECRET, control_plane, eventually, version};
use super::repository::Repository;

#[test]
fn a_sync_creates_what_the_repository_holds() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("creates");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    assert!(plane.get(NAMESPACE, "", "creates").is_some(), "CreateNamespace=true makes the namespace");
    let live = plane.get(CONFIG_MAP, "creates", "settings").expect("the ConfigMap is there");
    assert_eq!(live["data"]["value"], "one");
    let tracking = &live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
    assert_eq!(tracking, "creates:/ConfigMap:creates/settings");
    let managers = live["metadata"]["managedFields"].as_array().expect("the server keeps managers");
    assert!(managers.iter().any(|entry| entry["manager"] == "tiphys" && entry["operation"] == "Apply"));
}

#[test]
fn a_second_sync_writes_nothing() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("unchanged");
    repository.config_map("settings", "one");
    repository.write(
        "manifests/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  namespace: unchanged\nstringData:\n  token: ${TOKEN}\n",
    );
    repository.write("manifests/web.yaml", &deployment("unchanged", "web", "1.0.0"));
    repository.deploy(plane);
    let read = || {
        [(CONFIG_MAP, "settings"), (SECRET, "token")]
            .map(|(kind, name)| version(&plane.get(kind, "unchanged", name).expect("it is there")).to_owned())
    };
    let generation =
        || plane.get(DEPLOYMENT, "unchanged", "web").expect("it is there")["metadata"]["generation"].clone();
    let (before, generation_before) = (read(), generation());
    let shown = repository.plan(plane);
    assert!(shown.contains("0 to create, 0 to apply"), "{shown}");
    repository.sync_with(plane, &[]).ok();
    assert_eq!(read(), before);
    assert_eq!(generation(), generation_before);
}

#[test]
fn what_somebody_changed_is_put_right() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("drift");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    let changed =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"value": "two"}});
    plane.apply(CONFIG_MAP, "drift", &changed).expect("somebody may change it");
    let shown = repository.plan(plane);
    assert!(shown.contains("0 to create, 1 to apply"), "{shown}");
    repository.sync_with(plane, &[]).ok();
    assert_eq!(plane.get(CONFIG_MAP, "drift", "settings").expect("it is there")["data"]["value"], "one");
}

#[test]
fn what_is_no_longer_in_the_repository_is_pruned() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("prunes");
    repository.config_map("kept", "one");
    repository.config_map("removed", "one");
    repository.write(
        "manifests/protected.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: protected\n  namespace: prunes\n  annotations:\n    argocd.argoproj.io/sync-options: Prune=false\n",
    );
    repository.deploy(plane);
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    plane.apply(CONFIG_MAP, "prunes", &foreign).expect("somebody may add an object");
    repository.remove("manifests/removed.yaml");
    repository.remove("manifests/protected.yaml");
    let shown = repository.plan(plane);
    assert!(shown.contains("1 to prune"), "{shown}");
    repository.sync_with(plane, &[]).ok();
    eventually("the ConfigMap is gone", || plane.get(CONFIG_MAP, "prunes", "removed").is_none());
    for name in ["kept", "foreign", "protected"] {
        assert!(plane.get(CONFIG_MAP, "prunes", name).is_some(), "{name} is left alone");
    }
}

#[test]
fn an_application_without_prune_leaves_what_it_deployed() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::with_policy("keeps", "syncOptions: [CreateNamespace=true]");
    repository.config_map("kept", "one");
    repository.config_map("removed", "one");
    repository.deploy(plane);
    repository.remove("manifests/removed.yaml");
    let shown = repository.plan(plane);
    assert!(shown.contains("0 to prune"), "{shown}");
    assert!(shown.contains("ConfigMap keeps/removed"), "{shown}");
    let shown = repository.plan_with(plane, &["--prune"]).ok();
    assert!(shown.contains("1 to prune"), "{shown}");
    repository.sync_with(plane, &[]).ok();
    eventually("the ConfigMap is gone", || plane.get(CONFIG_MAP, "keeps", "removed").is_none());
}

#[test]
fn a_namespace_that_holds_something_of_others_is_not_pruned() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("inhabited");
    repository.config_map("settings", "one");
    for name in ["inhabited-empty", "inhabited-full"] {
        let text = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n");
        repository.write(&format!("manifests/{name}.yaml"), &text);
    }
    repository.deploy(plane);
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    plane.apply(CONFIG_MAP, "inhabited-full", &foreign).expect("somebody may add an object");
    repository.remove("manifests/inhabited-empty.yaml");
    repository.remove("manifests/inhabited-full.yaml");
    let shown = repository.plan(plane);
    assert!(shown.contains("1 to prune"), "{shown}");
    assert!(shown.contains("ConfigMap inhabited-full/foreign"), "the plan says what is in the way: {shown}");
    repository.sync_with(plane, &[]).ok();
    eventually("the empty namespace is gone", || plane.get(NAMESPACE, "", "inhabited-empty").is_none());
    let full = plane.get(NAMESPACE, "", "inhabited-full").expect("the other is there");
    assert_eq!(full["status"]["phase"], "Active");
}

#[test]
fn a_definition_is_established_before_its_objects_are_applied() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("definitions");
    repository.write(
        "manifests/crd.yaml",
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: sails.ships.example.com
spec:
  group: ships.example.com
  names: {kind: Sail, plural: sails, singular: sail, listKind: SailList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              area: {type: integer}
",
    );
    repository.write(
        "manifests/a-sail.yaml",
        "apiVersion: ships.example.com/v1\nkind: Sail\nmetadata:\n  name: main\n  namespace: definitions\nspec:\n  area: 40\n",
    );
    repository.deploy(plane);
    let live = plane.get(Kind("ships.example.com", "v1", "Sail"), "definitions", "main").expect("the Sail is there");
    assert_eq!(live["spec"]["area"], 40);
}

#[test]
fn a_later_wave_waits_until_the_one_before_is_healthy() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("waves");
    let hangs =
        deployment("waves", "first", "1.0.0").replace("app: first", "app: first\n        test.tiphys/outcome: hang");
    // The selector and the Deployment's own labels do not name the outcome.
    let hangs = hangs.replacen("app: first\n        test.tiphys/outcome: hang", "app: first", 1);
    repository.write("manifests/first.yaml", &hangs);
    repository.write(
        "manifests/second.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: second\n  namespace: waves\n  annotations:\n    argocd.argoproj.io/sync-wave: \"1\"\n",
    );
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--timeout", "3"]).failed(4);
    assert!(error.contains("Deployment waves/first"), "the error names what is not healthy: {error}");
    assert!(error.contains("manifests/first.yaml:"), "the error says where it is written: {error}");
    assert!(plane.get(CONFIG_MAP, "waves", "second").is_none(), "the second wave was not begun");
    repository.write("manifests/first.yaml", &deployment("waves", "first", "1.0.1"));
    repository.deploy(plane);
    assert!(plane.get(CONFIG_MAP, "waves", "second").is_some(), "the second wave followed");
    let first = plane.get(DEPLOYMENT, "waves", "first").expect("it is there");
    assert_eq!(first["status"]["availableReplicas"], 1);
}

/// A Deployment of one pod that every rule is content with.
pub(crate) fn deployment(namespace: &str, name: &str, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: web
        image: registry.example.com/web:{tag}
        resources:
          requests: {{cpu: 10m, memory: 16Mi}}
          limits: {{memory: 16Mi}}
        securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
        readinessProbe:
          httpGet: {{path: /ready, port: 8080}}
        ports:
        - {{name: http, containerPort: 8080}}
"
    )
}

#[test]
fn a_wave_stands_for_as_long_as_is_asked() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("standing");
    repository.deploy_namespace(plane);
    for (name, wave) in [("first", 0), ("second", 1)] {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: standing\n  annotations:\n    argocd.argoproj.io/sync-wave: \"{wave}\"\n"
        );
        repository.write(&format!("manifests/{name}.yaml"), &text);
    }
    repository.plan(plane);
    repository.sync_with(plane, &["--wave-delay", "3"]).ok();
    let [first, second] = ["first", "second"].map(|name| {
        let live = plane.get(CONFIG_MAP, "standing", name).expect("it is there");
        let made = live["metadata"]["creationTimestamp"].as_str().expect("it was made").to_owned();
        chrono::DateTime::parse_from_rfc3339(&made).expect("it is a time")
    });
    assert!((second - first).num_seconds() >= 3, "{first} and {second}");
}
