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
    printable(&message.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `text` without control characters other than line breaks: a terminal would obey them. Each becomes a `?` for each of
/// its bytes, so that ranges of bytes stay right.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => out.push(character),
            '\r' if characters.peek() == Some(&'\n') => out.push(' '),
            character if character.is_control() => (0..character.len_utf8()).for_each(|_| out.push('?')),
            character => out.push(character),
        }
    }
    out
}

/// The text of a file for excerpts: in a document that holds a Secret, what stands in `data` and `stringData` is masked,
/// and so are the literals of a `secretGenerator`. Every character keeps its place, so marks stay right.
pub(super) fn masked(text: &str) -> String {
    if !text.contains("Secret") && !text.contains("secretGenerator") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut keys: &[&str] = &[];
    let mut within: Option<usize> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index == 0 || line.starts_with("---") {
            keys = secret_keys(document_at(text, out.len()));
            within = None;
        }
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        // The items of a list may stand as deep as its key.
        let item = content.trim_start().starts_with('-');
        if within.is_some_and(|outer| !content.is_empty() && (indent < outer || indent == outer && !item)) {
            within = None;
        }
        match (within, behind_key(line, keys)) {
            (Some(_), _) => mask(line, &mut out),
            (None, Some(colon)) => {
                within = Some(indent);
                // What follows on the same line is flow style.
                out.push_str(&line[..colon]);
                mask_all(&line[colon..], &mut out);
            }
            (None, None) => out.push_str(line),
        }
    }
    out
}

/// The keys below which a document holds the values of Secrets.
fn secret_keys(document: &str) -> &'static [&'static str] {
    let is_secret = |line: &str| {
        line.match_indices("kind").any(|(at, kind)| {
            let value = line[at + kind.len()..].trim_start_matches(['"', '\'']).trim_start().strip_prefix(':');
            let word = value.map(|value| value.trim_start().trim_start_matches(['"', '\'']));
            let rest = word.and_then(|word| word.strip_prefix("Secret"));
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
        })
    };
    if document.lines().any(is_secret) {
        &["data", "stringData"]
    } else if document.contains("secretGenerator") {
        &["literals"]
    } else {
        &[]
    }
}

/// Where the value of the first of `keys` on this line begins.
fn behind_key(line: &str, keys: &[&str]) -> Option<usize> {
    let found = keys.iter().flat_map(|key| {
        line.match_indices(key).filter_map(|(at, key)| {
            let apart = !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '-');
            let behind = at + key.len();
            let rest = line[behind..].trim_start_matches(['"', '\'']);
            (apart && rest.trim_start().starts_with(':')).then(|| behind + line[behind..].find(':').unwrap_or(0) + 1)
        })
    });
    found.min()
}

/// The document of `text` that begins at byte `at`.
fn document_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest.match_indices("\n---").map(|(index, _)| index + 1).next().unwrap_or(rest.len());
    &rest[..end]
}

/// Masks the value of a `key: value` or `key=value` line, or the whole of any other.
fn mask(line: &str, out: &mut String) {
    let content = line.trim_end();
    let of = |separator: &str| content.find(separator).map(|at| at + 1);
    let keep = of(": ").or_else(|| content.ends_with(':').then_some(content.len())).or_else(|| of("=")).unwrap_or(0);
    out.push_str(&line[..keep]);
    mask_all(&line[keep..], out);
}

/// Masks the ranges `marks` of `text` as well.
pub(super) fn mask_ranges(text: &mut String, marks: &[Mark]) {
    for mark in marks {
        let (start, end) = (mark.start as usize, mark.end as usize);
        if let Some(range) = text.get(start..end) {
            let mut hidden = String::with_capacity(range.len());
            mask_all(range, &mut hidden);
            text.replace_range(start..end, &hidden);
        }
    }
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

    #[test]
    fn the_ways_to_write_a_secret_are_all_masked() {
        for text in [
            "apiVersion: v1\nkind: List\nitems:\n- kind: Secret # one\n  data:\n    a: hunter2\n",
            "{\"kind\": \"Secret\", \"data\": {\"a\": \"hunter2\"}}\n",
            "{\n  \"kind\": \"Secret\",\n  \"stringData\": {\n    \"a\": \"hunter2\"\n  }\n}\n",
            "kind: 'Secret'\nstringData: {a: hunter2}\n",
            "secretGenerator:\n- name: x\n  literals:\n  - a=hunter2\n",
            "secretGenerator:\n- literals: [a=hunter2]\n",
        ] {
            let masked = masked(text);
            assert!(!masked.contains("hunter2") && masked.len() == text.len(), "{masked}");
        }
        let text = "kind: ExternalSecret\nspec:\n  data:\n  - secretKey: shown\n";
        assert_eq!(masked(text), text);
        let text = "kind: Secret\nmetadata:\n  name: shown\ntype: Opaque\n";
        assert_eq!(masked(text), text);
    }
}
