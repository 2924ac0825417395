//! Label selectors.

use crate::yaml::Node;

/// What a selector asks for and labels do not have.
#[derive(Debug)]
pub(crate) struct Mismatch<'n> {
    /// The key or expression that does not hold.
    pub(crate) node: &'n Node,
    /// JSON Pointer to it, from the selector.
    pub(crate) pointer: String,
    /// What it asks for, in words.
    pub(crate) wanted: String,
}

/// The first part of `selector` (`matchLabels`, `matchExpressions`) that `label` does not satisfy; `None` if the labels
/// match. An empty selector matches everything.
pub(crate) fn first_mismatch<'n, 'l>(
    selector: &'n Node,
    label: impl Fn(&str) -> Option<&'l str>,
) -> Option<Mismatch<'n>> {
    for entry in selector.get("matchLabels").map_or(&[][..], Node::entries) {
        let (key, wanted) = (entry.key_text(), entry.value.text().unwrap_or_default());
        if label(key) != Some(wanted) {
            let node = if entry.key.mark().is_some() { &entry.key } else { &entry.value };
            let pointer = format!("/matchLabels/{}", key.replace('~', "~0").replace('/', "~1"));
            return Some(Mismatch { node, pointer, wanted: format!("`{key}: {wanted}`") });
        }
    }
    for (index, expression) in selector.get("matchExpressions").map_or(&[][..], Node::items).iter().enumerate() {
        let key = expression.get("key").and_then(Node::text).unwrap_or_default();
        let values = || expression.get("values").map_or(&[][..], Node::items).iter().filter_map(Node::text);
        let found = label(key);
        let operator = expression.str_at(&["operator"]).unwrap_or_default();
        let holds = match operator {
            "In" => found.is_some_and(|found| values().any(|value| value == found)),
            "NotIn" => !found.is_some_and(|found| values().any(|value| value == found)),
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            // What is no operator is reported by the schema.
            _ => true,
        };
        if !holds {
            let values: Vec<&str> = values().collect();
            let wanted = format!("`{key}` {operator} {}", values.join(", "));
            let pointer = format!("/matchExpressions/{index}");
            return Some(Mismatch { node: expression, pointer, wanted: wanted.trim_end().to_owned() });
        }
    }
    None
}
