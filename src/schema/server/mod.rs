//! What an API server asks of Kubernetes' own kinds beyond their schemas: an object of the right shape in, violations
//! out.
//!
//! Source: the functions of `k8s.io/kubernetes/pkg/apis/*/validation`, seen as for an object that is created, after
//! defaults. One file for each API group or part of a pod; what is a mere range is a row of [`ranges`]. Names, labels,
//! ports, references to volumes and what excludes what are rules of their own in `check`, which say more of them.

mod admission;
mod at;
mod autoscaling;
mod batch;
mod container;
mod core;
mod definitions;
mod networking;
mod persistent;
mod pod;
mod ranges;
mod rbac;
mod scheduling;
mod selectors;
mod service;
mod volumes;
mod workloads;

use self::at::{At, Found};
use super::validate::Violation;
use crate::yaml::Node;

/// What an API server refuses in `object`, whose shape is right.
pub(super) fn violations<'n>(object: &'n Node) -> Vec<Violation<'n>> {
    let mut found = Found::default();
    let api_version = object.str_at(&["apiVersion"]).unwrap_or_default();
    let kind = object.str_at(&["kind"]).unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let root = At::root(object);
    ranges::check(group, kind, root, &mut found);
    metadata(root, &mut found);
    match (group, kind) {
        ("", "Service") => service::check(root, &mut found),
        ("", "PersistentVolumeClaim" | "PersistentVolume") => persistent::check(kind, root, &mut found),
        ("", _) => core::check(kind, root, &mut found),
        ("apps", _) => workloads::check(kind, root, &mut found),
        ("batch", _) => batch::check(kind, root, &mut found),
        ("autoscaling" | "policy", _) => autoscaling::check(kind, root, &mut found),
        ("networking.k8s.io", _) => networking::check(kind, root, &mut found),
        ("rbac.authorization.k8s.io", _) => rbac::check(kind, root, &mut found),
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => admission::check(kind, root, &mut found),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definitions::check(root, &mut found),
        ("storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io" | "coordination.k8s.io" | "discovery.k8s.io", _) => {
            persistent::cluster(kind, root, &mut found);
        }
        _ => {}
    }
    found.into_violations()
}

fn metadata<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(metadata) = root.get("metadata") else { return };
    let annotations = metadata.entries("annotations");
    let size: usize = annotations.iter().map(|at| at.key().len() + at.node.text().map_or(0, str::len)).sum();
    if size > 256 * 1024
        && let Some(annotations) = metadata.get("annotations")
    {
        found.wrong(annotations, format!("hold {size} bytes, at most 262144 are allowed"));
    }
    for owner in metadata.items("ownerReferences") {
        for field in ["apiVersion", "kind", "name", "uid"] {
            found.required(owner, field);
        }
    }
    for finalizer in metadata.items("finalizers") {
        if let Some(wrong) = finalizer.text().and_then(crate::check::syntax::qualified_name) {
            found.wrong(finalizer, wrong);
        }
    }
}

#[cfg(test)]
mod tests;
