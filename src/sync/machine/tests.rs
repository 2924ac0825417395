use serde_json::{Value, json};

use super::*;

fn object(kind: &str, name: &str, annotations: Value) -> Value {
    let api_version = if kind == "Job" { "batch/v1" } else { "v1" };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "annotations": annotations}})
}

fn sync(objects: Vec<Value>, degraded: &str) -> (Vec<Vec<String>>, Operation) {
    let scope = |_: &str, kind: &str| Some(kind != "Namespace");
    let mut cluster = Memory::new([], scope);
    cluster.degraded.insert(degraded.to_owned());
    let options = Options { namespace: "shop".to_owned(), prune: true, ..Options::default() };
    let mut operation = Operation::new(objects, options);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let steps = runtime.block_on(cluster.drive(&mut operation));
    (steps, operation)
}

#[test]
fn a_wave_waits_for_the_one_before() {
    let first = object("ConfigMap", "first", json!({}));
    let second = object("ConfigMap", "second", json!({"argocd.argoproj.io/sync-wave": "1"}));
    let (steps, operation) = sync(vec![second, first], "");
    assert_eq!(steps, [["apply ConfigMap/first"], ["apply ConfigMap/second"]]);
    assert_eq!(operation.state().0, State::Succeeded);
}

#[test]
fn a_hook_that_fails_ends_the_sync_and_runs_the_hooks_for_failures() {
    let hook = |name: &str, phase: &str| object("Job", name, json!({"argocd.argoproj.io/hook": phase}));
    let objects = vec![object("ConfigMap", "web", json!({})), hook("pre", "PreSync"), hook("alarm", "SyncFail")];
    let (steps, operation) = sync(objects, "Job/pre");
    assert_eq!(steps, [["apply Job/pre"], ["apply Job/alarm"]]);
    assert_eq!(operation.state().0, State::Failed);
}

#[test]
fn what_was_done_before_an_interruption_is_not_done_again() {
    let hook = object("Job", "pre", json!({"argocd.argoproj.io/hook": "PreSync"}));
    let web = object("ConfigMap", "web", json!({}));
    let (_, done) = sync(vec![hook.clone(), web.clone()], "");
    let outcomes = done.outcomes().into_iter().filter(|outcome| outcome.hook).cloned();
    let options = Options { namespace: "shop".to_owned(), ..Options::default() };
    let mut operation = Operation::new([hook, web], options).resumed(outcomes);
    let mut cluster = Memory::new([], |_: &str, _: &str| Some(true));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let steps = runtime.block_on(cluster.drive(&mut operation));
    assert_eq!(steps, [["apply ConfigMap/web"]]);
}

fn drive(objects: Vec<Value>, live: Vec<Value>, options: Options) -> Vec<Vec<String>> {
    let mut cluster = Memory::new(live, |_: &str, kind: &str| Some(kind != "Namespace"));
    let mut operation = Operation::new(objects, Options { namespace: "shop".to_owned(), ..options });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(cluster.drive(&mut operation))
}

#[test]
fn what_is_selected_is_synced_without_hooks() {
    let hook = object("Job", "pre", json!({"argocd.argoproj.io/hook": "PreSync"}));
    let objects = vec![hook, object("ConfigMap", "web", json!({})), object("Service", "web", json!({}))];
    let selected = vec![":ConfigMap:*".parse().expect("it is a selector")];
    let options = Options { selected, skip_hooks: true, ..Options::default() };
    let steps = drive(objects, Vec::new(), options);
    assert_eq!(steps, [["apply ConfigMap/web"]]);
}

#[test]
fn a_namespace_that_is_there_is_only_touched_where_its_metadata_are_managed() {
    let there = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let options = |metadata| Options { create_namespace: true, namespace_metadata: metadata, ..Options::default() };
    let web = || vec![object("ConfigMap", "web", json!({}))];
    assert_eq!(drive(web(), vec![there.clone()], options(None)), [["apply ConfigMap/web"]]);
    let managed = drive(web(), vec![there], options(Some(json!({"labels": {"team": "web"}}))));
    assert_eq!(managed.concat(), ["apply Namespace/shop", "apply ConfigMap/web"]);
}

#[test]
fn what_is_as_it_should_be_is_left_alone_where_only_the_rest_is_wanted() {
    let web = object("ConfigMap", "web", json!({}));
    let mut live = web.clone();
    live["metadata"]["namespace"] = json!("shop");
    let unchanged = [Key::of(&live)].into();
    let options = Options { out_of_sync_only: true, unchanged, ..Options::default() };
    let steps = drive(vec![web, object("ConfigMap", "other", json!({}))], vec![live], options);
    assert_eq!(steps, [["apply ConfigMap/other"]]);
}
