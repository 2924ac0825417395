//! Where a value came from: the place that a person wrote, and the steps that carried it to where it is now.
//!
//! [`Mark`] is a place in one file. [`Origin`] is a mark and a trail: the chain of [`Step`]s (base, patch, overlay,
//! ApplicationSet element) that a value went through. A value that nothing touched has no trail, so most origins cost
//! no allocation; a trail is shared by everything that the same step changed.

use std::sync::Arc;

/// A file of the snapshot, by its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    /// No file: the value was made by tiphys (a default) or came through admission.
    pub const NONE: FileId = FileId(u32::MAX);
}

/// A range of one file. Lines and columns are 1-based, columns count characters; `start` and `end` are byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// The file.
    pub file: FileId,
    /// Line of the first character, 1-based.
    pub line: u32,
    /// Column of the first character, 1-based, in characters.
    pub column: u32,
    /// Byte offset of the first character.
    pub start: u32,
    /// Byte offset behind the last character.
    pub end: u32,
}

impl Mark {
    /// A mark that points nowhere.
    pub const NONE: Mark = Mark { file: FileId::NONE, line: 0, column: 0, start: 0, end: 0 };

    /// The start of `file`: for what concerns the file as a whole.
    pub fn file(file: FileId) -> Mark {
        Mark { file, line: 1, column: 1, start: 0, end: 0 }
    }

    /// Whether the mark points into a file.
    pub fn is_some(&self) -> bool {
        self.file != FileId::NONE
    }
}

/// One step that a value went through, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The place that the step is about: where the value stood before, or the field that made the change.
    pub mark: Mark,
    /// What happened there, as a person would say it: `patch environments/production/patches/web.yaml`.
    pub what: Arc<str>,
    /// The step before.
    pub before: Option<Arc<Step>>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The place where a person wrote the value.
    pub mark: Mark,
    /// The steps that led to it, newest first.
    pub trail: Option<Arc<Step>>,
}

impl Origin {
    /// An origin that points nowhere.
    pub const NONE: Origin = Origin { mark: Mark::NONE, trail: None };

    /// An untouched value at `mark`.
    pub fn at(mark: Mark) -> Origin {
        Origin { mark, trail: None }
    }

    /// This origin with one more step on its trail.
    #[must_use]
    pub fn then(&self, mark: Mark, what: impl Into<Arc<str>>) -> Origin {
        let step = Step { mark, what: what.into(), before: self.trail.clone() };
        Origin { mark: self.mark, trail: Some(Arc::new(step)) }
    }

    /// The origin of a value written at `mark` in place of this one: the trail tells of the value that it replaced.
    #[must_use]
    pub fn replaced_by(&self, mark: Mark, what: impl Into<Arc<str>>) -> Origin {
        let step = Step { mark: self.mark, what: what.into(), before: self.trail.clone() };
        Origin { mark, trail: Some(Arc::new(step)) }
    }

    /// The steps, oldest first.
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> =
            std::iter::successors(self.trail.as_deref(), |step| step.before.as_deref()).collect();
        steps.reverse();
        steps
    }
}
