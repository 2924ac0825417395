//! What most commands begin with: a repository and its configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use crate::run::Input;
use crate::source::{Snapshot, git, worktree};

/// The repository and how to judge it.
#[derive(Debug, clap::Args)]
pub(super) struct InputArgs {
    /// The repository's root
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) path: PathBuf,
    /// The configuration; tiphys.yaml in the repository's root if there is one
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl InputArgs {
    /// Reads the worktree.
    pub(super) fn read(&self) -> Result<Input, Failure> {
        let snapshot = worktree::read(&self.path).map_err(|error| Failure::Usage(error.to_string()))?;
        self.input(snapshot)
    }

    /// Reads the repository as it is in a git revision.
    pub(super) fn read_revision(&self, revision: &str) -> Result<Input, Failure> {
        let snapshot = git::read(&self.path, revision).map_err(|error| Failure::Usage(error.to_string()))?;
        self.input(snapshot)
    }

    fn input(&self, mut snapshot: Snapshot) -> Result<Input, Failure> {
        let config = match &self.config {
            Some(path) => Some(crate::config::Config::add(&mut snapshot, &path.to_string_lossy(), &text(path)?)),
            None => None,
        };
        Ok(Input { snapshot: Arc::new(snapshot), config })
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
