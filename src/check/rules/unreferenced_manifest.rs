//! `unreferenced-manifest`

use std::collections::BTreeSet;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::render::Resource;
use crate::resolve::Rendered;

declare_rule! {
    /// Reports an Application, ApplicationSet or AppProject that no Application deploys, in a repository where others are.
    ///
    /// ## Why it matters
    /// Argo CD never sees it: whoever wrote it believes that it is in force.
    ///
    /// ## Example
    /// The root Application renders `applications/`; an ApplicationSet stands in `applicationsets/`, which nothing renders.
    ///
    /// ## Instead
    /// Add an Application, or a source to the root, for its directory; or delete it.
    "unreferenced-manifest" = {
        summary: "nothing deploys it",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    // A repository that is applied by hand, or whose root is elsewhere, has no root Application to be missing from.
    let deploys =
        |rendered: &&Rendered| rendered.application().is_some() && rendered.output.resources.iter().any(is_argo);
    let roots: Vec<&Rendered> = world.rendered.iter().filter(deploys).collect();
    if roots.is_empty() {
        return;
    }
    let deployed: BTreeSet<Mark> = world
        .rendered
        .iter()
        .filter(|rendered| rendered.application().is_some())
        .flat_map(|rendered| &rendered.output.resources)
        .map(|resource| resource.node.mark())
        .collect();
    for rendered in world.rendered.iter().filter(|rendered| rendered.application().is_none()) {
        for resource in rendered.output.resources.iter().filter(|resource| is_argo(resource)) {
            let mark = resource.node.mark();
            // A root, and an AppProject that is bootstrapped with Argo CD itself, are applied by hand.
            let is_root = resource.kind() == "Application" && roots.iter().any(|root| is_self(root, resource));
            if deployed.contains(&mark) || is_root || resource.kind() == "AppProject" {
                continue;
            }
            let name = resource.node.path(&["metadata", "name"]).unwrap_or(&resource.node);
            let mut finding = Finding::at(&RULE, name)
                .message(format!("no Application deploys {} {}", resource.kind(), resource.name()))
                .help("add an Application or a source for its directory, or delete it");
            for root in roots.iter().take(3) {
                finding = finding.related(root.target.mark, "what this renders does not hold it");
            }
            findings.push(finding);
        }
    }
}

fn is_argo(resource: &Resource) -> bool {
    resource.group() == "argoproj.io" && matches!(resource.kind(), "Application" | "ApplicationSet" | "AppProject")
}

fn is_self(root: &Rendered, resource: &Resource) -> bool {
    root.application().is_some_and(|application| {
        application.name() == resource.name() && application.resource.node.mark() == resource.node.mark()
    })
}
