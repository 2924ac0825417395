//! Which fields the transformers work on: kustomize's built-in tables, `configurations` files, and what `crds` add.
//!
//! The built-in tables are data about Kubernetes' own kinds, as kustomize 5.8 knows them. Fields of pod specs are
//! written once and put behind the path to the pod spec of each kind.

use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use super::fieldspec::{self, FieldSpec};
use super::resource::{Gvk, leaves};
use crate::origin::Origin;
use crate::yaml::Node;

/// The field specifications of every transformer.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    pub(super) name_prefix: Vec<FieldSpec>,
    pub(super) name_suffix: Vec<FieldSpec>,
    pub(super) namespace: Vec<FieldSpec>,
    pub(super) common_labels: Vec<FieldSpec>,
    pub(super) labels: Vec<FieldSpec>,
    pub(super) template_labels: Vec<FieldSpec>,
    pub(super) common_annotations: Vec<FieldSpec>,
    pub(super) name_reference: Vec<BackReference>,
    pub(super) var_reference: Vec<FieldSpec>,
    pub(super) images: Vec<FieldSpec>,
    pub(super) replicas: Vec<FieldSpec>,
}

/// The fields that name resources of one kind.
#[derive(Debug, Clone)]
pub(super) struct BackReference {
    /// The kind that is named.
    pub(super) target: Gvk,
    /// Where it is named.
    pub(super) referrers: Vec<FieldSpec>,
}

/// Where kinds have their pod spec.
const POD_SPECS: [(&str, &str); 9] = [
    ("Pod", "spec/"),
    ("PodTemplate", "template/spec/"),
    ("Deployment", "spec/template/spec/"),
    ("ReplicaSet", "spec/template/spec/"),
    ("DaemonSet", "spec/template/spec/"),
    ("StatefulSet", "spec/template/spec/"),
    ("Job", "spec/template/spec/"),
    ("ReplicationController", "spec/template/spec/"),
    ("CronJob", "spec/jobTemplate/spec/template/spec/"),
];

/// Kinds whose pods' references to configuration are followed.
const CONFIGURED: &str = "Pod@v1 PodTemplate Deployment ReplicaSet DaemonSet StatefulSet Job CronJob";
/// Kinds whose pods' other references are followed.
const RUNNING: &str = "Pod StatefulSet Deployment ReplicationController CronJob Job DaemonSet";

