//! The clusters generator: clusters that are registered, by their labels.

use std::collections::BTreeMap;

use super::Fault;
use super::functions::normalize;
use super::generator::{Empty, Scope, Transformed, append_values};
use super::params::{maps, texts};
use super::selector::Selector;
use crate::origin::Origin;
use crate::render::template::{Map, Value};
use crate::resolve::cluster::{Cluster, IN_CLUSTER_NAME, IN_CLUSTER_SERVER, Sourced};
use crate::yaml::Node;

/// Annotations of cluster Secrets that are Argo CD's or kubectl's own state; they are no parameters.
const OWN_ANNOTATIONS: [&str; 7] = [
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/refresh-timestamp",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/hydrate-timestamp",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
];

pub(super) fn generate(scope: &Scope<'_>, body: &Node, made: &mut Transformed<'_>) -> Result<(), Fault> {
    let selector = match body.get("selector").filter(|node| !node.is_null()) {
        Some(node) => Selector::read(node)
            .map_err(|fault| fault.within("error getting cluster secrets: error converting label selector"))?,
        None => Selector::default(),
    };
    // Of clusters that have one name the last counts; the names' order stands for the order that Argo CD leaves open.
    let mut by_name: BTreeMap<&str, &Cluster> = BTreeMap::new();
    for cluster in scope.context.clusters {
        let mut labels: BTreeMap<String, String> =
            cluster.labels.iter().map(|(key, value)| (key.to_string(), value.text.to_string())).collect();
        labels.insert("argocd.argoproj.io/secret-type".to_owned(), "cluster".to_owned());
        if selector.matches(&labels) {
            by_name.insert(&cluster.name.text, cluster);
        }
    }
    let mut params = Vec::new();
    for cluster in by_name.values() {
        let own = of(scope, cluster);
        append_values(scope, body, &own)?;
        params.push(own);
    }
    if selector.is_empty() && !by_name.values().any(|cluster| cluster.server.text == IN_CLUSTER_SERVER) {
        let origin = &made.body.origin;
        let local = Map::new();
        let fields = [
            ("name", IN_CLUSTER_NAME),
            ("nameNormalized", IN_CLUSTER_NAME),
            ("server", IN_CLUSTER_SERVER),
            ("project", ""),
        ];
        for (key, text) in fields {
            local.insert_from(key, text.into(), origin.clone());
        }
        append_values(scope, body, &local)?;
        params.push(local);
    }
    if !scope.context.all_clusters {
        made.uncertain = true;
        if scope.context.clusters.is_empty() {
            let reason =
                "no cluster is registered in this repository; name the clusters and their labels in tiphys.yaml";
            if params.is_empty() {
                return Err(scope.fault_not_judged(made.body, reason));
            }
            scope.note(made.body, reason);
        }
    }
    if body.get("flatList").and_then(Node::as_bool).unwrap_or(false) {
        let flat = Map::new();
        flat.insert_from("clusters", maps(params), made.body.origin.clone());
        made.params.push(flat);
        return Ok(());
    }
    if params.is_empty() {
        let at = made.body.get("selector").unwrap_or(made.body);
        made.empty = Some(Empty {
            origin: at.origin.clone(),
            what: "no registered cluster has these labels".to_owned(),
            suggestion: None,
        });
    }
    made.params = params;
    Ok(())
}

/// The parameters of one cluster.
pub(super) fn of(scope: &Scope<'_>, cluster: &Cluster) -> Map {
    let params = Map::new();
    let set = |key: &str, text: &str, origin: &Origin| params.insert_from(key, text.into(), origin.clone());
    set("name", &cluster.name.text, &cluster.name.origin);
    set("nameNormalized", &normalize(&cluster.name.text), &cluster.name.origin);
    set("server", &cluster.server.text, &cluster.server.origin);
    match &cluster.project {
        Some(project) => set("project", &project.text, &project.origin),
        None => set("project", "", &cluster.name.origin),
    }
    let annotations: Vec<(&str, &Sourced)> = cluster
        .annotations
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !OWN_ANNOTATIONS.contains(key))
        .collect();
    let labels = cluster.labels.iter().map(|(key, value)| (key.as_str(), value));
    if scope.language.is_go() {
        let metadata = Map::new();
        let all = |entries: Vec<(&str, &Sourced)>| {
            let entries = entries.into_iter();
            Value::Map(texts(entries.map(|(key, value)| (key, value.text.as_str().into(), value.origin.clone()))))
        };
        if !cluster.annotations.is_empty() {
            metadata.insert("annotations", all(annotations));
        }
        if !cluster.labels.is_empty() {
            metadata.insert("labels", all(labels.collect()));
        }
        params.insert("metadata", Value::Map(metadata));
    } else {
        for (key, value) in annotations {
            params.insert_from(format!("metadata.annotations.{key}"), value.text.as_str().into(), value.origin.clone());
        }
        for (key, value) in labels {
            params.insert_from(format!("metadata.labels.{key}"), value.text.as_str().into(), value.origin.clone());
        }
    }
    params
}
