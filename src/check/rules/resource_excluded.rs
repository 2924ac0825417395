//! `resource-excluded`

use std::collections::BTreeSet;

use crate::check::World;
use crate::check::argo::glob;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::{FileId, Mark};
use crate::resolve::instance::Instance;
use crate::yaml::{Limits, Node, read};

declare_rule! {
    /// Reports objects of kinds that Argo CD does not look at: the few that it never does, and those that
    /// `resource.exclusions` and `resource.inclusions` of its ConfigMap `argocd-cm` hide, where the repository holds that.
    ///
    /// ## Why it matters
    /// The object is not deployed (`ExcludedResourceWarning`), and nothing else of the Application says so.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// ```
    ///
    /// ## Instead
    /// Remove the object, or the exclusion.
    "resource-excluded" = {
        summary: "Argo CD does not deploy this kind",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// One entry: groups, kinds and clusters, each empty where it says nothing of them.
#[derive(Debug, Default)]
struct Filter {
    groups: Vec<String>,
    kinds: Vec<String>,
    clusters: Vec<String>,
}

impl Filter {
    fn of(node: &Node) -> Filter {
        let list = |key: &str| {
            let items = node.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::text).map(str::to_owned).collect()
        };
        Filter { groups: list("apiGroups"), kinds: list("kinds"), clusters: list("clusters") }
    }

    /// `None` where it depends on what is not known: a pattern for the server of a cluster known by name.
    fn matches(&self, group: &str, kind: &str, server: Option<&str>) -> Option<bool> {
        let group = self.groups.is_empty() || self.groups.iter().any(|pattern| glob(pattern, group));
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|known| known == "*" || known == kind);
        if !group || !kind {
            return Some(false);
        }
        match server {
            _ if self.clusters.is_empty() || self.clusters.iter().any(|pattern| pattern == "*") => Some(true),
            Some(server) => Some(self.clusters.iter().any(|pattern| glob(pattern, server))),
            None => None,
        }
    }
}

fn filters(node: Option<&Node>) -> Vec<Filter> {
    let Some(text) = node.and_then(Node::text) else { return Vec::new() };
    let file = read(FileId::NONE, text, Limits::default());
    let root = file.documents.first().filter(|_| file.problems.is_empty()).map(|document| &document.root);
    root.map(Node::items).unwrap_or_default().iter().map(Filter::of).collect()
}

fn always() -> Vec<Filter> {
    let filter = |groups: &[&str], kinds: &[&str]| {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Filter { groups: texts(groups), kinds: texts(kinds), clusters: Vec::new() }
    };
    vec![
        filter(&["events.k8s.io", "metrics.k8s.io"], &[]),
        filter(&[""], &["Event"]),
        filter(&["coordination.k8s.io"], &["Lease"]),
    ]
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let instance = Instance::of(world.rendered);
    let place = |key: &str| instance.setting(key).map_or(Mark::NONE, Node::mark);
    let core = always();
    let excluded = filters(instance.setting("resource.exclusions"));
    let included = filters(instance.setting("resource.inclusions"));
    for rendered in world.rendered {
        let Some(application) = rendered.application() else { continue };
        let destination = application.destination_cluster();
        let known = world.resolved.clusters.names_of(destination).map(|(server, _)| server);
        let server = known.or(destination.contains("://").then_some(destination));
        // One finding for all objects of a kind.
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        for resource in &rendered.output.resources {
            let (group, kind) = (resource.group(), resource.kind());
            if !seen.insert((group, kind)) {
                continue;
            }
            let any = |list: &[Filter]| list.iter().any(|filter| filter.matches(group, kind, server) == Some(true));
            let none = |list: &[Filter]| list.iter().all(|filter| filter.matches(group, kind, server) == Some(false));
            let (why, mark) = if any(&core) {
                ("Argo CD never looks at it", Mark::NONE)
            } else if any(&excluded) {
                ("resource.exclusions hides it", place("resource.exclusions"))
            } else if !included.is_empty() && none(&included) {
                ("resource.inclusions leaves it out", place("resource.inclusions"))
            } else {
                continue;
            };
            let node = resource.node.get("kind").unwrap_or(&resource.node);
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("no {kind} is deployed: {why}"))
                    .help("remove the object, or let Argo CD see its kind")
                    .application(application.id())
                    .resource(resource.reference())
                    .related(mark, "the setting"),
            );
        }
    }
}