/// What is named, by which fields of pod specs of which kinds, and by which other fields (`Kind[.group][@version]
/// path`).
type Reference = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const REFERENCES: [Reference; 15] = [
    ("Deployment", "", &[], &["HorizontalPodAutoscaler spec/scaleTargetRef/name"]),
    ("ReplicationController", "", &[], &["HorizontalPodAutoscaler spec/scaleTargetRef/name"]),
    ("ReplicaSet", "", &[], &["HorizontalPodAutoscaler spec/scaleTargetRef/name"]),
    ("StatefulSet", "", &[], &["HorizontalPodAutoscaler spec/scaleTargetRef/name"]),
    (
        "ConfigMap@v1",
        CONFIGURED,
        &[
            "volumes/configMap/name",
            "containers/env/valueFrom/configMapKeyRef/name",
            "initContainers/env/valueFrom/configMapKeyRef/name",
            "containers/envFrom/configMapRef/name",
            "initContainers/envFrom/configMapRef/name",
            "volumes/projected/sources/configMap/name",
        ],
        &[
            "Node spec/configSource/configMap",
            "Role rules/resourceNames",
            "ClusterRole rules/resourceNames",
            "Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap",
        ],
    ),
    (
        "Secret@v1",
        CONFIGURED,
        &[
            "volumes/secret/secretName",
            "containers/env/valueFrom/secretKeyRef/name",
            "initContainers/env/valueFrom/secretKeyRef/name",
            "containers/envFrom/secretRef/name",
            "initContainers/envFrom/secretRef/name",
            "imagePullSecrets/name",
            "volumes/projected/sources/secret/name",
        ],
        &[
            "Ingress spec/tls/secretName",
            "Ingress metadata/annotations/ingress.kubernetes.io\\/auth-secret",
            "Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret",
            "Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret",
            "ServiceAccount imagePullSecrets/name",
            "StorageClass parameters/secretName",
            "StorageClass parameters/adminSecretName",
            "StorageClass parameters/userSecretName",
            "StorageClass parameters/secretRef",
            "Role rules/resourceNames",
            "ClusterRole rules/resourceNames",
            "Service.serving.knative.dev@v1 spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            "PersistentVolume spec/azureFile/secretName",
        ],
    ),
    (
        "Service@v1",
        "",
        &[],
        &[
            "StatefulSet.apps spec/serviceName",
            "Ingress spec/rules/http/paths/backend/serviceName",
            "Ingress spec/backend/serviceName",
            "Ingress spec/rules/http/paths/backend/service/name",
            "Ingress spec/defaultBackend/service/name",
            "APIService.apiregistration.k8s.io spec/service/name",
            "ValidatingWebhookConfiguration.admissionregistration.k8s.io webhooks/clientConfig/service",
            "MutatingWebhookConfiguration.admissionregistration.k8s.io webhooks/clientConfig/service",
        ],
    ),
    ("Role.rbac.authorization.k8s.io", "", &[], &["RoleBinding.rbac.authorization.k8s.io roleRef/name"]),
    (
        "ClusterRole.rbac.authorization.k8s.io",
        "",
        &[],
        &[
            "RoleBinding.rbac.authorization.k8s.io roleRef/name",
            "ClusterRoleBinding.rbac.authorization.k8s.io roleRef/name",
        ],
    ),
    (
        "ServiceAccount@v1",
        RUNNING,
        &["serviceAccountName"],
        &["RoleBinding.rbac.authorization.k8s.io subjects", "ClusterRoleBinding.rbac.authorization.k8s.io subjects"],
    ),
    ("PersistentVolumeClaim@v1", RUNNING, &["volumes/persistentVolumeClaim/claimName"], &[]),
    ("PersistentVolume@v1", "", &[], &["PersistentVolumeClaim spec/volumeName", "ClusterRole rules/resourceNames"]),
    (
        "StorageClass.storage.k8s.io@v1",
        "",
        &[],
        &[
            "PersistentVolume spec/storageClassName",
            "PersistentVolumeClaim spec/storageClassName",
            "StatefulSet spec/volumeClaimTemplates/spec/storageClassName",
        ],
    ),
    ("PriorityClass.scheduling.k8s.io@v1", RUNNING, &["priorityClassName"], &[]),
    // kustomize's group of an IngressClass is `networking.k8s.io/v1`, which no object has; only
    // ValidatingAdmissionPolicy is left to follow.
    (
        "ValidatingAdmissionPolicy.admissionregistration.k8s.io",
        "",
        &[],
        &["ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io spec/policyName"],
    ),
];

const METADATA_LABELS: [&str; 10] = [
    "+ metadata/labels",
    "+ReplicationController@v1 spec/template/metadata/labels",
    "+Deployment spec/template/metadata/labels",
    "+ReplicaSet spec/template/metadata/labels",
    "+DaemonSet spec/template/metadata/labels",
    "+StatefulSet.apps spec/template/metadata/labels",
    "+StatefulSet.apps spec/volumeClaimTemplates[]/metadata/labels",
    "+Job.batch spec/template/metadata/labels",
    "+CronJob.batch spec/jobTemplate/metadata/labels",
    "+CronJob.batch spec/jobTemplate/spec/template/metadata/labels",
];

