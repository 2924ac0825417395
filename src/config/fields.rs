//! Reading mappings whose keys are known.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Located;
use crate::check::rules::invalid_configuration::RULE;
use crate::finding::{Finding, nearest};
use crate::origin::Mark;
use crate::yaml::Node;

/// Collects what is wrong while the file is read.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    /// Reports `message` at `mark`.
    pub(super) fn report(&mut self, mark: Mark, message: impl Into<String>) {
        self.0.push(Finding::new(&RULE, mark).message(message));
    }

    /// Reports keys of `node` that are not among `known`, and a `node` that is no mapping.
    pub(super) fn keys(&mut self, node: &Node, what: &str, known: &[&str]) -> bool {
        let Some(mapping) = node.as_mapping() else {
            self.report(node.mark(), format!("{what}: expected a mapping, found {}", node.kind().as_str()));
            return false;
        };
        for entry in &mapping.entries {
            let key = entry.key_text();
            if !known.contains(&key) {
                let mut finding = Finding::new(&RULE, entry.key.mark()).message(format!("{what}: unknown key `{key}`"));
                finding.help = match nearest(key, known.iter().copied()) {
                    Some(candidate) => Some(format!("did you mean `{candidate}`?")),
                    None => Some(format!("known keys: {}", known.join(", "))),
                };
                self.0.push(finding);
            }
        }
        true
    }

    /// The text of `key`.
    pub(super) fn text(&mut self, node: &Node, what: &str, key: &str) -> Option<Located<String>> {
        let value = node.get(key)?;
        match value.text() {
            Some(text) if !text.trim().is_empty() => Some(Located { value: text.to_owned(), mark: value.mark() }),
            _ => {
                self.report(value.mark(), format!("{what}.{key}: expected text, found {}", value.kind().as_str()));
                None
            }
        }
    }

    /// The text of `key`, which must be there.
    pub(super) fn required(&mut self, node: &Node, what: &str, key: &str) -> Option<Located<String>> {
        if node.get(key).is_none() {
            self.report(node.mark(), format!("{what}: `{key}` is missing"));
            return None;
        }
        self.text(node, what, key)
    }

    /// The items of the list `key`.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str, key: &str) -> &'n [Node] {
        let Some(value) = node.get(key) else { return &[] };
        if value.as_sequence().is_none() && !value.is_null() {
            self.report(value.mark(), format!("{what}.{key}: expected a list, found {}", value.kind().as_str()));
        }
        value.items()
    }

    /// The texts of the list `key`.
    pub(super) fn texts(&mut self, node: &Node, what: &str, key: &str) -> Vec<Located<String>> {
        let mut texts = Vec::new();
        for item in self.items(node, what, key) {
            match item.text() {
                Some(text) => texts.push(Located { value: text.to_owned(), mark: item.mark() }),
                None => {
                    self.report(item.mark(), format!("{what}.{key}: expected text, found {}", item.kind().as_str()))
                }
            }
        }
        texts
    }

    /// The entries of the mapping `key`, both sides text.
    pub(super) fn map(&mut self, node: &Node, what: &str, key: &str) -> BTreeMap<SmolStr, SmolStr> {
        let mut map = BTreeMap::new();
        let Some(value) = node.get(key) else { return map };
        if value.as_mapping().is_none() && !value.is_null() {
            self.report(value.mark(), format!("{what}.{key}: expected a mapping, found {}", value.kind().as_str()));
        }
        for entry in value.entries() {
            match entry.value.text() {
                Some(text) => {
                    map.insert(SmolStr::new(entry.key_text()), SmolStr::new(text));
                }
                None => self.report(entry.value.mark(), format!("{what}.{key}.{}: expected text", entry.key_text())),
            }
        }
        map
    }
}
