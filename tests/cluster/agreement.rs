//! Whether tiphys and the API server agree on what is a right object.
//!
//! Objects are sent with `dryRun=All&fieldValidation=Strict`, and the same objects are checked as a repository. There
//! are the objects of `agreement/valid.yaml`, the ways of `agreement/broken.yaml` to break them, and, where the recorded
//! outputs of kustomize and Helm are at hand, objects of those up to [`VALID`] that the server takes. What the server
//! refuses among them is compared too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kube::api::{DynamicObject, PostParams};
use kube::core::{GroupVersionKind, Request};
use kube::discovery::{ApiResource, Discovery, Scope};
use serde_json::{Value, json};

use super::harness::{ControlPlane, Kind, control_plane, eventually};

/// How many objects the server must take.
const VALID: usize = 300;

/// The namespace of all objects.
const NAMESPACE: &str = "agreement";

/// The rules that speak for the API server.
const RULES: &[&str] = &[
    "api-version-not-served",
    "duplicate-port-name",
    "invalid-base64",
    "invalid-label",
    "invalid-name",
    "invalid-schedule",
    "missing-api-version-kind",
    "mutually-exclusive-fields",
    "pod-template-labels-missing",
    "port-out-of-range",
    "requests-above-limits",
    "schema-duplicate-item",
    "schema-invalid-value",
    "schema-required-property",
    "schema-rule-violation",
    "schema-type-mismatch",
    "schema-unknown-property",
    "selector-template-mismatch",
    "unknown-kind",
    "volume-not-defined",
];

/// What the server says of its own configuration, or of what is not in it, and not of the object.
const OF_THIS_CLUSTER: &[&str] = &[
    "disallowed by cluster policy",
    "not configured on this cluster",
    "error looking up service account",
    "no PriorityClass with name",
    "not in the valid range",
    "failed to allocate",
    "attempting to grant RBAC permissions not currently held",
];

/// One object, and what it is.
struct Case {
    what: String,
    object: Value,
    /// Whether it is among those that are broken on purpose.
    broken: bool,
}

#[test]
fn tiphys_and_the_api_server_agree() {
    let Some(plane) = control_plane() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/agreement");
    let own = documents(&fs::read_to_string(here.join("valid.yaml")).expect("the objects are there"));
    let definition =
        own.iter().find(|object| object["kind"] == "CustomResourceDefinition").expect("it has a CRD").clone();
    prepare(plane, &definition);
    let broken = broken(&own, &fs::read_to_string(here.join("broken.yaml")).expect("the ways are there"));
    let count = broken.len();
    assert!(count >= 200, "{count} objects are broken");

    let named = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
    let mut cases: Vec<Case> =
        own.into_iter().map(|object| Case { what: named(&object), object, broken: false }).collect();
    cases.extend(broken);
    let recorded = recorded();
    // Evenly spread over all outputs; some fall away.
    let step = (recorded.len() / (VALID + 60)).max(1);
    let sample = recorded.into_iter().step_by(step);
    cases.extend(sample.map(|(what, object)| Case { what, object, broken: false }));

    let verdicts = ask(plane, &mut cases);
    let opinions = check(&cases, &definition);
    let (mut taken, mut agreed, mut total) = (0, 0, 0);
    let mut differences = Vec::new();
    for ((case, verdict), opinion) in cases.iter().zip(&verdicts).zip(&opinions) {
        if verdict.as_ref().is_err_and(|said| OF_THIS_CLUSTER.iter().any(|words| said.contains(words))) {
            continue;
        }
        if verdict.is_ok() && !case.broken {
            if taken == VALID {
                continue;
            }
            taken += 1;
        }
        total += 1;
        match (verdict, opinion.is_empty()) {
            (Ok(()), true) | (Err(_), false) => agreed += 1,
            (Ok(()), false) => differences.push(format!("{}: taken, and tiphys says {opinion:?}", case.what)),
            (Err(said), true) => differences.push(format!("{}: refused, {said}", case.what)),
        }
    }
    println!("{agreed} of {total} agree: {taken} that the server takes, {count} broken on purpose");
    let shown = differences.join("\n");
    assert!(agreed * 100 >= total * 98, "{agreed} of {total} agree:\n{shown}");
    println!("{shown}");
}