const SELECTORS: [&str; 12] = [
    "+Service@v1 spec/selector",
    "+ReplicationController@v1 spec/selector",
    "+Deployment spec/selector/matchLabels",
    "+ReplicaSet spec/selector/matchLabels",
    "+DaemonSet spec/selector/matchLabels",
    "+StatefulSet.apps spec/selector/matchLabels",
    "Job.batch spec/selector/matchLabels",
    "CronJob.batch spec/jobTemplate/spec/selector/matchLabels",
    "PodDisruptionBudget.policy spec/selector/matchLabels",
    "NetworkPolicy.networking.k8s.io spec/podSelector/matchLabels",
    "NetworkPolicy.networking.k8s.io spec/ingress/from/podSelector/matchLabels",
    "NetworkPolicy.networking.k8s.io spec/egress/to/podSelector/matchLabels",
];

/// Selectors inside the pod specs of Deployments and StatefulSets.
const POD_SELECTORS: [&str; 5] = [
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

const ANNOTATIONS: [&str; 9] = [
    "+ metadata/annotations",
    "+ReplicationController@v1 spec/template/metadata/annotations",
    "+Deployment spec/template/metadata/annotations",
    "+ReplicaSet spec/template/metadata/annotations",
    "+DaemonSet spec/template/metadata/annotations",
    "+StatefulSet spec/template/metadata/annotations",
    "+Job.batch spec/template/metadata/annotations",
    "+CronJob.batch spec/jobTemplate/metadata/annotations",
    "+CronJob.batch spec/jobTemplate/spec/template/metadata/annotations",
];

const NAMESPACES: [&str; 3] = [
    "+Namespace metadata/name",
    "+APIService.apiregistration.k8s.io spec/service/namespace",
    "CustomResourceDefinition.apiextensions.k8s.io spec/conversion/webhook/clientConfig/service/namespace",
];

const IMAGES: [&str; 6] = [
    "+ spec/containers[]/image",
    "+ spec/initContainers[]/image",
    "+ spec/volumes[]/image/reference",
    "+ spec/template/spec/containers[]/image",
    "+ spec/template/spec/initContainers[]/image",
    "+ spec/template/spec/volumes[]/image/reference",
];

const REPLICAS: [&str; 4] = [
    "+Deployment spec/replicas",
    "+ReplicationController spec/replicas",
    "+ReplicaSet spec/replicas",
    "+StatefulSet spec/replicas",
];

/// Kinds in whose pod specs variables are replaced.
const VARIABLE_PODS: &str = "CronJob DaemonSet Deployment Job Pod ReplicaSet StatefulSet";
const VARIABLE_FIELDS: [&str; 8] = [
    "containers/args",
    "containers/command",
    "containers/env/value",
    "containers/volumeMounts/mountPath",
    "initContainers/args",
    "initContainers/command",
    "initContainers/env/value",
    "initContainers/volumeMounts/mountPath",
];
const VARIABLES: [&str; 16] = [
    "CronJob spec/jobTemplate/spec/template/volumes/nfs/server",
    "DaemonSet spec/template/spec/volumes/nfs/server",
    "Deployment spec/template/spec/volumes/nfs/server",
    "Deployment spec/template/metadata/annotations",
    "Ingress spec/rules/host",
    "Ingress spec/tls/hosts",
    "Ingress spec/tls/secretName",
    "Job spec/template/spec/volumes/nfs/server",
    "Pod spec/volumes/nfs/server",
    "ReplicaSet spec/template/spec/volumes/nfs/server",
    "Service spec/ports/port",
    "Service spec/ports/targetPort",
    "StatefulSet spec/volumeClaimTemplates/spec/nfs/server",
    "PersistentVolume spec/nfs/server",
    " metadata/labels",
    " metadata/annotations",
];

/// `Kind[.group][@version]`
fn gvk(text: &str) -> Gvk {
    let (text, version) = text.split_once('@').unwrap_or((text, ""));
    let (kind, group) = text.split_once('.').unwrap_or((text, ""));
    Gvk { group: SmolStr::new(group), version: SmolStr::new(version), kind: SmolStr::new(kind) }
}

/// `[+]Kind[.group][@version] path`; `+` creates the field.
fn spec(text: &str) -> FieldSpec {
    let (text, create) = text.strip_prefix('+').map_or((text, false), |text| (text, true));
    let (kind, path) = text.split_once(' ').unwrap_or(("", text));
    FieldSpec::new(gvk(kind), path, create)
}

fn specs(texts: &[&str]) -> Vec<FieldSpec> {
    texts.iter().map(|text| spec(text)).collect()
}

/// `fields` behind the path to the pod spec of each of `kinds`.
fn in_pods(kinds: &str, fields: &[&str]) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for kind in kinds.split(' ').filter(|kind| !kind.is_empty()) {
        let gvk = gvk(kind);
        let path = POD_SPECS.iter().find(|(known, _)| *known == gvk.kind).map_or("", |(_, path)| path);
        for field in fields {
            specs.push(FieldSpec::new(gvk.clone(), &format!("{path}{field}"), false));
        }
    }
    specs
}

