//! Two outputs side by side: which values are the same, which changed, which came or went.
//!
//! Objects are paired by kind, namespace and name, and what is left in order; elements of lists by the field that tells
//! them apart, and what is left in order. A value that only moved is the same value.

use std::collections::{HashMap, HashSet};

use tiphys::render::{Output, Resource};
use tiphys::yaml::{Node, Value};

/// What became of a value.
pub(super) enum Change<'n> {
    /// A scalar that is as it was, as it is now.
    Same(&'n Node),
    /// A value that differs, came or went.
    Different {
        before: Option<&'n Node>,
        after: Option<&'n Node>,
        /// Where it came or went, the collections around it, before and after; where it may have taken another's place
        /// in a list, those around the list.
        around: Vec<&'n Node>,
        pointer: String,
    },
}

/// Fields by which elements of a list are told apart, the first that fits.
const KEYS: [&str; 10] =
    ["name", "key", "mountPath", "containerPort", "port", "ip", "topologyKey", "type", "host", "kind"];

/// Everything that is in both outputs, and how it differs.
pub(super) fn changes<'n>(before: &'n Output, after: &'n Output) -> Vec<Change<'n>> {
    let id = |resource: &Resource| {
        let version = resource.node.get("apiVersion").map(|node| node.to_json().to_string()).unwrap_or_default();
        format!("{version}/{}/{}/{}", resource.kind(), resource.namespace(), resource.name())
    };
    let kind = |resource: &Resource| resource.kind().to_owned();
    let (mut left, mut right): (Vec<&Resource>, Vec<&Resource>) =
        (before.resources.iter().collect(), after.resources.iter().collect());
    let mut pairs = Vec::new();
    pair(&mut left, &mut right, &mut pairs, id);
    pair(&mut left, &mut right, &mut pairs, |resource| format!("{} {}", resource.kind(), resource.name()));
    pair(&mut left, &mut right, &mut pairs, kind);
    pair(&mut left, &mut right, &mut pairs, |resource| resource.name().to_owned());
    pair(&mut left, &mut right, &mut pairs, |_| String::new());
    let mut changes = Vec::new();
    for (a, b) in pairs {
        compare(&a.node, &b.node, &mut Vec::new(), 0, &format!("{}/{}", a.kind(), a.name()), &mut changes);
    }
    for gone in left {
        different(Some(&gone.node), None, &[], format!("{}/{} is gone", gone.kind(), gone.name()), &mut changes);
    }
    for came in right {
        different(None, Some(&came.node), &[], format!("{}/{} is new", came.kind(), came.name()), &mut changes);
    }
    changes
}

fn different<'n>(
    before: Option<&'n Node>,
    after: Option<&'n Node>,
    around: &[&'n Node],
    pointer: String,
    changes: &mut Vec<Change<'n>>,
) {
    changes.push(Change::Different { before, after, around: around.to_vec(), pointer });
}

/// Takes what has the same key out of both lists, in order.
fn pair<'r, T>(
    left: &mut Vec<&'r T>,
    right: &mut Vec<&'r T>,
    pairs: &mut Vec<(&'r T, &'r T)>,
    key: impl Fn(&T) -> String,
) {
    let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, item) in right.iter().enumerate().rev() {
        by_key.entry(key(item)).or_default().push(index);
    }
    let mut taken = HashSet::new();
    left.retain(|item| match by_key.get_mut(&key(item)).and_then(Vec::pop) {
        Some(index) => {
            taken.insert(index);
            pairs.push((item, right[index]));
            false
        }
        None => true,
    });
    let mut at = 0;
    right.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
}

/// `around` are the collections that the two are in, and of these the first `exchanged` reach to the list that they were
/// paired in by their order alone: one may have taken the other's place.
fn compare<'n>(
    a: &'n Node,
    b: &'n Node,
    around: &mut Vec<&'n Node>,
    exchanged: usize,
    pointer: &str,
    changes: &mut Vec<Change<'n>>,
) {
    around.extend([a, b]);
    match (&a.value, &b.value) {
        (Value::Scalar(x), Value::Scalar(y)) if x.text == y.text && x.resolve() == y.resolve() => {
            changes.push(Change::Same(b));
        }
        (Value::Mapping(x), Value::Mapping(y)) => {
            for entry in &x.entries {
                let below = format!("{pointer}/{}", entry.key_text());
                match y.get(entry.key_text()) {
                    Some(other) => compare(&entry.value, other, around, exchanged, &below, changes),
                    None => different(Some(&entry.value), None, around, below, changes),
                }
            }
            for entry in y.entries.iter().filter(|entry| x.get(entry.key_text()).is_none()) {
                different(None, Some(&entry.value), around, format!("{pointer}/{}", entry.key_text()), changes);
            }
        }
        (Value::Sequence(x), Value::Sequence(y)) => {
            let (mut left, mut right): (Vec<&Node>, Vec<&Node>) = (x.items.iter().collect(), y.items.iter().collect());
            let mut pairs = Vec::new();
            let text = |node: &Node| node.to_json().to_string();
            match KEYS.iter().find(|key| tells_apart(&x.items, key) && tells_apart(&y.items, key)) {
                Some(key) => pair(&mut left, &mut right, &mut pairs, |node| node.get(key).map_or(String::new(), text)),
                None => pair(&mut left, &mut right, &mut pairs, text),
            }
            let known = pairs.len();
            pair(&mut left, &mut right, &mut pairs, |_| String::new());
            for (index, (a, b)) in pairs.into_iter().enumerate() {
                let exchanged = if index < known { exchanged } else { around.len() };
                compare(a, b, around, exchanged, &format!("{pointer}/{index}"), changes);
            }
            left.into_iter().for_each(|node| different(Some(node), None, around, format!("{pointer}/-"), changes));
            right.into_iter().for_each(|node| different(None, Some(node), around, format!("{pointer}/+"), changes));
        }
        _ => different(Some(a), Some(b), &around[..exchanged], pointer.to_owned(), changes),
    }
    around.truncate(around.len() - 2);
}

fn tells_apart(items: &[Node], key: &str) -> bool {
    let mut seen = HashSet::new();
    items.iter().all(|item| item.get(key).is_some_and(|value| seen.insert(value.to_json().to_string())))
}
