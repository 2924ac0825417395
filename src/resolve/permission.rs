//! What an Application is refused for: its spec, its AppProject and the clusters in, conditions out.
//!
//! The order is Argo CD's, and it decides what is told: an incomplete source hides all that comes after it, and a
//! destination that is no cluster hides whether the project permits it.

use super::cluster::{Cluster, IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
use super::project::Project;
use crate::yaml::Node;

/// The condition that Argo CD gives an Application for any of this.
pub const INVALID_SPEC: &str = "InvalidSpecError";

/// The server and the name of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Destination<'a> {
    server: &'a str,
    name: &'a str,
}

fn text<'n>(node: Option<&'n Node>, key: &str) -> &'n str {
    node.and_then(|node| node.get(key)).and_then(Node::text).unwrap_or_default()
}

/// Why Argo CD does not deploy an Application with this `spec`, in its order; empty where nothing is wrong.
pub fn conditions(spec: &Node, project: &Project, clusters: &[Cluster]) -> Vec<String> {
    let mut conditions = match sources(spec, project) {
        Ok(conditions) => conditions,
        Err(incomplete) => return incomplete,
    };
    let destination = match destination(spec, clusters) {
        Ok(destination) => destination,
        Err(condition) => {
            conditions.push(condition);
            return conditions;
        }
    };
    let given = spec.get("destination");
    let namespace = text(given, "namespace");
    if !permitted(project, clusters, destination, namespace) {
        let cluster = if text(given, "name").is_empty() { destination.server } else { destination.name };
        conditions.push(format!(
            "application destination server '{cluster}' and namespace '{namespace}' do not match any of the allowed \
             destinations in project '{}'",
            project.name()
        ));
    }
    conditions
}

/// Whether the destination of an Application with this `spec` is one cluster. The error says why not.
pub fn destination_exists(spec: &Node, clusters: &[Cluster]) -> Result<(), String> {
    destination(spec, clusters).map(drop)
}

/// What is wrong with the sources; the error is what makes further questions pointless.
fn sources(spec: &Node, project: &Project) -> Result<Vec<String>, Vec<String>> {
    let mut conditions = Vec::new();
    let refused = |what: &str, url: &str| format!("{what} {url} is not permitted in project '{}'", project.name());
    if let Some(hydrator) = spec.get("sourceHydrator").filter(|hydrator| !hydrator.is_null()) {
        let branch = |key: &str| text(hydrator.get(key), "targetBranch");
        let dry = text(hydrator.get("drySource"), "repoURL");
        if dry.is_empty() {
            conditions.push("spec.sourceHydrator.drySource.repoURL is required".to_owned());
        }
        if branch("syncSource").is_empty() {
            conditions.push("spec.sourceHydrator.syncSource.targetBranch is required".to_owned());
        }
        if hydrator.get("hydrateTo").is_some_and(|to| !to.is_null()) && branch("hydrateTo").is_empty() {
            let field = "spec.sourceHydrator.hydrateTo";
            conditions.push(format!("when {field} is set, {field}.targetBranch is required"));
        }
        if !conditions.is_empty() {
            return Err(conditions);
        }
        if !project.permits_source(dry) {
            conditions.push(refused("application repo", dry));
        }
        // What is hydrated goes to the repository of the dry source, unless another is named.
        let sync = text(hydrator.get("syncSource"), "repoURL");
        if !sync.is_empty() && sync != dry && !project.permits_source(sync) {
            conditions.push(refused("sync source repo", sync));
        }
        return Ok(conditions);
    }
    let several = spec.get("sources").map(Node::items).unwrap_or_default();
    if several.is_empty() {
        let source = spec.get("source");
        if let Some(incomplete) = incomplete(source, false) {
            return Err(vec![incomplete]);
        }
        let url = text(source, "repoURL");
        return Ok(if project.permits_source(url) { conditions } else { vec![refused("application repo", url)] });
    }
    for source in several {
        if let Some(incomplete) = incomplete(Some(source), true) {
            conditions.push(incomplete);
            return Err(conditions);
        }
        let url = text(Some(source), "repoURL");
        if !project.permits_source(url) {
            conditions.push(refused("application repo", url));
        }
    }
    Ok(conditions)
}

/// What a source lacks.
fn incomplete(source: Option<&Node>, several: bool) -> Option<String> {
    let given = |key: &str| !text(source, key).is_empty();
    let says_what = given("path") || given("chart") || several && given("ref");
    if !given("repoURL") || !says_what {
        return Some(match several {
            true => "spec.source.repoURL and either source.path, source.chart, or source.ref are required".to_owned(),
            false => "spec.source.repoURL and either spec.source.path or spec.source.chart are required".to_owned(),
        });
    }
    (given("chart") && !given("targetRevision"))
        .then(|| "spec.source.targetRevision is required if the manifest source is a helm chart".to_owned())
}

