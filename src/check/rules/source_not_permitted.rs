//! `source-not-permitted`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::project::Project;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application whose repository its AppProject does not permit.
    ///
    /// ## Why it matters
    /// Argo CD refuses the Application (`InvalidSpecError`) and syncs nothing of it.
    ///
    /// ## Example
    /// ```yaml
    /// # AppProject shop has sourceRepos: [https://github.com/example/shop]
    /// source:
    ///   repoURL: https://github.com/example/platform
    /// ```
    ///
    /// ## Instead
    /// Add the repository to the project's `sourceRepos`, or choose another project.
    "source-not-permitted" = {
        summary: "source is not permitted by the AppProject",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let projects: Vec<Project> = world.resolved.projects.iter().map(Project::of).collect();
    for application in &world.resolved.applications {
        let name = application.spec(&["project"]).and_then(Node::text).unwrap_or_default();
        let mut named = projects.iter().filter(|project| project.name() == name);
        let (Some(project), None) = (named.next(), named.next()) else { continue };
        for source in application.sources() {
            let Some(node) = source.node.get("repoURL") else { continue };
            let url = node.text().unwrap_or_default();
            if url.is_empty() || url.contains("{{") || project.permits_source(url) {
                continue;
            }
            let list = project.resource.node.path(&["spec", "sourceRepos"]).unwrap_or(&project.resource.node);
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("AppProject {name} does not permit {url}"))
                    .help("add the repository to the project's sourceRepos")
                    .application(application.id())
                    .resource(application.resource.reference())
                    .related(list.mark(), format!("what AppProject {name} permits")),
            );
        }
    }
}
