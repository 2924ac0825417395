//! The health of live objects, for the kinds that are built into Kubernetes: what Argo CD calls Healthy, Progressing
//! and Degraded, from gitops-engine's `pkg/health`. A kind that nobody assesses is healthy as soon as it is there.

use serde_json::Value;

use crate::plan::ObjectRef;

/// How an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Healthy,
    /// On its way, with what it waits for.
    Progressing(String),
    /// It will not come right by itself, with the reason.
    Degraded(String),
}

/// Whether the health of a kind is assessed at all.
pub fn is_assessed(object: &ObjectRef) -> bool {
    assessor(object.group(), &object.kind).is_some()
}

/// The health of a live object.
pub fn assess(live: &Value) -> Health {
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Health::Progressing("it is being deleted".to_owned());
    }
    let api_version = live["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    match assessor(group, live["kind"].as_str().unwrap_or_default()) {
        Some(assess) => assess(live),
        None => Health::Healthy,
    }
}

type Assess = fn(&Value) -> Health;

fn assessor(group: &str, kind: &str) -> Option<Assess> {
    Some(match (group, kind) {
        ("apps", "Deployment") => deployment,
        ("apps", "StatefulSet") => stateful_set,
        ("apps", "DaemonSet") => daemon_set,
        ("apps", "ReplicaSet") => replica_set,
        ("batch", "Job") => job,
        ("", "Pod") => pod,
        ("", "PersistentVolumeClaim") => claim,
        ("", "Service") => service,
        ("", "Namespace") => namespace,
        ("networking.k8s.io" | "extensions", "Ingress") => ingress,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler,
        ("apiregistration.k8s.io", "APIService") => api_service,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition,
        _ => return None,
    })
}

fn progressing(reason: impl Into<String>) -> Health {
    Health::Progressing(reason.into())
}

fn number(live: &Value, pointer: &str) -> i64 {
    live.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The number at `pointer`, 1 where it is not set: the default of `replicas`.
fn replicas(live: &Value) -> i64 {
    live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn condition<'v>(live: &'v Value, kind: &str) -> Option<&'v Value> {
    live.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn holds(live: &Value, kind: &str) -> bool {
    condition(live, kind).is_some_and(|condition| condition["status"] == "True")
}

fn message(condition: Option<&Value>) -> String {
    let text = |key: &str| condition.and_then(|condition| condition[key].as_str()).unwrap_or_default().to_owned();
    match text("message") {
        message if message.is_empty() => text("reason"),
        message => message,
    }
}

fn unobserved(live: &Value) -> bool {
    number(live, "/metadata/generation") > number(live, "/status/observedGeneration")
}

fn deployment(live: &Value) -> Health {
    if live.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Health::Healthy;
    }
    if unobserved(live) {
        return progressing("the controller has not seen the change");
    }
    if condition(live, "Progressing").is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return Health::Degraded(message(condition(live, "Progressing")));
    }
    let wanted = replicas(live);
    let updated = number(live, "/status/updatedReplicas");
    let all = number(live, "/status/replicas");
    let available = number(live, "/status/availableReplicas");
    if updated < wanted {
        progressing(format!("{updated} of {wanted} replicas are updated"))
    } else if all > updated {
        progressing(format!("{} old replicas are still there", all - updated))
    } else if available < updated {
        progressing(format!("{available} of {updated} replicas are available"))
    } else {
        Health::Healthy
    }
}

fn stateful_set(live: &Value) -> Health {
    if live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        return Health::Healthy;
    }
    if unobserved(live) {
        return progressing("the controller has not seen the change");
    }
    let wanted = replicas(live);
    let ready = number(live, "/status/readyReplicas");
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} pods are ready"));
    }
    let updated = number(live, "/status/updatedReplicas");
    if let Some(partition) = live.pointer("/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_i64) {
        let wanted = wanted - partition;
        if updated < wanted {
            return progressing(format!("{updated} of {wanted} pods are updated"));
        }
        return Health::Healthy;
    }
    if live.pointer("/status/updateRevision") != live.pointer("/status/currentRevision") {
        return progressing(format!("{updated} pods are updated"));
    }
    Health::Healthy
}

fn daemon_set(live: &Value) -> Health {
    if unobserved(live) {
        return progressing("the controller has not seen the change");
    }
    if live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        return Health::Healthy;
    }
    let wanted = number(live, "/status/desiredNumberScheduled");
    let updated = number(live, "/status/updatedNumberScheduled");
    let available = number(live, "/status/numberAvailable");
    if updated < wanted {
        progressing(format!("{updated} of {wanted} pods are updated"))
    } else if available < wanted {
        progressing(format!("{available} of {wanted} pods are available"))
    } else {
        Health::Healthy
    }
}

fn replica_set(live: &Value) -> Health {
    if unobserved(live) {
        return progressing("the controller has not seen the change");
    }
    if holds(live, "ReplicaFailure") {
        return Health::Degraded(message(condition(live, "ReplicaFailure")));
    }
    let (wanted, available) = (replicas(live), number(live, "/status/availableReplicas"));
    if available < wanted {
        return progressing(format!("{available} of {wanted} replicas are available"));
    }
    Health::Healthy
}

