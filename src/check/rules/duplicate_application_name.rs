//! `duplicate-application-name`

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports two Applications of one name and namespace that one Argo CD would get.
    ///
    /// Applications of one name that different Applications deploy to different clusters belong to different installations.
    ///
    /// ## Why it matters
    /// The second overwrites the first: what the first deployed is pruned or left behind, and each sync of the parent turns them
    /// around again.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Application
    /// metadata: {name: web, namespace: argocd}     # in apps/web.yaml and in apps/shop.yaml
    /// ```
    ///
    /// ## Instead
    /// Give each Application a name of its own.
    "duplicate-application-name" = {
        summary: "two Applications have one name",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    // Where each declared Application ends up: the cluster of the Application that deploys it.
    let mut homes: BTreeMap<Mark, Vec<&str>> = BTreeMap::new();
    for rendered in world.rendered {
        let Some(parent) = rendered.application() else { continue };
        let argo = rendered.output.resources.iter().filter(|resource| resource.group() == "argoproj.io");
        for resource in argo {
            homes.entry(resource.node.mark()).or_default().push(parent.destination_cluster());
        }
    }
    let home = |application: &Application| -> Vec<&str> {
        let of = |mark: Mark| homes.get(&mark).cloned().unwrap_or_default();
        match &application.generated_by {
            None => of(application.resource.node.mark()),
            Some(set) => world
                .resolved
                .application_sets
                .iter()
                .filter(|resource| resource.name() == set)
                .flat_map(|resource| of(resource.node.mark()))
                .collect(),
        }
    };
    let mut by_id: BTreeMap<SmolStr, Vec<&Application>> = BTreeMap::new();
    for application in &world.resolved.applications {
        by_id.entry(application.id()).or_default().push(application);
    }
    for (id, mut twins) in by_id.into_iter().filter(|(_, twins)| twins.len() > 1) {
        // One that a person wrote is the one to rename, not the one that a template makes beside others.
        twins.sort_by_key(|application| application.generated_by.is_none());
        for (index, second) in twins.iter().enumerate().skip(1) {
            let at_second = home(second);
            let meets = |first: &&&Application| {
                // Within one set the names are reported where they are made.
                let one_set = first.generated_by.is_some() && first.generated_by == second.generated_by;
                let at_first = home(first);
                !one_set && at_first.iter().any(|cluster| at_second.contains(cluster))
            };
            let Some(first) = twins[..index].iter().find(meets) else { continue };
            let name = |application: &Application| {
                let name = application.resource.node.path(&["metadata", "name"]);
                name.map_or(application.resource.node.mark(), Node::mark)
            };
            if name(first) == name(second) {
                continue;
            }
            let node = second.resource.node.path(&["metadata", "name"]).unwrap_or(&second.resource.node);
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("there are two Applications {id}"))
                    .help("give one of them another name")
                    .application(id.clone())
                    .resource(second.resource.reference())
                    .related(
                        name(first),
                        match &first.generated_by {
                            Some(set) => format!("ApplicationSet {set} generates the other one"),
                            None => "the other one".to_owned(),
                        },
                    ),
            );
        }
    }
}
