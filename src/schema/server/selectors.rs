//! Label selectors, node selectors, and what is a number or a percentage.

use super::at::{At, Found};
use crate::check::syntax;

/// A `LabelSelector`.
pub(super) fn labels<'n>(selector: At<'n, '_>, found: &mut Found<'n>) {
    for label in selector.entries("matchLabels") {
        pair(&label, found);
    }
    for expression in selector.items("matchExpressions") {
        found.required(expression, "key");
        found.syntax(expression, "key", syntax::qualified_name);
        found.one_of(expression, "operator", &["In", "NotIn", "Exists", "DoesNotExist"]);
        match expression.str("operator") {
            Some("In" | "NotIn") => {
                found.required(expression, "values");
                for value in expression.items("values") {
                    if let Some(wrong) = value.text().and_then(syntax::label_value) {
                        found.wrong(value, wrong);
                    }
                }
            }
            Some(_) if expression.count("values") > 0 => {
                found.forbidden(expression, "values", "with this operator");
            }
            _ => {}
        }
    }
}

/// The label selector in a field, if it is there.
pub(super) fn labels_in<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    if let Some(selector) = at.get(key) {
        labels(selector, found);
    }
}

/// Whether a label selector selects everything.
pub(super) fn is_empty(selector: At<'_, '_>) -> bool {
    selector.size("matchLabels") == 0 && selector.count("matchExpressions") == 0
}

/// One label.
pub(super) fn pair<'n>(label: &super::at::Entry<'n>, found: &mut Found<'n>) {
    let open = |text: &str| text.contains("${") || text.contains("{{");
    let key = Some(label.key()).filter(|key| !open(key)).and_then(syntax::qualified_name);
    let value = label.node.as_str().filter(|text| !open(text)).and_then(syntax::label_value);
    if let Some(wrong) = key.or(value) {
        found.wrong_entry(label, wrong);
    }
}

/// A `NodeSelectorTerm` or a preference.
pub(super) fn node_term<'n>(term: At<'n, '_>, found: &mut Found<'n>) {
    for expression in term.items("matchExpressions") {
        found.syntax(expression, "key", syntax::qualified_name);
        let count = expression.count("values");
        match expression.str("operator") {
            Some("In" | "NotIn") if count == 0 => found.lacks(expression, "needs `values` with this operator"),
            Some("Exists" | "DoesNotExist") if count > 0 => {
                found.forbidden(expression, "values", "with this operator");
            }
            Some("Gt" | "Lt") if count != 1 => found.lacks(expression, "needs one value with this operator"),
            _ => {}
        }
    }
    for field in term.items("matchFields") {
        found.one_of(field, "key", &["metadata.name"]);
        match field.str("operator") {
            Some("In" | "NotIn") if field.count("values") != 1 => {
                found.lacks(field, "needs one value: one node has one name");
            }
            Some("In" | "NotIn") | None => {}
            Some(_) => found.one_of(field, "operator", &["In", "NotIn"]),
        }
    }
}

/// A `NodeSelector`.
pub(super) fn nodes<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    let Some(selector) = at.get(key) else { return };
    found.required(selector, "nodeSelectorTerms");
    for term in selector.items("nodeSelectorTerms") {
        node_term(term, found);
    }
}

/// A number that is not negative, or a percentage up to `most`.
pub(super) fn count_or_percentage<'n>(at: At<'n, '_>, key: &str, most: Option<i64>, found: &mut Found<'n>) {
    let Some(inner) = at.get(key) else { return };
    if let Some(number) = inner.int() {
        if number < 0 {
            found.wrong(inner, format!("must be at least 0, found {number}"));
        }
        return;
    }
    let Some(text) = inner.text() else { return };
    match percentage(text) {
        None => found.wrong(inner, format!("must be a number or a percentage like `25%`, found `{text}`")),
        Some(percent) if most.is_some_and(|most| percent > most) => {
            found.wrong(inner, format!("must be at most 100%, found `{text}`"));
        }
        Some(_) => {}
    }
}

/// `25%` as 25.
pub(super) fn percentage(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// Whether a number or percentage is zero.
pub(super) fn is_zero(at: At<'_, '_>, key: &str) -> bool {
    at.get(key).is_some_and(|inner| inner.int() == Some(0) || inner.text().and_then(percentage) == Some(0))
}
