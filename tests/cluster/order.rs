//! The recorded cases of Argo CD's order, as the API server saw ours: its audit log tells.
//!
//! The cases' manifests are bare: [`complete`] adds what a server insists on, and keeps names, annotations and order.
//! Namespaces get the case's number before their names, so that no case waits for another's namespace to go, and so do
//! the groups of kinds that no server has by itself: they are defined before the case begins. Claims find a volume. An
//! object whose name no server takes is left out of the case and of what is expected ([`NAMELESS`]). What a case says is
//! refused when it is applied is refused by a proxy. Where a recording deletes the namespace that it has just made, as it
//! takes it for an object of the Application, it ends there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tiphys::origin::FileId;
use tiphys::plan::order::{self, Prune};
use tiphys::plan::{ClusterPlan, Deployment, Desired, Digest, ObjectRef, Pruning, Role, TRACKING, Unit};
use tiphys::render::Resource;
use tiphys::resolve::Application;
use tiphys::sync::{self, Cluster, Events, Journal, machine};
use tiphys::yaml::{Limits, read};

use super::harness::{ControlPlane, Kind, control_plane, eventually};
use super::proxy::{Fault, Proxy};

/// Cases that a server cannot show, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    ("prune-confirm-blocks", "a plan has no deletion that nobody confirmed: it says so and goes on without it"),
    ("selective-sync", "a plan names whole Applications"),
];

/// Objects whose names no server takes: capitals, and an APIService that is not named by its version and group.
const NAMELESS: [(&str, &str); 2] = [("ConfigMap", "A"), ("APIService", "x-apiservice")];

/// Groups that the server does not serve.
const FOREIGN: [&str; 4] = ["cert-manager.io", "example.com", "monitoring.coreos.com", "other.example.com"];

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let documents = read(FileId(0), &text, Limits::default()).documents;
    documents.into_iter().map(|document| document.root.to_json()).filter(Value::is_object).collect()
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

const BARE: [&str; 10] = [
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "PersistentVolume",
    "StorageClass",
    "PriorityClass",
    "ValidatingWebhookConfiguration",
];

fn group(object: &Value) -> &str {
    text(object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group)
}

/// Puts objects of kinds that the server lacks into a group of the case; the definitions that it needs.
fn define(objects: &mut [Value], case: &str) -> Vec<Value> {
    let own: Vec<String> = objects
        .iter()
        .filter(|object| text(object, "/kind") == "CustomResourceDefinition")
        .map(|object| format!("{}/{}", text(object, "/spec/group"), text(object, "/spec/names/kind")))
        .collect();
    let mut made: BTreeMap<String, Value> = BTreeMap::new();
    for object in objects {
        let (group, kind) = (group(object).to_owned(), text(object, "/kind").to_owned());
        if !FOREIGN.contains(&group.as_str()) || own.contains(&format!("{group}/{kind}")) {
            continue;
        }
        let (group, plural) = (format!("{case}.{group}"), plural(&kind));
        object["apiVersion"] = json!(format!("{group}/v1"));
        let name = format!("{plural}.{group}");
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
        made.insert(name, definition);
    }
    made.into_values().collect()
}

