//! Which clusters are registered with Argo CD, and which the repository otherwise knows.
//!
//! Argo CD learns of clusters from Secrets labelled `argocd.argoproj.io/secret-type: cluster`. Such a Secret may be
//! written as it is, or made by an ExternalSecret or a SealedSecret with that label in its template; then its name and
//! server may be out of sight. Clusters in `tiphys.yaml` count as registered. A file with a `clusters:` mapping that is
//! no manifest registers nothing; what it says is only good to tell names and environments.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smol_str::SmolStr;

use crate::config::Config;
use crate::load::{Class, Repository};
use crate::origin::Origin;
use crate::render::Resource;
use crate::yaml::Node;

/// The label of Argo CD's own Secrets.
pub const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";
/// The URL under which Argo CD reaches the cluster that it runs in.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";
/// The name of that cluster.
pub const IN_CLUSTER_NAME: &str = "in-cluster";

/// Text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// The text.
    pub text: SmolStr,
    /// Where it stands.
    pub origin: Origin,
}

impl Sourced {
    /// The text of `node`.
    pub fn of(node: &Node) -> Sourced {
        Sourced { text: SmolStr::new(node.text().unwrap_or_default()), origin: node.origin.clone() }
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name in Argo CD.
    pub name: Sourced,
    /// Its API server's URL.
    pub server: Sourced,
    /// The project that it is reserved for.
    pub project: Option<Sourced>,
    /// The labels of its Secret.
    pub labels: BTreeMap<SmolStr, Sourced>,
    /// The annotations of its Secret.
    pub annotations: BTreeMap<SmolStr, Sourced>,
}

/// What a repository knows of clusters.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    /// Those that are registered, sorted by name.
    pub registered: Vec<Cluster>,
    /// Those that some file describes without registering them, sorted by name.
    pub described: Vec<Cluster>,
    /// Secrets that register a cluster whose name or server is not written in the repository.
    pub hidden: usize,
}

impl Clusters {
    /// The clusters of `repository`: of what it renders, of its configuration, of other files.
    pub fn of<'r>(
        repository: &Repository,
        config: &Config,
        resources: impl IntoIterator<Item = &'r Resource>,
    ) -> Clusters {
        let mut clusters = Clusters { described: described(repository), ..Clusters::registered(config, resources) };
        sort(&mut clusters.described);
        clusters
    }

    /// The clusters that are registered: those that a repository renders and those of its configuration.
    pub fn registered<'r>(config: &Config, resources: impl IntoIterator<Item = &'r Resource>) -> Clusters {
        let mut clusters = Clusters::default();
        for resource in resources {
            match secret(resource) {
                Secret::Other => {}
                Secret::Hidden => clusters.hidden += 1,
                Secret::Cluster(cluster) => clusters.registered.push(*cluster),
            }
        }
        for cluster in &config.clusters {
            let origin = Origin::at(cluster.mark);
            let sourced = |text: &str| Sourced { text: SmolStr::new(text), origin: origin.clone() };
            if clusters.registered.iter().any(|known| known.server.text == cluster.server) {
                continue;
            }
            clusters.registered.push(Cluster {
                name: sourced(&cluster.name),
                server: sourced(&cluster.server),
                project: cluster.project.as_deref().map(sourced),
                labels: cluster.labels.iter().map(|(key, value)| (key.clone(), sourced(value))).collect(),
                annotations: cluster.annotations.iter().map(|(key, value)| (key.clone(), sourced(value))).collect(),
            });
        }
        sort(&mut clusters.registered);
        clusters
    }

    /// Whether Argo CD knows the destination, a server or a name. The cluster that it runs in is always known.
    pub fn is_registered(&self, destination: &str) -> bool {
        let wanted = destination.trim_end_matches('/');
        wanted == IN_CLUSTER_SERVER
            || destination == IN_CLUSTER_NAME
            || self
                .registered
                .iter()
                .any(|cluster| cluster.server.text.trim_end_matches('/') == wanted || cluster.name.text == destination)
    }

    /// The cluster of a destination, registered or described.
    pub fn find(&self, destination: &str) -> Option<&Cluster> {
        let wanted = destination.trim_end_matches('/');
        self.registered
            .iter()
            .chain(&self.described)
            .find(|cluster| cluster.server.text.trim_end_matches('/') == wanted || cluster.name.text == destination)
    }

    /// Server and name of a destination that is registered, or is the cluster that Argo CD runs in.
    pub fn names_of(&self, destination: &str) -> Option<(&str, &str)> {
        let wanted = destination.trim_end_matches('/');
        let found = self
            .registered
            .iter()
            .find(|cluster| cluster.server.text.trim_end_matches('/') == wanted || cluster.name.text == destination);
        match found {
            Some(cluster) => Some((&cluster.server.text, &cluster.name.text)),
            None if wanted == IN_CLUSTER_SERVER || destination == IN_CLUSTER_NAME => {
                Some((IN_CLUSTER_SERVER, IN_CLUSTER_NAME))
            }
            None => None,
        }
    }

    /// The server of a destination that may be a name; what is not known stays.
    pub fn server<'c>(&'c self, destination: &'c str) -> &'c str {
        if destination == IN_CLUSTER_NAME {
            return IN_CLUSTER_SERVER;
        }
        self.find(destination).map_or(destination, |cluster| cluster.server.text.trim_end_matches('/'))
    }
}

