//! Generators, transformers and validators given as objects: kustomize's built-in ones.

use super::accumulate::{Build, Context};
use super::kustomization::Kustomization;
use crate::yaml::Node;

pub(super) fn generators(_context: &Context<'_, '_>, _kustomization: &Kustomization, _build: &mut Build) {}
pub(super) fn transformers(
    _context: &Context<'_, '_>,
    _kustomization: &Kustomization,
    _entries: &[Node],
    _build: &mut Build,
) {
}
pub(super) fn validators(_context: &Context<'_, '_>, _kustomization: &Kustomization, _build: &mut Build) {}
