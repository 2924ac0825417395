//! `missing-pod-disruption-budget`

use std::collections::BTreeMap;

use crate::check::World;
use crate::check::engine::head;
use crate::check::workload::{Place, about, place, resources, selects};
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::yaml::Node;

declare_rule! {
    /// Reports a Deployment, StatefulSet or Rollout with two replicas or more whose pods no PodDisruptionBudget of the
    /// same cluster and namespace selects.
    ///
    /// ## Why it matters
    /// A drained node, or two at once, may take every replica; the replicas were there so that this does not happen.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec: {replicas: 3}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: PodDisruptionBudget
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app.kubernetes.io/name: web}}
    /// ```
    "missing-pod-disruption-budget" = {
        summary: "replicated workload has no PodDisruptionBudget",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut budgets: BTreeMap<Place, Vec<&Resource>> = BTreeMap::new();
    for (rendered, resource) in resources(world).filter(|(_, resource)| resource.kind() == "PodDisruptionBudget") {
        budgets.entry(place(world, rendered, resource)).or_default().push(resource);
    }
    for (rendered, resource) in resources(world) {
        let replicated = matches!(
            (resource.group(), resource.kind()),
            ("apps", "Deployment" | "StatefulSet") | ("argoproj.io", "Rollout")
        );
        let replicas = resource.node.path(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
        if !replicated || replicas < 2 {
            continue;
        }
        let labels = resource.pod_template().and_then(|(template, _)| template.path(&["metadata", "labels"]));
        let near = budgets.get(&place(world, rendered, resource)).map(Vec::as_slice).unwrap_or_default();
        if near.iter().any(|budget| selects(budget.node.path(&["spec", "selector"]), labels)) {
            continue;
        }
        let finding = Finding::new(&RULE, head(&resource.node))
            .message(format!(
                "{} {} has several replicas and no PodDisruptionBudget selects its pods",
                resource.kind(),
                resource.name()
            ))
            .help("add a PodDisruptionBudget with maxUnavailable: 1");
        findings.push(about(finding, resource, rendered));
    }
}
