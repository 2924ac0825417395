//! When versions of Kubernetes' own APIs were deprecated and removed, and what took their place.
//!
//! Source: the lifecycle methods that `k8s.io/api` v0.37.2 generates for its types. For what is gone from there: those of
//! the last release that had the type; for a type without them, the first release without it (v0.17 to v0.36 were read),
//! the deprecated API migration guide and the change logs of Kubernetes. Removals beyond the newest release are what
//! upstream has announced. Scale is left out: no manifest holds a subresource. `lifecycle.tsv` holds what was read; a
//! test holds the table to it.

/// The end of one version of some kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version within the group.
    pub version: &'static str,
    /// The kinds.
    pub kinds: &'static [&'static str],
    /// The minor of Kubernetes 1 that deprecated it, or that removed it without having done so.
    pub deprecated: u16,
    /// The first minor that does not serve it.
    pub removed: u16,
    /// The apiVersion to use; empty where upstream names none.
    pub replacement: &'static str,
}

/// The end of `kind` in `group` and `version`, if it is announced.
pub fn lifecycle(group: &str, version: &str, kind: &str) -> Option<&'static Lifecycle> {
    TABLE.iter().find(|row| row.group == group && row.version == version && row.kinds.contains(&kind))
}

/// Whether a version of `group` was ever removed from Kubernetes: the group is one of Kubernetes' own.
pub(super) fn is_group(group: &str) -> bool {
    TABLE.iter().any(|row| row.group == group)
}

const fn row(
    group: &'static str,
    version: &'static str,
    kinds: &'static [&'static str],
    deprecated: u16,
    removed: u16,
    replacement: &'static str,
) -> Lifecycle {
    Lifecycle { group, version, kinds, deprecated, removed, replacement }
}

