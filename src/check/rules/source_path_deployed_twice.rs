//! `source-path-deployed-twice`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports two Applications that deploy the same path into the same cluster and namespace, or would once both reach the
    /// same cluster.
    ///
    /// ## Why it matters
    /// Both own the same objects: each sync of one makes the other out of sync, with self-heal without end.
    ///
    /// ## Example
    /// A hand-written Application for `services/web/overlays/production`, and an ApplicationSet that generates one for the same
    /// directory.
    ///
    /// ## Instead
    /// Keep one of them.
    "source-path-deployed-twice" = {
        summary: "the path is deployed by two Applications",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// A path and the namespace that it lands in.
type Place<'a> = (&'a str, &'a str, &'a str);

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut owners: BTreeMap<Place<'_>, Vec<(&Application, &Node)>> = BTreeMap::new();
    for application in &world.resolved.applications {
        // What tells releases of one chart apart is not the path.
        let [source] = application.sources()[..] else { continue };
        let is_chart = source.node.str_at(&["path"]).is_some_and(|path| world.repository.charts.contains_key(path));
        let distinct = is_chart
            || ["chart", "plugin"].iter().any(|key| source.node.get(key).is_some())
            || ["namePrefix", "nameSuffix", "namespace"]
                .iter()
                .any(|key| source.node.path(&["kustomize", key]).is_some());
        let (Some(url), Some(path)) = (source.node.str_at(&["repoURL"]), source.node.get("path")) else { continue };
        if distinct || path.text().is_none_or(|text| text.contains("{{")) {
            continue;
        }
        let place = (url, path.text().unwrap_or_default(), application.destination_namespace());
        owners.entry(place).or_default().push((application, path));
    }
    for ((_, path, _), owners) in owners {
        let same_cluster = |a: &Application, b: &Application| a.destination_cluster() == b.destination_cluster();
        for (index, (application, node)) in owners.iter().enumerate() {
            // Reported once: at the one that a person wrote, or the later of two.
            let others = owners.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
            let clash = others.into_iter().find(|(other, _)| {
                let environments_differ = world.environment(other) != world.environment(application);
                let first = application.generated_by.is_none() && other.generated_by.is_some()
                    || application.generated_by.is_some() == other.generated_by.is_some()
                        && other.id() < application.id();
                first
                    && !environments_differ
                    && (same_cluster(application, other) || misplaced(world, application, other))
            });
            let Some((other, place)) = clash else { continue };
            let how = match &other.generated_by {
                Some(set) => format!("{}, which ApplicationSet {set} generates", other.id()),
                None => other.id().to_string(),
            };
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("{path} is also deployed by {how}: both own the same objects"))
                    .help("keep one of the two")
                    .related(place.mark(), format!("Application {}", other.id()))
                    .related(template_mark(place), format!("Application {}", other.id())),
            );
        }
    }
}

/// Two Applications of production on different clusters, one of them the cluster that Argo CD runs in: the one that
/// was forgotten there when production got a cluster of its own.
fn misplaced(world: &World<'_>, a: &Application, b: &Application) -> bool {
    let in_cluster = |application: &Application| {
        matches!(application.destination_cluster(), "https://kubernetes.default.svc" | "in-cluster")
    };
    world.is_production(a) && world.is_production(b) && (in_cluster(a) != in_cluster(b))
}

/// The line of the template, where a value came through one.
fn template_mark(node: &Node) -> Mark {
    node.origin.last_step().map_or(Mark::NONE, |step| step.mark)
}
