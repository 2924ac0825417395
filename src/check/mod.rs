//! Rendered targets in, findings out.
//!
//! Rules live in [`rules`], one file each; the [`registry`](rules::all) knows them all. Each looks at what its
//! [`Check`](crate::finding::Check) says: a resource, an Application, or the [`World`]. [`engine`] runs them, collects
//! what the stages before reported, and makes the one [`Checked`]; [`approve`] makes the one [`Approved`] of it.

pub mod admission;
mod approve;
pub(crate) mod argo;
mod autoscaling;
pub(crate) mod backends;
mod catalogue;
mod collect;
mod elements;
pub mod engine;
pub(crate) mod fingerprint;
pub(crate) mod images;
mod immutable;
pub(crate) mod inventory;
pub(crate) mod mentions;
mod monitors;
pub(crate) mod named;
mod open;
pub(crate) mod pod;
pub(crate) mod references;
pub mod rego;
pub mod rules;
pub mod schema;
mod segments;
pub(crate) mod select;
pub(crate) mod selector;
pub(crate) mod syntax;
pub(crate) mod tokens;
mod unfilled;
pub(crate) mod waves;
pub(crate) mod workload;

pub use approve::{Approved, approve};
pub use catalogue::{RuleInfo, catalogue};
pub use collect::{Accepted, Checked, Judgement, Summary, Waived};
pub use engine::{CheckInput, check};
pub use fingerprint::{baseline_of, new_since, since_baseline};

use std::sync::OnceLock;

use self::inventory::Inventory;
use crate::config::{Config, Place};
use crate::finding::Profile;
use crate::load::Repository;
use crate::render::Resource;
use crate::resolve::{Application, Rendered, Resolved};
use crate::schema::Catalogues;
use crate::yaml::Node;

/// Everything that is known of the repository.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// The files.
    pub repository: &'a Repository,
    /// Applications, ApplicationSets, projects and clusters.
    pub resolved: &'a Resolved,
    /// What each target renders to.
    pub rendered: &'a [Rendered],
    /// The kinds that each cluster knows.
    pub schemas: &'a Catalogues,
    /// What `tiphys.yaml` says.
    pub config: &'a Config,
    /// The choice of rules that is in force.
    pub profile: Profile,
    /// What lies in each namespace: taken once, when the first rule asks.
    pub(crate) stock: &'a OnceLock<Inventory<'a>>,
}

impl<'a> World<'a> {
    /// What lies in each namespace.
    pub(crate) fn inventory(&self) -> &'a Inventory<'a> {
        self.stock.get_or_init(|| Inventory::new(self))
    }
}

/// One rendered resource and where it is deployed.
#[derive(Debug, Clone, Copy)]
pub struct ResourceContext<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// The target that renders it.
    pub rendered: &'a Rendered,
    /// Everything else.
    pub world: &'a World<'a>,
}

impl ResourceContext<'_> {
    /// The namespace that the resource lands in: its own, else that of the Application's destination. Right for
    /// namespaced kinds only.
    pub fn namespace(&self) -> &str {
        match self.resource.namespace() {
            "" => self.rendered.application().map_or("", |application| application.destination_namespace()),
            namespace => namespace,
        }
    }
}

/// One Application, declared or generated.
#[derive(Debug, Clone, Copy)]
pub struct ApplicationContext<'a> {
    /// The Application.
    pub application: &'a Application,
    /// What it renders to, if it could be rendered.
    pub rendered: Option<&'a Rendered>,
    /// Everything else.
    pub world: &'a World<'a>,
}

impl World<'_> {
    /// Whether `application` deploys to production, by the environments of the configuration.
    pub fn is_production(&self, application: &Application) -> bool {
        with_place(self.config, application, |place| self.config.is_production(place))
    }

    /// The environment of `application`: see [`environment`].
    pub fn environment(&self, application: &Application) -> Option<&str> {
        environment(self.config, application)
    }

    /// Whether `application` is known to belong to an environment other than production: by the configuration, by a
    /// label, or by its cluster's environment.
    pub fn is_other_environment(&self, application: &Application) -> bool {
        let named = || crate::config::ENVIRONMENT_LABELS.iter().any(|key| application.resource.label(key).is_some());
        let cluster = || self.config.cluster(application.destination_cluster());
        !self.is_production(application)
            && (self.environment(application).is_some()
                || named()
                || cluster().is_some_and(|cluster| cluster.environment.is_some()))
    }
}

pub(crate) use argo::permission::refusal as sync_refusal;

/// The environment of `application`: the first of the configuration's that matches, else that of its cluster in the
/// configuration.
pub(crate) fn environment<'c>(config: &'c Config, application: &Application) -> Option<&'c str> {
    let matching = with_place(config, application, |place| config.environment(place).map(|found| found.name.as_str()));
    let of_cluster = || config.cluster(application.destination_cluster())?.environment.as_deref();
    matching.or_else(of_cluster)
}

fn with_place<T>(config: &Config, application: &Application, f: impl FnOnce(&Place<'_>) -> T) -> T {
    let sources = application.sources();
    let paths: Vec<&str> = sources.iter().filter_map(|source| source.node.str_at(&["path"])).collect();
    let destination = application.destination_cluster();
    let mut cluster = vec![destination];
    if let Some(known) = config.cluster(destination) {
        cluster.extend([known.name.as_str(), known.server.as_str()]);
        cluster.extend(known.environment.as_deref());
    }
    let labels: Vec<(&str, &str)> = application
        .resource
        .node
        .path(&["metadata", "labels"])
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| Some((entry.key_text(), entry.value.text()?)))
        .collect();
    f(&Place {
        paths: &paths,
        cluster: &cluster,
        namespace: application.destination_namespace(),
        application: application.name(),
        labels: &labels,
    })
}

impl ResourceContext<'_> {
    /// The cluster that the resource goes to; empty if no Application deploys it.
    pub fn cluster(&self) -> &str {
        self.rendered.application().map_or("", |application| application.destination_cluster())
    }
}
