//! Every byte that tiphys judges: the files of one state of a repository.
//!
//! A [`Snapshot`] is made from a worktree ([`worktree::read`]), from a git revision without checkout ([`git::read`])
//! or from memory ([`Snapshot::from_files`]); everything behind it is pure. Paths are relative to the repository's
//! root, with `/`, and never leave it.

pub mod archive;
pub mod git;
mod index;
pub mod worktree;

use std::sync::Arc;

use thiserror::Error;

use crate::origin::FileId;

/// Why there is no snapshot at all.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The path is not a readable directory. Give the repository's root.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The revision does not exist in the git repository, or there is no git repository. Fetch it first.
    #[error("revision {revision}: {reason}")]
    Revision {
        /// The revision as given.
        revision: String,
        /// What git said.
        reason: String,
    },
}

/// Files larger than this are not read.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Where the ids of files outside of the repository begin.
const EXTERNAL: u32 = 1 << 31;
/// Where the ids of files within archives begin.
const ARCHIVED: u32 = 1 << 30;

/// One state of a repository.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Sorted by path; a [`FileId`] is an index.
    files: Vec<File>,
    index: Arc<index::Index>,
    /// Files that were given by name and are no part of the repository; their [`FileId`]s begin at [`EXTERNAL`].
    external: Vec<File>,
    /// Files of the packed charts of the repository, sorted by path; their [`FileId`]s begin at [`ARCHIVED`].
    archived: Vec<File>,
    /// The URLs of the git remotes.
    pub remotes: Vec<String>,
    /// The commit: of the revision, or of HEAD in a worktree.
    pub commit: Option<String>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct File {
    /// Path from the repository's root.
    pub path: Arc<str>,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// UTF-8 text.
    Text(Arc<str>),
    /// Bytes that are not UTF-8.
    Binary(Arc<[u8]>),
    /// Larger than [`MAX_FILE_BYTES`]; not read.
    TooLarge(u64),
    /// The system did not let us read it, with its reason.
    Unreadable(String),
    /// A symbolic link to a path inside the repository.
    Link(Arc<str>),
    /// A symbolic link out of the repository, with its target; not followed.
    Outside(String),
}

impl Snapshot {
    /// A snapshot of `files`, in any order. Of two with one path the later counts.
    pub fn new(mut files: Vec<File>) -> Snapshot {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.reverse();
        files.dedup_by(|a, b| a.path == b.path);
        files.reverse();
        Snapshot { index: Arc::new(index::Index::of(&files)), files, ..Snapshot::default() }
    }