fn complete(object: &mut Value, case: &str, fails: &[&str]) {
    let kind = text(object, "/kind").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let outcome = match fails.contains(&format!("{kind}/{name}").as_str()) {
        true if kind == "Job" => json!({"app": "x", "test.tiphys/outcome": "fail"}),
        true => json!({"app": "x", "test.tiphys/outcome": "hang"}),
        false => json!({"app": "x"}),
    };
    let pod = json!({"containers": [{"name": "x", "image": "registry.example.com/x:1"}]});
    let selector = json!({"matchLabels": {"app": "x"}});
    match kind.as_str() {
        "Namespace" => object["metadata"]["name"] = json!(format!("{case}-{name}")),
        "ReplicationController" => {
            object["spec"] =
                json!({"selector": {"app": "x"}, "template": {"metadata": {"labels": outcome}, "spec": pod}});
        }
        "CronJob" => {
            let mut pod = pod;
            pod["restartPolicy"] = json!("Never");
            object["spec"] = json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}});
        }
        "LimitRange" => object["spec"] = json!({"limits": []}),
        "PersistentVolume" => object["spec"] = volume(),
        "StorageClass" => object["provisioner"] = json!("example.com/none"),
        "PriorityClass" => object["value"] = json!(1),
        "RoleBinding" | "ClusterRoleBinding" => {
            object["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
        }
        "NetworkPolicy" => object["spec"] = json!({"podSelector": {}}),
        "IngressClass" => object["spec"] = json!({"controller": "example.com/none"}),
        "Ingress" => {
            let backend = json!({"service": {"name": "x", "port": {"number": 80}}});
            object["spec"] = json!({"defaultBackend": backend});
        }
        "HorizontalPodAutoscaler" => {
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"});
            object["spec"] = json!({"maxReplicas": 1, "scaleTargetRef": target});
        }
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" => {
            object["spec"] = json!({"selector": selector, "template": {"metadata": {"labels": outcome}, "spec": pod}});
        }
        "Job" => {
            let mut pod = pod;
            pod["restartPolicy"] = json!("Never");
            object["spec"] = json!({"backoffLimit": 0, "template": {"metadata": {"labels": outcome}, "spec": pod}});
        }
        "Pod" => object["spec"] = pod,
        "Service" => object["spec"] = json!({"ports": [{"port": 80}]}),
        "PersistentVolumeClaim" => {
            object["spec"] = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "", "volumeName": format!("{case}-{name}")});
        }
        "CustomResourceDefinition" => {
            let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
            for version in object["spec"]["versions"].as_array_mut().into_iter().flatten() {
                version["schema"] = json!({"openAPIV3Schema": schema});
            }
        }
        _ => {}
    }
    if !BARE.contains(&kind.as_str()) {
        let namespace = match text(object, "/metadata/namespace") {
            "" => "demo".to_owned(),
            namespace => namespace.to_owned(),
        };
        object["metadata"]["namespace"] = json!(format!("{case}-{namespace}"));
    }
}

fn volume() -> Value {
    json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}})
}

fn reference(object: &Value) -> ObjectRef {
    ObjectRef {
        api_version: text(object, "/apiVersion").to_owned(),
        kind: text(object, "/kind").to_owned(),
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
    }
}

fn track(object: &mut Value, case: &str) {
    let ObjectRef { kind, namespace, name, .. } = reference(object);
    let group = text(object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group).to_owned();
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    object["metadata"]["annotations"][TRACKING] = json!(format!("{case}:{group}/{kind}:{namespace}/{name}"));
}

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.as_str() {
        "endpoints" => kind,
        _ if kind.ends_with("ss") => format!("{kind}es"),
        _ if kind.ends_with("cy") => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}

/// `apply jobs/x`, as a step of a recorded case or a line of the audit log has it. Deletions are one word, and so are
/// replacements: the server sees no difference.
fn shown(verb: &str, plural: &str, name: &str) -> String {
    let verb = match verb {
        "prune" => "delete",
        "replace" => "update",
        verb => verb,
    };
    format!("{verb} {plural}/{name}")
}