/// The documents of `text`.
fn documents(text: &str) -> Vec<Value> {
    let all = serde_yaml::Deserializer::from_str(text);
    // The reader says the same error for ever: what stands behind one is not read.
    let read = |document| <Value as serde::Deserialize>::deserialize(document).ok();
    all.map_while(read).filter(Value::is_object).collect()
}

/// Makes the namespace and the CRD.
fn prepare(plane: &ControlPlane, definition: &Value) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    plane.apply(super::harness::NAMESPACE, "", &namespace).expect("the namespace is made");
    let crd = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    plane.apply(crd, "", definition).expect("the CRD is made");
    let name = definition["metadata"]["name"].as_str().expect("it has a name");
    eventually("the CRD is served", || {
        let live = plane.get(crd, "", name).expect("the CRD is there");
        let conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|found| found["type"] == "Established" && found["status"] == "True")
    });
    let account = Kind("", "v1", "ServiceAccount");
    eventually("the account is made", || plane.get(account, NAMESPACE, "default").is_some());
}

/// The objects of `own`, each broken in one of the listed ways.
fn broken(own: &[Value], ways: &str) -> Vec<Case> {
    let ways: Vec<Value> = serde_yaml::from_str(ways).expect("the ways are YAML");
    let name = |object: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
    };
    ways.iter()
        .map(|way| {
            let of = way["object"].as_str().expect("a way says of what");
            let mut object = own.iter().find(|object| name(object) == of).expect("the object is there").clone();
            for (pointer, value) in way["set"].as_object().into_iter().flatten() {
                edit(&mut object, pointer, Some(value.clone()));
            }
            for pointer in way["remove"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                edit(&mut object, pointer, None);
            }
            Case { what: format!("{of}: {}", way["what"].as_str().unwrap_or_default()), object, broken: true }
        })
        .collect()
}

/// Sets or removes what `pointer` names.
fn edit(object: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, token) = pointer.rsplit_once('/').expect("a pointer has a parent");
    let token = token.replace("~1", "/").replace("~0", "~");
    // What is on the way and missing becomes an object.
    let mut missing = Vec::new();
    let mut place = parent;
    while object.pointer(place).is_none() {
        let (above, key) = place.rsplit_once('/').expect("the root is there");
        missing.push(key.to_owned());
        place = above;
    }
    let mut node = object.pointer_mut(place).expect("it was found");
    for key in missing.into_iter().rev() {
        node = &mut node[key];
    }
    match (node, value) {
        (Value::Array(items), Some(value)) => {
            let index: usize = token.parse().expect("an index");
            if index < items.len() { items[index] = value } else { items.push(value) }
        }
        (Value::Array(items), None) => {
            items.remove(token.parse().expect("an index"));
        }
        (node, Some(value)) => node[token] = value,
        (Value::Object(fields), None) => {
            fields.shift_remove(&token).unwrap_or_else(|| panic!("{pointer} is there"));
        }
        (_, None) => panic!("{pointer} is in no object"),
    }
}

/// The objects of the recorded outputs, each once; none where they are not at hand.
fn recorded() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    if !root.exists() {
        println!("the recorded outputs are not at hand: only the test's own objects are compared");
        return Vec::new();
    }
    let mut files = Vec::new();
    for part in ["kustomize", "helm/expected"] {
        collect(&root.join(part), &mut files);
    }
    files.sort();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for object in documents(&text) {
            let written = object.to_string();
            // What is filled in later is not the object yet.
            let open = ["{{", "${", "$("].iter().any(|mark| written.contains(mark));
            if !open && object["metadata"]["name"].is_string() && seen.insert(written) {
                let shown = file.strip_prefix(&root).expect("it lies there").display().to_string();
                found.push((format!("{shown}: {} {}", object["kind"], object["metadata"]["name"]), object));
            }
        }
    }
    found
}

