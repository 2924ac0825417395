//! `crds`: what the OpenAPI of custom resources adds to the transformers' fields.

use super::accumulate::{Build, Context};
use crate::origin::FileId;
use crate::yaml::Node;

pub(super) fn load(_context: &Context<'_, '_>, _entry: &Node, _id: FileId, _build: &mut Build) {}