/// What the audit log has of `case` since it was `seen` lines long.
fn audited(plane: &ControlPlane, seen: usize, case: &str, defined: &BTreeSet<String>) -> Vec<String> {
    let log = std::fs::read_to_string(plane.kubeconfig.with_file_name("audit.log")).unwrap_or_default();
    let mut found = Vec::new();
    for line in log.lines().skip(seen) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let uri = text(&event, "/requestURI");
        let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0);
        let [resource, name, namespace] =
            ["resource", "name", "namespace"].map(|key| text(&event, &format!("/objectRef/{key}")));
        let prefix = format!("{case}-");
        let ours = namespace.starts_with(&prefix)
            || (resource == "namespaces" && name.starts_with(&prefix))
            || defined.contains(name);
        if !ours || code >= 300 || uri.contains("dryRun=All") || text(&event, "/user/username") != "admin" {
            continue;
        }
        let verb = match text(&event, "/verb") {
            "patch" if uri.contains("fieldManager=tiphys") && uri.contains("force=true") => "apply",
            "create" if uri.contains("fieldManager=tiphys") => "create",
            "update" if uri.contains("fieldManager=tiphys") => "update",
            "delete" => "delete",
            _ => continue,
        };
        // The one that plays the kubelet has the same account.
        if !text(&event, "/objectRef/subresource").is_empty() || text(&event, "/userAgent").contains("kwok") {
            continue;
        }
        let name = if resource == "namespaces" { name.trim_start_matches(&prefix) } else { name };
        found.push(shown(verb, resource, name));
    }
    found
}

/// What is done to objects of one kind at once has no order.
fn ordered(mut steps: Vec<String>) -> Vec<String> {
    let kind = |step: &String| {
        let (verb, object) = step.split_once(' ').unwrap_or_default();
        (verb == "delete", object.split('/').next().unwrap_or_default().to_owned())
    };
    for part in steps.chunk_by_mut(|a, b| kind(a) == kind(b)) {
        part.sort();
    }
    steps
}

fn expected(directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(directory.join("expected.json")).unwrap_or_default();
    let expected: Value = serde_json::from_str(&text).unwrap_or_default();
    let steps = expected["execution"]["steps"].as_array().cloned().unwrap_or_default();
    let steps = steps.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    steps
        .filter(|step| !step.starts_with("apply-failed ") && !step.starts_with("prune Namespace/demo"))
        .filter(|step| !NAMELESS.iter().any(|(kind, name)| step.ends_with(&format!(" {kind}/{name}"))))
        .filter_map(|step| {
            let (verb, object) = step.split_once(' ')?;
            let (kind, name) = object.split_once('/')?;
            Some(shown(verb, &plural(kind), name))
        })
        .collect()
}

