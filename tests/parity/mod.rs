//! The renderers against the real tools: the recorded cases beside the repository, if they are there, and our own.

mod argo_appset;
mod argo_health;
mod argo_order;
mod argo_validate;
mod helm;
pub(crate) mod kustomize;
mod rego;
mod release;
mod templates;
