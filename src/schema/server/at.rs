//! A value and the way to it, and what is found wrong.

use crate::schema::validate::{Violation, ViolationKind};
use crate::yaml::{Node, Resolved};

/// A value of the object, with the way that led to it. Pointers are made only when something is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'n, 'p> {
    /// The value.
    pub(super) node: &'n Node,
    /// The key that it stands behind, or the value itself.
    pub(super) place: &'n Node,
    up: Option<&'p At<'n, 'p>>,
    step: Step<'n>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'n> {
    Root,
    Field(&'n str),
    Item(&'n str, usize),
}

impl<'n, 'p> At<'n, 'p> {
    /// The object.
    pub(super) fn root(node: &'n Node) -> At<'n, 'p> {
        At { node, place: node, up: None, step: Step::Root }
    }

    /// The value of a field, if it is set to something.
    pub(super) fn get<'q>(&'q self, key: &str) -> Option<At<'n, 'q>> {
        let entry = self.node.as_mapping()?.entry(key)?;
        if is_null(&entry.value) {
            return None;
        }
        Some(At { node: &entry.value, place: &entry.key, up: Some(self), step: Step::Field(entry.key_text()) })
    }

    /// Whether a field is set to something.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The items of the list in a field.
    pub(super) fn items<'q>(&'q self, key: &str) -> Vec<At<'n, 'q>> {
        let Some(entry) = self.node.as_mapping().and_then(|mapping| mapping.entry(key)) else { return Vec::new() };
        let name = entry.key_text();
        let at = |(index, item): (usize, &'n Node)| At {
            node: item,
            place: item,
            up: Some(self),
            step: Step::Item(name, index),
        };
        entry.value.items().iter().enumerate().map(at).collect()
    }

    /// The entries of the mapping in a field, each under its key. The step over the field itself is part of them.
    pub(super) fn entries(&self, key: &str) -> Vec<Entry<'n>> {
        let Some(map) = self.node.get(key) else { return Vec::new() };
        let base = format!("{}/{}", self.pointer(), escaped(key));
        map.entries()
            .iter()
            .map(|entry| Entry { key: &entry.key, node: &entry.value, base: base.clone(), name: entry.key_text() })
            .collect()
    }

    /// The text of the value: none if it is empty, or filled in later.
    pub(super) fn text(&self) -> Option<&'n str> {
        self.node.as_str().filter(|text| !text.is_empty() && !is_open(text))
    }

    /// The text of a field: none if it is empty, or filled in later.
    pub(super) fn str(&self, key: &str) -> Option<&'n str> {
        self.get(key).and_then(|at| at.text())
    }

    /// The number of the value.
    pub(super) fn int(&self) -> Option<i64> {
        match self.node.as_scalar()?.resolve_kubernetes() {
            Resolved::Int(value) => Some(value),
            Resolved::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            _ => None,
        }
    }

    /// The number of a field.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(|at| at.int())
    }

    /// The truth of a field.
    pub(super) fn truth(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(|at| at.node.as_bool())
    }

    /// How many items the list in a field has.
    pub(super) fn count(&self, key: &str) -> usize {
        self.node.get(key).map_or(0, |node| node.items().len())
    }

    /// How many fields the mapping in a field has.
    pub(super) fn size(&self, key: &str) -> usize {
        self.node.get(key).map_or(0, |node| node.entries().len())
    }

    /// The fields that are set to something.
    pub(super) fn fields(&self) -> Vec<&'n str> {
        let entries = self.node.entries().iter().filter(|entry| !is_null(&entry.value));
        entries.map(|entry| entry.key_text()).collect()
    }

    /// JSON Pointer to the value.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = self.up.map(At::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(key) => pointer.push_str(&format!("/{}", escaped(key))),
            Step::Item(key, index) => pointer.push_str(&format!("/{}/{index}", escaped(key))),
        }
        pointer
    }
}

/// An entry of a mapping whose keys are free.
#[derive(Debug, Clone)]
pub(super) struct Entry<'n> {
    key: &'n Node,
    /// The value.
    pub(super) node: &'n Node,
    base: String,
    name: &'n str,
}

impl<'n> Entry<'n> {
    /// The key.
    pub(super) fn key(&self) -> &'n str {
        self.name
    }
}

fn is_null(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| scalar.resolve_kubernetes() == Resolved::Null)
}

/// Whether something is filled in after rendering: what the text will be is not known.
fn is_open(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `/spec/ports/0/name` in words: `spec.ports[0].name`.
fn words(pointer: &str) -> String {
    let mut words = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            words.push_str(&format!("[{token}]"));
        } else if token.contains(['.', '/']) {
            words.push_str(&format!("[\"{token}\"]"));
        } else {
            if !words.is_empty() {
                words.push('.');
            }
            words.push_str(&token);
        }
    }
    if words.is_empty() { "the object".to_owned() } else { words }
}

