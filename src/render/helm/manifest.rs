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

/// What a template's output holds; or what is wrong with it, and at which byte.
pub(super) type Documents = Result<Vec<Document>, (String, u32)>;

/// One document of the output.
pub(super) struct Document {
    /// Which of the printed templates it is from; [`sort`] tells.
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

/// Splits and reads what the template `name` printed.
pub(super) fn documents(name: &str, text: &str) -> Documents {
    if name.ends_with("NOTES.txt") || base_name(name).starts_with('_') || text.trim().is_empty() {
        return Ok(Vec::new());
    }
    split(text).into_iter().map(|range| head(text, range)).collect()
}

/// Puts the documents that the templates printed in order.
pub(super) fn sort(printed: &mut [Printed]) -> Result<Sorted, HelmError> {
    let mut order: Vec<usize> = (0..printed.len()).collect();
    order.sort_by(|a, b| printed[*a].name.cmp(&printed[*b].name));
    let mut sorted = Sorted::default();
    for index in order {
        let documents = std::mem::replace(&mut printed[index].documents, Ok(Vec::new()));
        let documents = documents.map_err(|(what, at)| HelmError::Output {
            message: format!("YAML parse error on {}: {what}", printed[index].name),
            mark: super::provenance::place(&printed[index], at),
        })?;
        for document in documents {
            let document = Document { printed: index, ..document };
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

fn head(text: &str, range: Range<usize>) -> Result<Document, (String, u32)> {
    let limits = Limits { last_key_wins: true, ..Limits::default() };
    let yaml = read(FileId(0), &text[range.clone()], limits);
    let wrong = |(what, mark): (String, Mark)| (what, range.start as u32 + mark.start);
    if let Some(problem) = super::chart::broken(&yaml, &text[range.clone()]) {
        return Err(wrong(problem));
    }
    let root = yaml.documents.first().map(|document| &document.root);
    let (kind, events) = root.map(read_head).transpose().map_err(wrong)?.unwrap_or_default();
    Ok(Document { printed: 0, range, kind, events, yaml })
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
