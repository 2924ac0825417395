//! What an apply changes of an object: the object before and after in, its changed fields out.
//!
//! Both are as the server has them, so defaults and normal forms are no changes. What the server notes for itself is left
//! out, and so is what a Secret holds: that a value changes is said, and neither the old nor the new one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Digest, canonical};

/// One field that is added, changed or taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where: a JSON pointer into the object as it will be, or as it is for what is taken out.
    pub pointer: String,
    /// The value before; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Shown>,
    /// The value after; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<Shown>,
}

/// A value as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    /// The value itself.
    Value(Value),
    /// The digest of a value that is too long to be shown.
    Digest(Digest),
    /// There is a value, and it is a secret.
    Secret,
}

/// Longer values are shown by their digests, in bytes of JSON.
const LONGEST: usize = 4096;

/// What the server writes by itself.
const OWN: [&str; 7] =
    ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink", "deletionTimestamp"];

/// The fields in which `after` differs from `before`, by their pointers.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let secret = after["kind"] == "Secret" && after["apiVersion"] == "v1";
    let mut differ = Differ { secret, changes: Vec::new() };
    differ.value(&mut String::new(), &bare(before), &bare(after));
    differ.changes
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OWN.contains(&key.as_str()));
    }
    object
}

struct Differ {
    secret: bool,
    changes: Vec<Change>,
}

impl Differ {
    fn value(&mut self, pointer: &mut String, before: &Value, after: &Value) {
        match (before, after) {
            _ if before == after => {}
            (Value::Object(before), Value::Object(after)) => self.object(pointer, before, after),
            (Value::Array(before), Value::Array(after)) => self.list(pointer, before, after),
            _ => self.note(pointer, Some(before), Some(after)),
        }
    }

    fn object(&mut self, pointer: &mut String, before: &Map<String, Value>, after: &Map<String, Value>) {
        let mut keys: Vec<&String> =
            before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))).collect();
        keys.sort();
        for key in keys {
            let step = key.replace('~', "~0").replace('/', "~1");
            self.within(pointer, &step, before.get(key), after.get(key));
        }
    }

    /// Items that have names are held against those of the same name; others against those at the same place.
    fn list(&mut self, pointer: &mut String, before: &[Value], after: &[Value]) {
        let Some(key) = key_of(before).filter(|key| key_of(after) == Some(*key)) else {
            if before.len() != after.len() || before.iter().chain(after).any(|item| !item.is_object()) {
                return self.note(pointer, Some(&Value::from(before.to_vec())), Some(&Value::from(after.to_vec())));
            }
            for (place, (before, after)) in before.iter().zip(after).enumerate() {
                self.within(pointer, &place.to_string(), Some(before), Some(after));
            }
            return;
        };
        for (place, item) in after.iter().enumerate() {
            let old = before.iter().find(|old| old[key] == item[key]);
            self.within(pointer, &place.to_string(), old, Some(item));
        }
        for (place, item) in before.iter().enumerate() {
            if !after.iter().any(|new| new[key] == item[key]) {
                self.within(pointer, &place.to_string(), Some(item), None);
            }
        }
    }

    fn within(&mut self, pointer: &mut String, step: &str, before: Option<&Value>, after: Option<&Value>) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        match (before, after) {
            (Some(before), Some(after)) => self.value(pointer, before, after),
            (before, after) => self.note(pointer, before, after),
        }
        pointer.truncate(length);
    }

    fn note(&mut self, pointer: &str, before: Option<&Value>, after: Option<&Value>) {
        // An annotation may hold the whole object once more, as kubectl applied it.
        let open = pointer == "/type" || pointer == "/immutable" || pointer.starts_with("/metadata/labels");
        let shown = |value: &Value| {
            if self.secret && !open {
                return Shown::Secret;
            }
            match canonical(value) {
                text if text.len() > LONGEST => Shown::Digest(Digest::of(&text)),
                _ => Shown::Value(value.clone()),
            }
        };
        let (from, to) = (before.map(&shown), after.map(&shown));
        self.changes.push(Change { pointer: pointer.to_owned(), from, to });
    }
}

/// The field that tells the items of a list apart, if one does.
fn key_of(items: &[Value]) -> Option<&'static str> {
    ["name", "key", "mountPath", "containerPort", "port", "ip", "uid"].into_iter().find(|key| {
        let mut names: Vec<String> = items.iter().filter_map(|item| item.get(key)).map(Value::to_string).collect();
        let all = names.len() == items.len() && !names.is_empty();
        names.sort();
        names.dedup();
        all && names.len() == items.len()
    })
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "~ {}: {from} -> {to}", self.pointer),
            (Some(from), None) => write!(f, "- {}: {from}", self.pointer),
            (None, Some(to)) => write!(f, "+ {}: {to}", self.pointer),
            (None, None) => f.write_str(&self.pointer),
        }
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shown::Value(value) => {
                let text = value.to_string();
                match text.char_indices().nth(120) {
                    Some((end, _)) => write!(f, "{}…", &text[..end]),
                    None => f.write_str(&text),
                }
            }
            Shown::Digest(digest) => write!(f, "{digest}"),
            Shown::Secret => f.write_str("(secret)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        changes(before, after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn containers_are_told_by_their_names() {
        let before = json!({"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "old"}]}});
        let after = json!({"spec": {"containers": [{"name": "proxy"}, {"name": "web", "image": "web:2"}]}});
        assert_eq!(
            shown(&before, &after),
            [
                r#"+ /spec/containers/0: {"name":"proxy"}"#,
                r#"~ /spec/containers/1/image: "web:1" -> "web:2""#,
                r#"- /spec/containers/1: {"name":"old"}"#,
            ]
        );
    }

    #[test]
    fn what_the_server_notes_for_itself_is_no_change() {
        let before = json!({"metadata": {"resourceVersion": "1", "managedFields": []}, "status": {"ready": 1}});
        let after = json!({"metadata": {"resourceVersion": "2", "generation": 2}, "status": {"ready": 0}});
        assert!(changes(&before, &after).is_empty());
    }

    #[test]
    fn values_of_secrets_are_never_shown() {
        let secret = |value: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"annotations": {"copy": value}},
                "data": {"password": value}})
        };
        let changes = changes(&secret("b2xk"), &secret("bmV3"));
        assert_eq!(changes.len(), 2);
        let text = serde_json::to_string(&changes).unwrap_or_default();
        assert!(!text.contains("b2xk") && !text.contains("bmV3"), "{text}");
    }

    #[test]
    fn a_long_value_is_shown_by_its_digest() {
        let long = "x".repeat(LONGEST + 1);
        let changes = changes(&json!({"data": {"a": "short"}}), &json!({"data": {"a": long}}));
        assert!(matches!(changes[0].to, Some(Shown::Digest(_))));
    }

    #[test]
    fn a_key_with_a_slash_is_escaped() {
        let changes = changes(&json!({"data": {}}), &json!({"data": {"a/b~c": 1}}));
        assert_eq!(changes[0].pointer, "/data/a~1b~0c");
    }
}
