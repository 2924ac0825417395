//! A pattern of fields in, the values of an object that it leads to out, each with its JSON Pointer.
//!
//! `spec.rules.*.host` leads to the host of every rule: `*` stands for each item of a list.

use crate::yaml::{Node, Value};

/// A value and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Selected<'n> {
    /// The value.
    pub(crate) node: &'n Node,
    /// Its JSON Pointer.
    pub(crate) pointer: String,
}

impl<'n> Selected<'n> {
    /// The value of a field, and its text; `None` if that is empty, or filled in later.
    pub(crate) fn text(&self, field: &str) -> Option<Named<'n>> {
        let node = self.node.get(field)?;
        let text = node.text().filter(|text| !text.is_empty() && !is_open(text))?;
        Some(Named { node, text, pointer: format!("{}/{field}", self.pointer) })
    }
}

/// A scalar with its text.
#[derive(Debug, Clone)]
pub(crate) struct Named<'n> {
    /// The value.
    pub(crate) node: &'n Node,
    /// Its text.
    pub(crate) text: &'n str,
    /// Its JSON Pointer.
    pub(crate) pointer: String,
}

/// The values of `root` that `pattern` leads to.
pub(crate) fn select<'n>(root: &'n Node, pattern: &str) -> Vec<Selected<'n>> {
    let mut found = vec![Selected { node: root, pointer: String::new() }];
    for step in pattern.split('.').filter(|step| !step.is_empty()) {
        let mut next = Vec::new();
        for Selected { node, pointer } in found {
            match &node.value {
                Value::Sequence(sequence) if step == "*" => {
                    let items = sequence.items.iter().enumerate();
                    next.extend(items.map(|(at, node)| Selected { node, pointer: format!("{pointer}/{at}") }));
                }
                _ => {
                    let node = node.get(step);
                    next.extend(node.map(|node| Selected { node, pointer: format!("{pointer}/{step}") }));
                }
            }
        }
        found = next;
    }
    found
}

/// Whether something fills the text in after rendering: `${NAME}`, `$(NAME)`, `{{ name }}`, `<path:...>`.
pub(crate) fn is_open(text: &str) -> bool {
    text.contains("{{") || text.contains("${") || text.contains("$(") || text.starts_with('<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    #[test]
    fn a_star_stands_for_each_item_of_a_list() {
        let file = read(FileId(0), "a: [{b: x}, {c: 1}, {b: y}]\nb: {}\n", Limits::default());
        let found = select(&file.documents[0].root, "a.*.b");
        let found: Vec<_> = found.iter().map(|found| (found.pointer.as_str(), found.node.text())).collect();
        assert_eq!(found, [("/a/0/b", Some("x")), ("/a/2/b", Some("y"))]);
    }

    #[test]
    fn a_way_that_leads_nowhere_finds_nothing() {
        let file = read(FileId(0), "a: text\n", Limits::default());
        assert!(select(&file.documents[0].root, "a.*.b").is_empty());
        assert!(select(&file.documents[0].root, "x.y").is_empty());
    }
}