/// The expected outputs below `directory`.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("expected")) {
            files.push(path);
        }
    }
}

/// What the server says of each case. Drops those of kinds that it does not have, unless they are meant to be broken.
fn ask(plane: &ControlPlane, cases: &mut Vec<Case>) -> Vec<Result<(), String>> {
    plane.with(async |client| {
        let discovery = Discovery::new(client.clone()).run().await.expect("the server lists its kinds");
        let mut kept = Vec::new();
        let mut verdicts = Vec::new();
        for mut case in std::mem::take(cases) {
            let text = |key: &str| case.object[key].as_str().unwrap_or_default().to_owned();
            let (api_version, kind) = (text("apiVersion"), text("kind"));
            let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
            let found = discovery.resolve_gvk(&GroupVersionKind::gvk(group, version, &kind));
            let verdict = match &found {
                Some((resource, capabilities)) => {
                    let namespaced = capabilities.scope == Scope::Namespaced;
                    if let Some(metadata) = case.object["metadata"].as_object_mut() {
                        metadata.shift_remove("namespace");
                        if namespaced {
                            metadata.insert("namespace".to_owned(), json!(NAMESPACE));
                        }
                    }
                    send(&client, resource, namespaced, &case.object).await
                }
                None if case.broken => Err("the server has no such kind".to_owned()),
                None => continue,
            };
            verdicts.push(verdict);
            kept.push(case);
        }
        *cases = kept;
        verdicts
    })
}

async fn send(client: &kube::Client, resource: &ApiResource, namespaced: bool, object: &Value) -> Result<(), String> {
    let url = kube::Api::<DynamicObject>::all_with(client.clone(), resource).resource_url().to_owned();
    let url = match namespaced {
        true => {
            let (base, plural) = url.rsplit_once('/').expect("a URL has a path");
            format!("{base}/namespaces/{NAMESPACE}/{plural}")
        }
        false => url,
    };
    let body = serde_json::to_vec(object).expect("an object is JSON");
    let mut request = Request::new(&url).create(&PostParams::default(), body).expect("a request is made");
    *request.uri_mut() = format!("{url}?dryRun=All&fieldValidation=Strict").parse().expect("a URL");
    match client.request_text(request).await {
        Ok(_) => Ok(()),
        // One of that name is there: what was sent was read and validated before.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => panic!("{url}: {error}"),
    }
}

/// What tiphys finds wrong with each case. A CRD that is broken is checked beside none that it could shadow.
fn check(cases: &[Case], definition: &Value) -> Vec<Vec<String>> {
    let is_other_crd = |case: &Case| case.broken && case.object["kind"] == "CustomResourceDefinition";
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for others in [false, true] {
        let directory = tempfile::tempdir().expect("a directory is made");
        if !others {
            let text = definition.to_string();
            fs::write(directory.path().join("definition.yaml"), text).expect("the file is written");
        }
        for (index, case) in cases.iter().enumerate().filter(|(_, case)| is_other_crd(case) == others) {
            let text = serde_json::to_string_pretty(&case.object).expect("an object is JSON");
            fs::write(directory.path().join(format!("{index}.yaml")), text).expect("the file is written");
        }
        let output = super::repository::command()
            .args(["check", "--format", "json"])
            .arg(directory.path())
            .output()
            .expect("tiphys starts");
        let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
        for finding in report["findings"].as_array().expect("a report has findings") {
            let text = |key: &str| finding[key].as_str().unwrap_or_default();
            let index = text("file").strip_suffix(".yaml").and_then(|name| name.parse::<usize>().ok());
            if let Some(index) = index
                && finding["severity"] == "error"
                && RULES.contains(&text("rule"))
            {
                found.entry(index).or_default().push(format!("{}: {}", text("rule"), text("message")));
            }
        }
    }
    (0..cases.len()).map(|index| found.remove(&index).unwrap_or_default()).collect()
}
