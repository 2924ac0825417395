//! Paths in, files and directories out, without a search through all of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Content, File, base_name, parent};

/// The paths of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Index {
    files: HashMap<Arc<str>, usize>,
    directories: HashSet<Box<str>>,
    names: HashSet<Box<str>>,
    linked: bool,
}

impl Index {
    /// The index of `files`, which are sorted by path.
    pub(super) fn of(files: &[File]) -> Index {
        let mut index = Index::default();
        let mut before = "";
        for (at, file) in files.iter().enumerate() {
            index.files.insert(Arc::clone(&file.path), at);
            index.linked |= matches!(file.content, Content::Link(_));
            index.name(base_name(&file.path));
            let mut directory = parent(&file.path);
            // The files of a directory mostly follow each other.
            if std::mem::replace(&mut before, directory) == directory {
                continue;
            }
            while !directory.is_empty() && index.directories.insert(directory.into()) {
                index.name(base_name(directory));
                directory = parent(directory);
            }
        }
        index
    }

    fn name(&mut self, name: &str) {
        if !self.names.contains(name) {
            self.names.insert(name.into());
        }
    }

    /// Whether a file or a directory is called `name`, wherever it lies.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The place of the file at `path` among the files.
    pub(super) fn file(&self, path: &str) -> Option<usize> {
        self.files.get(path).copied()
    }

    /// Whether there is a file below the directory `path`.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.directories.contains(path)
    }

    /// Whether there are links: only then another path can lead to a file.
    pub(super) fn has_links(&self) -> bool {
        self.linked
    }
}
