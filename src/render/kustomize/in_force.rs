//! Which schema a build merges by, at each moment.
//!
//! kustomize has one for the whole process: Kubernetes' own, until a kustomization names another in `openapi`. The first
//! that is met, in the order of accumulation, holds for the rest of the build. Kubernetes' own stays beside it if it
//! was needed before: by a merge, or to look up the scope of a kind that it does not know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::accumulate::Context;
use super::build::Build;
use super::kustomization::Kustomization;
use super::schema::{Beside, MergeSchema};
use crate::origin::FileId;

/// The schema of one build.
#[derive(Debug, Default)]
pub(super) struct InForce {
    named: OnceLock<(Arc<MergeSchema>, Option<FileId>)>,
    merged: AtomicBool,
    unknown: AtomicBool,
}

impl InForce {
    /// The schema that is in force now.
    pub(super) fn schema(&self) -> &MergeSchema {
        self.named.get().map_or_else(|| &**MergeSchema::builtin(), |(schema, _)| schema)
    }

    /// The file that it was read from, if it is not the built-in one.
    pub(super) fn file(&self) -> Option<FileId> {
        self.named.get().and_then(|(_, file)| *file)
    }

    /// Whether no kustomization that is read from now on has a say any more.
    pub(super) fn is_settled(&self) -> bool {
        self.named.get().is_some()
    }

    /// Notes that something was merged by the schema.
    pub(super) fn note_merge(&self) {
        self.merged.store(true, Ordering::Relaxed);
    }

    /// Notes a kind whose scope was looked up.
    pub(super) fn note_kind(&self, api_version: &str, kind: &str) {
        if !self.is_settled() && !MergeSchema::builtin().knows_scope(api_version, kind) {
            self.unknown.store(true, Ordering::Relaxed);
        }
    }

    fn beside(&self) -> Beside {
        if self.merged.load(Ordering::Relaxed) {
            Beside::Rest
        } else if self.unknown.load(Ordering::Relaxed) {
            Beside::All
        } else {
            Beside::Nothing
        }
    }

    /// Settles on what `kustomization` names, if it names a schema and is the first to do so.
    pub(super) fn consider(&self, kustomization: &Kustomization, context: &Context<'_, '_>, build: &mut Build) {
        if kustomization.openapi_builtin {
            self.named.get_or_init(|| (MergeSchema::builtin().clone(), None));
        }
        let Some(path) = &kustomization.openapi_path else { return };
        match context.file(path) {
            Ok((id, _)) => {
                build.used.insert(id);
                self.named.get_or_init(|| (context.builds.schema(id, self.beside()), Some(id)));
            }
            Err(missing) => build.lacks(missing),
        }
    }
}
