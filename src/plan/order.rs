//! The order of a plan's tasks: what others need first, then Applications by their waves, and the tasks of each in the
//! order in which the executor runs them, which is Argo CD's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::desired::{Deployment, Desired, Role, Unit};
use super::{Action, ObjectRef, Task};
use crate::sync::machine::{self, Key, Phase};
use crate::sync::options;

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

/// What an Application no longer deploys.
#[derive(Debug, Clone)]
pub struct Prune {
    /// The object.
    pub object: ObjectRef,
    /// The Application: `namespace/name`.
    pub application: String,
    /// What its annotations say decides when it goes.
    pub live: Arc<Value>,
}

/// The tasks for `deployment` and `prunes`, in order, with their steps: tasks of one step are done at once, and those of
/// Applications of one wave side by side.
pub fn tasks(deployment: &Deployment, prunes: &[Prune]) -> Vec<Task> {
    let mut out = Vec::new();
    let mut step = 0;
    let mut ahead: Vec<&Desired> = deployment.objects.iter().filter(|desired| desired.ahead).collect();
    ahead.sort_by_key(|desired| (desired.object.kind != "Namespace", desired.object.clone()));
    for part in ahead.chunk_by(|a, b| a.object.kind == b.object.kind) {
        out.extend(part.iter().map(|desired| task(desired, step, (0, 0), Phase::PreSync)));
        step += 1;
    }
    let mut objects: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for desired in &deployment.objects {
        objects.entry(&desired.application).or_default().push(desired);
    }
    let mut gone: BTreeMap<&str, Vec<&Prune>> = BTreeMap::new();
    for prune in prunes {
        gone.entry(&prune.application).or_default().push(prune);
    }
    let mut applications: Vec<_> = deployment.applications.iter().collect();
    applications.sort_by_key(|(id, unit)| (unit.wave, *id));
    for wave in applications.chunk_by(|a, b| a.1.wave == b.1.wave) {
        let mut last = step;
        for (id, unit) in wave {
            let own = objects.remove(id.as_str()).unwrap_or_default();
            let gone = gone.remove(id.as_str()).unwrap_or_default();
            last = last.max(of_application(id, unit, &own, &gone, step, &mut out));
        }
        step = last;
    }
    out
}

/// Adds the tasks of one Application from `step` on; the step after them.
fn of_application(id: &str, unit: &Unit, own: &[&Desired], gone: &[&Prune], mut step: u32, out: &mut Vec<Task>) -> u32 {
    let wave = unit.wave;
    for desired in own.iter().filter(|desired| desired.role == Role::Namespace && !desired.ahead) {
        out.push(task(desired, step, (wave, 0), Phase::PreSync));
        step += 1;
    }
    // By address: two hooks may have no name at all.
    let mut named: BTreeMap<*const Value, &Desired> = BTreeMap::new();
    let mut doomed: BTreeMap<*const Value, &Prune> = BTreeMap::new();
    for desired in own.iter().filter(|desired| desired.role != Role::Namespace) {
        named.insert(Arc::as_ptr(&desired.manifest), desired);
    }
    for prune in gone {
        doomed.insert(Arc::as_ptr(&prune.live), prune);
    }
    let targets: Vec<Arc<Value>> =
        own.iter().filter(|one| one.role != Role::Namespace).map(|one| Arc::clone(&one.manifest)).collect();
    let lives: Vec<Arc<Value>> = gone.iter().map(|prune| Arc::clone(&prune.live)).collect();
    let all_last = options(&unit.application).prune_last;
    let mut before = None;
    for one in machine::ordered(&targets, &lives, all_last) {
        let place = (one.phase, one.wave(), one.is_prune(), kind_rank(&Key::of(one.object()).kind));
        if before.replace(place).is_some_and(|before| before != place) {
            step += 1;
        }
        let at = (wave, one.wave());
        if let Some(desired) = one.target.as_ref().and_then(|target| named.get(&Arc::as_ptr(target))) {
            if !desired.ahead {
                out.push(task(desired, step, at, one.phase));
            }
        } else if let Some(prune) = one.live.as_ref().and_then(|live| doomed.get(&Arc::as_ptr(live))) {
            out.push(Task {
                step,
                wave: at,
                phase: Phase::Sync,
                action: Action::Prune,
                object: prune.object.clone(),
                application: id.to_owned(),
                digest: None,
                source: String::new(),
                changes: Vec::new(),
                adopts: None,
            });
        }
    }
    step + u32::from(before.is_some())
}

fn task(desired: &Desired, step: u32, wave: (i64, i64), phase: Phase) -> Task {
    Task {
        step,
        wave,
        phase,
        action: if desired.role == Role::Hook { Action::Hook } else { Action::Apply },
        object: desired.object.clone(),
        application: desired.application.clone(),
        digest: Some(desired.digest.clone()),
        source: desired.source.clone(),
        changes: Vec::new(),
        adopts: None,
    }
}

#[cfg(test)]
mod tests;
