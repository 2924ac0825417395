//! A directory with a kustomization in, the resources that kustomize 5.8 builds from it out, each value with its origin.
//!
//! [`Builds`] belongs to one repository and shares what its kustomizations share: a kustomization is read once
//! (`kustomization`), a base is accumulated once (`accumulate`). [`Builds::build`] accumulates a root: resources and
//! bases, generators (`generate`), components, transformers (`transform`: patches, namespace, prefixes, labels,
//! replicas, images, replacements), in kustomize's order; then names get their hashes, references follow names
//! (`nameref`), variables are replaced (`vars`), and the resources are sorted and rid of kustomize's own notes
//! (`finish`). Argo CD's own options are [`Overrides`].
//!
//! Strategic merges follow the OpenAPI of Kubernetes 1.21.2, as kustomize carries it ([`MergeSchema`]), or one that a
//! kustomization names (`in_force`).

mod accumulate;
mod build;
mod canonical;
mod config;
mod crds;
mod deprecated;
mod embedded;
mod fieldspec;
mod finish;
mod generate;
mod go_yaml;
mod hash;
mod helm;
mod in_force;
mod inside_text;
mod json_patch;
mod kustomization;
mod merge;
mod metadata;
mod nameref;
mod overrides;
mod patch;
mod path;
mod plugin;
mod remote;
mod replacement;
mod resource;
mod schema;
mod selector;
mod shared;
mod transform;
mod value_add;
mod vars;
mod vars_fix;

pub use accumulate::{Builds, Options};
pub(crate) use deprecated::deprecated;
pub use overrides::Overrides;
pub use remote::Remotes;
pub use schema::{Beside, MergeSchema};
pub(crate) use vars_fix::vars_as_replacements;

#[cfg(test)]
mod tests;
