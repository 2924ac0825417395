//! A snapshot of a directory on disk.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::{Content, File, MAX_FILE_BYTES, Snapshot, SourceError, join, normalize, parent};

/// Reads the files below `root`: in a git worktree the tracked ones, and untracked ones that are not ignored; elsewhere
/// all of them.
///
/// # Errors
/// When `root` is no directory that can be read. A file that cannot be read is [`Content::Unreadable`].
pub fn read(root: &Path) -> Result<Snapshot, SourceError> {
    read_with(root, true)
}

/// Reads every file below `root`, also those that git ignores: as tools do that know nothing of git.
///
/// # Errors
/// As [`read`].
pub fn read_all(root: &Path) -> Result<Snapshot, SourceError> {
    read_with(root, false)
}

/// Reads the files and directories at `paths`, which lie below `root`, and nothing else.
///
/// # Errors
/// When `root` is no directory that can be read. A file that cannot be read is [`Content::Unreadable`].
pub fn read_paths<'p>(root: &Path, paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<Snapshot, SourceError> {
    let root = directory(root)?;
    let mut files: Vec<String> = Vec::new();
    for path in paths {
        let Some(below) = path.strip_prefix(&root).ok().and_then(Path::to_str) else { continue };
        if path.is_dir() {
            files.extend(list(path, None).into_iter().map(|file| join(below, &file)));
        } else {
            files.push(below.to_owned());
        }
    }
    Ok(Snapshot::new(files.into_par_iter().map(|path| read_file(&root, path)).collect()))
}

fn directory(root: &Path) -> Result<PathBuf, SourceError> {
    let unreadable = |reason: String| SourceError::Unreadable { path: root.display().to_string(), reason };
    let root = root.canonicalize().map_err(|error| unreadable(error.to_string()))?;
    if root.is_dir() { Ok(root) } else { Err(unreadable("not a directory".to_owned())) }
}

fn read_with(root: &Path, git: bool) -> Result<Snapshot, SourceError> {
    let root = directory(root)?;
    let git = if git { git2::Repository::discover(&root).ok() } else { None };
    let paths = list(&root, git.as_ref());
    let files = paths.into_par_iter().map(|path| read_file(&root, path)).collect();
    let mut snapshot = Snapshot::new(files);
    if let Some(git) = git {
        snapshot.remotes = super::git::remotes(&git);
        snapshot.commit = super::git::head(&git);
    }
    Ok(snapshot)
}

/// The paths to read, relative to `root`.
fn list(root: &Path, git: Option<&git2::Repository>) -> Vec<String> {
    // The worktree of the git repository may begin above `root`.
    let workdir = git.and_then(|git| git.workdir()).and_then(|dir| dir.canonicalize().ok());
    let prefix = workdir.as_deref().and_then(|dir| root.strip_prefix(dir).ok()).map(Path::to_path_buf);
    let tracked: HashSet<Vec<u8>> = git
        .and_then(|git| git.index().ok())
        .map(|index| index.iter().map(|entry| entry.path).collect())
        .unwrap_or_default();
    let kept = |relative: &Path, directory: bool| {
        let (Some(git), Some(prefix)) = (git, &prefix) else { return true };
        let full = prefix.join(relative);
        if !directory && tracked.contains(full.as_os_str().as_encoded_bytes()) {
            return true;
        }
        !git.is_path_ignored(&full).unwrap_or(false)
    };
    // An ignored directory may hold tracked files; those directories are walked.
    let tracked_directories: HashSet<Vec<u8>> = tracked
        .iter()
        .flat_map(|path| {
            path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(slash, _)| path[..slash].to_vec())
        })
        .collect();
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            if entry.depth() == 0 {
                return true;
            }
            let Ok(relative) = entry.path().strip_prefix(root) else { return false };
            if entry.file_type().is_dir() {
                let full = prefix.as_deref().unwrap_or(Path::new("")).join(relative);
                return entry.file_name() != ".git"
                    && (tracked_directories.contains(full.as_os_str().as_encoded_bytes()) || kept(relative, true));
            }
            entry.file_name() != ".git" && kept(relative, false)
        })
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| {
            let relative = entry.path().strip_prefix(root).ok()?;
            Some(relative.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
        })
        .collect()
}

fn read_file(root: &Path, path: String) -> File {
    let content = content(root, &path).unwrap_or_else(|error| Content::Unreadable(error.to_string()));
    File { path: path.into(), content }
}

fn content(root: &Path, path: &str) -> std::io::Result<Content> {
    let full = root.join(path);
    let metadata = fs::symlink_metadata(&full)?;
    if metadata.is_symlink() {
        return Ok(link(path, &fs::read_link(&full)?));
    }
    if !metadata.is_file() {
        return Ok(Content::Unreadable("not a regular file".to_owned()));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Ok(Content::TooLarge(metadata.len()));
    }
    Ok(Content::of(fs::read(&full)?))
}

fn link(path: &str, target: &Path) -> Content {
    let outside = || Content::Outside(target.display().to_string());
    // Argo CD refuses absolute links even where they lead into the repository: its checkout lies elsewhere.
    let relative = target.to_str().filter(|_| !target.is_absolute());
    relative
        .and_then(|target| normalize(parent(path), target))
        .map_or_else(outside, |target| Content::Link(target.into()))
}