    /// A snapshot of texts in memory.
    pub fn from_files<P: Into<String>, T: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, T)>) -> Snapshot {
        Snapshot::new(
            files
                .into_iter()
                .map(|(path, bytes)| File { path: path.into().into(), content: Content::of(bytes.into()) })
                .collect(),
        )
    }

    /// All files, sorted by path.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (FileId, &File)> + '_ {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// The file of an id.
    pub fn file(&self, id: FileId) -> Option<&File> {
        match id.0 {
            EXTERNAL.. => self.external.get((id.0 - EXTERNAL) as usize),
            ARCHIVED.. => self.archived.get((id.0 - ARCHIVED) as usize),
            index => self.files.get(index as usize),
        }
    }

    /// Whether there are packed charts that [`Snapshot::unpack`] has not looked at.
    pub fn has_archives(&self) -> bool {
        self.archived.is_empty() && self.files.iter().any(|file| archive::is_archive(&file.path))
    }

    /// Unpacks the packed charts; what cannot be unpacked is left out.
    pub fn unpack(&mut self) {
        for file in &self.files {
            if let (true, Content::Binary(bytes)) = (archive::is_archive(&file.path), &file.content) {
                self.archived.extend(archive::unpack(&file.path, bytes).unwrap_or_default());
            }
        }
        self.archived.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// The files of the archive at `path`, and of those within it.
    pub fn archived<'s>(&'s self, path: &str) -> impl Iterator<Item = (FileId, &'s File)> + use<'s> {
        let prefix = format!("{path}/");
        let first = self.archived.partition_point(|file| *file.path < *prefix);
        self.archived[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, file)| file.path.starts_with(&prefix))
            .map(move |(index, file)| (FileId(ARCHIVED + (first + index) as u32), file))
    }

    /// Adds a file that is no part of the repository: a configuration or a policy given by name. No listing or search
    /// shows it; findings can point into it.
    pub fn add_external(&mut self, path: impl Into<Arc<str>>, content: Content) -> FileId {
        self.external.push(File { path: path.into(), content });
        FileId(EXTERNAL + (self.external.len() - 1) as u32)
    }

    /// The snapshot with other texts for some of the repository's files.
    #[must_use]
    pub fn with_texts(&self, texts: impl IntoIterator<Item = (FileId, String)>) -> Snapshot {
        let mut changed = self.clone();
        for (id, text) in texts {
            if let Some(file) = changed.files.get_mut(id.0 as usize) {
                file.content = Content::Text(text.into());
            }
        }
        changed
    }

    /// The files outside of the repository.
    pub fn external(&self) -> impl Iterator<Item = (FileId, &File)> + '_ {
        self.external.iter().enumerate().map(|(index, file)| (FileId(EXTERNAL + index as u32), file))
    }

    /// The path of an id; empty for none.
    pub fn path(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &file.path)
    }

    /// The text of a file, if it is text.
    pub fn text(&self, id: FileId) -> Option<&Arc<str>> {
        match &self.file(id)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The file at `path` (see [`normalize`]), links followed.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.find_within(path, 16)
    }

    fn find_within(&self, path: &str, hops: usize) -> Option<FileId> {
        if let Some(index) = self.index.file(path) {
            return match &self.files[index].content {
                Content::Link(target) if hops > 0 => self.find_within(target, hops - 1),
                Content::Link(_) => None,
                _ => Some(FileId(index as u32)),
            };
        }
        self.find_within(&self.through_links(path)?, hops.checked_sub(1)?)
    }

    /// `path` with its first linked directory replaced by what the link names.
    fn through_links(&self, path: &str) -> Option<String> {
        if !self.index.has_links() {
            return None;
        }
        path.match_indices('/').find_map(|(slash, _)| {
            let index = self.index.file(&path[..slash])?;
            match &self.files[index].content {
                Content::Link(target) => Some(join(target, &path[slash + 1..])),
                _ => None,
            }
        })
    }

    /// Whether a file or a directory is called `name`, wherever it lies.
    pub fn has_name(&self, name: &str) -> bool {
        self.index.has_name(name)
    }

    /// The real path of the directory `path`, links followed; `None` if there is no file under it.
    pub fn directory(&self, path: &str) -> Option<String> {
        self.directory_within(path, 16)
    }

    fn directory_within(&self, path: &str, hops: usize) -> Option<String> {
        if path.is_empty() || self.index.is_directory(path) {
            return Some(path.to_owned());
        }
        let target = match self.index.file(path) {
            Some(index) => match &self.files[index].content {
                Content::Link(target) => target.to_string(),
                _ => return None,
            },
            None => self.through_links(path)?,
        };
        self.directory_within(&target, hops.checked_sub(1)?)
    }

    /// Every file below the directory `path`, at any depth, sorted; links are not followed. The empty path is the root.
    pub fn under<'s>(&'s self, path: &str) -> impl Iterator<Item = (FileId, &'s File)> + use<'s> {
        self.beginning(if path.is_empty() { String::new() } else { format!("{path}/") })
    }

    /// Every file whose path begins with `prefix`, sorted.
    pub fn beginning<'s>(&'s self, prefix: String) -> impl Iterator<Item = (FileId, &'s File)> + use<'s> {
        let first = self.files.partition_point(|file| *file.path < *prefix);
        self.files[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, file)| file.path.starts_with(&prefix))
            .map(move |(index, file)| (FileId((first + index) as u32), file))
    }
}

impl Content {
    /// Text if the bytes are UTF-8.
    pub fn of(bytes: Vec<u8>) -> Content {
        match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text.into()),
            Err(error) => Content::Binary(error.into_bytes().into()),
        }
    }
}

/// `path` below `directory`, both from the root; the empty directory is the root.
pub fn join(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

/// `path`, as written in a file of `directory`, from the repository's root: `.` and `..` resolved. `None` if it leaves
/// the repository. A path that begins with `/` is taken from the root, as Argo CD does.
pub fn normalize(directory: &str, path: &str) -> Option<String> {
    let base = if path.starts_with('/') { "" } else { directory };
    let mut whole = String::with_capacity(base.len() + 1 + path.len());
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if whole.is_empty() => return None,
            ".." => whole.truncate(whole.rfind('/').unwrap_or(0)),
            part => {
                if !whole.is_empty() {
                    whole.push('/');
                }
                whole.push_str(part);
            }
        }
    }
    Some(whole)
}

/// The directory part of `path`; empty for a file at the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The last part of `path`.
pub fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests;
