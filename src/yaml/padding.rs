//! Blanks that the parser is given before lines of quoted texts.
//!
//! YAML wants the further lines of a quoted text indented deeper than what the text is in, and the parser insists on it.
//! The readers of kustomize, Helm, Argo CD and Kubernetes do not, and manifests that are in use rely on that. The blanks
//! at the start of such a line mean nothing, so more of them change no value: what the parser then says of places is
//! counted back.

use std::borrow::Cow;
use std::ops::Range;

/// How many bytes may be read again: each text that is padded costs a reading of the file.
const BUDGET: usize = 32 << 20;

/// Which lines get how many blanks.
#[derive(Debug, Default)]
pub(super) struct Padding {
    /// The byte at which a line begins, and its blanks; sorted.
    lines: Vec<(usize, usize)>,
    /// The quoted texts that were padded, by where they begin.
    texts: Vec<usize>,
    /// What of it lies in the text that was given to the parser last.
    shifts: Vec<Shift>,
}

/// Blanks in what the parser reads.
#[derive(Debug)]
struct Shift {
    /// The line, 1-based.
    line: usize,
    /// The character that they begin at.
    start: usize,
    width: usize,
    /// All blanks before these.
    before: usize,
}

impl Padding {
    /// Pads the lines of `quoted`, which begins in `column`; `false` if that was done, or may not be done again.
    pub(super) fn add(&mut self, text: &str, quoted: Range<usize>, column: usize) -> bool {
        if self.texts.contains(&quoted.start) || (self.texts.len() + 1) * text.len() > BUDGET {
            return false;
        }
        self.texts.push(quoted.start);
        let inner = text.get(quoted.clone()).unwrap_or_default();
        for (at, _) in inner.match_indices('\n') {
            let start = quoted.start + at + 1;
            // The end of a document ends the text, too: that is an error wherever it is read.
            let ends = text.get(start..).is_some_and(|rest| rest.starts_with("---") || rest.starts_with("..."));
            if !ends {
                self.lines.push((start, column + 1));
            }
        }
        self.lines.sort_unstable();
        true
    }

    /// The text from the byte `from` on with its blanks. `character` tells the number of a byte's character.
    pub(super) fn apply<'t>(&mut self, text: &'t str, from: usize, character: impl Fn(usize) -> usize) -> Cow<'t, str> {
        self.shifts.clear();
        let first = self.lines.partition_point(|(start, _)| *start < from);
        let lines = &self.lines[first..];
        if lines.is_empty() {
            return Cow::Borrowed(&text[from..]);
        }
        let mut out = String::with_capacity(text.len() - from + lines.iter().map(|(_, width)| width).sum::<usize>());
        let (mut at, mut line, mut before) = (from, 1, 0);
        for &(start, width) in lines {
            let piece = &text[at..start];
            line += piece.bytes().filter(|byte| *byte == b'\n').count();
            out.push_str(piece);
            out.extend(std::iter::repeat_n(' ', width));
            self.shifts.push(Shift { line, start: character(start) - character(from) + before, width, before });
            before += width;
            at = start;
        }
        out.push_str(&text[at..]);
        Cow::Owned(out)
    }

    /// The character of the text for a character that the parser counted.
    pub(super) fn index(&self, index: usize) -> usize {
        let after = self.shifts.partition_point(|shift| shift.start <= index);
        match after.checked_sub(1).and_then(|last| self.shifts.get(last)) {
            Some(shift) => index - shift.before - shift.width.min(index - shift.start),
            None => index,
        }
    }

    /// The column in the text for a column that the parser counted in `line`.
    pub(super) fn column(&self, line: usize, column: usize) -> usize {
        match self.shifts.binary_search_by_key(&line, |shift| shift.line) {
            Ok(found) => column.saturating_sub(self.shifts[found].width),
            Err(_) => column,
        }
    }
}
