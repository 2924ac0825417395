//! `resource-not-permitted`

use std::collections::BTreeSet;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::project::Project;
use crate::schema::Scope;
use crate::yaml::Node;

declare_rule! {
    /// Reports an object that the AppProject of its Application does not permit: its kind, or the namespace that it names.
    ///
    /// ## Why it matters
    /// The sync fails at this object, and with it everything of a later wave.
    ///
    /// ## Example
    /// ```yaml
    /// # AppProject shop allows no cluster-wide kinds
    /// kind: ClusterRole
    /// metadata: {name: reader}
    /// ```
    ///
    /// ## Instead
    /// Allow the kind in the project's `clusterResourceWhitelist`, or move the object to an Application of another project.
    "resource-not-permitted" = {
        summary: "object is not permitted by the AppProject",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let projects: Vec<Project> = world.resolved.projects.iter().map(Project::of).collect();
    for rendered in world.rendered {
        let Some(application) = rendered.application() else { continue };
        let name = application.spec(&["project"]).and_then(Node::text).unwrap_or_default();
        let mut named = projects.iter().filter(|project| project.name() == name);
        let (Some(project), None) = (named.next(), named.next()) else { continue };
        let destination = application.destination_cluster();
        let (server, cluster) = world.resolved.clusters.names_of(destination).unwrap_or((destination, ""));
        let schemas = world.schemas.for_cluster(destination);
        // One finding for all objects of a kind.
        let mut seen: BTreeSet<(&str, &str, bool)> = BTreeSet::new();
        for resource in &rendered.output.resources {
            let Some(scope) = schemas.scope(resource.api_version(), resource.kind()) else { continue };
            let namespaced = scope == Scope::Namespaced;
            let (group, kind) = (resource.group(), resource.kind());
            let at = |keys: &[&str]| resource.node.path(keys).unwrap_or(&resource.node);
            let list = project.resource.node.get("spec").unwrap_or(&project.resource.node);
            let finding = |node: &Node, message: String| {
                Finding::at(&RULE, node)
                    .message(message)
                    .application(application.id())
                    .resource(resource.reference())
                    .related(list.mark(), format!("AppProject {name}"))
            };
            if !project.permits_resource(group, kind, resource.name(), namespaced) {
                if seen.insert((group, kind, namespaced)) {
                    let list = if namespaced { "namespaceResourceWhitelist" } else { "clusterResourceWhitelist" };
                    let message = format!("AppProject {name} does not permit kind {kind}");
                    findings.push(finding(at(&["kind"]), message).help(format!("allow it in the project's {list}")));
                }
                continue;
            }
            let namespace = resource.namespace();
            let own = namespace.is_empty() || namespace == application.destination_namespace();
            if namespaced && !own && !project.permits_destination(server, cluster, namespace) {
                let message = format!("AppProject {name} does not permit namespace {namespace} on {destination}");
                let help = "add the namespace to the project's destinations";
                findings.push(finding(at(&["metadata", "namespace"]), message).help(help));
            }
        }
    }
}
