//! A server that refuses: a webhook, a quota, a namespace that is going.

use serde_json::{Value, json};

use super::super::harness::{CONFIG_MAP, Kind, NAMESPACE, control_plane, eventually};
use super::super::repository::Repository;
use super::super::serve;
use super::super::sync::deployment;
use super::count;

const WEBHOOK: Kind = Kind("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration");
const QUOTA: Kind = Kind("", "v1", "ResourceQuota");

#[test]
fn what_a_webhook_rejects_is_refused_before_anything_is_applied() {
    let Some(plane) = control_plane() else { return };
    let server = serve::start(plane);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "webhook"}});
    plane.apply(NAMESPACE, "", &namespace).expect("the namespace is made");
    plane.apply(WEBHOOK, "", &server.webhook("webhook", "webhook")).expect("the webhook is registered");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"forbidden": "x"}});
    // The API server takes a moment until it asks a new webhook.
    eventually("the webhook is asked", || plane.apply(CONFIG_MAP, "webhook", &map).is_err());
    let repository = Repository::new("webhook");
    repository.config_map("good", "one");
    repository.write(
        "manifests/bad.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bad\n  namespace: webhook\ndata:\n  forbidden: \"yes\"\n",
    );
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("manifests/bad.yaml:2: ConfigMap webhook/bad: admission webhook"), "{error}");
    assert!(error.contains("the setting `forbidden` is not allowed"), "{error}");
    assert!(!error.contains("good"), "only what is at fault is named: {error}");
    assert!(plane.get(CONFIG_MAP, "webhook", "good").is_none(), "nothing was applied");
    plane.delete(WEBHOOK, "", "webhook");
    repository.remove("manifests/bad.yaml");
    repository.deploy(plane);
}

#[test]
fn what_exceeds_a_quota_is_taken_back() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("quota");
    repository.config_map("first", "one");
    repository.deploy(plane);
    // One is what every namespace has.
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"count/configmaps": "3"}}});
    plane.apply(QUOTA, "quota", &quota).expect("the quota is made");
    eventually("the quota is counted", || {
        let quota = plane.get(QUOTA, "quota", "few").expect("it is there");
        quota.pointer("/status/used/count~1configmaps").and_then(Value::as_str) == Some("2")
    });
    repository.config_map("first", "two");
    // Each of them would find room, and is tried in peace.
    repository.config_map("second", "two");
    repository.config_map("third", "two");
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    let named = |name: &str| error.contains(&format!("manifests/{name}.yaml:2: ConfigMap quota/{name}"));
    assert!(named("second") != named("third"), "{error}");
    assert!(error.contains("exceeded quota: few"), "{error}");
    assert!(error.contains("back at revision 1"), "{error}");
    assert_eq!(plane.get(CONFIG_MAP, "quota", "first").expect("it is there")["data"]["value"], "one");
    assert_eq!(count(plane, "quota"), 1);
}

#[test]
fn pods_that_exceed_a_quota_are_named() {
    let Some(plane) = control_plane() else { return };
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "crowded"}});
    plane.apply(NAMESPACE, "", &namespace).expect("the namespace is made");
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}}});
    plane.apply(QUOTA, "crowded", &quota).expect("the quota is made");
    eventually("the quota is counted", || {
        plane.get(QUOTA, "crowded", "none").expect("it is there")["status"]["used"]["pods"] == "0"
    });
    let repository = Repository::new("crowded");
    repository.write("manifests/web.yaml", &deployment("crowded", "web", "1.0.0"));
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--stuck-after", "2"]).failed(4);
    assert!(error.contains("manifests/web.yaml:"), "{error}");
    assert!(error.contains("Deployment crowded/web") && error.contains("exceeded quota: none"), "{error}");
}

#[test]
fn a_namespace_that_is_stuck_in_going_takes_nothing_and_is_named() {
    let Some(plane) = control_plane() else { return };
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}});
    plane.apply(NAMESPACE, "", &namespace).expect("the namespace is made");
    let held = |finalizers: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": finalizers}});
    plane.apply(CONFIG_MAP, "leaving", &held(json!(["example.com/hold"]))).expect("it is made");
    plane.delete(NAMESPACE, "", "leaving");
    let repository = Repository::new("leaving");
    repository.config_map("settings", "one");
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("manifests/settings.yaml:2: ConfigMap leaving/settings"), "{error}");
    assert!(error.contains("is being terminated"), "{error}");
    plane.apply(CONFIG_MAP, "leaving", &held(json!([]))).expect("it is let go");
    eventually("it is gone", || plane.get(NAMESPACE, "", "leaving").is_none());
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("Namespace leaving: the plan says unchanged, now it is create"), "{error}");
    repository.sync_with(plane, &["--on-drift", "replan"]).ok();
    assert_eq!(count(plane, "leaving"), 1);
}

#[test]
fn what_was_pruned_and_does_not_go_is_named() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("lingers");
    repository.config_map("kept", "one");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: held\n  namespace: lingers\n  finalizers: [example.com/hold]\n";
    repository.write("manifests/held.yaml", text);
    repository.deploy(plane);
    repository.remove("manifests/held.yaml");
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--timeout", "2"]).failed(4);
    assert!(error.contains("ConfigMap lingers/held") && error.contains("example.com/hold"), "{error}");
    plane.with(async |client| {
        let maps = super::super::harness::CONFIG_MAP.api(client, "lingers");
        let patch = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        maps.patch("held", &Default::default(), &patch).await.expect("it is let go");
    });
}
