//! What would mend a finding, as changes of text.
//!
//! A rule knows the value that is wrong; whether that value stands in the file as it is, or was made by a template, only
//! the text shows. So an [`Edit`] says what has to be there, and [`Edit::resolve`] looks.

use std::ops::Range;

use crate::origin::{FileId, Mark};
use crate::yaml::{Limits, Style, read};

/// Whether a fix may be applied without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// Changes nothing but the defect.
    Safe,
    /// May change what is deployed.
    Unsafe,
    /// To be shown, not applied.
    Display,
}

/// A change of text that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Whether it may be applied without asking.
    pub applicability: Applicability,
    /// Whether it is a fix only if everything renders as before, which is to be made sure of.
    pub keeps_output: bool,
    /// The edits, none of which overlaps another.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// A fix of one edit.
    pub fn one(applicability: Applicability, edit: Edit) -> Fix {
        Fix { applicability, keeps_output: false, edits: vec![edit] }
    }
}

/// Replaces the text of `mark`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What to replace.
    pub mark: Mark,
    /// By what.
    pub text: Replacement,
}

/// What comes in place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// This, as it is.
    Raw(String),
    /// This, as it is, if a plain or quoted scalar with the value `old` stands there: not if a template or a transformer
    /// makes the value.
    Scalar {
        /// The value that must be there.
        old: String,
        /// The new text.
        new: String,
    },
    /// The word `new` for the word `old`, if a scalar stands there in which `old` occurs once. Its quotes stay.
    Word {
        /// The word that must be there.
        old: String,
        /// The new word.
        new: String,
    },
}

impl Edit {
    /// The range of bytes of `text`, the file's, and what comes there; `None` if something else stands there than the
    /// edit is for.
    pub fn resolve(&self, text: &str) -> Option<(Range<usize>, String)> {
        let range = self.mark.start as usize..self.mark.end as usize;
        let there = text.get(range.clone())?;
        let new = match &self.text {
            Replacement::Raw(new) => new.clone(),
            Replacement::Scalar { old, new } => {
                let (value, _) = scalar(there)?;
                (value == *old).then(|| new.clone())?
            }
            Replacement::Word { old, new } => {
                let (value, style) = scalar(there)?;
                if value == *old && style == Style::Plain {
                    if scalar(new).is_some_and(|(read, _)| read == *new) { new.clone() } else { format!("{new:?}") }
                } else {
                    with_word(there, old, new)?
                }
            }
        };
        Some((range, new))
    }
}

/// The value and the style of the one plain or quoted scalar that `text` is.
fn scalar(text: &str) -> Option<(String, Style)> {
    if text.contains("{{") || text.contains('\n') || text.trim() != text {
        return None;
    }
    let file = read(FileId::NONE, text, Limits::default());
    let document = file.documents.first().filter(|_| file.problems.is_empty() && file.documents.len() == 1)?;
    let scalar = document.root.as_scalar()?;
    let whole = document.root.mark().end as usize == text.len();
    whole.then(|| (scalar.text.to_string(), scalar.style))
}

/// `text` with `new` for `old`, which must occur once, and not as a part of a longer word.
fn with_word(text: &str, old: &str, new: &str) -> Option<String> {
    let mut found = text.match_indices(old);
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let (before, after) = (&text[..at], &text[at + old.len()..]);
    let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let apart = !in_word(before.chars().next_back()) && !in_word(after.chars().next());
    // What needs quotes or escapes is not put into a text that has its own.
    let plain = new.chars().all(|c| !c.is_control() && !"\"'\\#:{}[],".contains(c));
    (apart && plain).then(|| format!("{before}{new}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, replacement: Replacement) -> Option<String> {
        let mark = Mark { file: FileId(0), line: 1, column: 1, start: 0, end: text.len() as u32 };
        Edit { mark, text: replacement }.resolve(text).map(|(_, new)| new)
    }

    fn word(text: &str, old: &str, new: &str) -> Option<String> {
        resolved(text, Replacement::Word { old: old.into(), new: new.into() })
    }

    #[test]
    fn a_word_keeps_the_quotes_around_it() {
        assert_eq!(word("wbe", "wbe", "web").as_deref(), Some("web"));
        assert_eq!(word("\"wbe\"", "wbe", "web").as_deref(), Some("\"web\""));
        assert_eq!(word("'wbe'", "wbe", "web").as_deref(), Some("'web'"));
        assert_eq!(word("overlays/prodction/x", "prodction", "production").as_deref(), Some("overlays/production/x"));
    }

    #[test]
    fn a_word_that_would_read_as_something_else_is_quoted() {
        assert_eq!(word("wbe", "wbe", "a: b").as_deref(), Some("\"a: b\""));
    }

    #[test]
    fn what_a_template_makes_is_left() {
        assert_eq!(word("{{ .name }}-wbe", "wbe", "web"), None);
        assert_eq!(resolved("web", Replacement::Scalar { old: "live-web".into(), new: "web".into() }), None);
    }

    #[test]
    fn a_part_of_a_word_and_what_occurs_twice_are_left() {
        assert_eq!(word("cobweb", "web", "net"), None);
        assert_eq!(word("a/a", "a", "b"), None);
    }
}
