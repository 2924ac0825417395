//! Packs the schemas of a directory into `schemas/catalogue.bin`: see `schemas/README.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, reason = "a program for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use smol_str::SmolStr;
use tiphys::schema::{Compiler, Definitions, KindEntry, KubernetesVersion, NodeId, lifecycle, write_pack};

/// Namespaced kinds that no list of served resources names.
const NAMESPACED: &[(&str, &str)] = &[
    ("coordination.k8s.io", "LeaseCandidate"),
    ("lifecycle.k8s.io", "Eviction"),
    ("lifecycle.k8s.io", "EvictionRequest"),
    ("policy", "Eviction"),
    ("scheduling.k8s.io", "CompositePodGroup"),
    ("scheduling.k8s.io", "PodGroup"),
    ("scheduling.k8s.io", "Workload"),
    ("autoscaling", "Scale"),
];

/// The compression level: 22 is zstd's highest; the pack is written rarely and read often.
const LEVEL: i32 = 22;

type Scopes = BTreeMap<(String, String), (bool, String)>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = PathBuf::from(arguments.next().ok_or("usage: generate-schemas DIR [FILE]")?);
    let to = arguments.next().unwrap_or_else(|| "schemas/catalogue.bin".to_owned());
    let mut compiler = Compiler::default();
    let mut kinds = kubernetes(&from.join("kubernetes"), &mut compiler)?;
    let native = kinds.len();
    kinds.extend(crds(&from.join("crds"), &mut compiler)?);
    let bytes = write_pack(compiler.nodes(), &kinds, LEVEL)?;
    std::fs::write(&to, &bytes)?;
    println!(
        "{to}: {} bytes, {} nodes, {native} kinds of Kubernetes, {} of CRDs",
        bytes.len(),
        compiler.nodes().len(),
        kinds.len() - native
    );
    Ok(())
}

fn read(path: &Path) -> Result<Json, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Which kinds are namespaced, and their plurals, as far as the lists of served resources say.
fn scopes(directory: &Path) -> Result<Scopes, Box<dyn Error>> {
    let mut scopes = Scopes::new();
    let kustomize = read(&directory.join("kustomize-1.21.2.json"))?;
    let newest = read(&directory.join(format!("resources-{}.json", KubernetesVersion::NEWEST)))?;
    let lists = [kustomize.get("resources"), Some(&newest)];
    for resource in lists.into_iter().flatten().filter_map(Json::as_array).flatten() {
        let key = (text(resource, "group").to_owned(), text(resource, "kind").to_owned());
        let namespaced = resource.get("namespaced").and_then(Json::as_bool).unwrap_or(false);
        scopes.insert(key, (namespaced, text(resource, "plural").to_owned()));
    }
    Ok(scopes)
}

fn kubernetes(directory: &Path, compiler: &mut Compiler) -> Result<Vec<KindEntry>, Box<dyn Error>> {
    let scopes = scopes(directory)?;
    let mut kinds: BTreeMap<(String, String, String, NodeId), u8> = BTreeMap::new();
    let mut object_meta = None;
    for version in KubernetesVersion::all() {
        let document = read(&directory.join(format!("{version}.json")))?;
        let definitions = document.get("definitions").and_then(Json::as_object).ok_or("no definitions")?;
        let mut open = Definitions::new(definitions);
        for (name, definition) in definitions {
            let Some((group, kind_version, kind)) = kind_of(name, definition) else { continue };
            let root = compiler.definition(&mut open, name);
            let minor = version.minor();
            let removed = lifecycle(group, kind_version, kind).is_some_and(|end| end.removed <= minor);
            let bit = if removed { 0 } else { 1 << (minor - KubernetesVersion::OLDEST.minor()) };
            *kinds.entry((group.to_owned(), kind.to_owned(), kind_version.to_owned(), root)).or_default() |= bit;
        }
        object_meta = Some(compiler.definition(&mut open, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    }
    let mut entries: Vec<KindEntry> = kinds
        .into_iter()
        .filter(|(_, minors)| *minors != 0)
        .map(|((group, kind, version, root), minors)| {
            let known = scopes.get(&(group.clone(), kind.clone()));
            let namespaced = known.map_or_else(|| NAMESPACED.contains(&(&group, &kind)), |(namespaced, _)| *namespaced);
            if known.is_none() {
                eprintln!("scope of {group}/{kind} by hand: namespaced {namespaced}");
            }
            KindEntry {
                plural: SmolStr::new(known.map_or("", |(_, plural)| plural.as_str())),
                group: SmolStr::new(group),
                version: SmolStr::new(version),
                kind: SmolStr::new(kind),
                namespaced,
                served: true,
                deprecated: false,
                minors,
                root,
            }
        })
        .collect();
    entries.push(KindEntry {
        group: SmolStr::new("meta.internal"),
        version: SmolStr::new("v1"),
        kind: SmolStr::new("ObjectMeta"),
        plural: SmolStr::default(),
        namespaced: false,
        served: false,
        deprecated: false,
        minors: 0,
        root: object_meta.ok_or("no versions")?,
    });
    Ok(entries)
}

/// Kinds that their definitions do not name.
const UNNAMED: &[(&str, (&str, &str, &str))] = &[
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ),
    ("io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService", ("apiregistration.k8s.io", "v1", "APIService")),
];

/// Group, version and kind of a definition that stands for objects: those have names.
fn kind_of<'a>(name: &str, definition: &'a Json) -> Option<(&'a str, &'a str, &'a str)> {
    if let Some((_, kind)) = UNNAMED.iter().find(|(known, _)| *known == name) {
        return Some(*kind);
    }
    let [kind] = definition.get("x-kubernetes-group-version-kind")?.as_array()?.as_slice() else { return None };
    let metadata = definition.get("properties")?.get("metadata")?;
    if !text(metadata, "$ref").ends_with(".ObjectMeta") {
        return None;
    }
    Some((text(kind, "group"), text(kind, "version"), text(kind, "kind")))
}

fn crds(directory: &Path, compiler: &mut Compiler) -> Result<Vec<KindEntry>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut entries = Vec::new();
    for path in files {
        let crd = read(&path)?;
        for version in crd.get("versions").and_then(Json::as_array).into_iter().flatten() {
            let truth = |key: &str| version.get(key).and_then(Json::as_bool).unwrap_or(false);
            let open = Json::Object(Map::new());
            entries.push(KindEntry {
                group: SmolStr::new(text(&crd, "group")),
                version: SmolStr::new(text(version, "name")),
                kind: SmolStr::new(text(&crd, "kind")),
                plural: SmolStr::new(text(&crd, "plural")),
                namespaced: text(&crd, "scope") == "Namespaced",
                served: truth("served"),
                deprecated: truth("deprecated"),
                minors: 0,
                root: compiler.crd(version.get("schema").unwrap_or(&open)),
            });
        }
    }
    Ok(entries)
}
