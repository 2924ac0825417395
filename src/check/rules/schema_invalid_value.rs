//! `schema-invalid-value`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a value of the right type that the kind's schema does not allow: one that is not among those of an enum, does
    /// not match a pattern, is too small or too large, is no quantity, or belongs to none or several of its alternatives.
    /// Also what only the API server knows: numbers that must not be negative, restart policies that do not fit the kind,
    /// resources that a container cannot ask for, rollouts that cannot move, bounds that are the wrong way round.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// strategy:
    ///   type: Rolling
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// strategy:
    ///   type: RollingUpdate
    /// ```
    "schema-invalid-value" = {
        summary: "value is not allowed",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// Numbers that must be at least 0 (1 where the last field says so), by kind.
const LEAST: &[(&str, &str, &[&str], i64)] = &[
    ("apps", "Deployment", &["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"], 0),
    ("apps", "StatefulSet", &["replicas", "minReadySeconds", "revisionHistoryLimit"], 0),
    ("apps", "DaemonSet", &["minReadySeconds", "revisionHistoryLimit"], 0),
    ("apps", "ReplicaSet", &["replicas", "minReadySeconds"], 0),
    (
        "batch",
        "Job",
        &["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"],
        0,
    ),
    ("batch", "CronJob", &["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"], 0),
    ("autoscaling", "HorizontalPodAutoscaler", &["maxReplicas"], 1),
];

/// What the API server refuses beyond the schema. Source: the validation functions of `k8s.io/kubernetes/pkg/apis`.
fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (group, kind) = (resource.group(), resource.kind());
    let Some(spec) = resource.node.get("spec") else { return };
    for (_, _, fields, least) in LEAST.iter().filter(|(of, named, ..)| *of == group && *named == kind) {
        for field in *fields {
            at_least(context, spec.get(field), &format!("/spec/{field}"), *least, findings);
        }
    }
    bounds(context, spec, findings);
    rollout(context, spec, findings);
    let Some(pod) = Pod::of(resource) else { return };
    restart_policy(context, &pod, findings);
    for container in pod.containers() {
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for field in
                ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
            {
                let inner = format!("/{probe}/{field}");
                let pointer = format!("{}{inner}", container.pointer);
                at_least(context, container.node.pointer(&inner), &pointer, 0, findings);
            }
            let threshold = format!("/{probe}/successThreshold");
            let once = container.node.pointer(&threshold).filter(|_| probe != "readinessProbe");
            if let Some(node) = once.filter(|node| node.as_i64().is_some_and(|number| number > 1)) {
                findings.push(context.finding(&RULE, node, &format!("{}{threshold}", container.pointer)).message(
                    format!("successThreshold of a {probe} must be 1, found {}", node.text().unwrap_or_default()),
                ));
            }
        }
        for list in ["requests", "limits"] {
            for entry in container.node.path(&["resources", list]).map_or(&[][..], Node::entries) {
                resource_name(context, &container.pointer, list, &entry.key, entry.key_text(), findings);
            }
        }
    }
}

fn at_least(
    context: &ResourceContext<'_>,
    node: Option<&Node>,
    pointer: &str,
    least: i64,
    findings: &mut Vec<Finding>,
) {
    let Some((node, number)) = node.and_then(|node| Some((node, node.as_i64()?))) else { return };
    if number < least {
        let field = pointer.rsplit('/').next().unwrap_or_default();
        findings.push(
            context.finding(&RULE, node, pointer).message(format!("{field} must be at least {least}, found {number}")),
        );
    }
}

/// The least number of replicas is not above the most.
fn bounds(context: &ResourceContext<'_>, spec: &Node, findings: &mut Vec<Finding>) {
    let (least, most) = match (context.resource.group(), context.resource.kind()) {
        ("autoscaling", "HorizontalPodAutoscaler") => ("minReplicas", "maxReplicas"),
        ("keda.sh", "ScaledObject" | "ScaledJob") => ("minReplicaCount", "maxReplicaCount"),
        _ => return,
    };
    let (Some(low), Some(high)) = (spec.get(least), spec.get(most)) else { return };
    let (Some(low_number), Some(high_number)) = (low.as_i64(), high.as_i64()) else { return };
    if low_number > high_number {
        findings.push(
            context
                .finding(&RULE, high, &format!("/spec/{most}"))
                .message(format!("{most} must not be less than {least}, found {high_number} and {low_number}"))
                .related(low.mark(), least),
        );
    }
}

/// A rolling update may take a pod away or add one.
fn rollout(context: &ResourceContext<'_>, spec: &Node, findings: &mut Vec<Finding>) {
    if context.resource.group() != "apps" || context.resource.kind() != "Deployment" {
        return;
    }
    let Some(update) = spec.path(&["strategy", "rollingUpdate"]) else { return };
    let zero = |key: &str| update.get(key).is_some_and(|node| matches!(node.text(), Some("0" | "0%")));
    if zero("maxSurge") && zero("maxUnavailable") {
        let node = update.get("maxUnavailable").unwrap_or(update);
        findings.push(
            context
                .finding(&RULE, node, "/spec/strategy/rollingUpdate/maxUnavailable")
                .message("maxUnavailable and maxSurge must not both be 0: no pod could be replaced"),
        );
    }
}

fn restart_policy(context: &ResourceContext<'_>, pod: &Pod<'_>, findings: &mut Vec<Finding>) {
    let allowed: &[&str] = match (context.resource.group(), context.resource.kind()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("", "ReplicationController") => {
            &["Always"]
        }
        ("batch", _) => &["OnFailure", "Never"],
        _ => return,
    };
    let Some(node) = pod.spec.get("restartPolicy") else { return };
    let Some(policy) = node.text().filter(|policy| matches!(*policy, "Always" | "OnFailure" | "Never")) else { return };
    if !allowed.contains(&policy) {
        findings.push(context.finding(&RULE, node, &format!("{}/restartPolicy", pod.pointer)).message(format!(
            "restartPolicy of a {} must be {}, found `{policy}`",
            context.resource.kind(),
            allowed.join(" or ")
        )));
    }
}

/// Resources that a container can ask for: those of Kubernetes, and extended ones, which have a domain.
fn resource_name(
    context: &ResourceContext<'_>,
    base: &str,
    list: &str,
    key: &Node,
    name: &str,
    findings: &mut Vec<Finding>,
) {
    const KNOWN: &[&str] = &["cpu", "memory", "ephemeral-storage"];
    if KNOWN.contains(&name) || name.starts_with("hugepages-") || name.contains(['/', '$', '{']) {
        return;
    }
    findings.push(
        context
            .finding(&RULE, key, &format!("{base}/resources/{list}/{name}"))
            .message(format!("`{name}` is no resource of a container"))
            .help("it has cpu, memory and ephemeral-storage; extended resources have a domain: `nvidia.com/gpu`"),
    );
}
