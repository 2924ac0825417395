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
    /// A directory of Rego policies, besides those that the configuration names; may be repeated
    #[arg(long = "policy", value_name = "DIR")]
    pub(super) policies: Vec<PathBuf>,
}

/// The repository as an option, where the argument is something of it.
#[derive(Debug, clap::Args)]
pub(super) struct RepositoryArgs {
    /// The repository's root
    #[arg(long, default_value = ".", value_name = "PATH")]
    repository: PathBuf,
    /// The configuration; tiphys.yaml in the repository's root if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl RepositoryArgs {
    /// Reads the worktree.
    pub(super) fn read(&self) -> Result<Input, Failure> {
        InputArgs { path: self.repository.clone(), config: self.config.clone(), policies: Vec::new() }.read()
    }
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
        let policies = self.policies.iter().map(|path| policies(&mut snapshot, path)).collect::<Result<_, _>>()?;
        Ok(Input { snapshot: Arc::new(snapshot), config, policies })
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// Adds the files of a directory of policies, which may lie outside of the repository.
fn policies(snapshot: &mut Snapshot, directory: &Path) -> Result<String, Failure> {
    let read = worktree::read(directory).map_err(|error| Failure::Usage(error.to_string()))?;
    let shown = directory.to_string_lossy().trim_end_matches('/').to_owned();
    for (_, file) in read.files() {
        snapshot.add_external(format!("{shown}/{}", file.path), file.content.clone());
    }
    Ok(shown)
}
