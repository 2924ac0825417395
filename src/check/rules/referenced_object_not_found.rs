//! `referenced-object-not-found`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed};
use crate::check::pod::Pod;
use crate::check::select::{Named, Selected, select};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a reference to an object that nothing in the repository makes: a claim of a pod, the issuer of a Certificate,
    /// the TriggerAuthentication of a ScaledObject, the AnalysisTemplate of a Rollout.
    ///
    /// It is silent where more may lie in the namespace than the repository shows, and for kinds without namespace where
    /// the repository makes none of them.
    ///
    /// ## Why it matters
    /// Pods stay `Pending`, certificates are never issued, a Rollout stops half-way: each controller waits for an object
    /// that does not come.
    ///
    /// ## Example
    /// ```yaml
    /// volumes:
    /// - name: data
    ///   persistentVolumeClaim: {claimName: dtaa}   # the claim is called data
    /// ```
    ///
    /// ## Instead
    /// Name an object that is deployed.
    "referenced-object-not-found" = {
        summary: "nothing makes the object",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Where a kind refers to another.
struct Row {
    group: &'static str,
    kind: &'static str,
    /// The way to the reference.
    at: &'static str,
    /// The field with the name.
    name: &'static str,
    /// The group that is referred to.
    to: &'static str,
    /// The kind within a namespace, which is meant if none is given, and the kind without one.
    kinds: (&'static str, &'static str),
}

const fn row(
    group: &'static str,
    kind: &'static str,
    at: &'static str,
    name: &'static str,
    to: &'static str,
    kinds: (&'static str, &'static str),
) -> Row {
    Row { group, kind, at, name, to, kinds }
}

const ISSUERS: (&str, &str) = ("Issuer", "ClusterIssuer");
const TRIGGERS: (&str, &str) = ("TriggerAuthentication", "ClusterTriggerAuthentication");
const ANALYSES: (&str, &str) = ("AnalysisTemplate", "ClusterAnalysisTemplate");

/// Source: the CustomResourceDefinitions of the projects.
const TABLE: &[Row] = &[
    row("cert-manager.io", "Certificate", "spec.issuerRef", "name", "cert-manager.io", ISSUERS),
    row("keda.sh", "ScaledObject", "spec.triggers.*.authenticationRef", "name", "keda.sh", TRIGGERS),
    row("keda.sh", "ScaledJob", "spec.triggers.*.authenticationRef", "name", "keda.sh", TRIGGERS),
    row("argoproj.io", "Rollout", "spec.strategy.canary.analysis.templates.*", "templateName", "argoproj.io", ANALYSES),
    row(
        "argoproj.io",
        "Rollout",
        "spec.strategy.canary.steps.*.analysis.templates.*",
        "templateName",
        "argoproj.io",
        ANALYSES,
    ),
    row(
        "argoproj.io",
        "Rollout",
        "spec.strategy.blueGreen.prePromotionAnalysis.templates.*",
        "templateName",
        "argoproj.io",
        ANALYSES,
    ),
    row(
        "argoproj.io",
        "Rollout",
        "spec.strategy.blueGreen.postPromotionAnalysis.templates.*",
        "templateName",
        "argoproj.io",
        ANALYSES,
    ),
];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for row in TABLE {
        for placed in inventory.of_kind(row.group, row.kind) {
            for reference in select(&placed.resource.node, row.at) {
                if let Some((kind, is_cluster_wide)) = meant(row, &reference)
                    && let Some(name) = reference.text(row.name)
                {
                    look(inventory, placed, (row.to, kind), is_cluster_wide, name, findings);
                }
            }
        }
    }
    for placed in inventory.everything() {
        let Some(pod) = Pod::of(placed.resource) else { continue };
        for claim in select(pod.spec, "volumes.*.persistentVolumeClaim") {
            let Some(name) = claim.text("claimName") else { continue };
            if !is_made_by_a_set(inventory, placed, name.text) {
                let name = Named { pointer: format!("{}{}", pod.pointer, name.pointer), ..name };
                look(inventory, placed, ("", "PersistentVolumeClaim"), false, name, findings);
            }
        }
    }
}

/// The kind that `reference` means, and whether it has no namespace; `None` for one of another group.
fn meant(row: &Row, reference: &Selected<'_>) -> Option<(&'static str, bool)> {
    let group = reference.node.str_at(&["group"]).unwrap_or(row.to);
    if group != row.to && !group.is_empty() {
        return None;
    }
    let (within, without) = row.kinds;
    let everywhere = reference.node.get("clusterScope").and_then(Node::as_bool) == Some(true);
    match reference.node.str_at(&["kind"]) {
        _ if everywhere => Some((without, true)),
        Some(kind) if kind == without => Some((without, true)),
        Some(kind) if kind != within && !kind.is_empty() => None,
        _ => Some((within, false)),
    }
}

fn look<'a>(
    inventory: &Inventory<'a>,
    placed: &Placed<'a>,
    (group, kind): (&str, &str),
    is_cluster_wide: bool,
    name: Named<'a>,
    findings: &mut Vec<Finding>,
) {
    let (known, is_missing) = if is_cluster_wide {
        let known = inventory.on_cluster(placed, group, kind);
        let known: Vec<&str> = known.iter().map(|placed| placed.resource.name()).collect();
        let is_missing = inventory.is_missing_everywhere(placed, name.text, &known);
        (known, is_missing)
    } else {
        let known = inventory.names_beside(placed, group, kind);
        let is_missing = inventory.is_missing(placed, name.text, &known);
        (known, is_missing)
    };
    if !is_missing {
        return;
    }
    let place = if is_cluster_wide { "" } else { " in its namespace" };
    findings.push(
        placed
            .finding(&RULE, name.node)
            .message(format!("{} needs {kind} `{}`, which nothing makes{place}", placed.resource.kind(), name.text))
            .help(format!("name a {kind} that is deployed, or add it"))
            .help_did_you_mean(name.text, known)
            .pointer(name.pointer),
    );
}

/// Whether a StatefulSet makes the claim: it is called after its template, the set and a number.
fn is_made_by_a_set(inventory: &Inventory<'_>, placed: &Placed<'_>, claim: &str) -> bool {
    let sets = inventory.everything().filter(|other| {
        (other.resource.group(), other.resource.kind()) == ("apps", "StatefulSet")
            && other.namespace == placed.namespace
    });
    sets.into_iter().any(|set| {
        select(&set.resource.node, "spec.volumeClaimTemplates.*.metadata.name").iter().any(|template| {
            let stem = format!("{}-{}-", template.node.text().unwrap_or_default(), set.resource.name());
            claim.strip_prefix(&stem).is_some_and(|number| number.parse::<u32>().is_ok())
        })
    })
}
