//! `destination-not-permitted`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::resolve::cluster::Clusters;
use crate::resolve::project::Project;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application whose destination its AppProject does not permit.
    ///
    /// ## Why it matters
    /// Argo CD refuses the Application (`InvalidSpecError`) and syncs nothing of it.
    ///
    /// ## Example
    /// ```yaml
    /// # AppProject shop permits only https://prod.example.com
    /// destination:
    ///   server: https://kubernetes.default.svc
    ///   namespace: shop
    /// ```
    ///
    /// ## Instead
    /// Deploy to a destination that the project lists, or add this one to the project's `destinations`.
    "destination-not-permitted" = {
        summary: "destination is not permitted by the AppProject",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let projects: Vec<Project> = world.resolved.projects.iter().map(Project::of).collect();
    let clusters = &world.resolved.clusters;
    for application in &world.resolved.applications {
        let name = application.spec(&["project"]).and_then(Node::text).unwrap_or_default();
        // Two of one name belong to two installations.
        let mut named = projects.iter().filter(|project| project.name() == name);
        let (Some(project), None) = (named.next(), named.next()) else { continue };
        let given = ["server", "name"]
            .into_iter()
            .filter_map(|key| Some((key, application.spec(&["destination", key])?)))
            .find(|(_, node)| node.text().is_some_and(|text| !text.is_empty()));
        let Some((key, node)) = given else { continue };
        let destination = node.text().unwrap_or_default();
        let namespace = application.destination_namespace();
        if destination.contains("{{") || namespace.contains("{{") {
            continue;
        }
        let known = clusters.names_of(destination);
        let (server, cluster) = match (known, key) {
            (Some((server, name)), _) => (server, name),
            (None, "server") => (destination, ""),
            // What a name stands for is not known: a project may permit it by its server.
            (None, _) => continue,
        };
        if project.permits_destination(server, cluster, namespace) {
            findings.extend(foreign(clusters, project, server, node, application));
            continue;
        }
        let permits_cluster = project.permits_some_namespace(server, cluster);
        let at = match application.spec(&["destination", "namespace"]) {
            Some(namespace) if permits_cluster => namespace,
            _ => node,
        };
        let message = if permits_cluster {
            format!("AppProject {name} does not permit namespace {namespace} on {destination}")
        } else {
            format!("AppProject {name} does not permit {destination}")
        };
        let list = project.resource.node.path(&["spec", "destinations"]).unwrap_or(&project.resource.node);
        findings.push(
            Finding::at(&RULE, at)
                .message(message)
                .help("deploy to a destination that the project lists, or add this one to it")
                .application(application.id())
                .resource(application.resource.reference())
                .related(list.mark(), format!("what AppProject {name} permits")),
        );
    }
}

/// A project that keeps to clusters of its own, and an Application on one that is not. A Secret whose content is out of
/// sight may be the one.
fn foreign(
    clusters: &Clusters,
    project: &Project,
    server: &str,
    node: &Node,
    application: &Application,
) -> Option<Finding> {
    if !project.only_own_clusters() || clusters.hidden > 0 {
        return None;
    }
    let cluster = clusters.registered.iter().find(|cluster| cluster.server.text == server)?;
    if cluster.project.as_ref().is_some_and(|owner| owner.text == project.name()) {
        return None;
    }
    let name = project.name();
    let switch = project.resource.node.path(&["spec", "permitOnlyProjectScopedClusters"])?;
    Some(
        Finding::at(&RULE, node)
            .message(format!("AppProject {name} permits only clusters of its own, and {} is none", cluster.name.text))
            .help(format!("set `project: {name}` in the Secret of the cluster"))
            .application(application.id())
            .resource(application.resource.reference())
            .related(switch.mark(), "what AppProject permits")
            .related(cluster.server.origin.mark, "the cluster"),
    )
}