/// Kinds that come first, and last, when kustomize sorts.
pub(super) const ORDER_FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// See [`ORDER_FIRST`].
pub(super) const ORDER_LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The key that field specifications are sorted by.
fn order(gvk: &Gvk) -> (i32, String) {
    let first = ORDER_FIRST.iter().position(|kind| *kind == gvk.kind).map(|at| at as i32 - ORDER_FIRST.len() as i32);
    let last = ORDER_LAST.iter().position(|kind| *kind == gvk.kind).map(|at| at as i32 + 1);
    let or = |text: &SmolStr, none: &str| if text.is_empty() { none.to_owned() } else { text.to_string() };
    let text = format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"));
    (first.or(last).unwrap_or(0), text)
}

impl Config {
    /// kustomize's own tables.
    pub(super) fn builtin() -> &'static Arc<Config> {
        static BUILTIN: OnceLock<Arc<Config>> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let mut common_labels = specs(&SELECTORS);
            for kind in ["Deployment.apps", "StatefulSet.apps"] {
                common_labels
                    .extend(POD_SELECTORS.iter().map(|path| spec(&format!("{kind} spec/template/spec/{path}"))));
            }
            common_labels.extend(specs(&METADATA_LABELS));
            let name_reference = REFERENCES
                .iter()
                .map(|(target, kinds, fields, others)| {
                    let mut referrers = in_pods(kinds, fields);
                    referrers.extend(specs(others));
                    BackReference { target: gvk(target), referrers }
                })
                .collect();
            let mut var_reference = in_pods(VARIABLE_PODS, &VARIABLE_FIELDS);
            var_reference.extend(specs(&VARIABLES));
            let mut config = Config {
                name_prefix: specs(&[" metadata/name"]),
                name_suffix: specs(&[" metadata/name"]),
                namespace: specs(&NAMESPACES),
                common_labels,
                labels: Vec::new(),
                template_labels: specs(&METADATA_LABELS),
                common_annotations: specs(&ANNOTATIONS),
                name_reference,
                var_reference,
                images: specs(&IMAGES),
                replicas: specs(&REPLICAS),
            };
            config.sort();
            Arc::new(config)
        })
    }

    fn lists(&mut self) -> [(&'static str, &mut Vec<FieldSpec>); 10] {
        [
            ("namePrefix", &mut self.name_prefix),
            ("nameSuffix", &mut self.name_suffix),
            ("namespace", &mut self.namespace),
            ("commonLabels", &mut self.common_labels),
            ("labels", &mut self.labels),
            ("templateLabels", &mut self.template_labels),
            ("commonAnnotations", &mut self.common_annotations),
            ("varReference", &mut self.var_reference),
            ("images", &mut self.images),
            ("replicas", &mut self.replicas),
        ]
    }

    /// Notes where the file is named that the specifications were read from.
    pub(super) fn named_at(&mut self, entry: &Origin) {
        let references = self.name_reference.iter_mut().flat_map(|reference| &mut reference.referrers);
        references.for_each(|spec| spec.written.push(entry.clone()));
        let own = self.lists().into_iter().flat_map(|(_, specs)| specs);
        own.for_each(|spec| spec.written.push(entry.clone()));
    }

    fn sort(&mut self) {
        for (_, list) in self.lists() {
            list.sort_by_cached_key(|spec| order(&spec.gvk));
        }
        self.name_reference.sort_by_cached_key(|reference| order(&reference.target));
    }

    /// Adds what `other` has.
    ///
    /// # Errors
    /// When the two disagree about creating a field.
    pub(super) fn merge(&mut self, other: &Config) -> Result<(), String> {
        let mut other = other.clone();
        let theirs = other.lists().map(|(_, list)| std::mem::take(list));
        for ((_, mine), theirs) in self.lists().into_iter().zip(theirs) {
            fieldspec::merge(mine, &theirs)?;
        }
        for reference in other.name_reference {
            self.add_reference(reference)?;
        }
        self.sort();
        Ok(())
    }

    /// Adds fields that name resources of a kind.
    pub(super) fn add_reference(&mut self, reference: BackReference) -> Result<(), String> {
        match self.name_reference.iter_mut().find(|known| known.target == reference.target) {
            Some(known) => fieldspec::merge(&mut known.referrers, &reference.referrers),
            None => {
                self.name_reference.push(reference);
                Ok(())
            }
        }
    }

    /// Reads a file of `configurations`.
    ///
    /// # Errors
    /// The field that is not known or not of the form expected, and the node that says so.
    pub(super) fn from_node(node: &Node) -> Result<Config, (String, Node)> {
        let mut config = Config::default();
        for entry in node.entries() {
            let name = entry.key_text();
            if name == "nameReference" {
                for item in entry.value.items() {
                    let mut referrers =
                        item.get("fieldSpecs").map_or(Ok(Vec::new()), |node| field_specs(node, false))?;
                    let target = ["group", "version", "kind"].iter().filter_map(|key| item.get(key)).flat_map(leaves);
                    let target: Vec<Origin> = target.collect();
                    referrers.iter_mut().for_each(|spec| spec.written.extend(target.iter().cloned()));
                    let reference = BackReference { target: gvk_of(item), referrers };
                    config.add_reference(reference).map_err(|error| (error, item.clone()))?;
                }
                continue;
            }
            let specs = field_specs(&entry.value, false)?;
            match config.lists().into_iter().find(|(known, _)| *known == name) {
                Some((_, list)) => *list = specs,
                None => {
                    return Err((format!("unknown field `{name}` in a transformer configuration"), entry.key.clone()));
                }
            }
        }
        config.sort();
        Ok(config)
    }
}

