//! What go-yaml, by which kustomize reads, does not take although it is YAML: a file's text and documents in, the
//! documents that kustomize sees out, or why it refuses.
//!
//! kustomize splits a file at lines that begin with `---` and reads one document from each piece: what stands behind a
//! `...` is lost.

use std::borrow::Cow;

use crate::origin::{FileId, Mark};
use crate::yaml::{Document, Node, Style, Value, YamlFile};

/// Where kustomize stops, and why.
type Refused = (Mark, String);

/// The documents of `file` that kustomize reads.
///
/// # Errors
/// What it refuses.
pub(super) fn documents<'y>(file: &'y YamlFile, text: &str) -> Result<Cow<'y, YamlFile>, Refused> {
    if may_hold(text) {
        for document in &file.documents {
            refused(&document.root, text)?;
        }
    }
    let Some(first) = file.documents.first() else { return Ok(Cow::Borrowed(file)) };
    let separators = separators(text, first.root.mark().file)?;
    if !text.contains("\n...") {
        return Ok(Cow::Borrowed(file));
    }
    let piece = |document: &Document| separators.partition_point(|end| *end <= document.root.mark().start as usize);
    let mut kept: Vec<Document> = Vec::with_capacity(file.documents.len());
    for document in &file.documents {
        if kept.last().is_none_or(|last| piece(last) < piece(document)) {
            kept.push(document.clone());
        }
    }
    Ok(Cow::Owned(YamlFile { documents: kept, ..YamlFile::default() }))
}

/// Where the lines end that separate documents.
fn separators(text: &str, file: FileId) -> Result<Vec<usize>, Refused> {
    let mut ends = Vec::new();
    for (start, _) in text.match_indices("\n---") {
        let rest = &text[start + 4..];
        // A last line without line break separates nothing.
        let Some(length) = rest.find('\n') else { break };
        let behind = rest[..length].trim();
        if !behind.is_empty() && !behind.starts_with('#') {
            let message = format!("`---{behind}`: kustomize takes nothing but a comment behind `---`");
            let line = text[..=start].matches('\n').count() as u32 + 1;
            let (start, end) = (start as u32 + 1, (start + 4 + length) as u32);
            return Err((Mark { file, line, column: 1, start, end }, message));
        }
        ends.push(start + 4 + length + 1);
    }
    Ok(ends)
}

/// Looks for `\/` in double quotes, which is an escape in YAML 1.2 only, and for blocks that begin with a tab.
///
/// # Errors
/// The text that holds one.
pub(super) fn scalars(root: &Node, text: &str) -> Result<(), Refused> {
    if may_hold(text) { refused(root, text) } else { Ok(()) }
}

/// Whether a file may hold what [`scalars`] looks for. A file may have many documents: it is searched once.
fn may_hold(text: &str) -> bool {
    text.contains("\\/") || text.contains(" \t")
}

fn refused(root: &Node, text: &str) -> Result<(), Refused> {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let mark = node.mark();
        let written = || text.get(mark.start as usize..mark.end as usize).unwrap_or_default();
        match &node.value {
            Value::Scalar(scalar) => match scalar.style {
                Style::Double if holds_slash(written()) => {
                    return Err((mark, "kustomize does not know the escape `\\/`: write `/`".to_owned()));
                }
                Style::Literal | Style::Folded if begins_with_tab(&scalar.text, written()) => {
                    let message = "kustomize takes the tab for indentation: begin the text with something else";
                    return Err((mark, message.to_owned()));
                }
                _ => {}
            },
            Value::Sequence(sequence) => open.extend(&sequence.items),
            Value::Mapping(mapping) => open.extend(mapping.entries.iter().flat_map(|entry| [&entry.key, &entry.value])),
        }
    }
    Ok(())
}

/// Whether a block's first line that is not empty begins with a tab; a header with the indentation helps where an empty
/// line comes first.
fn begins_with_tab(block: &str, written: &str) -> bool {
    let header = written.lines().next().unwrap_or_default();
    let indentation = header.bytes().take_while(|byte| *byte != b'#').any(|byte| byte.is_ascii_digit());
    block.starts_with('\t') || (!indentation && block.trim_start_matches('\n').starts_with('\t'))
}

fn holds_slash(written: &str) -> bool {
    let mut bytes = written.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next() == Some(b'/') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Limits, read};

    fn names(text: &str) -> Result<Vec<String>, String> {
        let file = read(FileId(0), text, Limits::default());
        let seen = documents(&file, text).map_err(|(_, message)| message)?;
        Ok(seen.documents.iter().filter_map(|document| document.root.get("n")?.text().map(str::to_owned)).collect())
    }

    #[test]
    fn what_stands_behind_the_end_of_a_document_is_lost() {
        assert_eq!(names("n: a\n...\nn: b\n---\nn: c\n").unwrap(), ["a", "c"]);
        assert_eq!(names("---\nn: a\n...\n---\nn: b\n...\n").unwrap(), ["a", "b"]);
    }

    #[test]
    fn nothing_but_a_comment_stands_behind_a_separator() {
        assert_eq!(names("n: a\n--- # b\nn: b\n").unwrap(), ["a", "b"]);
        assert!(names("n: a\n--- {n: b}\n").is_err());
        assert_eq!(names("--- {n: a}\n").unwrap(), ["a"]);
    }

    #[test]
    fn a_block_does_not_begin_with_a_tab() {
        assert!(names("n: |\n  \ta\n").is_err());
        assert!(names("n: |\n\n  \ta\n").is_err());
        assert!(names("n: |2\n\n  \ta\n").is_ok());
        assert!(names("n: |\n  a\n  \tb\n").is_ok());
    }

    #[test]
    fn a_slash_needs_no_escape() {
        assert!(names("n: \"a\\/b\"\n").is_err());
        assert!(names("\"a\\/b\": n\n").is_err());
        assert!(names("n: \"a\\\\/b\"\n").is_ok());
        assert!(names("n: 'a\\/b'\n").is_ok());
    }
}
