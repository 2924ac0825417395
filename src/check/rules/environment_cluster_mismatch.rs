//! `environment-cluster-mismatch`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::resolve::cluster::Cluster;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application whose path names one environment and whose destination is not a cluster of it.
    ///
    /// The environment of a cluster is the label `environment` or `env` of its Secret, of the file that describes it, or in
    /// `tiphys.yaml`.
    ///
    /// ## Why it matters
    /// The overlay of one environment runs in another: with its replicas, its secrets and its traffic.
    ///
    /// ## Example
    /// ```yaml
    /// source: {path: services/web/overlays/production}
    /// destination: {server: https://dev.example.com}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// source: {path: services/web/overlays/production}
    /// destination: {server: https://prod.example.com}
    /// ```
    "environment-cluster-mismatch" = {
        summary: "destination is not a cluster of the path's environment",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut by_environment: BTreeMap<&str, Vec<&Cluster>> = BTreeMap::new();
    let clusters = &world.resolved.clusters;
    for cluster in clusters.registered.iter().chain(&clusters.described) {
        if let Some(environment) = environment(world, cluster) {
            by_environment.entry(environment).or_default().push(cluster);
        }
    }
    // One environment that is sent to one wrong cluster is one finding.
    let mut misplaced: BTreeMap<(&str, &str), Vec<(&Application, &Node)>> = BTreeMap::new();
    for application in &world.resolved.applications {
        let destination = application.destination_cluster();
        let sources = application.sources();
        let mut named = sources.iter().filter_map(|source| source.node.str_at(&["path"])).flat_map(|path| {
            let of = |segment| by_environment.get_key_value(segment).map(|(key, _)| *key);
            path.split('/').filter_map(of).filter(|own| has_siblings(world, path, own, by_environment.keys()))
        });
        let Some(wanted) = named.next() else { continue };
        let other = named.any(|other| other != wanted);
        let own = by_environment.get(wanted).map(Vec::as_slice).unwrap_or_default();
        let fits = own.iter().any(|cluster| is(cluster, destination));
        let node = ["server", "name"].into_iter().find_map(|key| {
            let node = application.spec(&["destination", key])?;
            (node.text() == Some(destination)).then_some(node)
        });
        let Some(node) = node else { continue };
        // A cluster of which nothing is known may belong to any environment; the one that Argo CD runs in belongs to
        // none unless something says so.
        let known = clusters.find(destination).and_then(|cluster| environment(world, cluster)).is_some();
        let in_cluster = matches!(destination, "https://kubernetes.default.svc" | "in-cluster");
        if !other && !fits && (known || in_cluster) {
            misplaced.entry((wanted, destination)).or_default().push((application, node));
        }
    }
    for ((wanted, destination), mut applications) in misplaced {
        applications.sort_by_key(|(application, node)| {
            (!world.is_production(application), application.generated_by.is_some(), node.mark())
        });
        let Some(((first, node), others)) = applications.split_first() else { continue };
        let own = by_environment.get(wanted).map(Vec::as_slice).unwrap_or_default();
        let names: Vec<&str> = own.iter().map(|cluster| cluster.name.text.as_str()).collect();
        let mut finding = Finding::at(&RULE, node)
            .message(format!("the source is that of {wanted}, and {destination} is no cluster of {wanted}"))
            .help(format!("deploy to {}", names.join(" or ")))
            .application(first.id())
            .resource(first.resource.reference());
        for cluster in own {
            finding = finding.related(cluster.server.origin.mark, format!("the cluster of {wanted}"));
        }
        for (other, node) in others {
            finding = finding.related(node.mark(), format!("so does Application {}", other.id()));
        }
        findings.push(finding);
    }
}

/// Whether the same directory exists for another environment. One that has no sibling is what every environment gets.
fn has_siblings<'e>(world: &World<'_>, path: &str, own: &str, environments: impl Iterator<Item = &'e &'e str>) -> bool {
    environments.filter(|other| **other != own).any(|other| {
        let sibling: Vec<&str> = path.split('/').map(|segment| if segment == own { other } else { segment }).collect();
        world.repository.snapshot.directory(&sibling.join("/")).is_some()
    })
}

fn environment<'c>(world: &'c World<'_>, cluster: &'c Cluster) -> Option<&'c str> {
    let label = ["environment", "env"].into_iter().find_map(|key| cluster.labels.get(key));
    let configured = || world.config.cluster(&cluster.server.text)?.environment.as_deref();
    label.map(|label| label.text.as_str()).or_else(configured)
}

fn is(cluster: &Cluster, destination: &str) -> bool {
    cluster.server.text.trim_end_matches('/') == destination.trim_end_matches('/') || cluster.name.text == destination
}
