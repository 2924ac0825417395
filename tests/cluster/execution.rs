//! What an Application says of its sync, as the cluster sees it: retries, ignored differences, ownership, health.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{CONFIG_MAP, ControlPlane, NAMESPACE, control_plane};
use super::repository::{Repository, command};
use super::sync::deployment;

const TRACKING: &str = "argocd.argoproj.io/tracking-id";

fn config_map(plane: &ControlPlane, namespace: &str, name: &str) -> Value {
    plane.get(CONFIG_MAP, namespace, name).expect("it is there")
}

fn namespace(plane: &ControlPlane, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    plane.create(NAMESPACE, "", &object, "somebody-else");
}

#[test]
fn a_sync_that_is_refused_is_tried_again() {
    let Some(plane) = control_plane() else { return };
    let policy = "automated: {prune: true}\n    retry: {limit: 10, backoff: {duration: 1s, factor: 1}}";
    let repository = Repository::with_policy("retry", policy);
    repository.config_map("settings", "one");
    repository.plan(plane);
    let (out, code) = std::thread::scope(|scope| {
        let running = scope.spawn(|| repository.sync_with(plane, &[]));
        std::thread::sleep(Duration::from_secs(3));
        namespace(plane, "retry");
        let ended = running.join().expect("it ends");
        (format!("{}{}", ended.out, ended.err), ended.code)
    });
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("retrying argocd/retry: attempt 1 after 1.0 s"), "{out}");
    assert_eq!(config_map(plane, "retry", "settings")["data"]["value"], "one");
}

#[test]
fn retries_have_an_end_and_survive_a_kill() {
    let Some(plane) = control_plane() else { return };
    let policy = "automated: {prune: true}\n    retry: {limit: 2, backoff: {duration: 4s, factor: 1}}";
    let repository = Repository::with_policy("retry-end", policy);
    repository.config_map("settings", "one");
    repository.plan(plane);
    let mut running = repository
        .sync_command(plane, &[])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("tiphys starts");
    // In the middle of the second wait.
    std::thread::sleep(Duration::from_secs(6));
    running.kill().expect("it is killed");
    running.wait().expect("it ended");
    let ended = repository.sync_with(plane, &["--resume"]);
    assert!(ended.out.contains("attempt 2") && !ended.out.contains("attempt 1 "), "{}", ended.out);
    let error = ended.failed(4);
    assert!(error.contains("retried 2 times"), "{error}");
}

#[test]
fn what_is_ignored_keeps_its_live_value() {
    let Some(plane) = control_plane() else { return };
    let policy = "automated: {prune: true}\n    syncOptions: [CreateNamespace=true, RespectIgnoreDifferences=true]\n  \
                  ignoreDifferences:\n  - {group: '', kind: ConfigMap, jsonPointers: [/data/value]}";
    let repository = Repository::with_policy("ignored", policy);
    repository.config_map("settings", "ours");
    repository.deploy(plane);
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"value": "theirs"}});
    plane.apply(CONFIG_MAP, "ignored", &theirs).expect("the object is changed");
    let before = config_map(plane, "ignored", "settings");
    repository.sync_with(plane, &["--on-drift", "replan"]).ok();
    let after = config_map(plane, "ignored", "settings");
    assert_eq!(before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"], "nothing was to be done");
    let path = "manifests/settings.yaml";
    let text = std::fs::read_to_string(repository.path().join(path)).expect("it is there");
    repository.write(path, &text.replace("value: ours", "value: newer\n  more: ours"));
    repository.deploy(plane);
    let live = config_map(plane, "ignored", "settings");
    assert_eq!(live["data"], json!({"value": "theirs", "more": "ours"}));
}

#[test]
fn what_was_applied_by_a_client_goes_when_the_manifest_drops_it() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("migrated");
    namespace(plane, "migrated");
    for manager in ["kubectl-client-side-apply", "argocd-controller", "somebody-else"] {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": manager},
            "data": {"value": "old", "dropped": "old"}});
        plane.create(CONFIG_MAP, "migrated", &object, manager);
        repository.config_map(manager, "new");
    }
    repository.plan(plane);
    let out = repository.sync_with(plane, &[]).ok();
    assert!(out.contains("taking over ConfigMap migrated/somebody-else for argocd/migrated"), "{out}");
    for manager in ["kubectl-client-side-apply", "argocd-controller"] {
        assert_eq!(config_map(plane, "migrated", manager)["data"], json!({"value": "new"}), "{manager}");
    }
    let other = config_map(plane, "migrated", "somebody-else");
    assert_eq!(other["data"], json!({"value": "new", "dropped": "old"}), "what somebody else set stays");
}

