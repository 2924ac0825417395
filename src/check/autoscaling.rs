//! Which workloads are scaled by something, though their manifests set `replicas`.

use super::World;
use super::inventory::{Inventory, Placed};
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

/// A workload with `replicas` and what scales it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scaled<'a> {
    /// The workload.
    pub(crate) workload: Placed<'a>,
    /// Its `spec.replicas`.
    pub(crate) replicas: &'a Node,
    /// The HorizontalPodAutoscaler or ScaledObject.
    pub(crate) scaler: Placed<'a>,
}

/// The workloads of `inventory` that set `replicas` and are scaled, in the order of their autoscalers.
pub(crate) fn scaled<'a>(world: &World<'a>, inventory: &Inventory<'a>) -> Vec<Scaled<'a>> {
    let mut found = Vec::new();
    for (group, kind) in [("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")] {
        for scaler in inventory.of_kind(group, kind) {
            let Some(target) = scaler.resource.node.path(&["spec", "scaleTargetRef"]) else { continue };
            let text = |key: &str| target.get(key).and_then(Node::text);
            let kind = text("kind").unwrap_or("Deployment");
            let group = text("apiVersion").unwrap_or("apps/v1").rsplit_once('/').map_or("", |(group, _)| group);
            let workloads = inventory.in_namespace(scaler, group, kind);
            for workload in workloads.into_iter().filter(|workload| Some(workload.resource.name()) == text("name")) {
                let Some(replicas) = workload.resource.node.path(&["spec", "replicas"]) else { continue };
                if meet(world, workload, scaler) {
                    found.push(Scaled { workload: *workload, replicas, scaler: *scaler });
                }
            }
        }
    }
    found
}

/// Whether both may be on one cluster: they go to the same one, or both to production, or it is not known where to.
fn meet(world: &World<'_>, workload: &Placed<'_>, scaler: &Placed<'_>) -> bool {
    let (Some(a), Some(b)) = (workload.rendered.application(), scaler.rendered.application()) else { return true };
    let clusters = &world.resolved.clusters;
    clusters.server(a.destination_cluster()) == clusters.server(b.destination_cluster())
        || world.is_production(a) && world.is_production(b)
}

/// Whether `application` leaves `replicas` of `resource` alone when it compares.
pub(crate) fn ignores_replicas(application: &Application, resource: &Resource) -> bool {
    let ignored = application.spec(&["ignoreDifferences"]).map(Node::items).unwrap_or_default();
    ignored.iter().any(|entry| {
        let fits = |key: &str, own: &str| {
            entry.get(key).and_then(Node::text).is_none_or(|text| text.is_empty() || text == own || text == "*")
        };
        let within = |key: &str, of: &str| {
            entry
                .get(key)
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .any(|item| item.text().is_some_and(|t| t.contains(of)))
        };
        fits("group", resource.group())
            && fits("kind", resource.kind())
            && fits("name", resource.name())
            && (within("jsonPointers", "/spec/replicas")
                || within("jqPathExpressions", "replicas")
                || entry.get("managedFieldsManagers").is_some())
    })
}
