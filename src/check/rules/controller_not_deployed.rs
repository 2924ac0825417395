//! `controller-not-deployed`

use crate::check::World;
use crate::check::images::is;
use crate::check::workload::{Image, containers, is_long_running, resources};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports ApplicationSets in a repository that installs Argo CD itself and leaves out the applicationset
    /// controller. A repository that does not install Argo CD is not judged by this.
    ///
    /// ## Why it matters
    /// Nothing makes Applications of them.
    ///
    /// ## Example
    /// A Deployment `argocd-server` and ApplicationSets, and no `argocd-applicationset-controller`.
    ///
    /// ## Instead
    /// Take the controller over from Argo CD's manifests.
    "controller-not-deployed" = {
        summary: "no controller for the kind is deployed",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut argo = None;
    for (_, resource) in resources(world).filter(|(_, resource)| is_long_running(resource)) {
        let names_it = |container: &crate::check::workload::Container<'_>| {
            let words = ["command", "args"].into_iter().filter_map(|key| container.node.get(key)).flat_map(Node::items);
            words.filter_map(Node::text).any(|word| word.contains("applicationset-controller"))
        };
        let containers = containers(resource);
        if resource.name().contains("applicationset-controller") || containers.iter().any(names_it) {
            return;
        }
        let of_argo = containers.iter().any(|container| {
            let image = container.node.get("image").and_then(Node::text).unwrap_or_default();
            is("argoproj/argocd", Image::parse(image).name)
        });
        if of_argo {
            argo.get_or_insert(resource);
        }
    }
    let Some(argo) = argo else { return };
    let snapshot = &world.repository.snapshot;
    let mut sets: Vec<_> =
        world.resolved.application_sets.iter().filter_map(|set| Some((set, set.node.get("kind")?))).collect();
    sets.sort_by_key(|(_, kind)| (snapshot.path(kind.mark().file), kind.mark()));
    let Some(((first, kind), others)) = sets.split_first() else { return };
    let mut finding = Finding::at(&RULE, kind)
        .message("ApplicationSets are declared, and Argo CD is installed without the applicationset controller")
        .help("add the Deployment argocd-applicationset-controller of Argo CD's manifests")
        .resource(first.reference());
    for (set, kind) in others {
        finding = finding.related(kind.mark(), format!("ApplicationSet {}", set.name()));
    }
    finding = finding.related(
        crate::check::engine::head(&argo.node),
        format!("{} {} belongs to the Argo CD that is installed", argo.kind(), argo.name()),
    );
    findings.push(finding);
}
