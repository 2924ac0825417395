//! A snapshot of a git revision, read from the object database without checkout.

use std::path::Path;

use git2::{ObjectType, Repository, TreeWalkMode, TreeWalkResult};

use super::{Content, File, MAX_FILE_BYTES, Snapshot, SourceError, normalize, parent};

/// Reads the files below `root`, a directory of a git worktree or a bare repository, as they are in `revision`.
///
/// # Errors
/// When there is no git repository, or `revision` names no commit of it.
pub fn read(root: &Path, revision: &str) -> Result<Snapshot, SourceError> {
    let fault = |error: git2::Error| SourceError::Revision {
        revision: revision.to_owned(),
        reason: error.message().to_owned(),
    };
    let git = Repository::discover(root).map_err(fault)?;
    let commit = git.revparse_single(revision).and_then(|object| object.peel_to_commit()).map_err(fault)?;
    let mut tree = commit.tree().map_err(fault)?;
    if let Some(prefix) = prefix(&git, root) {
        let entry = tree.get_path(&prefix).map_err(fault)?;
        tree = entry.to_object(&git).and_then(|object| object.peel_to_tree()).map_err(fault)?;
    }
    let mut files = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |directory, entry| {
        if entry.kind() == Some(ObjectType::Blob)
            && let Ok(name) = entry.name()
        {
            let path = format!("{directory}{name}");
            let content =
                blob(&git, entry, &path).unwrap_or_else(|error| Content::Unreadable(error.message().to_owned()));
            files.push(File { path: path.into(), content });
        }
        TreeWalkResult::Ok
    })
    .map_err(fault)?;
    let mut snapshot = Snapshot::new(files);
    snapshot.remotes = remotes(&git);
    snapshot.commit = Some(commit.id().to_string());
    Ok(snapshot)
}

/// Where `root` lies in the worktree, if not at its top.
fn prefix(git: &Repository, root: &Path) -> Option<std::path::PathBuf> {
    let workdir = git.workdir()?.canonicalize().ok()?;
    let prefix = root.canonicalize().ok()?.strip_prefix(workdir).ok()?.to_path_buf();
    (!prefix.as_os_str().is_empty()).then_some(prefix)
}

/// The mode of a tree entry that is a symbolic link.
const LINK: i32 = 0o120_000;

fn blob(git: &Repository, entry: &git2::TreeEntry<'_>, path: &str) -> Result<Content, git2::Error> {
    let (size, _) = git.odb()?.read_header(entry.id())?;
    if size as u64 > MAX_FILE_BYTES {
        return Ok(Content::TooLarge(size as u64));
    }
    let bytes = git.find_blob(entry.id())?.content().to_vec();
    if entry.filemode() == LINK {
        let target = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(match normalize(parent(path), &target).filter(|_| !target.starts_with('/')) {
            Some(inside) => Content::Link(inside.into()),
            None => Content::Outside(target),
        });
    }
    Ok(Content::of(bytes))
}

/// The URLs of the remotes, `origin` first.
pub(super) fn remotes(git: &Repository) -> Vec<String> {
    let Ok(names) = git.remotes() else { return Vec::new() };
    let mut remotes: Vec<(bool, String, String)> = (0..names.len())
        .filter_map(|index| {
            let name = names.get(index).ok().flatten()?.to_owned();
            let url = git.find_remote(&name).ok()?.url().ok()?.to_owned();
            Some((name != "origin", name, url))
        })
        .collect();
    remotes.sort();
    remotes.into_iter().map(|(_, _, url)| url).collect()
}

/// The commit of HEAD.
pub(super) fn head(git: &Repository) -> Option<String> {
    Some(git.head().ok()?.peel_to_commit().ok()?.id().to_string())
}
