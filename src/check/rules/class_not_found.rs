//! `class-not-found`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed};
use crate::check::pod::Pod;
use crate::check::select::{Named, select};
use crate::finding::{Check, Finding, declare_rule, nearest};

declare_rule! {
    /// Reports a PriorityClass, StorageClass, IngressClass, RuntimeClass or GatewayClass that nothing in the repository
    /// makes.
    ///
    /// It speaks where the repository makes classes of that kind for the cluster and nothing of it is out of sight. Clusters
    /// bring storage, ingress and runtime classes of their own: one of these is only reported where the name is a slip of
    /// one that the repository makes.
    ///
    /// ## Why it matters
    /// Pods of an unknown PriorityClass or RuntimeClass are refused; claims, Ingresses and Gateways of an unknown class wait
    /// for ever.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   priorityClassName: critcal   # the PriorityClass is called critical
    /// ```
    ///
    /// ## Instead
    /// Name a class that is deployed.
    "class-not-found" = {
        summary: "nothing makes the class",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// A kind of class, and whether clusters bring some of it.
#[derive(Clone, Copy)]
struct Class {
    group: &'static str,
    kind: &'static str,
    is_brought: bool,
}

const PRIORITY: Class = Class { group: "scheduling.k8s.io", kind: "PriorityClass", is_brought: false };
const RUNTIME: Class = Class { group: "node.k8s.io", kind: "RuntimeClass", is_brought: true };
const STORAGE: Class = Class { group: "storage.k8s.io", kind: "StorageClass", is_brought: true };
const INGRESS: Class = Class { group: "networking.k8s.io", kind: "IngressClass", is_brought: true };
const GATEWAY: Class = Class { group: "gateway.networking.k8s.io", kind: "GatewayClass", is_brought: true };

/// Where kinds name classes, besides pods.
const TABLE: [(&str, &str, &str, &str, Class); 4] = [
    ("", "PersistentVolumeClaim", "spec", "storageClassName", STORAGE),
    ("apps", "StatefulSet", "spec.volumeClaimTemplates.*.spec", "storageClassName", STORAGE),
    ("networking.k8s.io", "Ingress", "spec", "ingressClassName", INGRESS),
    ("gateway.networking.k8s.io", "Gateway", "spec", "gatewayClassName", GATEWAY),
];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for (group, kind, at, field, class) in TABLE {
        for placed in inventory.of_kind(group, kind) {
            for name in select(&placed.resource.node, at).iter().filter_map(|found| found.text(field)) {
                look(inventory, placed, class, name, findings);
            }
        }
    }
    for placed in inventory.everything() {
        let Some(pod) = Pod::of(placed.resource) else { continue };
        for (field, class) in [("priorityClassName", PRIORITY), ("runtimeClassName", RUNTIME)] {
            let Some(name) = select(pod.spec, "").first().and_then(|spec| spec.text(field)) else { continue };
            let name = Named { pointer: format!("{}{}", pod.pointer, name.pointer), ..name };
            look(inventory, placed, class, name, findings);
        }
    }
}

fn look<'a>(
    inventory: &Inventory<'a>,
    placed: &Placed<'a>,
    class: Class,
    name: Named<'a>,
    findings: &mut Vec<Finding>,
) {
    let Class { group, kind, is_brought } = class;
    let known = inventory.on_cluster(placed, group, kind);
    let known: Vec<&str> = known.iter().map(|placed| placed.resource.name()).collect();
    let is_slip = nearest(name.text, known.iter().copied()).is_some();
    // `system-cluster-critical` and its like come with Kubernetes.
    let is_given = name.text.starts_with("system-") || is_brought && !is_slip;
    if is_given || !inventory.is_missing_everywhere(placed, name.text, &known) {
        return;
    }
    findings.push(
        placed
            .finding(&RULE, name.node)
            .message(format!("{} is of {kind} `{}`, which nothing makes", placed.resource.kind(), name.text))
            .help(format!("name a {kind} that is deployed"))
            .help_did_you_mean(name.text, known)
            .pointer(name.pointer),
    );
}
