//! Text in a value: YAML, JSON or CSV in a ConfigMap or a Secret, with the place of each of its lines.

use crate::origin::{FileId, Mark};
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, YamlFile, read};

/// A value that holds text of another language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embedded<'a> {
    snapshot: &'a Snapshot,
    node: &'a Node,
}

impl<'a> Embedded<'a> {
    /// The text of `node`.
    pub(crate) fn new(snapshot: &'a Snapshot, node: &'a Node) -> Embedded<'a> {
        Embedded { snapshot, node }
    }

    /// The text.
    pub(crate) fn text(&self) -> &'a str {
        self.node.text().unwrap_or_default()
    }

    /// The text as YAML. Marks in it count within the text; [`Embedded::place`] makes marks of the file of them.
    pub(crate) fn yaml(&self) -> YamlFile {
        read(FileId::NONE, self.text(), Limits::default())
    }

    /// The place of a line of the text, counted from 1: its own where the value is a block, else the value's.
    pub(crate) fn place(&self, line: u32) -> Mark {
        self.line(line).unwrap_or(self.node.mark())
    }

    fn line(&self, line: u32) -> Option<Mark> {
        let mark = self.node.mark();
        let file = self.snapshot.text(mark.file)?;
        if !file.get(mark.start as usize..)?.starts_with(['|', '>']) {
            return None;
        }
        // What is missing at the end of a text is reported behind its last line.
        let line = line.min(self.text().lines().count() as u32);
        let wanted = self.text().lines().nth(line.checked_sub(1)? as usize)?.trim();
        if wanted.is_empty() {
            return None;
        }
        let number = mark.line.checked_add(line)?;
        let mut start = 0;
        for (index, written) in file.split_inclusive('\n').enumerate() {
            if index as u32 + 1 == number {
                // A block begins below its indicator; anything else is laid out otherwise.
                if written.trim() != wanted {
                    return None;
                }
                let indent = written.len() - written.trim_start().len();
                let first = start + indent;
                let column = written.get(..indent)?.chars().count() as u32 + 1;
                return Some(Mark {
                    file: mark.file,
                    line: number,
                    column,
                    start: first as u32,
                    end: (first + wanted.len()) as u32,
                });
            }
            start += written.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_block_has_its_own_place() {
        let text = "data:\n  a: |\n    first\n    - second\n  b: 'one\n\n    two'\n";
        let snapshot = Snapshot::from_files([("a.yaml", text)]);
        let root = read(FileId(0), text, Limits::default()).documents.remove(0).root;
        let node = |key: &str| root.path(&["data", key]).expect("the value");
        let place = Embedded::new(&snapshot, node("a")).place(2);
        assert_eq!((place.line, place.column), (4, 5));
        assert_eq!(&text[place.start as usize..place.end as usize], "- second");
        assert_eq!(Embedded::new(&snapshot, node("b")).place(2), node("b").mark());
    }
}