#[test]
fn a_shared_object_is_not_touched_where_the_application_says_so() {
    let Some(plane) = control_plane() else { return };
    let policy = "automated: {prune: true}\n    syncOptions: [CreateNamespace=true, FailOnSharedResource=true]";
    let repository = Repository::with_policy("shared", policy);
    namespace(plane, "shared");
    let id = "other:/ConfigMap:shared/settings";
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "theirs"},
        "metadata": {"name": "settings", "annotations": {TRACKING: id}}});
    plane.create(CONFIG_MAP, "shared", &object, "argocd-controller");
    repository.config_map("settings", "ours");
    repository.config_map("more", "ours");
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    let expected = "Shared resource found: ConfigMap/settings is part of applications argocd/shared and argocd/other";
    assert!(error.contains(expected), "{error}");
    assert_eq!(config_map(plane, "shared", "settings")["data"]["value"], "theirs");
    assert!(plane.get(CONFIG_MAP, "shared", "more").is_none(), "nothing was done");
}

#[test]
fn a_repository_that_tracks_by_label_is_pruned_by_label() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("labelled");
    repository.write(
        "argocd/argocd-cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels: \
         {app.kubernetes.io/part-of: argocd}\ndata:\n  application.resourceTrackingMethod: label\n",
    );
    repository.config_map("settings", "one");
    repository.config_map("removed", "one");
    repository.deploy(plane);
    let live = config_map(plane, "labelled", "settings");
    assert_eq!(live["metadata"]["labels"]["app.kubernetes.io/instance"], "labelled");
    assert!(live["metadata"]["annotations"][TRACKING].is_null());
    repository.remove("manifests/removed.yaml");
    let shown = repository.plan(plane);
    assert!(shown.contains("prune") && shown.contains("ConfigMap labelled/removed"), "{shown}");
    repository.sync_with(plane, &[]).ok();
    assert!(plane.get(CONFIG_MAP, "labelled", "removed").is_none());
}

#[test]
fn only_what_is_selected_is_synced_and_no_hook_runs() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("selected");
    for name in ["one", "two", "three"] {
        repository.config_map(name, "new");
    }
    let hook = super::hooks::job("selected", "name: pre", "argocd.argoproj.io/hook: PreSync", "");
    repository.write("manifests/pre.yaml", &hook);
    repository.plan(plane);
    let out = repository.sync_with(plane, &["--resource", ":ConfigMap:t*", "--resource", "!:ConfigMap:three"]).ok();
    assert!(plane.get(CONFIG_MAP, "selected", "two").is_some(), "{out}");
    assert!(plane.get(CONFIG_MAP, "selected", "one").is_none() && plane.get(CONFIG_MAP, "selected", "three").is_none());
    assert!(!out.contains("Job"), "{out}");
    let mut history = command();
    history.args(["history", "selected", "--context", "test", "--kubeconfig"]).arg(&plane.kubeconfig);
    assert_ne!(history.status().expect("tiphys starts").code(), Some(0), "a part of a revision is not kept");
}

#[test]
fn an_object_has_a_deadline_of_its_own() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("deadline");
    let labels = "      labels:\n        app: web";
    let stuck = deployment("deadline", "web", "1.0.0")
        .replace(labels, &format!("{labels}\n        test.tiphys/outcome: stuck"))
        .replacen("metadata:\n", "metadata:\n  annotations: {tiphys.dev/deadline: 3s}\n", 1);
    repository.write("manifests/web.yaml", &stuck);
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--stuck-after", "600"]).failed(4);
    assert!(error.contains("manifests/web.yaml:2: Deployment deadline/web"), "{error}");
    assert!(
        error.contains("not healthy within its deadline of 3 s: ") && error.contains("ImagePullBackOff"),
        "{error}"
    );
}

#[test]
fn a_check_of_the_instance_decides_about_health() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("judged");
    repository.write(
        "argocd/argocd-cm.yaml",
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels: {app.kubernetes.io/part-of: argocd}
data:
  resource.customizations.health.ConfigMap: |
    local health = {status = 'Healthy'}
    if obj.data ~= nil and obj.data.value == 'bad' then
      health.status = 'Degraded'
      health.message = 'the value is bad'
    end
    return health
",
    );
    repository.config_map("settings", "good");
    repository.deploy(plane);
    repository.config_map("settings", "bad");
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("the value is bad") && error.contains("back at revision 1"), "{error}");
    let path = "manifests/settings.yaml";
    let text = std::fs::read_to_string(repository.path().join(path)).expect("it is there");
    let ignored = "metadata:\n  annotations: {argocd.argoproj.io/ignore-healthcheck: 'true'}\n";
    repository.write(path, &text.replacen("metadata:\n", ignored, 1));
    repository.deploy(plane);
    assert_eq!(config_map(plane, "judged", "settings")["data"]["value"], "bad");
}
