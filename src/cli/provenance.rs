//! Rendered objects as text: with the values of Secrets masked, and where wanted with each value's origin behind it.

use crate::origin::{FileId, Origin};
use crate::render::Resource;
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, Scalar, Style, Value, WriteError, read, write};

/// The object as YAML. With `snapshot`, each scalar is followed by a comment that says where it was written.
pub(super) fn document(resource: &Resource, snapshot: Option<&Snapshot>) -> Result<String, WriteError> {
    let shown = masked(resource);
    let mut text = String::new();
    write(&shown, &mut text)?;
    let Some(snapshot) = snapshot else { return Ok(text) };
    // The written text is read again: its marks tell on which line each value ends.
    let written = read(FileId::NONE, &text, Limits::default());
    let mut comments = vec![String::new(); text.lines().count() + 1];
    if let Some(document) = written.documents.first() {
        annotate(snapshot, &text, &shown, &document.root, &mut comments);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (line, comment) in text.lines().zip(comments.iter().skip(1)) {
        out.push_str(line);
        if !comment.is_empty() {
            out.push_str("  # ");
            out.push_str(comment);
        }
        out.push('\n');
    }
    Ok(out)
}

/// The object with the values of a Secret replaced by `***`.
pub(super) fn masked(resource: &Resource) -> Node {
    let mut node = resource.node.clone();
    if resource.group().is_empty() && resource.kind() == "Secret" {
        for field in ["data", "stringData"] {
            let Some(data) = node.get_mut(field).and_then(Node::as_mapping_mut) else { continue };
            for entry in &mut data.entries {
                entry.value = Node::string("***", entry.value.origin.clone());
            }
        }
    }
    node
}

/// Walks the object and its written form side by side. The depth of both is bounded by the readers.
fn annotate(snapshot: &Snapshot, text: &str, node: &Node, written: &Node, comments: &mut [String]) {
    match (&node.value, &written.value) {
        (Value::Mapping(mapping), Value::Mapping(_)) if !mapping.entries.is_empty() => {
            for entry in &mapping.entries {
                if let Some(value) = written.get(entry.key_text()) {
                    annotate(snapshot, text, &entry.value, value, comments);
                }
            }
        }
        (Value::Sequence(sequence), Value::Sequence(as_written)) if !sequence.items.is_empty() => {
            for (item, value) in sequence.items.iter().zip(&as_written.items) {
                annotate(snapshot, text, item, value, comments);
            }
        }
        _ => {
            let line = last_line(text, written);
            if let Some(comment) = comments.get_mut(line) {
                *comment = place(snapshot, &node.origin);
            }
        }
    }
}

/// The line on which a comment may follow `written`: its last, or the header of a block scalar.
fn last_line(text: &str, written: &Node) -> usize {
    let mark = written.mark();
    let block = matches!(written.as_scalar(), Some(Scalar { style: Style::Literal | Style::Folded, .. }));
    let range = text.get(mark.start as usize..mark.end as usize).unwrap_or_default();
    let breaks = if block { 0 } else { range.trim_end().matches('\n').count() };
    mark.line as usize + breaks
}

/// `file:line`, and what changed the value on its way.
fn place(snapshot: &Snapshot, origin: &Origin) -> String {
    let mut place = if origin.mark.is_some() {
        format!("{}:{}", snapshot.path(origin.mark.file), origin.mark.line)
    } else {
        "made by tiphys".to_owned()
    };
    let steps: Vec<String> = origin.steps().iter().rev().map(|step| step.what.replace(['\n', '\r'], " ")).collect();
    if !steps.is_empty() {
        place.push_str("; ");
        place.push_str(&steps.join("; "));
    }
    place
}