/// One row for each version that ends.
const TABLE: &[Lifecycle] = &[
    row("admission.k8s.io", "v1beta1", &["AdmissionReview"], 19, 22, "admission.k8s.io/v1"),
    row(
        "admissionregistration.k8s.io",
        "v1alpha1",
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        29,
        32,
        "",
    ),
    row(
        "admissionregistration.k8s.io",
        "v1alpha1",
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
        35,
        38,
        "",
    ),
    row(
        "admissionregistration.k8s.io",
        "v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        16,
        22,
        "admissionregistration.k8s.io/v1",
    ),
    row(
        "admissionregistration.k8s.io",
        "v1beta1",
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        31,
        34,
        "",
    ),
    row(
        "admissionregistration.k8s.io",
        "v1beta1",
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
        37,
        40,
        "admissionregistration.k8s.io/v1",
    ),
    row("apidiscovery.k8s.io", "v2beta1", &["APIGroupDiscovery"], 32, 35, ""),
    row("apiextensions.k8s.io", "v1beta1", &["CustomResourceDefinition"], 16, 22, "apiextensions.k8s.io/v1"),
    row("apiregistration.k8s.io", "v1beta1", &["APIService"], 19, 22, "apiregistration.k8s.io/v1"),
    row("apps", "v1beta1", &["ControllerRevision", "Deployment", "StatefulSet"], 8, 16, "apps/v1"),
    row("apps", "v1beta1", &["DeploymentRollback"], 8, 16, "apps/v1"),
    row("auditregistration.k8s.io", "v1alpha1", &["AuditSink"], 19, 19, ""),
    row(
        "apps",
        "v1beta2",
        &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
        9,
        16,
        "apps/v1",
    ),
    row("authentication.k8s.io", "v1alpha1", &["SelfSubjectReview"], 29, 32, ""),
    row("authentication.k8s.io", "v1beta1", &["TokenReview"], 19, 22, "authentication.k8s.io/v1"),
    row("authentication.k8s.io", "v1beta1", &["SelfSubjectReview"], 30, 33, ""),
    row(
        "authorization.k8s.io",
        "v1beta1",
        &["LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"],
        19,
        22,
        "authorization.k8s.io/v1",
    ),
    row("autoscaling", "v2beta1", &["HorizontalPodAutoscaler"], 22, 25, "autoscaling/v2"),
    row("autoscaling", "v2beta2", &["HorizontalPodAutoscaler"], 23, 26, "autoscaling/v2"),
    row("batch", "v1beta1", &["CronJob"], 21, 25, "batch/v1"),
    row("batch", "v2alpha1", &["CronJob"], 21, 21, "batch/v1"),
    row("certificates.k8s.io", "v1alpha1", &["ClusterTrustBundle"], 34, 37, ""),
    row("certificates.k8s.io", "v1alpha1", &["PodCertificateRequest"], 35, 35, "certificates.k8s.io/v1"),
    row("certificates.k8s.io", "v1beta1", &["CertificateSigningRequest"], 19, 22, "certificates.k8s.io/v1"),
    row(
        "certificates.k8s.io",
        "v1beta1",
        &["ClusterTrustBundle", "PodCertificateRequest"],
        37,
        40,
        "certificates.k8s.io/v1",
    ),
    row("coordination.k8s.io", "v1alpha1", &["LeaseCandidate"], 32, 32, ""),
    row("coordination.k8s.io", "v1alpha2", &["LeaseCandidate"], 35, 38, ""),
    row("coordination.k8s.io", "v1beta1", &["Lease"], 19, 22, "coordination.k8s.io/v1"),
    row("coordination.k8s.io", "v1beta1", &["LeaseCandidate"], 36, 39, ""),
    row("discovery.k8s.io", "v1alpha1", &["EndpointSlice"], 17, 21, "discovery.k8s.io/v1"),
    row("discovery.k8s.io", "v1beta1", &["EndpointSlice"], 21, 25, "discovery.k8s.io/v1"),
    row("events.k8s.io", "v1beta1", &["Event"], 22, 25, ""),
    row("extensions", "v1beta1", &["DaemonSet", "Deployment", "ReplicaSet"], 8, 16, "apps/v1"),
    row("extensions", "v1beta1", &["DeploymentRollback"], 8, 16, ""),
    row("extensions", "v1beta1", &["NetworkPolicy"], 9, 16, "networking.k8s.io/v1"),
    row("extensions", "v1beta1", &["PodSecurityPolicy"], 11, 16, ""),
    row("extensions", "v1beta1", &["Ingress"], 14, 22, "networking.k8s.io/v1"),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1alpha1",
        &["FlowSchema", "PriorityLevelConfiguration"],
        20,
        21,
        "flowcontrol.apiserver.k8s.io/v1beta3",
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta1",
        &["FlowSchema", "PriorityLevelConfiguration"],
        23,
        26,
        "flowcontrol.apiserver.k8s.io/v1beta3",
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta2",
        &["FlowSchema", "PriorityLevelConfiguration"],
        26,
        29,
        "flowcontrol.apiserver.k8s.io/v1beta3",
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta3",
        &["FlowSchema", "PriorityLevelConfiguration"],
        29,
        32,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    row("lifecycle.k8s.io", "v1alpha1", &["Eviction", "EvictionRequest"], 40, 43, ""),
    row("networking.k8s.io", "v1alpha1", &["ClusterCIDR"], 28, 29, ""),
    row("networking.k8s.io", "v1alpha1", &["IPAddress", "ServiceCIDR"], 30, 33, "networking.k8s.io/v1"),
    row("networking.k8s.io", "v1beta1", &["Ingress", "IngressClass"], 19, 22, "networking.k8s.io/v1"),
    row("networking.k8s.io", "v1beta1", &["IPAddress", "ServiceCIDR"], 34, 37, ""),
    row("node.k8s.io", "v1alpha1", &["RuntimeClass"], 20, 22, "node.k8s.io/v1"),
    row("node.k8s.io", "v1beta1", &["RuntimeClass"], 22, 25, ""),
    row("policy", "v1beta1", &["PodSecurityPolicy"], 21, 25, ""),
    row("policy", "v1beta1", &["PodDisruptionBudget"], 21, 25, "policy/v1"),
    row("policy", "v1beta1", &["Eviction"], 22, 25, ""),
    row(
        "rbac.authorization.k8s.io",
        "v1alpha1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        17,
        23,
        "rbac.authorization.k8s.io/v1",
    ),
    row(
        "rbac.authorization.k8s.io",
        "v1beta1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        17,
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    row("resource.k8s.io", "v1alpha1", &["PodScheduling", "ResourceClass"], 27, 27, ""),
    row("resource.k8s.io", "v1alpha1", &["ResourceClaim", "ResourceClaimTemplate"], 27, 27, "resource.k8s.io/v1"),
    row(
        "resource.k8s.io",
        "v1alpha2",
        &["PodSchedulingContext", "ResourceClaimParameters", "ResourceClass", "ResourceClassParameters"],
        31,
        31,
        "",
    ),
    row(
        "resource.k8s.io",
        "v1alpha2",
        &["ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        31,
        31,
        "resource.k8s.io/v1",
    ),
    row("resource.k8s.io", "v1alpha3", &["PodSchedulingContext"], 32, 32, ""),
    row(
        "resource.k8s.io",
        "v1alpha3",
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        34,
        34,
        "resource.k8s.io/v1",
    ),
    row("resource.k8s.io", "v1alpha3", &["DeviceTaintRule"], 36, 39, ""),
    row("resource.k8s.io", "v1alpha3", &["ResourcePoolStatusRequest"], 39, 42, ""),
    row(
        "resource.k8s.io",
        "v1beta1",
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        35,
        38,
        "",
    ),
    row(
        "resource.k8s.io",
        "v1beta2",
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        36,
        39,
        "",
    ),
    row("resource.k8s.io", "v1beta2", &["DeviceTaintRule"], 39, 42, ""),
    row("scheduling.k8s.io", "v1alpha1", &["PriorityClass"], 14, 23, "scheduling.k8s.io/v1"),
    row("scheduling.k8s.io", "v1alpha1", &["Workload"], 36, 36, ""),
    row("scheduling.k8s.io", "v1alpha2", &["PodGroup", "Workload"], 37, 37, "scheduling.k8s.io/v1beta1"),
    row("scheduling.k8s.io", "v1beta1", &["PriorityClass"], 14, 22, "scheduling.k8s.io/v1"),
    row("scheduling.k8s.io", "v1beta1", &["PodGroup", "Workload"], 40, 43, ""),
    row("settings.k8s.io", "v1alpha1", &["PodPreset"], 20, 20, ""),
    row("storage.k8s.io", "v1alpha1", &["VolumeAttachment"], 21, 24, "storage.k8s.io/v1"),
    row("storage.k8s.io", "v1alpha1", &["CSIStorageCapacity"], 21, 24, "storage.k8s.io/v1beta1"),
    row("storage.k8s.io", "v1alpha1", &["VolumeAttributesClass"], 32, 35, "storage.k8s.io/v1"),
    row("storage.k8s.io", "v1beta1", &["CSINode"], 17, 22, "storage.k8s.io/v1"),
    row("storage.k8s.io", "v1beta1", &["CSIDriver", "StorageClass", "VolumeAttachment"], 19, 22, "storage.k8s.io/v1"),
    row("storage.k8s.io", "v1beta1", &["CSIStorageCapacity"], 24, 27, "storage.k8s.io/v1"),
    row("storage.k8s.io", "v1beta1", &["VolumeAttributesClass"], 34, 37, "storage.k8s.io/v1"),
    row("storagemigration.k8s.io", "v1alpha1", &["StorageVersionMigration"], 33, 35, "storagemigration.k8s.io/v1"),
    row("storagemigration.k8s.io", "v1beta1", &["StorageVersionMigration"], 37, 40, "storagemigration.k8s.io/v1"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::{Catalogue, KubernetesVersion, Lookup};

    #[test]
    fn the_table_says_what_upstream_says_and_nothing_else() {
        let mut read = BTreeSet::new();
        for line in include_str!("lifecycle.tsv").lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [group, version, kind, deprecated, removed, replacement] = fields[..] else { panic!("{line}") };
            let row = lifecycle(group, version, kind).unwrap_or_else(|| panic!("no row for {line}"));
            let numbers = (row.deprecated.to_string(), row.removed.to_string());
            assert_eq!(
                (numbers.0.as_str(), numbers.1.as_str(), row.replacement),
                (deprecated, removed, replacement),
                "{line}"
            );
            assert!(read.insert((group, version, kind)), "{line} twice");
        }
        let rows = TABLE.iter().flat_map(|row| row.kinds.iter().map(|kind| (row.group, row.version, *kind)));
        let unread: Vec<_> = rows.filter(|row| !read.contains(row)).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn no_version_is_served_after_its_end() {
        for version in KubernetesVersion::all() {
            let catalogue = Catalogue::for_version(version);
            for row in TABLE.iter().filter(|row| row.removed <= version.minor()) {
                let api_version = format!("{}/{}", row.group, row.version);
                for kind in row.kinds {
                    let found = catalogue.lookup(&api_version, kind);
                    assert!(!matches!(found, Lookup::Known(_)), "{version:?} serves {kind} {api_version}");
                }
            }
        }
    }
}
