//! `scale-target-not-found`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a HorizontalPodAutoscaler, VerticalPodAutoscaler or ScaledObject whose target nothing in the repository
    /// makes in its namespace.
    ///
    /// It is silent where more may lie in the namespace than the repository shows.
    ///
    /// ## Why it matters
    /// Nothing is scaled: under load the workload stays as small as it is, and only an event tells of it.
    ///
    /// ## Example
    /// ```yaml
    /// kind: HorizontalPodAutoscaler
    /// spec:
    ///   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wbe}   # the Deployment is called web
    /// ```
    ///
    /// ## Instead
    /// Name a workload that is deployed to the namespace.
    "scale-target-not-found" = {
        summary: "nothing to scale",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What scales: group, kind, and where it names its target.
const SCALERS: [(&str, &str, &str); 3] = [
    ("autoscaling", "HorizontalPodAutoscaler", "scaleTargetRef"),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler", "targetRef"),
    ("keda.sh", "ScaledObject", "scaleTargetRef"),
];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for (group, kind, field) in SCALERS {
        for placed in inventory.of_kind(group, kind) {
            let Some(target) = placed.resource.node.path(&["spec", field]) else { continue };
            let Some((node, name)) = target.get("name").and_then(|node| Some((node, node.text()?))) else { continue };
            // KEDA takes these where they are not given.
            let api_version = target.str_at(&["apiVersion"]).unwrap_or("apps/v1");
            let kind = target.str_at(&["kind"]).unwrap_or("Deployment");
            let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
            if name.is_empty() || !inventory.is_closed(placed, name) {
                continue;
            }
            let workloads = inventory.names_beside(placed, group, kind);
            if !workloads.contains(&name) {
                findings.push(
                    placed
                        .finding(&RULE, node)
                        .message(format!(
                            "{} scales {kind} `{name}`, which nothing makes in its namespace",
                            placed.resource.kind()
                        ))
                        .help("name a workload of the namespace")
                        .help_did_you_mean(name, workloads),
                );
            }
        }
    }
}
