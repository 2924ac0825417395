//! YAML inside of YAML: patches, generators and transformers that a kustomization holds as text.
//!
//! The text is parsed on its own; its marks are moved to where the lines stand in the file, so that a finding in an
//! inline patch points at the line of the patch.

use crate::origin::{FileId, Mark};
use crate::yaml::{Limits, Node, Style, Value, YamlFile, read};

/// Parses the text of the scalar `node`, which stands in a file with the text `source`.
pub(super) fn parse(node: &Node, source: Option<&str>) -> YamlFile {
    let Some(scalar) = node.as_scalar() else { return YamlFile::default() };
    let mark = node.mark();
    let mut file = read(FileId::NONE, &scalar.text, Limits::default());
    let lines = match (scalar.style, source) {
        (Style::Literal, Some(source)) => literal_lines(mark, source),
        _ => Vec::new(),
    };
    let place = |inner: Mark| moved(inner, mark, &lines);
    for document in &mut file.documents {
        relocate(&mut document.root, &place);
    }
    for problem in &mut file.problems {
        problem.mark = place(problem.mark);
    }
    file
}

/// A line of a literal block: its number, and the byte offset and column where its content begins.
struct Line {
    number: u32,
    start: u32,
    column: u32,
}

fn literal_lines(mark: Mark, source: &str) -> Vec<Line> {
    let (start, end) = (mark.start as usize, (mark.end as usize).min(source.len()));
    let Some(block) = source.get(start..end) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut offset = start;
    let mut indent = None;
    for (index, line) in block.split_inclusive('\n').enumerate() {
        if index > 0 {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if indent.is_none() && !line.trim().is_empty() {
                indent = Some(spaces);
            }
            let skip = spaces.min(indent.unwrap_or(spaces));
            lines.push(Line {
                number: mark.line + index as u32,
                start: (offset + skip) as u32,
                column: skip as u32 + 1,
            });
        }
        offset += line.len();
    }
    lines
}

fn moved(inner: Mark, outer: Mark, lines: &[Line]) -> Mark {
    let Some(line) = (inner.line as usize).checked_sub(1).and_then(|index| lines.get(index)) else { return outer };
    // Columns count characters; what stands before the value on its line is nearly always ASCII.
    let start = line.start + inner.column.saturating_sub(1);
    let length = inner.end.saturating_sub(inner.start);
    Mark {
        file: outer.file,
        line: line.number,
        column: line.column + inner.column.saturating_sub(1),
        start,
        end: (start + length).min(outer.end.max(start)),
    }
}

fn relocate(node: &mut Node, place: &impl Fn(Mark) -> Mark) {
    node.origin.mark = place(node.origin.mark);
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(|item| relocate(item, place)),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                relocate(&mut entry.key, place);
                relocate(&mut entry.value, place);
            }
        }
    }
}
