//! Replacements: a value copied from one resource into others.

use super::accumulate::{Build, Context};
use super::kustomization::Kustomization;
use crate::yaml::Node;

pub(super) fn run(_context: &Context<'_, '_>, _kustomization: &Kustomization, _entries: &[Node], _build: &mut Build) {}
