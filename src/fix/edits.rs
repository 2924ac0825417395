//! Edits of several fixes, put into texts.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::finding::{Finding, Fix};
use crate::origin::FileId;
use crate::source::Snapshot;
use crate::yaml::{Limits, read};

/// What a fix does to the files, as they are now.
#[derive(Debug, Clone)]
pub(super) struct Change<'f> {
    /// The finding that it mends.
    pub(super) finding: &'f Finding,
    /// Whether it must leave what is rendered as it is.
    pub(super) keeps_output: bool,
    edits: Vec<(FileId, Range<usize>, String)>,
}

impl<'f> Change<'f> {
    /// What `fix` does; `None` if the text is not what it is for, or is no text of the repository.
    pub(super) fn of(snapshot: &Snapshot, finding: &'f Finding, fix: &Fix) -> Option<Change<'f>> {
        let resolved = fix.edits.iter().map(|edit| {
            let file = edit.mark.file;
            let own = snapshot.files().len() > file.0 as usize;
            let (range, text) = edit.resolve(snapshot.text(file).filter(|_| own)?)?;
            Some((file, range, text))
        });
        let edits = resolved.collect::<Option<Vec<_>>>()?;
        let something = edits.iter().any(|(file, range, new)| {
            snapshot.text(*file).and_then(|text| text.get(range.clone())).is_some_and(|old| old != new)
        });
        something.then_some(Change { finding, keeps_output: fix.keeps_output, edits })
    }

    /// The files that it changes.
    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        self.edits.iter().map(|(file, ..)| *file)
    }
}

/// Those of `changes` that do not get in each other's way, the first of those that do. What two findings ask for alike
/// is done once, for both.
pub(super) fn apart(changes: Vec<Change<'_>>) -> Vec<Change<'_>> {
    let mut taken: BTreeMap<FileId, Vec<(Range<usize>, String)>> = BTreeMap::new();
    let mut kept = Vec::new();
    for change in changes {
        let free = change.edits.iter().all(|(file, range, new)| {
            taken.get(file).is_none_or(|taken| {
                taken.iter().all(|(other, text)| {
                    // Two insertions at one place have no order.
                    (other == range && text == new) || range.end < other.start || other.end < range.start
                })
            })
        });
        if free {
            for (file, range, new) in &change.edits {
                taken.entry(*file).or_default().push((range.clone(), new.clone()));
            }
            kept.push(change);
        }
    }
    kept
}

/// The snapshot with `changes` in it, the changes that are in it, and those that would have broken their file.
pub(super) fn applied<'f>(
    snapshot: &Snapshot,
    changes: Vec<Change<'f>>,
) -> (Snapshot, Vec<Change<'f>>, Vec<Change<'f>>) {
    let mut by_file: BTreeMap<FileId, Vec<(Range<usize>, String)>> = BTreeMap::new();
    for (file, range, new) in changes.iter().flat_map(|change| &change.edits) {
        by_file.entry(*file).or_default().push((range.clone(), new.clone()));
    }
    let mut broken: HashSet<FileId> = HashSet::new();
    let mut texts = BTreeMap::new();
    for (file, mut edits) in by_file {
        let Some(text) = snapshot.text(file) else { continue };
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        edits.dedup();
        let new = edited(text, &edits);
        let is_yaml = |text: &str| read(file, text, Limits::default()).problems.is_empty();
        if is_yaml(text) && !is_yaml(&new) {
            broken.insert(file);
        } else {
            texts.insert(file, new);
        }
    }
    let (lost, kept): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| change.files().any(|file| broken.contains(&file)));
    if lost.is_empty() {
        return (snapshot.with_texts(texts), kept, lost);
    }
    // A change of several files goes as a whole, and takes no other with it.
    let (snapshot, kept, more) = applied(snapshot, kept);
    (snapshot, kept, lost.into_iter().chain(more).collect())
}

/// `text` with `edits`, which are sorted and apart.
fn edited(text: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}
