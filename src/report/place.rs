//! Marks as people and tools want them: ends of ranges in lines and columns, lines of text with secrets masked.

use crate::origin::Mark;
use crate::source::Snapshot;

/// The line and column behind the last character of `mark`, 1-based, in characters.
pub(super) fn end(snapshot: &Snapshot, mark: Mark) -> (u32, u32) {
    let within = || snapshot.text(mark.file)?.get(mark.start as usize..mark.end as usize);
    let Some(text) = within() else { return (mark.line, mark.column) };
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count() as u32;
    let last = text.rsplit('\n').next().unwrap_or(text).chars().count() as u32;
    (mark.line + breaks, if breaks == 0 { mark.column + last } else { last + 1 })
}

/// A message on one line.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a file for excerpts: in a file that holds a Secret, what stands in `data` and `stringData` is masked.
/// Every character keeps its place, so marks stay right.
pub(super) fn masked(text: &str) -> String {
    if !text.contains("kind: Secret") && !text.contains("\"Secret\"") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut secret = false;
    let mut data: Option<usize> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index == 0 || line.starts_with("---") {
            let document = document_at(text, out.len());
            secret = document.lines().any(|line| {
                line.trim_end() == "kind: Secret"
                    || line.trim_end() == "kind: \"Secret\""
                    || line.contains("\"Secret\"")
            });
            data = None;
        }
        let content = line.trim_end_matches(['\n', '\r']);
        let indent = content.len() - content.trim_start().len();
        if data.is_some_and(|outer| !content.trim().is_empty() && indent <= outer) {
            data = None;
        }
        match data {
            Some(_) => mask(line, &mut out),
            None => {
                let key = content.trim_start();
                if secret && ["data:", "stringData:"].iter().any(|name| key.starts_with(name)) {
                    data = Some(indent);
                    // What follows on the same line is flow style.
                    let colon = line.find(':').map_or(line.len(), |at| at + 1);
                    out.push_str(&line[..colon]);
                    mask_all(&line[colon..], &mut out);
                } else {
                    out.push_str(line);
                }
            }
        }
    }
    out
}

/// The document of `text` that begins at or before byte `at`.
fn document_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest.match_indices("\n---").map(|(index, _)| index + 1).find(|index| *index > 0).unwrap_or(rest.len());
    &rest[..end]
}

/// Masks the value of a `key: value` line, or the whole of any other.
fn mask(line: &str, out: &mut String) {
    let colon =
        line.find(": ").map(|at| at + 1).or_else(|| line.trim_end().ends_with(':').then(|| line.trim_end().len()));
    let keep = colon.unwrap_or(0);
    out.push_str(&line[..keep]);
    mask_all(&line[keep..], out);
}

/// Replaces every character that is not white space. Bytes stay as many: marks are byte ranges.
fn mask_all(text: &str, out: &mut String) {
    for character in text.chars() {
        if character.is_whitespace() {
            out.push(character);
        } else {
            (0..character.len_utf8()).for_each(|_| out.push('*'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_secrets_are_masked_and_nothing_moves() {
        let text = "kind: ConfigMap\ndata:\n  a: open\n---\nkind: Secret\ndata:\n  pässword: aGk=\n  k: |\n    lïne\nmetadata: {name: x}\n";
        let masked = masked(text);
        assert_eq!(masked.len(), text.len());
        assert!(masked.contains("a: open") && masked.contains("metadata: {name: x}"));
        assert!(!masked.contains("aGk=") && !masked.contains("ne\n"), "{masked}");
    }
}
