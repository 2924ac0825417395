//! Repository in, targets out: everything that would be rendered, and by which Application.
//!
//! Roots are rendered first (see [`Target`]); the Applications, ApplicationSets and AppProjects among their resources
//! are resolved, and the sources of those Applications rendered in turn, until nothing new appears.

pub mod applicationset;
pub mod cluster;
pub mod fixpoint;
pub mod instance;
mod leads;
mod overrides;
pub mod permission;
pub mod project;
mod reach;
pub mod repository;
pub mod roots;
pub mod source;
pub mod stages;
pub mod sync_option;

use std::sync::Arc;

use smol_str::SmolStr;

use crate::origin::{Mark, Origin};
use crate::render::Resource;
use crate::yaml::Node;

/// Something to render.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it is, unique in the repository and stable: `application argocd/web`, `kustomization services/web`,
    /// `chart charts/web`, `manifest extra/job.yaml`.
    pub id: String,
    /// What it is.
    pub kind: TargetKind,
    /// Where a person asked for it: the Application's source, or the file itself.
    pub mark: Mark,
}

/// The ways in which something comes to be rendered.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// By an Application.
    Application(Arc<Application>),
    /// A kustomization that nothing references: its directory.
    Kustomization(String),
    /// A chart, with its own values: its directory.
    Chart(String),
    /// A manifest that nothing references: its path.
    Manifest(String),
}

/// An Application, declared or generated.
#[derive(Debug, Clone)]
pub struct Application {
    /// The whole object; its values' origins lead to the template or the generator's element.
    pub resource: Resource,
    /// The name of the ApplicationSet that generated it.
    pub generated_by: Option<SmolStr>,
}

/// One entry of `spec.source` or `spec.sources`.
#[derive(Debug, Clone, Copy)]
pub struct SourceRef<'a> {
    /// The source.
    pub node: &'a Node,
    /// Its JSON Pointer in the Application.
    pub index: Option<usize>,
}

impl Application {
    /// `metadata.name`
    pub fn name(&self) -> &str {
        self.resource.name()
    }

    /// `metadata.namespace`; `argocd` where it is not set.
    pub fn namespace(&self) -> &str {
        match self.resource.namespace() {
            "" => "argocd",
            namespace => namespace,
        }
    }

    /// `namespace/name`
    pub fn id(&self) -> SmolStr {
        SmolStr::new(format!("{}/{}", self.namespace(), self.name()))
    }

    /// A value of `spec`.
    pub fn spec(&self, keys: &[&str]) -> Option<&Node> {
        self.resource.node.get("spec")?.path(keys)
    }

    /// The sources: the dry source of `spec.sourceHydrator`, else those of `spec.sources` if it has any, else
    /// `spec.source`.
    pub fn sources(&self) -> Vec<SourceRef<'_>> {
        if let Some(hydrator) = self.hydrator() {
            return hydrator.get("drySource").map(|node| SourceRef { node, index: None }).into_iter().collect();
        }
        match self.spec(&["sources"]).map(Node::items) {
            Some(items) if !items.is_empty() => {
                items.iter().enumerate().map(|(index, node)| SourceRef { node, index: Some(index) }).collect()
            }
            _ => self.spec(&["source"]).map(|node| SourceRef { node, index: None }).into_iter().collect(),
        }
    }

    /// `spec.sourceHydrator`, which takes the place of all other sources.
    pub fn hydrator(&self) -> Option<&Node> {
        self.spec(&["sourceHydrator"]).filter(|node| !node.is_null())
    }

    /// `spec.destination.namespace`; empty if it is not set.
    pub fn destination_namespace(&self) -> &str {
        self.spec(&["destination", "namespace"]).and_then(Node::text).unwrap_or_default()
    }

    /// The cluster of `spec.destination`: its server, else its name; empty if neither is set.
    pub fn destination_cluster(&self) -> &str {
        let of = |key| self.spec(&["destination", key]).and_then(Node::text).filter(|text| !text.is_empty());
        of("server").or(of("name")).unwrap_or_default()
    }

    /// Where the object stands.
    pub fn origin(&self) -> &Origin {
        &self.resource.node.origin
    }
}

/// What a target renders to.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The target.
    pub target: Arc<Target>,
    /// Its resources, findings and the files that it read.
    pub output: crate::render::Output,
}

impl Rendered {
    /// The Application that deploys it, if one does.
    pub fn application(&self) -> Option<&Arc<Application>> {
        match &self.target.kind {
            TargetKind::Application(application) => Some(application),
            _ => None,
        }
    }
}

/// What the repository declares to Argo CD, by the end of the fixpoint.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Applications, declared and generated, sorted by namespace and name.
    pub applications: Vec<Arc<Application>>,
    /// ApplicationSets.
    pub application_sets: Vec<Arc<Resource>>,
    /// The places of the ApplicationSets whose Applications are all known.
    pub expanded: std::collections::BTreeSet<Mark>,
    /// AppProjects.
    pub projects: Vec<Arc<Resource>>,
    /// The clusters that are registered or described.
    pub clusters: cluster::Clusters,
    /// Which repository URLs are this repository.
    pub identity: repository::Identity,
}

#[cfg(test)]
mod tests;