fn job(live: &Value) -> Health {
    if holds(live, "Failed") {
        return Health::Degraded(message(condition(live, "Failed")));
    }
    if holds(live, "Complete") || holds(live, "Suspended") {
        return Health::Healthy;
    }
    progressing("the job has not completed")
}

/// Whether what a waiting container gives as its reason is an error, as Argo CD reads it.
fn is_stuck(reason: &str) -> bool {
    reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
}

/// Only a pod that is to run for ever is beyond hope while its containers wait: another may still come to its end, and
/// until then it is on its way.
fn pod(live: &Value) -> Health {
    let lasting = live.pointer("/spec/restartPolicy").and_then(Value::as_str).unwrap_or("Always") == "Always"
        || live
            .pointer("/metadata/annotations")
            .and_then(|all| all["argocd.argoproj.io/ignore-restart-policy"].as_str())
            == Some("true");
    let containers = || live.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten();
    for container in containers().filter(|_| lasting) {
        let waiting = &container["state"]["waiting"];
        if let Some(reason) = waiting["reason"].as_str().filter(|reason| is_stuck(reason)) {
            let detail = waiting["message"].as_str().unwrap_or_default();
            return Health::Degraded(format!("{reason} {detail}").trim_end().to_owned());
        }
    }
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Succeeded") => Health::Healthy,
        Some("Failed") => {
            let text = live.pointer("/status/message").and_then(Value::as_str).unwrap_or("the pod failed");
            Health::Degraded(text.to_owned())
        }
        Some("Running") if !lasting => progressing("the pod has not come to its end"),
        Some("Running") if holds(live, "Ready") => Health::Healthy,
        Some("Running") if containers().any(|container| !container["lastState"]["terminated"].is_null()) => {
            Health::Degraded("a container of the pod ended, and the pod is not ready".to_owned())
        }
        Some("Running") => progressing("the pod is not ready"),
        _ => progressing("the pod is pending"),
    }
}

fn claim(live: &Value) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Bound") => Health::Healthy,
        Some("Lost") => Health::Degraded("its volume is lost".to_owned()),
        _ => progressing("no volume is bound"),
    }
}

fn balanced(live: &Value) -> bool {
    live.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).is_some_and(|ingress| !ingress.is_empty())
}

fn service(live: &Value) -> Health {
    if live.pointer("/spec/type").and_then(Value::as_str) != Some("LoadBalancer") || balanced(live) {
        return Health::Healthy;
    }
    progressing("the load balancer has no address")
}

fn ingress(live: &Value) -> Health {
    if balanced(live) { Health::Healthy } else { progressing("the ingress has no address") }
}

fn namespace(live: &Value) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Active") => Health::Healthy,
        _ => progressing("the namespace is not active"),
    }
}

fn autoscaler(live: &Value) -> Health {
    // In autoscaling/v1 the conditions stand in an annotation.
    let noted = live["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/conditions"].as_str();
    match noted.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        Some(conditions) => scaled(&serde_json::json!({"status": {"conditions": conditions}})),
        None => scaled(live),
    }
}

fn scaled(live: &Value) -> Health {
    let failed = ["ScalingActive", "AbleToScale"].iter().find_map(|kind| {
        condition(live, kind).filter(|condition| {
            condition["status"] == "False"
                && condition["reason"]
                    .as_str()
                    .is_some_and(|reason| reason.starts_with("Failed") || reason.starts_with("Invalid"))
        })
    });
    if let Some(failed) = failed {
        return Health::Degraded(message(Some(failed)));
    }
    if holds(live, "AbleToScale") || holds(live, "ScalingLimited") {
        return Health::Healthy;
    }
    progressing("the autoscaler has not scaled yet")
}

fn api_service(live: &Value) -> Health {
    if holds(live, "Available") {
        return Health::Healthy;
    }
    progressing(message(condition(live, "Available")))
}

fn definition(live: &Value) -> Health {
    if condition(live, "NamesAccepted").is_some_and(|condition| condition["status"] == "False") {
        return Health::Degraded(message(condition(live, "NamesAccepted")));
    }
    if holds(live, "Established") { Health::Healthy } else { progressing("the definition is not established") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_is_healthy_when_its_new_replicas_are_available() {
        let mut live = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"generation": 2}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2},
        });
        assert!(matches!(assess(&live), Health::Progressing(_)));
        live["status"]["observedGeneration"] = json!(2);
        assert_eq!(assess(&live), Health::Healthy);
        live["status"]["availableReplicas"] = json!(1);
        assert_eq!(assess(&live), Health::Progressing("1 of 2 replicas are available".to_owned()));
    }

    #[test]
    fn a_pod_that_cannot_pull_its_image_is_degraded() {
        let live = json!({
            "apiVersion": "v1", "kind": "Pod",
            "status": {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such tag"}}}]},
        });
        assert_eq!(assess(&live), Health::Degraded("ErrImagePull no such tag".to_owned()));
    }

    #[test]
    fn what_nobody_assesses_is_healthy() {
        assert_eq!(assess(&json!({"apiVersion": "v1", "kind": "ConfigMap"})), Health::Healthy);
    }
}
