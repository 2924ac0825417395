//! What goes wrong between tiphys and a cluster, and how a sync ends then: with all that was planned, or with an error
//! that names the object and the line that it was written in, and nothing lost.

mod absence;
mod identity;
mod refusal;
mod storm;

use super::harness::{CONFIG_MAP, ControlPlane};
use super::repository::Repository;

/// A repository of `count` ConfigMaps, `m0` on, each in a wave of its own.
fn waves(name: &'static str, count: usize) -> Repository {
    let repository = Repository::new(name);
    for number in 0..count {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{number}\n  namespace: {name}\n  annotations:\n    argocd.argoproj.io/sync-wave: \"{number}\"\ndata:\n  value: one\n"
        );
        repository.write(&format!("manifests/m{number}.yaml"), &text);
    }
    repository
}

/// How many ConfigMaps of ours a namespace holds.
fn count(plane: &ControlPlane, namespace: &str) -> usize {
    let maps = plane.list(CONFIG_MAP, namespace);
    maps.iter().filter(|map| map["metadata"]["name"] != "kube-root-ca.crt").count()
}
