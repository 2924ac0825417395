use serde_json::json;

use super::*;

fn ignoring(application: &str, settings: Option<&Value>) -> Ignoring {
    let text = format!("metadata: {{name: web}}\nspec:\n  ignoreDifferences:\n{application}\n");
    let resource = crate::render::Resource { node: document(&text).expect("it is YAML") };
    ignored(&Application { resource, generated_by: None }, settings)
}

fn deployment(replicas: i64, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

/// As the server shows it: with the keys of its lists.
fn live(mut object: Value) -> Value {
    let fields = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}});
    object["metadata"]["managedFields"] = json!([{"manager": "somebody", "operation": "Update", "fieldsV1": fields}]);
    object["status"] = json!({"replicas": 1});
    object
}

#[test]
fn an_ignored_field_takes_its_live_value() {
    let ignoring = ignoring("  - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}", None);
    let applied = ignoring.apply(&deployment(3, "new"), &live(deployment(7, "old")));
    assert_eq!(applied, deployment(7, "new"));
}

#[test]
fn an_ignored_field_that_is_not_live_goes() {
    let ignoring = ignoring("  - {group: '*', kind: Deploy*, jsonPointers: [/spec/replicas]}", None);
    let mut bare = deployment(7, "old");
    bare["spec"].as_object_mut().expect("it is an object").remove("replicas");
    let applied = ignoring.apply(&deployment(3, "new"), &live(bare));
    assert_eq!(applied.pointer("/spec/replicas"), None);
    assert_eq!(applied.pointer("/spec/template"), deployment(3, "new").pointer("/spec/template"));
}

#[test]
fn a_rule_is_for_what_it_names() {
    for other in [
        "group: '', kind: Deployment",
        "group: apps, kind: StatefulSet",
        "group: apps, kind: '*', name: other",
        "group: apps, kind: '*', namespace: other",
    ] {
        let ignoring = ignoring(&format!("  - {{{other}, jsonPointers: [/spec/replicas]}}"), None);
        assert_eq!(ignoring.apply(&deployment(3, "new"), &live(deployment(7, "old"))), deployment(3, "new"), "{other}");
    }
}

#[test]
fn an_item_of_a_list_is_told_by_its_key() {
    let expression = "'.spec.template.spec.containers[] | select(.name == \"web\") | .image'";
    let ignoring = ignoring(&format!("  - {{group: apps, kind: Deployment, jqPathExpressions: [{expression}]}}"), None);
    let mut target = deployment(3, "new");
    target["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "first", "image": "x"}, {"name": "web", "image": "new", "args": ["a"]}]);
    let applied = ignoring.apply(&target, &live(deployment(7, "old")));
    let expected = json!([{"name": "first", "image": "x"}, {"name": "web", "args": ["a"], "image": "old"}]);
    assert_eq!(applied.pointer("/spec/template/spec/containers"), Some(&expected));
    assert_eq!(applied.pointer("/spec/replicas"), Some(&json!(3)));
}

#[test]
fn an_injected_item_is_left_to_whoever_injected_it() {
    let expression = "'.spec.template.spec.containers[] | select(.name == \"istio-proxy\")'";
    let ignoring = ignoring(&format!("  - {{group: apps, kind: Deployment, jqPathExpressions: [{expression}]}}"), None);
    let mut injected = deployment(3, "old");
    let containers = injected.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    containers.expect("it is a list").push(json!({"name": "istio-proxy", "image": "istio"}));
    let applied = ignoring.apply(&deployment(3, "new"), &live(injected));
    // A list of which nothing of ours is ignored stays ours; an apply does not take away what others own in it.
    assert_eq!(applied, deployment(3, "new"));
}

#[test]
fn what_a_trusted_manager_changed_is_kept() {
    let ignoring = ignoring("  - {group: '*', kind: '*', managedFieldsManagers: [somebody]}", None);
    let applied = ignoring.apply(&deployment(3, "new"), &live(deployment(7, "old")));
    assert_eq!(applied, deployment(7, "old"));
    let other = self::ignoring("  - {group: '*', kind: '*', managedFieldsManagers: [nobody]}", None);
    assert_eq!(other.apply(&deployment(3, "new"), &live(deployment(7, "old"))), deployment(3, "new"));
}

#[test]
fn the_instance_ignores_for_all_applications() {
    let settings = json!({"data": {
        "resource.customizations.ignoreDifferences.apps_Deployment": "jsonPointers:\n- /spec/replicas\n",
        "resource.customizations.ignoreDifferences.all": "managedFieldsManagers: [nobody]\n"}});
    let ignoring = ignoring("    []", Some(&settings));
    assert_eq!(ignoring.apply(&deployment(3, "new"), &live(deployment(7, "old"))), deployment(7, "new"));
    let older = json!({"data": {"resource.customizations":
        "apps/Deployment:\n  ignoreDifferences: |\n    jsonPointers:\n    - /spec/replicas\n"}});
    let ignoring = self::ignoring("    []", Some(&older));
    assert_eq!(ignoring.apply(&deployment(3, "new"), &live(deployment(7, "old"))), deployment(7, "new"));
}

#[test]
fn an_object_may_ignore_fields_of_its_own() {
    let mut target = deployment(3, "new");
    target["metadata"]["annotations"] = json!({ANNOTATION: "jsonPointers:\n- /spec/replicas\n"});
    let applied = ignoring("    []", None).apply(&target, &live(deployment(7, "old")));
    assert_eq!(applied.pointer("/spec/replicas"), Some(&json!(7)));
}

#[test]
fn what_differs_only_in_what_is_ignored_is_the_same_without() {
    let ignoring = ignoring("  - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}", None);
    let mut other = deployment(7, "new");
    other["status"] = json!({"replicas": 7});
    let (target, live) = ignoring.without(&deployment(3, "new"), &other);
    assert_eq!(target, live);
}

#[test]
fn what_held_only_what_is_ignored_leaves_no_trace() {
    let ignoring = ignoring("  - {group: '', kind: ConfigMap, jsonPointers: [/data/a]}", None);
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data});
    assert_eq!(ignoring.without_traces(&map(json!({"a": "1"})), &map(json!({"a": "2"}))).0.get("data"), None);
    let (left, _) = ignoring.without_traces(&map(json!({})), &map(json!({})));
    assert_eq!(left.get("data"), Some(&json!({})), "what was empty stays");
}

#[test]
fn an_expression_that_is_not_accepted_is_told() {
    let ignoring = ignoring("  - {group: apps, kind: Deployment, jqPathExpressions: ['until(false; .)']}", None);
    assert_eq!(ignoring.faults.len(), 1, "{:?}", ignoring.faults);
}
