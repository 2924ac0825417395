//! Variables: `$(NAME)` replaced by a value of a resource.

use super::accumulate::{Build, Context};
use super::kustomization::Kustomization;

pub(super) fn declare(_context: &Context<'_, '_>, _kustomization: &Kustomization, _build: &mut Build) {}
pub(super) fn resolve(_build: &mut Build) {}