/// What is found wrong.
#[derive(Debug, Default)]
pub(super) struct Found<'n> {
    violations: Vec<Violation<'n>>,
}

impl<'n> Found<'n> {
    /// The violations, in the order in which they were found.
    pub(super) fn into_violations(self) -> Vec<Violation<'n>> {
        self.violations
    }

    fn push(&mut self, kind: ViolationKind, node: &'n Node, pointer: String, what: &str) {
        // What many fields lead to is said once.
        if self.violations.iter().any(|known| known.pointer == pointer && known.kind == kind) {
            return;
        }
        let message = format!("{} {what}", words(&pointer));
        self.violations.push(Violation { kind, pointer, node, message, help: None, other: None, replacement: None });
    }

    /// A value that is not allowed. `what` follows the name of the field.
    pub(super) fn wrong(&mut self, at: At<'n, '_>, what: impl AsRef<str>) {
        // The value of a scalar, the key of anything else: that is where a person looks.
        let node = if at.node.as_scalar().is_some() { at.node } else { at.place };
        self.push(ViolationKind::Value, node, at.pointer(), what.as_ref());
    }

    /// An entry of a mapping that is not allowed.
    pub(super) fn wrong_entry(&mut self, entry: &Entry<'n>, what: impl AsRef<str>) {
        let node = if entry.node.as_scalar().is_some() { entry.node } else { entry.key };
        self.push(ViolationKind::Value, node, format!("{}/{}", entry.base, escaped(entry.name)), what.as_ref());
    }

    /// A field that may not be set here.
    pub(super) fn forbidden(&mut self, at: At<'n, '_>, key: &str, why: &str) {
        if let Some(inner) = at.get(key) {
            self.push(ViolationKind::Value, inner.place, inner.pointer(), &format!("may not be set {why}"));
        }
    }

    /// An object that lacks what it needs. `what` follows the name of the object.
    pub(super) fn lacks(&mut self, at: At<'n, '_>, what: impl AsRef<str>) {
        self.push(ViolationKind::Required, at.place, at.pointer(), what.as_ref());
    }

    /// Asks for a field that is neither absent nor empty. An absent one that the schema asks for is not said twice.
    pub(super) fn required(&mut self, at: At<'n, '_>, key: &str) {
        let empty = match at.get(key) {
            None => true,
            Some(inner) => match inner.node.as_scalar() {
                Some(_) => inner.node.as_str() == Some(""),
                None => inner.node.items().is_empty() && inner.node.entries().is_empty(),
            },
        };
        if empty {
            self.push(ViolationKind::Required, at.place, at.pointer(), &format!("needs `{key}`"));
        }
    }

    /// Asks for a value between the two.
    pub(super) fn within(&mut self, at: At<'n, '_>, key: &str, least: i64, most: i64) {
        let Some((inner, number)) = at.get(key).and_then(|inner| Some((inner, inner.int()?))) else { return };
        if number >= least && number <= most {
            return;
        }
        let range = match most {
            i64::MAX => format!("must be at least {least}"),
            _ => format!("must be within {least} to {most}"),
        };
        self.wrong(inner, format!("{range}, found {number}"));
    }

    /// Asks for text of a syntax.
    pub(super) fn syntax(&mut self, at: At<'n, '_>, key: &str, syntax: impl Fn(&str) -> Option<String>) {
        if let Some(inner) = at.get(key)
            && let Some(wrong) = inner.text().and_then(syntax)
        {
            self.wrong(inner, wrong);
        }
    }

    /// Asks for one of `words`.
    pub(super) fn one_of(&mut self, at: At<'n, '_>, key: &str, words: &[&str]) {
        if let Some(inner) = at.get(key)
            && let Some(text) = inner.text()
            && !words.contains(&text)
        {
            self.wrong(
                inner,
                match words {
                    [] => format!("must be empty, found `{text}`"),
                    _ => format!("must be one of {}, found `{text}`", words.join(", ")),
                },
            );
        }
    }

    /// Asks for one, and only one, of `keys`.
    pub(super) fn exactly_one(&mut self, at: At<'n, '_>, keys: &[&str]) {
        let set: Vec<At<'n, '_>> = keys.iter().filter_map(|key| at.get(key)).collect();
        match set.as_slice() {
            [] => self.lacks(at, format!("needs one of {}", keys.join(", "))),
            [_] => {}
            [.., last] => self.wrong(*last, "may not be set beside the others of which only one may be"),
        }
    }
}
