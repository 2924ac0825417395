//! Rendered targets in, findings out.
//!
//! Rules live in [`rules`], one file each; the [`registry`](rules::all) knows them all. Each looks at what its
//! [`Check`](crate::finding::Check) says: a resource, an Application, or the [`World`].

pub mod rules;

use crate::load::Repository;
use crate::render::Resource;
use crate::resolve::{Application, Rendered, Resolved};
use crate::schema::Catalogues;

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