fn run(plane: &ControlPlane, directory: &Path, case: &str) -> Result<(), String> {
    let mut manifests = documents(&directory.join("manifests.yaml"));
    let mut live = documents(&directory.join("live.yaml"));
    let options = documents(&directory.join("options.yaml")).into_iter().next().unwrap_or_default();
    manifests.retain(|one| !NAMELESS.contains(&(text(one, "/kind"), text(one, "/metadata/name"))));
    let definitions = define(&mut manifests, case);
    let fails: Vec<&str> = options["fail"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for object in manifests.iter_mut().chain(&mut live) {
        complete(object, case, &fails);
    }
    for object in live.iter_mut().filter(|object| text(object, "/kind") != "CustomResourceDefinition") {
        track(object, case);
    }
    let is = |key: &str| options[key] == Value::Bool(true);
    let destination = format!("{case}-{}", options["namespace"].as_str().unwrap_or("demo"));
    let made: BTreeSet<&str> = manifests
        .iter()
        .filter(|one| text(one, "/kind") == "Namespace")
        .map(|one| text(one, "/metadata/name"))
        .collect();
    let mut used: BTreeSet<String> =
        manifests.iter().chain(&live).map(|one| text(one, "/metadata/namespace").to_owned()).collect();
    used.insert(destination.clone());
    for namespace in used.iter().filter(|name| !name.is_empty() && !made.contains(name.as_str())) {
        if !(is("createNamespace") && *namespace == destination) {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            plane.apply(super::harness::NAMESPACE, "", &object)?;
        }
    }
    // Pods are refused until their namespace has its account.
    if manifests.iter().any(|one| text(one, "/kind") == "Pod") {
        for namespace in used.iter().filter(|name| !name.is_empty() && !made.contains(name.as_str())) {
            let account = Kind("", "v1", "ServiceAccount");
            eventually("the account is made", || plane.get(account, namespace, "default").is_some());
        }
    }
    for definition in &definitions {
        plane.apply(DEFINITION, "", definition)?;
        served(plane, text(definition, "/metadata/name"));
    }
    for claim in manifests.iter().filter(|one| text(one, "/kind") == "PersistentVolumeClaim") {
        let name = text(claim, "/spec/volumeName");
        let mut spec = volume();
        spec["claimRef"] =
            json!({"namespace": text(claim, "/metadata/namespace"), "name": text(claim, "/metadata/name")});
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec});
        plane.apply(Kind("", "v1", "PersistentVolume"), "", &volume)?;
    }
    for object in &live {
        let ObjectRef { api_version, kind, namespace, .. } = reference(object);
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let kind = Kind(group.to_owned().leak(), version.to_owned().leak(), kind.leak());
        plane.apply(kind, &namespace, object)?;
        if text(object, "/kind") == "CustomResourceDefinition" {
            served(plane, text(object, "/metadata/name"));
        }
    }
    let mut sync_options = vec![];
    sync_options.extend(is("createNamespace").then_some("CreateNamespace=true"));
    sync_options.extend(is("pruneLast").then_some("PruneLast=true"));
    let application = format!(
        "metadata: {{name: {case}, namespace: argocd}}\nspec:\n  destination: {{server: s, namespace: {destination}}}\n  syncPolicy: {{syncOptions: [{}]}}\n",
        sync_options.join(", ")
    );
    let node = read(FileId(0), &application, Limits::default()).documents.remove(0).root;
    let application = Arc::new(Application { resource: Resource { node }, generated_by: None });
    let id = format!("argocd/{case}");
    let objects: Vec<Desired> = manifests
        .iter()
        .map(|manifest| {
            let mut manifest = manifest.clone();
            if text(&manifest, "/kind") != "CustomResourceDefinition" {
                track(&mut manifest, case);
            }
            Desired {
                object: reference(&manifest),
                application: id.clone(),
                role: if machine::is_hook(&manifest) { Role::Hook } else { Role::Object },
                ahead: false,
                digest: Digest::of(manifest.to_string().as_bytes()),
                manifest: Arc::new(manifest),
                source: String::new(),
            }
        })
        .collect();
    let wanted = |object: &Value| {
        let object = reference(object);
        objects.iter().any(|desired| desired.object == object)
    };
    let stays = |object: &Value| {
        let said = text(object, "/metadata/annotations/argocd.argoproj.io~1sync-options");
        let by_option = options["pruneOption"] == "false" && !said.contains("Prune=");
        said.contains("Prune=false") || by_option || options["prune"] == Value::Bool(false)
    };
    let prunes: Vec<Prune> = live
        .iter()
        .filter(|object| !wanted(object) && !machine::is_hook(object) && !stays(object))
        .map(|object| Prune { object: reference(object), application: id.clone(), live: Arc::new(object.clone()) })
        .collect();
    let deployment = Deployment {
        cluster: "c".to_owned(),
        objects,
        skipped: Vec::new(),
        applications: [(
            id,
            Unit { application, wave: 0, environment: None, turn: None, project: None, pruning: Pruning::Automated },
        )]
        .into(),
        settings: Arc::default(),
    };
    let tasks = order::tasks(&deployment, &prunes);
    let plan = ClusterPlan {
        cluster: "c".to_owned(),
        live: true,
        identity: None,
        tasks,
        skipped: Vec::new(),
        max_deletions: None,
    };
    let defined: BTreeSet<String> = manifests
        .iter()
        .filter(|one| BARE.contains(&text(one, "/kind")) && text(one, "/kind") != "Namespace")
        .map(|one| text(one, "/metadata/name").to_owned())
        .collect();
    let seen =
        std::fs::read_to_string(plane.kubeconfig.with_file_name("audit.log")).unwrap_or_default().lines().count();
    let journal = tempfile::tempdir().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let refused: Vec<String> = options["failApply"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str()?.split_once('/'))
        .map(|(kind, name)| format!("/{}/{name}?", plural(kind)))
        .collect();
    let proxy = (!refused.is_empty()).then(|| {
        Proxy::start(plane, move |asked| match asked.writes() && refused.iter().any(|one| asked.path.contains(one)) {
            true => Fault::Answer(403, "Forbidden", "refused"),
            false => Fault::None,
        })
    });
    let door = proxy.as_ref().map_or(&plane.kubeconfig, |proxy| &proxy.front.kubeconfig);
    let ended = runtime.block_on(async {
        let cluster = Cluster::connect(Some(door), None, 16).await?;
        let journal = Journal::open(&journal.path().join("journal.sqlite"), &Digest::of(case.as_bytes()), false)?;
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let options = sync::Options {
            timeout: Duration::from_secs(if fails.is_empty() { 60 } else { 4 }),
            rollback: false,
            history: 1,
            revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            ..sync::Options::default()
        };
        let place = sync::Place { plan, deployment, cluster: Ok(Arc::new(sync::Mirror::new(Arc::new(cluster)))) };
        sync::run(vec![place], Arc::new(journal), Events(events), &options).await
    });
    let found = audited(plane, seen, case, &defined);
    let generated = |steps: Vec<String>| -> Vec<String> {
        // Names of generated hooks end with the second in which the operation began.
        let cut = |step: String| match step.rsplit_once('-') {
            Some((rest, last)) if last.len() == 10 && last.bytes().all(|byte| byte.is_ascii_digit()) => rest.to_owned(),
            _ => step,
        };
        ordered(steps.into_iter().map(cut).collect())
    };
    let (found, expected) = (generated(found), generated(expected(directory)));
    for namespace in used.iter().map(String::as_str).chain(made) {
        if !namespace.is_empty() && plane.get(super::harness::NAMESPACE, "", namespace).is_some() {
            plane.delete(super::harness::NAMESPACE, "", namespace);
        }
    }
    let names = definitions.iter().map(|one| text(one, "/metadata/name"));
    for name in defined.iter().map(String::as_str).chain(names) {
        if plane.get(DEFINITION, "", name).is_some() {
            plane.delete(DEFINITION, "", name);
            eventually("the definition is gone", || plane.get(DEFINITION, "", name).is_none());
        }
    }
    let agrees = match is("createNamespace") {
        true => found.starts_with(&expected),
        false => found == expected,
    };
    if agrees { Ok(()) } else { Err(format!("expected {expected:#?}\nfound {found:#?}\n{ended:?}")) }
}

const DEFINITION: Kind = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");

/// Waits until the objects of a definition are served.
fn served(plane: &ControlPlane, name: &str) {
    eventually("the definition is served", || {
        let live = plane.get(DEFINITION, "", name).unwrap_or_default();
        let conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|found| found["type"] == "Established" && found["status"] == "True")
    });
}

#[test]
fn the_server_sees_the_order_that_argo_cd_has() {
    let Some(plane) = control_plane() else { return };
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/waves");
    let Ok(entries) = std::fs::read_dir(&cases) else {
        println!("skipped, there are no recorded cases");
        return;
    };
    let mut directories: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    directories.sort();
    let (mut agreeing, mut failures) = (0, Vec::new());
    for (number, directory) in directories.iter().enumerate() {
        let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((_, reason)) = LEFT_OUT.iter().find(|(left_out, _)| *left_out == name) {
            println!("{name}: left out, {reason}");
            continue;
        }
        match run(plane, directory, &format!("w{number}")) {
            Ok(()) => agreeing += 1,
            Err(reason) => failures.push(format!("{name}: {reason}")),
        }
    }
    println!("{agreeing} of {} cases agree", directories.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
