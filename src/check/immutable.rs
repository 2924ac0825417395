//! Two states of the repository in, what an API server would refuse to change from one to the other out.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::Checked;
use super::rego::locate;
use super::rules::immutable_field_changed::RULE;
use crate::finding::Finding;
use crate::render::Resource;
use crate::resolve::Rendered;
use crate::yaml::Node;

/// Group, kinds, and the fields that cannot change once an object is there. Source: the functions for updates of
/// `k8s.io/kubernetes/pkg/apis/*/validation`.
const FIELDS: &[(&str, &[&str], &[&str])] = &[
    ("apps", &["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"], &["/spec/selector"]),
    ("apps", &["StatefulSet"], &["/spec/serviceName", "/spec/podManagementPolicy", "/spec/volumeClaimTemplates"]),
    ("batch", &["Job"], &["/spec/template", "/spec/selector", "/spec/completionMode"]),
    ("", &["Service"], &["/spec/clusterIP"]),
    (
        "",
        &["PersistentVolumeClaim"],
        &["/spec/accessModes", "/spec/storageClassName", "/spec/volumeName", "/spec/volumeMode", "/spec/selector"],
    ),
    ("", &["Secret"], &["/type"]),
    ("rbac.authorization.k8s.io", &["RoleBinding", "ClusterRoleBinding"], &["/roleRef"]),
    ("storage.k8s.io", &["StorageClass"], &["/provisioner", "/parameters", "/reclaimPolicy", "/volumeBindingMode"]),
    ("scheduling.k8s.io", &["PriorityClass"], &["/value", "/preemptionPolicy"]),
    ("node.k8s.io", &["RuntimeClass"], &["/handler"]),
    ("networking.k8s.io", &["IngressClass"], &["/spec/controller"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"], &["/spec/group", "/spec/scope", "/spec/names/kind"]),
];

/// Cluster or target, namespace, group, kind and name.
type Key = (SmolStr, SmolStr, SmolStr, SmolStr, SmolStr);

fn key(rendered: &Rendered, resource: &Resource) -> Key {
    let application = rendered.application();
    let cluster = application.map_or(rendered.target.id.as_str(), |application| application.destination_cluster());
    let namespace = match resource.namespace() {
        "" => application.map_or("", |application| application.destination_namespace()),
        namespace => namespace,
    };
    let parts = [cluster, namespace, resource.group(), resource.kind(), resource.name()].map(SmolStr::new);
    parts.into()
}

/// The fields of `head`'s objects that differ from `base`'s and cannot be changed in place.
pub(super) fn changes(base: &Checked, head: &Checked) -> Vec<Finding> {
    let mut known: BTreeMap<Key, &Resource> = BTreeMap::new();
    for rendered in base.rendered.iter() {
        for resource in &rendered.output.resources {
            known.insert(key(rendered, resource), resource);
        }
    }
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for rendered in head.rendered.iter() {
        for resource in rendered.output.resources.iter().filter(|resource| !is_replaced(resource)) {
            let Some(old) = known.get(&key(rendered, resource)) else { continue };
            for pointer in fields(old) {
                let (Some(before), Some(now)) = (old.node.pointer(pointer), resource.node.pointer(pointer)) else {
                    continue;
                };
                if before.is_null() || now.is_null() || before.says_same(now) {
                    continue;
                }
                let (mark, _) = locate(&resource.node, pointer);
                if !seen.insert((mark, pointer)) {
                    continue;
                }
                let field = pointer.trim_start_matches('/').replace('/', ".");
                let was = match (before.text(), resource.kind()) {
                    (Some(text), kind) if kind != "Secret" || pointer == "/type" => format!("; it was `{text}`"),
                    _ => String::new(),
                };
                let mut finding = Finding::new(&RULE, mark)
                    .message(format!("{field} of a {} cannot be changed{was}", resource.kind()))
                    .help("give the object another name, or delete it first")
                    .resource(resource.reference())
                    .pointer(pointer);
                if let Some(application) = rendered.application() {
                    finding.application = Some(application.id());
                }
                findings.push(finding);
            }
        }
    }
    findings
}

/// The fields of a resource that cannot change.
fn fields(resource: &Resource) -> Vec<&'static str> {
    let (group, kind) = (resource.group(), resource.kind());
    let rows = FIELDS.iter().filter(|(of, kinds, _)| *of == group && kinds.contains(&kind));
    let mut fields: Vec<&'static str> = rows.flat_map(|(_, _, fields)| fields.iter().copied()).collect();
    let fixed = resource.node.get("immutable").and_then(Node::as_bool) == Some(true);
    if fixed && group.is_empty() && matches!(kind, "ConfigMap" | "Secret") {
        fields.extend(["/data", "/binaryData", "/stringData"]);
    }
    fields
}

/// Whether the object is deleted before it is made again: a hook, or one that is replaced.
fn is_replaced(resource: &Resource) -> bool {
    let annotation = |key: &str| resource.node.path(&["metadata", "annotations", key]).and_then(Node::text);
    let options = annotation("argocd.argoproj.io/sync-options").unwrap_or_default();
    annotation("argocd.argoproj.io/hook").is_some()
        || annotation("helm.sh/hook").is_some()
        || options.split(',').any(|option| matches!(option.trim(), "Replace=true" | "Force=true"))
}
