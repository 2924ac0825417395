//! Label selectors: `matchLabels` and `matchExpressions`.

use std::collections::BTreeMap;

use super::Fault;
use crate::yaml::Node;

/// A selector that was understood.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector. Values are not restricted: URLs may be selected by.
    pub(super) fn read(node: &Node) -> Result<Selector, Fault> {
        let mut selector = Selector::default();
        for entry in node.get("matchLabels").map(Node::entries).unwrap_or_default() {
            let key = entry.key_text();
            qualified(key).map_err(|message| Fault::wrong(&entry.key, message))?;
            let value = entry.value.text().unwrap_or_default().to_owned();
            selector.requirements.push(Requirement {
                key: key.to_owned(),
                operator: Operator::In,
                values: vec![value],
            });
        }
        for expression in node.get("matchExpressions").map(Node::items).unwrap_or_default() {
            selector.requirements.push(requirement(expression)?);
        }
        Ok(selector)
    }

    /// Whether it selects by anything at all.
    pub(super) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether it selects what has `labels`.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match requirement.operator {
                Operator::In => value.is_some_and(|value| requirement.values.contains(value)),
                Operator::NotIn => value.is_none_or(|value| !requirement.values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn requirement(expression: &Node) -> Result<Requirement, Fault> {
    let word = expression.str_at(&["operator"]).unwrap_or_default();
    let operator = match word {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => {
            let at = expression.get("operator").unwrap_or(expression);
            return Err(Fault::wrong(at, format!("\"{word}\" is not a valid pod selector operator")));
        }
    };
    let key = expression.get("key").and_then(Node::text).unwrap_or_default().to_owned();
    qualified(&key).map_err(|message| Fault::wrong(expression.get("key").unwrap_or(expression), message))?;
    let items = expression.get("values").map(Node::items).unwrap_or_default();
    let values: Vec<String> = items.iter().map(|item| item.text().unwrap_or_default().to_owned()).collect();
    let message = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values: Invalid value: values set must be empty for exists and does not exist"
        }
        _ => return Ok(Requirement { key, operator, values }),
    };
    Err(Fault::wrong(expression.get("values").unwrap_or(expression), message))
}

/// Whether `key` is a label's: `[prefix/]name`.
fn qualified(key: &str) -> Result<(), String> {
    let fault = |what: &str| Err(format!("key: Invalid value: \"{key}\": {what}"));
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !subdomain(prefix)) {
        return fault(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
        );
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if name.is_empty() || name.len() > 63 || !inner || !edge(name.chars().next()) || !edge(name.chars().last()) {
        return fault(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        );
    }
    Ok(())
}

fn subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
}
