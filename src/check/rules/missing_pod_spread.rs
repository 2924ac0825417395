//! `missing-pod-spread`

use crate::check::ResourceContext;
use crate::check::engine::head;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a workload of production with several replicas whose pods nothing spreads over nodes: neither topology spread
    /// constraints nor a pod anti-affinity.
    ///
    /// ## Why it matters
    /// The scheduler may put all replicas on one node, and take them down with it.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   replicas: 3
    ///   template: {spec: {containers: [{name: web}]}}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// topologySpreadConstraints:
    /// - maxSkew: 1
    ///   topologyKey: kubernetes.io/hostname
    ///   whenUnsatisfiable: ScheduleAnyway
    ///   labelSelector: {matchLabels: {app: web}}
    /// ```
    "missing-pod-spread" = {
        summary: "replicas are not spread over nodes",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let is_replicated = matches!(
        (resource.group(), resource.kind()),
        ("apps", "Deployment" | "StatefulSet") | ("argoproj.io", "Rollout")
    );
    let replicas = resource.node.path(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
    let Some(application) = context.rendered.application() else { return };
    let Some(pod) = Pod::of(resource).filter(|_| is_replicated && replicas > 1) else { return };
    let constraints = pod.spec.get("topologySpreadConstraints").is_some_and(|list| !list.items().is_empty());
    let affinity = pod.spec.path(&["affinity", "podAntiAffinity"]).is_some();
    if constraints || affinity || !context.world.is_production(application) {
        return;
    }
    findings.push(
        Finding::new(&RULE, head(&resource.node))
            .message(format!(
                "nothing spreads the {replicas} replicas of {} {} over nodes",
                resource.kind(),
                resource.name()
            ))
            .help("add topologySpreadConstraints with topologyKey: kubernetes.io/hostname"),
    );
}
