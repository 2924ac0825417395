//! What templates printed, split into documents and put in Helm's order.

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::engine::Printed;
use super::error::HelmError;
use super::metadata::text_of;
use crate::origin::{FileId, Mark};
use crate::source::base_name;
use crate::yaml::{Limits, Node, YamlFile, read};

/// The kinds in the order in which Helm installs them. Others come last, by name.
const INSTALL_ORDER: &[&str] = &[
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

const HOOK_ANNOTATION: &str = "helm.sh/hook";

const HOOK_EVENTS: &[&str] = &[
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
];

/// One document of the output.
pub(super) struct Document {
    /// Which of the printed templates it is from.
    pub printed: usize,
    /// Where it stands in that template's output.
    pub range: Range<usize>,
    pub kind: String,
    /// The events of a hook.
    pub events: Vec<String>,
    pub yaml: YamlFile,
}

impl Document {
    pub(super) fn is_test(&self) -> bool {
        self.events.iter().any(|event| event == "test" || event == "test-success")
    }
}

/// Manifests and hooks.
#[derive(Default)]
pub(super) struct Sorted {
    pub manifests: Vec<Document>,
    pub hooks: Vec<Document>,
}

/// The documents of a text: where they begin and end, blank ones left out.
pub(super) fn split(text: &str) -> Vec<Range<usize>> {
    static SEPARATOR: OnceLock<Option<Regex>> = OnceLock::new();
    let separator = SEPARATOR.get_or_init(|| Regex::new(r"(?m)^---[ \t]*").ok());
    let start = text.len() - text.trim_start().len();
    let mut ranges = Vec::new();
    let mut push = |from: usize, to: usize| {
        let trimmed = text[from..to].trim_start();
        if !trimmed.is_empty() {
            ranges.push(to - trimmed.len()..to);
        }
    };
    let mut from = start;
    for found in separator.iter().flat_map(|separator| separator.find_iter(&text[start..])) {
        push(from, start + found.start());
        from = start + found.end();
    }
    push(from, text.len());
    ranges
}

/// Splits and sorts what the templates printed.
pub(super) fn sort(printed: &[Printed]) -> Result<Sorted, HelmError> {
    let mut order: Vec<usize> = (0..printed.len()).collect();
    order.sort_by(|a, b| printed[*a].name.cmp(&printed[*b].name));
    let mut sorted = Sorted::default();
    for index in order {
        let Printed { name, text, .. } = &printed[index];
        if name.ends_with("NOTES.txt") || base_name(name).starts_with('_') || text.trim().is_empty() {
            continue;
        }
        for range in split(text) {
            let document = head(&printed[index], index, range)?;
            let known = |event: &String| HOOK_EVENTS.contains(&event.as_str());
            if document.events.is_empty() {
                sorted.manifests.push(document);
            } else if document.events.iter().all(known) {
                sorted.hooks.push(document);
            }
        }
    }
    sorted.manifests.sort_by(|a, b| rank(&a.kind).cmp(&rank(&b.kind)));
    sorted.hooks.sort_by(|a, b| rank(&a.kind).cmp(&rank(&b.kind)));
    Ok(sorted)
}

fn rank(kind: &str) -> (usize, &str) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(position) => (position, ""),
        None => (INSTALL_ORDER.len(), kind),
    }
}

fn head(printed: &Printed, index: usize, range: Range<usize>) -> Result<Document, HelmError> {
    let limits = Limits { last_key_wins: true, ..Limits::default() };
    let yaml = read(FileId(0), &printed.text[range.clone()], limits);
    let place = |at: u32| super::provenance::place(printed, range.start as u32 + at);
    let failed = |what: String, at: u32| HelmError::Output {
        message: format!("YAML parse error on {}: {what}", printed.name),
        mark: place(at),
    };
    if let Some((what, mark)) = super::chart::broken(&yaml, &printed.text[range.clone()]) {
        return Err(failed(what, mark.start));
    }
    let mut document = Document { printed: index, range: range.clone(), kind: String::new(), events: Vec::new(), yaml };
    let Some(root) = document.yaml.documents.first().map(|document| &document.root) else { return Ok(document) };
    if let Err((what, mark)) = read_head(root).map(|(kind, events)| {
        document.kind = kind;
        document.events = events;
    }) {
        return Err(failed(what, mark.start));
    }
    Ok(document)
}

/// The kind and the hook's events.
fn read_head(root: &Node) -> Result<(String, Vec<String>), (String, Mark)> {
    let wrong = |node: &Node, what: &str, field: &str| {
        let found = if node.as_sequence().is_some() {
            "array"
        } else if node.as_mapping().is_some() {
            "object"
        } else {
            match node.kind() {
                crate::yaml::Kind::Bool => "bool",
                crate::yaml::Kind::Int | crate::yaml::Kind::Float => "number",
                _ => "string",
            }
        };
        let into = if field.is_empty() { "value".to_owned() } else { format!("struct field SimpleHead.{field}") };
        let message = format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {into} of type {what}"
        );
        (message, node.mark())
    };
    if root.is_null() {
        return Ok((String::new(), Vec::new()));
    }
    if root.as_mapping().is_none() {
        return Err(wrong(root, "util.SimpleHead", ""));
    }
    let text = |node: Option<&Node>, field: &str| match node {
        None => Ok(String::new()),
        Some(node) => text_of(node).ok_or_else(|| wrong(node, "string", field)),
    };
    text(root.get("apiVersion"), "apiVersion")?;
    let kind = text(root.get("kind"), "kind")?;
    let Some(metadata) = root.get("metadata").filter(|node| !node.is_null()) else {
        return Ok((kind, Vec::new()));
    };
    if metadata.as_mapping().is_none() {
        let what = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string }";
        return Err(wrong(metadata, what, "metadata"));
    }
    text(metadata.get("name"), "metadata.name")?;
    let Some(annotations) = metadata.get("annotations").filter(|node| !node.is_null()) else {
        return Ok((kind, Vec::new()));
    };
    if annotations.as_mapping().is_none() {
        return Err(wrong(annotations, "map[string]string", "metadata.annotations"));
    }
    let mut events = Vec::new();
    for entry in annotations.entries() {
        let value = text(Some(&entry.value), "metadata.annotations")?;
        if entry.key_text() == HOOK_ANNOTATION {
            events = value.split(',').map(|event| event.trim().to_lowercase()).collect();
        }
    }
    Ok((kind, events))
}
