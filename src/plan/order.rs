//! The order in which objects are applied: Argo CD's waves, and within a wave its order of kinds.

use super::desired::Desired;
use super::{Action, ObjectRef, Task};

/// The order of kinds within a wave, from Argo CD's gitops-engine, `pkg/sync/sync_tasks.go`. Kinds that are not listed
/// come after all of these, by name.
const KINDS: [&str; 35] = [
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
];

/// The rank of a kind within a wave.
pub fn kind_rank(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

/// The rank of a kind for deletion, which goes from the highest down: what others need goes last.
pub fn removal_rank(kind: &str) -> usize {
    match stage(kind) {
        2 => kind_rank(kind) + 2,
        stage => usize::from(stage),
    }
}

/// Where an object stands in the order of a whole cluster: namespaces and definitions of kinds are needed by what other
/// Applications deploy, so they come before all waves.
fn stage(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        _ => 2,
    }
}

/// The tasks for `objects`, in order, with their steps.
pub fn tasks(objects: &[Desired]) -> Vec<Task> {
    let key = |desired: &&Desired| {
        let stage = stage(&desired.object.kind);
        let wave = if stage < 2 { (0, 0) } else { desired.wave };
        let rank = kind_rank(&desired.object.kind);
        let ObjectRef { kind, namespace, name, .. } = &desired.object;
        (stage, wave, rank, name.clone(), namespace.clone(), kind.clone())
    };
    let mut sorted: Vec<&Desired> = objects.iter().collect();
    sorted.sort_by_cached_key(key);
    let mut step = 0;
    let mut before = None;
    sorted
        .into_iter()
        .map(|desired| {
            let (stage, wave, rank, ..) = key(&desired);
            let place = (stage, wave, rank);
            if before.is_some_and(|before| before != place) {
                step += 1;
            }
            before = Some(place);
            Task {
                step,
                wave: desired.wave,
                action: Action::Apply,
                object: desired.object.clone(),
                application: desired.application.clone(),
                digest: Some(desired.digest.clone()),
                source: desired.source.clone(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Digest;

    fn desired(kind: &str, name: &str, wave: (i64, i64)) -> Desired {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
        };
        Desired {
            object,
            application: "argocd/web".to_owned(),
            wave,
            manifest: Arc::default(),
            digest: Digest::default(),
            source: "web.yaml:1".to_owned(),
        }
    }

    #[test]
    fn namespaces_and_definitions_come_first_then_waves_then_kinds() {
        let objects = [
            desired("Deployment", "web", (0, 0)),
            desired("Widget", "w", (0, 0)),
            desired("Service", "web", (0, 0)),
            desired("ConfigMap", "early", (0, -1)),
            desired("CustomResourceDefinition", "widgets", (5, 0)),
            desired("Namespace", "late", (9, 9)),
            desired("Service", "other", (1, -5)),
        ];
        let tasks = tasks(&objects);
        let order: Vec<_> = tasks.iter().map(|task| (task.step, task.object.name.as_str())).collect();
        assert_eq!(order, [(0, "late"), (1, "widgets"), (2, "early"), (3, "web"), (4, "web"), (5, "w"), (6, "other")]);
    }
}
