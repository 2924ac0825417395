//! Numbers that have a range.

use super::at::{At, Found};

/// Group, kinds, path and range. `*` stands for each item of a list.
type Row = (&'static str, &'static [&'static str], &'static str, i64, i64);

const MANY: i64 = i64::MAX;

const RANGES: &[Row] = &[
    ("apps", &["Deployment", "ReplicaSet", "StatefulSet"], "spec.replicas", 0, MANY),
    ("apps", &["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"], "spec.minReadySeconds", 0, MANY),
    ("apps", &["Deployment", "StatefulSet", "DaemonSet"], "spec.revisionHistoryLimit", 0, MANY),
    ("apps", &["Deployment"], "spec.progressDeadlineSeconds", 0, MANY),
    ("apps", &["StatefulSet"], "spec.updateStrategy.rollingUpdate.partition", 0, MANY),
    ("apps", &["StatefulSet"], "spec.ordinals.start", 0, MANY),
    ("", &["ReplicationController"], "spec.replicas", 0, MANY),
    ("", &["ReplicationController"], "spec.minReadySeconds", 0, MANY),
    ("", &["Service"], "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 1, 86400),
    ("", &["Service"], "spec.healthCheckNodePort", 0, 65535),
    ("", &["Endpoints"], "subsets.*.ports.*.port", 1, 65535),
    ("batch", &["CronJob"], "spec.startingDeadlineSeconds", 0, MANY),
    ("batch", &["CronJob"], "spec.successfulJobsHistoryLimit", 0, MANY),
    ("batch", &["CronJob"], "spec.failedJobsHistoryLimit", 0, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.maxReplicas", 1, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.minReplicas", 1, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.targetCPUUtilizationPercentage", 1, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleUp.stabilizationWindowSeconds", 0, 3600),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleDown.stabilizationWindowSeconds", 0, 3600),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleUp.policies.*.value", 1, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleDown.policies.*.value", 1, MANY),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleUp.policies.*.periodSeconds", 1, 1800),
    ("autoscaling", &["HorizontalPodAutoscaler"], "spec.behavior.scaleDown.policies.*.periodSeconds", 1, 1800),
    ("networking.k8s.io", &["NetworkPolicy"], "spec.ingress.*.ports.*.endPort", 1, 65535),
    ("networking.k8s.io", &["NetworkPolicy"], "spec.egress.*.ports.*.endPort", 1, 65535),
    ("networking.k8s.io", &["NetworkPolicy"], "spec.ingress.*.ports.*.port", 1, 65535),
    ("networking.k8s.io", &["NetworkPolicy"], "spec.egress.*.ports.*.port", 1, 65535),
    ("networking.k8s.io", &["Ingress"], "spec.rules.*.http.paths.*.backend.service.port.number", 1, 65535),
    ("networking.k8s.io", &["Ingress"], "spec.defaultBackend.service.port.number", 1, 65535),
    (
        "admissionregistration.k8s.io",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "webhooks.*.timeoutSeconds",
        1,
        30,
    ),
    (
        "admissionregistration.k8s.io",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "webhooks.*.clientConfig.service.port",
        1,
        65535,
    ),
    ("apiregistration.k8s.io", &["APIService"], "spec.groupPriorityMinimum", 1, 20000),
    ("apiregistration.k8s.io", &["APIService"], "spec.versionPriority", 1, 1000),
    ("apiregistration.k8s.io", &["APIService"], "spec.service.port", 1, 65535),
    ("scheduling.k8s.io", &["PriorityClass"], "value", i64::MIN, 1_000_000_000),
    ("coordination.k8s.io", &["Lease"], "spec.leaseDurationSeconds", 1, MANY),
    ("coordination.k8s.io", &["Lease"], "spec.leaseTransitions", 0, MANY),
    ("discovery.k8s.io", &["EndpointSlice"], "ports.*.port", 1, 65535),
];

/// Reports the numbers of the object that are out of their range.
pub(super) fn check<'n>(group: &str, kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    for (of, kinds, path, least, most) in RANGES {
        let system = kind == "PriorityClass"
            && root
                .get("metadata")
                .and_then(|metadata| metadata.str("name"))
                .is_some_and(|name| name.starts_with("system-"));
        if *of == group && kinds.contains(&kind) && !system {
            walk(root, path, *least, *most, found);
        }
    }
}

fn walk<'n>(at: At<'n, '_>, path: &str, least: i64, most: i64, found: &mut Found<'n>) {
    let Some((first, rest)) = path.split_once('.') else {
        found.within(at, path, least, most);
        return;
    };
    match rest.strip_prefix("*.") {
        Some(rest) => {
            for item in at.items(first) {
                walk(item, rest, least, most, found);
            }
        }
        None => {
            if let Some(inner) = at.get(first) {
                walk(inner, rest, least, most, found);
            }
        }
    }
}
