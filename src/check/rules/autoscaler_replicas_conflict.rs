//! `autoscaler-replicas-conflict`

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::check::World;
use crate::check::argo::{automated, key_mark};
use crate::check::autoscaling::{Scaled, ignores_replicas, scaled};
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application that syncs by itself and sets `replicas` of a workload that an autoscaler scales.
    ///
    /// ## Why it matters
    /// Argo CD and the autoscaler change the number in turn: under load pods are taken away, and with self-healing the
    /// Application never stays in sync.
    ///
    /// ## Example
    /// ```yaml
    /// syncPolicy:
    ///   automated: {selfHeal: true}        # the overlay sets replicas, a ScaledObject scales
    /// ```
    ///
    /// ## Instead
    /// Leave `replicas` out of the overlay, or
    /// ```yaml
    /// syncPolicy:
    ///   automated: {selfHeal: true}
    ///   syncOptions: [RespectIgnoreDifferences=true]
    /// ignoreDifferences:
    /// - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}
    /// ```
    "autoscaler-replicas-conflict" = {
        summary: "automated sync fights with an autoscaler",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let mut by_place: BTreeMap<Mark, Vec<(&Application, Scaled<'_>)>> = BTreeMap::new();
    for scaled in scaled(world, inventory) {
        let Some(application) = scaled.workload.rendered.application() else { continue };
        if automated(application).is_some() && !ignores_replicas(application, scaled.workload.resource) {
            by_place.entry(place(world, application)).or_default().push((application, scaled));
        }
    }
    for (mark, all) in by_place {
        let Some((application, first)) = all.first() else { continue };
        let mut names: Vec<SmolStr> =
            all.iter().map(|(_, scaled)| SmolStr::new(scaled.workload.resource.name())).collect();
        names.sort();
        names.dedup();
        let mut finding = Finding::new(&RULE, mark)
            .message(format!("automated sync sets replicas of {} back, which an autoscaler changes", names.join(", ")))
            .help("leave replicas out, or ignore /spec/replicas and add RespectIgnoreDifferences=true")
            .application(application.id())
            .resource(application.resource.reference())
            .related(first.replicas.mark(), "replicas are set here");
        for (_, scaled) in all.iter().take(4) {
            let scaler = scaled.scaler.resource;
            finding = finding
                .related(crate::check::engine::head(&scaler.node), format!("{} {}", scaler.kind(), scaler.name()));
        }
        findings.push(finding);
    }
}

/// Where self-healing or automation is asked for; in a set, its template's sync policy.
fn place(world: &World<'_>, application: &Application) -> Mark {
    let set = application
        .generated_by
        .as_ref()
        .and_then(|name| world.resolved.application_sets.iter().find(|set| set.name() == name));
    let of_set = set.and_then(|set| key_mark(&set.node, &["spec", "template", "spec", "syncPolicy"]));
    let own = key_mark(&application.resource.node, &["spec", "syncPolicy", "automated", "selfHeal"]);
    of_set.or(own).unwrap_or_else(|| application.spec(&["syncPolicy"]).map_or(Mark::NONE, Node::mark))
}