enum Secret {
    Other,
    Hidden,
    Cluster(Box<Cluster>),
}

fn secret(resource: &Resource) -> Secret {
    let node = &resource.node;
    let (metadata, data, encoded) = match (resource.group(), resource.kind()) {
        ("", "Secret") => (node.get("metadata"), node.get("stringData"), node.get("data")),
        ("external-secrets.io", "ExternalSecret") => {
            let template = node.path(&["spec", "target", "template"]);
            (template.and_then(|template| template.get("metadata")), template.and_then(|t| t.get("data")), None)
        }
        ("bitnami.com", "SealedSecret") => {
            let template = node.path(&["spec", "template"]);
            (template.and_then(|template| template.get("metadata")), template.and_then(|t| t.get("data")), None)
        }
        _ => return Secret::Other,
    };
    let label = metadata.and_then(|metadata| metadata.path(&["labels", SECRET_TYPE])).and_then(Node::text);
    if label != Some("cluster") {
        return Secret::Other;
    }
    let field = |key: &str| -> Option<Sourced> {
        if let Some(plain) = data.and_then(|data| data.get(key)) {
            let sourced = Sourced::of(plain);
            return (!sourced.text.is_empty() && !sourced.text.contains("{{")).then_some(sourced);
        }
        let encoded = encoded.and_then(|data| data.get(key))?;
        let bytes = STANDARD.decode(encoded.text()?.trim()).ok()?;
        Some(Sourced { text: SmolStr::new(String::from_utf8(bytes).ok()?.trim()), origin: encoded.origin.clone() })
    };
    let Some(server) = field("server") else { return Secret::Hidden };
    let name = field("name").unwrap_or_else(|| server.clone());
    let texts = |key: &str| -> BTreeMap<SmolStr, Sourced> {
        let entries = metadata.and_then(|metadata| metadata.get(key)).map(Node::entries).unwrap_or_default();
        entries.iter().map(|entry| (SmolStr::new(entry.key_text()), Sourced::of(&entry.value))).collect()
    };
    Secret::Cluster(Box::new(Cluster {
        name,
        server,
        project: field("project"),
        labels: texts("labels"),
        annotations: texts("annotations"),
    }))
}

/// Sorts by name; one Secret may be rendered by several targets.
fn sort(clusters: &mut Vec<Cluster>) {
    clusters.sort_by(|a, b| {
        (&a.name.text, &a.server.text, a.name.origin.mark).cmp(&(&b.name.text, &b.server.text, b.name.origin.mark))
    });
    clusters.dedup_by(|a, b| a.name.text == b.name.text && a.server.text == b.server.text);
}

/// Clusters of files with a `clusters:` mapping or list that are no manifests.
fn described(repository: &Repository) -> Vec<Cluster> {
    let mut found = Vec::new();
    for id in repository.files_of(Class::Yaml) {
        let Some(yaml) = repository.yaml(id) else { continue };
        for document in &yaml.documents {
            let root = &document.root;
            let Some(clusters) = root.get("clusters") else { continue };
            if root.get("kind").is_some() || root.get("apiVersion").is_some() {
                continue;
            }
            let keyed = clusters.entries().iter().map(|entry| (Some(&entry.key), &entry.value));
            for (key, node) in keyed.chain(clusters.items().iter().map(|item| (None, item))) {
                let Some(server) = node.get("server").filter(|server| server.text().is_some()) else { continue };
                let labels = node.get("labels").map(Node::entries).unwrap_or_default();
                found.push(Cluster {
                    name: Sourced::of(node.get("name").or(key).unwrap_or(server)),
                    server: Sourced::of(server),
                    project: None,
                    labels: labels
                        .iter()
                        .map(|entry| (SmolStr::new(entry.key_text()), Sourced::of(&entry.value)))
                        .collect(),
                    annotations: BTreeMap::new(),
                });
            }
        }
    }
    found
}
