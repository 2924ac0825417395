//! Everything that the generators of an ApplicationSet may see, given in one file instead of a cluster and a git server.

use std::sync::Arc;

use serde_json::Value as Json;
use smol_str::SmolStr;

use super::{Checkout, Context, Fixtures, Git, Installation};
use crate::load::{Repository, load};
use crate::origin::{FileId, Origin};
use crate::resolve::cluster::{Cluster, Sourced};
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, read};

/// Clusters, repositories and the answers of servers.
#[derive(Debug, Default)]
pub struct Inputs {
    namespace: String,
    clusters: Vec<Cluster>,
    projects: Option<Vec<String>>,
    fixtures: Fixtures,
    /// Whether what is not given does not exist.
    complete: bool,
    /// Whether the Applications are to be judged as the controller does, and rolled out.
    validate: bool,
    rollout: bool,
    /// URL, revision if one was given, and files.
    listed: Vec<(String, Option<String>, Repository)>,
    /// What stands for every other URL.
    repository: Option<Arc<Repository>>,
}

impl Inputs {
    /// Reads inputs; `repository` stands for every repository that they do not list. The error says what is wrong.
    pub fn read(text: &str, repository: Option<Arc<Repository>>) -> Result<Inputs, String> {
        let file = read(FileId::NONE, text, Limits::default());
        if let Some(problem) = file.problems.first() {
            return Err(format!("line {}: not the YAML that inputs are written in", problem.mark.line));
        }
        let root = file.documents.first().map(|document| document.root.clone());
        let json = root.as_ref().map_or(Json::Null, Node::to_json);
        let namespace = json.get("controllerNamespace").and_then(Json::as_str).unwrap_or("argocd").to_owned();
        let list = |key: &str| root.as_ref().and_then(|root| root.get(key)).map(Node::items).unwrap_or_default();
        let clusters = list("clusters").iter().map(cluster).collect();
        let listed = list("repos")
            .iter()
            .map(|repository| {
                let text = |key: &str| repository.get(key).and_then(Node::text).map(ToOwned::to_owned);
                let files = repository.get("files").map(Node::entries).unwrap_or_default();
                let files = files.iter().map(|entry| (entry.key_text(), entry.value.text().unwrap_or_default()));
                let files = load(Arc::new(Snapshot::from_files(files)));
                (text("url").unwrap_or_default(), text("revision"), files)
            })
            .collect();
        let projects = json.get("projects").and_then(Json::as_array).map(|projects| {
            let name = |project: &Json| project.as_str().or_else(|| project.get("name")?.as_str()).map(str::to_owned);
            projects.iter().filter_map(name).collect()
        });
        let asked = |key: &str| json.get(key).and_then(Json::as_bool).unwrap_or(false);
        let (validate, rollout) = (asked("validate"), asked("rollout"));
        let fixtures = Fixtures::from_json(json, true);
        Ok(Inputs { namespace, clusters, projects, fixtures, complete: true, validate, rollout, listed, repository })
    }

    /// Takes what is not given as unknown, where it would be known to be absent.
    #[must_use]
    pub fn incomplete(mut self) -> Inputs {
        self.fixtures.strict = false;
        self.complete = false;
        self
    }

    /// The controller whose work is asked for with `validate` or `rollout`, if it is: what it knows.
    pub fn installation(&self) -> Option<Installation<'_>> {
        let progressive = self.rollout;
        (self.validate || progressive).then(|| Installation {
            clusters: &self.clusters,
            projects: self.projects.as_deref(),
            progressive,
        })
    }

    /// The clusters that are registered.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The context in which sets are expanded.
    pub fn context(&self) -> Context<'_> {
        Context {
            git: self,
            clusters: &self.clusters,
            all_clusters: self.complete,
            fixtures: &self.fixtures,
            namespace: &self.namespace,
            projects: self.projects.as_deref(),
        }
    }
}

impl Git for Inputs {
    fn checkout(&self, url: &str, revision: &str) -> Option<Checkout<'_>> {
        let listed =
            self.listed.iter().find(|(known, at, _)| known == url && at.as_deref().is_none_or(|at| at == revision));
        let repository = match listed {
            Some((_, _, repository)) => repository,
            None => self.repository.as_deref()?,
        };
        Some(Checkout { repository, directory: "" })
    }
}

fn cluster(node: &Node) -> Cluster {
    let sourced = |key: &str| node.get(key).map(Sourced::of);
    let absent = || Sourced { text: SmolStr::default(), origin: Origin::NONE };
    let texts = |key: &str| {
        let entries = node.get(key).map(Node::entries).unwrap_or_default();
        entries.iter().map(|entry| (SmolStr::new(entry.key_text()), Sourced::of(&entry.value))).collect()
    };
    let mut labels: std::collections::BTreeMap<SmolStr, Sourced> = texts("labels");
    labels.insert(
        SmolStr::new_static(crate::resolve::cluster::SECRET_TYPE),
        Sourced { text: SmolStr::new_static("cluster"), origin: Origin::NONE },
    );
    Cluster {
        name: sourced("name").unwrap_or_else(absent),
        server: sourced("server").unwrap_or_else(absent),
        project: sourced("project"),
        labels,
        annotations: texts("annotations"),
    }
}
