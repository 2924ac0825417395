//! `replicas-managed-by-autoscaler`

use std::collections::BTreeMap;

use crate::check::World;
use crate::check::autoscaling::{Scaled, ignores_replicas, scaled};
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;

declare_rule! {
    /// Reports `replicas` of a workload that an autoscaler scales, where an Application deploys both and does not ignore the
    /// field.
    ///
    /// An Application that fights with the autoscaler in all its workloads is reported itself: see
    /// `autoscaler-replicas-conflict`.
    ///
    /// ## Why it matters
    /// Each sync sets the number back to what the repository says: under load pods are taken away.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec:
    ///   replicas: 5       # a HorizontalPodAutoscaler scales it between 5 and 20
    /// ```
    ///
    /// ## Instead
    /// Leave `replicas` out, and set the autoscaler's minimum.
    "replicas-managed-by-autoscaler" = {
        summary: "replicas are managed by an autoscaler",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let mut by_place: BTreeMap<Mark, Vec<Scaled<'_>>> = BTreeMap::new();
    for scaled in scaled(world, inventory) {
        by_place.entry(scaled.replicas.mark()).or_default().push(scaled);
    }
    for (mark, all) in by_place {
        let ignored = |scaled: &&Scaled<'_>| {
            let application = scaled.workload.rendered.application();
            application.is_some_and(|application| ignores_replicas(application, scaled.workload.resource))
        };
        let Some(fought) = all.iter().find(|scaled| !ignored(scaled)) else { continue };
        let applications = all.iter().filter(|scaled| scaled.workload.rendered.application().is_some());
        // Where no Application that deploys it ignores the field, the Applications are at fault.
        if applications.clone().count() > 0 && !applications.clone().any(|scaled| ignored(&scaled)) {
            continue;
        }
        let (workload, scaler) = (fought.workload.resource, fought.scaler.resource);
        let mut finding = fought
            .workload
            .finding(&RULE, fought.replicas)
            .message(format!("{} {} scales {} {}", scaler.kind(), scaler.name(), workload.kind(), workload.name()))
            .pointer("/spec/replicas")
            .help("leave replicas out, and set the minimum of the autoscaler")
            .related(crate::check::engine::head(&scaler.node), "the autoscaler");
        finding.mark = mark;
        for scaled in all.iter().filter(ignored).take(3) {
            if let Some(application) = scaled.workload.rendered.application() {
                let place = application.spec(&["ignoreDifferences"]).map_or(Mark::NONE, crate::yaml::Node::mark);
                finding = finding.related(place, format!("Application {} ignores the field", application.id()));
            }
        }
        findings.push(finding);
    }
}
