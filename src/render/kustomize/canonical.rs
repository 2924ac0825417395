//! Whether a text is YAML as go-yaml writes it, so that a value in it can be changed where it stands: what kustomize
//! makes of the rest is then what it was, comments and quotes included.

use super::resource::raw;
use crate::yaml::{Node, Style, Value, YamlFile};

/// Whether go-yaml would write the one document of `file` as `text`. Says no where it does not know.
pub(super) fn is_canonical(file: &YamlFile, text: &str) -> bool {
    let [document] = file.documents.as_slice() else { return false };
    let plain_lines = !text.starts_with("---") && !text.contains('\t') && text.is_ascii();
    let lines = text.trim_end().lines().all(|line| !line.trim().is_empty() && line.trim_end() == line);
    let comments = file.comments.iter().all(|comment| {
        let before = &text[..comment.mark.start as usize];
        comment.own_line || (before.ends_with(' ') && !before.ends_with("  "))
    });
    plain_lines && lines && comments && block(&document.root, 1, text)
}

/// Whether a block collection stands at `column`, and all in it two further.
fn block(node: &Node, column: u32, text: &str) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(sequence) => sequence.items.iter().all(|item| {
            item.mark().column == column + 2 && dashed(item, text) && inside(item, column + 2, column + 2, text)
        }),
        Value::Mapping(mapping) => mapping.entries.iter().all(|entry| {
            let (key, value) = (entry.key.mark(), entry.value.mark());
            let between = text.get(key.end as usize..value.start as usize).unwrap_or_default();
            let is_block = !is_leaf(&entry.value, text);
            let apart =
                if is_block { between.starts_with(":\n") || between.starts_with(": #") } else { between == ": " };
            key.column == column && apart && inside(&entry.value, column + 2, column, text)
        }),
    }
}

/// Whether a value is in order: mappings at one column, the dashes of sequences at another.
fn inside(node: &Node, mapping: u32, dashes: u32, text: &str) -> bool {
    if is_leaf(node, text) {
        return leaf(node, text);
    }
    block(node, if node.as_sequence().is_some() { dashes } else { mapping }, text)
}

fn dashed(item: &Node, text: &str) -> bool {
    text.get(..item.mark().start as usize).is_some_and(|before| before.ends_with("- "))
}

fn written<'t>(node: &Node, text: &'t str) -> &'t str {
    text.get(node.mark().start as usize..node.mark().end as usize).unwrap_or_default()
}

fn is_leaf(node: &Node, text: &str) -> bool {
    node.as_scalar().is_some() || written(node, text).starts_with(['{', '['])
}

/// Whether a scalar, or a collection in brackets, stands on one line with single spaces.
fn leaf(node: &Node, text: &str) -> bool {
    let written = written(node, text);
    match &node.value {
        Value::Scalar(scalar) => match scalar.style {
            Style::Plain => !raw(node).is_empty() && written == raw(node),
            Style::Single | Style::Double => !written.contains('\n'),
            Style::Literal | Style::Folded => false,
        },
        _ => {
            let loose = ["\n", "[ ", "{ ", " ]", " }", "  ", "\"", "'", ",]", ",}"];
            let commas = written.match_indices(',').all(|(at, _)| written[at..].starts_with(", "));
            !loose.iter().any(|text| written.contains(text)) && commas
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    fn canonical(text: &str) -> bool {
        is_canonical(&read(FileId::NONE, text, Limits::default()), text)
    }

    #[test]
    fn what_go_yaml_writes_is_canonical() {
        assert!(canonical("# a\nx:\n  y: 1 # one\n  # two\n  z: [a, b]\nq: \"b\"\nr:\n- a\n- b: c\n  d: e\n"));
    }

    #[test]
    fn other_indentation_empty_lines_and_loose_spaces_are_not() {
        for text in
            ["a:\n    b: c\n", "a:\n  - b\n", "a: b\n\nc: d\n", "a:  b\n", "a: [ b ]\n", "a:\n-   b\n", "---\na: b\n"]
        {
            assert!(!canonical(text), "{text}");
        }
    }
}