fn gvk_of(node: &Node) -> Gvk {
    let text = |key: &str| SmolStr::new(node.get(key).and_then(Node::text).unwrap_or_default());
    Gvk { group: text("group"), version: text("version"), kind: text("kind") }
}

/// Reads a list of field specifications: `[{path, kind, group, version, create}]`.
///
/// # Errors
/// What is unknown or of the wrong form, and where.
pub(super) fn field_specs(node: &Node, lenient: bool) -> Result<Vec<FieldSpec>, (String, Node)> {
    if node.is_null() {
        return Ok(Vec::new());
    }
    if node.as_sequence().is_none() {
        return Err(("a list of field specifications was expected".to_owned(), node.clone()));
    }
    let mut specs = Vec::new();
    for item in node.items() {
        if let Some(unknown) = item
            .entries()
            .iter()
            .find(|entry| !lenient && !["group", "version", "kind", "path", "create"].contains(&entry.key_text()))
        {
            let message = format!("unknown field `{}` in a field specification", unknown.key_text());
            return Err((message, unknown.key.clone()));
        }
        let path = item.get("path").and_then(Node::text).unwrap_or_default();
        let create = item.get("create").and_then(Node::as_bool).unwrap_or(false);
        specs.push(FieldSpec { written: leaves(item), ..FieldSpec::new(gvk_of(item), path, create) });
    }
    Ok(specs)
}
