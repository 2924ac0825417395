//! Where a value came from: the place that a person wrote, and the steps that carried it to where it is now.
//!
//! [`Mark`] is a place in one file. [`Origin`] is a mark and a trail: the chain of [`Step`]s (base, patch, overlay,
//! ApplicationSet element) that a value went through. A value that nothing touched has no trail, so most origins cost
//! no allocation; a trail is shared by everything that the same step changed.

use std::collections::{BTreeSet, HashSet};
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
    /// What happened there, as a person would say it: `patch environments/production/patches/web.yaml`. Empty where the
    /// step only notes what the one before it follows.
    pub what: Arc<str>,
    /// What the step took over or depends on, each with its own origin: the name that a reference follows, the values
    /// that a hash is of, the field of a patch that chose an element, the kind that made a transformer look here.
    pub follows: Option<Follows>,
    /// The step before.
    pub before: Option<Arc<Step>>,
}

/// Other values that one value depends on.
pub type Follows = Arc<[Origin]>;

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
        self.then_following(mark, what, None)
    }

    /// This origin with one more step, which `follows` other values.
    #[must_use]
    pub fn then_following(&self, mark: Mark, what: impl Into<Arc<str>>, follows: Option<Follows>) -> Origin {
        let step = Step { mark, what: what.into(), follows, before: self.trail.clone() };
        Origin { mark: self.mark, trail: Some(Arc::new(step)) }
    }

    /// The origin of a value written at `mark` in place of this one: the trail tells of the value that it replaced.
    #[must_use]
    pub fn replaced_by(&self, mark: Mark, what: impl Into<Arc<str>>) -> Origin {
        let step = Step { mark: self.mark, what: what.into(), follows: None, before: self.trail.clone() };
        Origin { mark, trail: Some(Arc::new(step)) }
    }

    /// The origin of a value that was taken from where `other` is: written there, and the trail tells of both.
    #[must_use]
    pub fn replaced_by_value(&self, other: &Origin, what: impl Into<Arc<str>>) -> Origin {
        let follows = other.trail.is_some().then(|| Arc::from([other.clone()]));
        let step = Step { mark: self.mark, what: what.into(), follows, before: self.trail.clone() };
        Origin { mark: other.mark, trail: Some(Arc::new(step)) }
    }

    /// This origin, of a value that is what it is because of others, too.
    #[must_use]
    pub fn because(&self, follows: Option<Follows>) -> Origin {
        thread_local! {
            static NO_WORDS: Arc<str> = Arc::from("");
        }
        let Some(follows) = follows else { return self.clone() };
        let what = NO_WORDS.with(Arc::clone);
        let step = Step { mark: Mark::NONE, what, follows: Some(follows), before: self.trail.clone() };
        Origin { mark: self.mark, trail: Some(Arc::new(step)) }
    }

    /// The step that changed the value last.
    pub fn last_step(&self) -> Option<&Step> {
        self.all_steps().find(|step| !step.what.is_empty())
    }

    fn all_steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.trail.as_deref(), |step| step.before.as_deref())
    }

    /// Where the values stand that this one depends on without having been one of them: the names by which a patch was
    /// chosen, the key of a list's element, the path of a replacement. Sorted, each once.
    pub fn depends_on(&self) -> BTreeSet<Mark> {
        let mut marks = BTreeSet::new();
        let mut seen: HashSet<*const Step> = HashSet::new();
        let mut open: Vec<&Origin> = vec![self];
        while let Some(origin) = open.pop() {
            for step in origin.all_steps() {
                if !seen.insert(std::ptr::from_ref(step)) {
                    break;
                }
                let follows = step.follows.as_deref().unwrap_or_default();
                marks.extend(follows.iter().map(|origin| origin.mark).filter(Mark::is_some));
                open.extend(follows);
            }
        }
        let shown: Vec<Mark> = self.steps().iter().map(|step| step.mark).chain([self.mark]).collect();
        marks.retain(|mark| !shown.contains(mark));
        marks
    }

    /// The steps, oldest first.
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.all_steps().filter(|step| !step.what.is_empty()).collect();
        steps.reverse();
        steps
    }
}