/// The cluster that a destination names. The error says why there is none.
fn destination<'a>(spec: &'a Node, clusters: &'a [Cluster]) -> Result<Destination<'a>, String> {
    let given = spec.get("destination");
    let (server, name) = (text(given, "server"), text(given, "name"));
    match (server.is_empty(), name.is_empty()) {
        (false, false) => {
            Err(format!("application destination can't have both name and server defined: {name} {server}"))
        }
        (true, true) => Err("Destination server missing from app spec".to_owned()),
        (false, true) => {
            let wanted = server.trim_end_matches('/');
            let known = clusters.iter().find(|cluster| cluster.server.text.trim_end_matches('/') == wanted);
            match known {
                Some(cluster) => Ok(Destination { server: wanted, name: &cluster.name.text }),
                None if wanted == IN_CLUSTER_SERVER => Ok(Destination { server: wanted, name: IN_CLUSTER_NAME }),
                None => Err(format!("error getting cluster by server {server:?}: cluster {wanted:?} not found")),
            }
        }
        (true, false) => {
            let mut named: Vec<&str> = clusters
                .iter()
                .filter(|cluster| cluster.name.text == name)
                .map(|cluster| cluster.server.text.trim_end_matches('/'))
                .collect();
            if named.is_empty() && name == IN_CLUSTER_NAME {
                named.push(IN_CLUSTER_SERVER);
            }
            match named.as_slice() {
                [] => Err(format!("there are no clusters with this name: {name}")),
                [server] => Ok(Destination { server, name }),
                all => Err(format!("there are {} clusters with the same name: [{}]", all.len(), all.join(" "))),
            }
        }
    }
}

/// Whether the project lets Applications go to the namespace of the cluster. One that permits only clusters of its own
/// also asks for whom the cluster is reserved.
fn permitted(project: &Project, clusters: &[Cluster], destination: Destination<'_>, namespace: &str) -> bool {
    let Destination { server, name } = destination;
    if !project.permits_destination(server, name, namespace) {
        return false;
    }
    let own = |cluster: &Cluster| {
        cluster.project.as_ref().is_some_and(|owner| owner.text == project.name())
            && (cluster.name.text == name || cluster.server.text.trim_end_matches('/') == server)
    };
    !project.only_own_clusters() || clusters.iter().any(own)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::origin::{FileId, Origin};
    use crate::render::Resource;
    use crate::resolve::cluster::Sourced;
    use crate::yaml::{Limits, read};

    fn node(text: &str) -> Node {
        read(FileId(0), text, Limits::default()).documents.remove(0).root
    }

    fn judged(project: &str, spec: &str) -> Vec<String> {
        let resource = Resource { node: node(&format!("metadata: {{name: p}}\nspec: {project}\n")) };
        let sourced = |text: &str| Sourced { text: text.into(), origin: Origin::NONE };
        let cluster = |name: &str, server: &str, project: Option<&str>| Cluster {
            name: sourced(name),
            server: sourced(server),
            project: project.map(sourced),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        };
        let clusters = [
            cluster("dev", "https://dev", None),
            cluster("twin", "https://a", None),
            cluster("twin", "https://b", None),
            cluster("own", "https://own", Some("p")),
        ];
        conditions(&node(spec), &Project::of(&Arc::new(resource)), &clusters)
    }

    const ALL: &str = "{sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]}";

    #[test]
    fn an_incomplete_source_hides_the_rest() {
        let found = judged(ALL, "{source: {path: x}, destination: {}}");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(judged(ALL, "{source: {repoURL: u, path: x}, destination: {server: 'https://dev/'}}").is_empty());
    }

    #[test]
    fn a_destination_is_one_cluster() {
        let source = "source: {repoURL: u, path: x}";
        for (destination, told) in [
            ("{}", "missing"),
            ("{name: dev, server: 'https://dev'}", "both"),
            ("{name: nobody}", "no clusters"),
            ("{name: twin}", "2 clusters"),
            ("{server: 'https://nobody'}", "not found"),
        ] {
            let found = judged(ALL, &format!("{{{source}, destination: {destination}}}"));
            assert!(found.len() == 1 && found[0].contains(told), "{destination}: {found:?}");
        }
        assert!(judged(ALL, &format!("{{{source}, destination: {{name: in-cluster}}}}")).is_empty());
    }

    #[test]
    fn a_project_may_keep_to_its_own_clusters() {
        let project = "{permitOnlyProjectScopedClusters: true, sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]}";
        let spec = |name: &str| format!("{{source: {{repoURL: u, path: x}}, destination: {{name: {name}}}}}");
        assert!(judged(project, &spec("own")).is_empty());
        assert_eq!(judged(project, &spec("dev")).len(), 1);
    }

    #[test]
    fn a_hydrator_needs_its_branches() {
        let found = judged(ALL, "{sourceHydrator: {drySource: {path: x}, syncSource: {}, hydrateTo: {}}}");
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
