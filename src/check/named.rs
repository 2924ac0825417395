//! A message and an object in, the place that the message speaks of out: for policies that say what is wrong and not
//! where.
//!
//! A message that says `remove syncPolicy.automated` or `container app has no resources.limits` names the place to
//! mend. Where it names none, nothing is returned and the finding stays at the head of the object.

use crate::origin::Mark;
use crate::yaml::{Node, Value};

/// Keys that messages use as ordinary words, or that hold half of the object.
const PLAIN: [&str; 12] = [
    "apiversion",
    "kind",
    "metadata",
    "spec",
    "data",
    "template",
    "containers",
    "image",
    "ports",
    "selector",
    "status",
    "source",
];

/// The mark and the value of the place in `object` that `message` names; `name` is the object's own.
pub(crate) fn place<'n>(object: &'n Node, name: &str, message: &str) -> Option<(Mark, &'n Node)> {
    let words: Vec<&str> = message
        .split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | ',' | ';' | '(' | ')'))
        .map(|word| word.trim_end_matches([':', '.', '!']))
        .filter(|word| !word.is_empty() && *word != name && !word.ends_with(&format!("/{name}")))
        .collect();
    // The deepest list item that the message names comes first, then the object around it.
    let named = item(object, &words);
    let inner = named.and_then(|(_, item)| within(item, &words, None));
    inner.or_else(|| within(object, &words, named)).or_else(|| {
        let (_, item) = named?;
        item.mark().is_some().then(|| (item.mark(), item))
    })
}

/// A list, and the item of it that a message names.
type Named<'n> = (&'n [Node], &'n Node);

/// The item of a list whose `name` is a word of the message.
fn item<'n>(object: &'n Node, words: &[&str]) -> Option<Named<'n>> {
    let after = |list: &str| words.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(list)).map(|pair| pair[1]);
    let mut queue = std::collections::VecDeque::from([(object, "")]);
    while let Some((node, key)) = queue.pop_front() {
        match &node.value {
            Value::Mapping(mapping) => {
                queue.extend(mapping.entries.iter().map(|entry| (&entry.value, entry.key_text())));
            }
            Value::Sequence(sequence) => {
                // `containers` and `initContainers` are both lists of what is called a container.
                let singular = key.trim_end_matches('s').to_ascii_lowercase();
                let noun = if singular.ends_with("container") { "container" } else { &singular };
                if let Some(wanted) = after(noun).filter(|_| !noun.is_empty()) {
                    let found = sequence.items.iter().find(|item| item.str_at(&["name"]) == Some(wanted));
                    if let Some(found) = found {
                        return Some((&sequence.items, found));
                    }
                }
                queue.extend(sequence.items.iter().map(|item| (item, "")));
            }
            Value::Scalar(_) => {}
        }
    }
    None
}

/// How surely a message means a key: the greater the surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sureness {
    /// Most words of a camel-case key: `run as root` for `runAsNonRoot`.
    Parts,
    /// Another form of the word: `pruned` for `prune`, `label` for `labels`.
    Form,
    /// The key itself.
    Key,
    /// That many steps of a path.
    Path(usize),
}

/// The place below `root` that the words mean most surely; of several, the first. Where an item of a list is `named`, the
/// other items of that list are not meant.
fn within<'n>(root: &'n Node, words: &[&str], named: Option<Named<'n>>) -> Option<(Mark, &'n Node)> {
    let mut best: Option<(Sureness, Mark, &'n Node)> = None;
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        match &node.value {
            Value::Mapping(mapping) => {
                for entry in &mapping.entries {
                    let Some((sureness, deep)) = meant(entry.key_text(), &entry.value, words) else { continue };
                    let same = std::ptr::eq(deep, &entry.value);
                    let mark = [if same { entry.key.mark() } else { deep.mark() }, deep.mark(), entry.key.mark()]
                        .into_iter()
                        .find(Mark::is_some);
                    if let Some(mark) = mark
                        && best.as_ref().is_none_or(|(known, ..)| sureness > *known)
                    {
                        best = Some((sureness, mark, deep));
                    }
                }
                stack.extend(mapping.entries.iter().rev().map(|entry| &entry.value));
            }
            Value::Sequence(sequence) => match named {
                Some((list, item)) if std::ptr::eq(list, sequence.items.as_slice()) => stack.push(item),
                _ => stack.extend(sequence.items.iter().rev()),
            },
            Value::Scalar(_) => {}
        }
    }
    best.map(|(_, mark, node)| (mark, node))
}

fn meant<'n>(key: &str, value: &'n Node, words: &[&str]) -> Option<(Sureness, &'n Node)> {
    let mut best: Option<(Sureness, &'n Node)> = None;
    let lower = key.to_ascii_lowercase();
    for word in words {
        let found = match word.split_once('.') {
            Some((first, rest)) if first == key => {
                let (mut node, mut steps) = (value, 1);
                for step in rest.split('.') {
                    let Some(next) = node.get(step) else { break };
                    (node, steps) = (next, steps + 1);
                }
                Some((Sureness::Path(steps), node))
            }
            _ if key.len() < 4 || PLAIN.contains(&lower.as_str()) => None,
            _ if *word == key => Some((Sureness::Key, value)),
            _ => {
                let word = word.to_ascii_lowercase();
                let stem = lower.trim_end_matches(['s', 'e']);
                let rest = word.strip_prefix(stem);
                rest.filter(|rest| stem.len() >= 4 && matches!(*rest, "" | "e" | "s" | "es" | "d" | "ed" | "ing"))
                    .map(|_| (Sureness::Form, value))
            }
        };
        best = [best, found].into_iter().flatten().max_by_key(|(sureness, _)| *sureness);
    }
    best.or_else(|| spoken(key, words).then_some((Sureness::Parts, value)))
}

/// Whether the message says a camel-case key in words: all of its parts one after the other, where it does not say that
/// they are missing, or at least three of them in order, the first and last among them.
fn spoken(key: &str, words: &[&str]) -> bool {
    let mut parts: Vec<String> = Vec::new();
    for c in key.chars() {
        match parts.last_mut() {
            Some(part) if !c.is_ascii_uppercase() => part.push(c),
            _ => parts.push(c.to_ascii_lowercase().to_string()),
        }
    }
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let is = |part: &String, word: &&str| word.eq_ignore_ascii_case(part);
    let runs = |(at, run): (usize, &[&str])| {
        let before = at.checked_sub(1).and_then(|before| words.get(before)).map_or("", |word| *word);
        !ABSENT.contains(&before) && run.iter().zip(&parts).all(|(word, part)| is(part, word))
    };
    if parts.len() > 1 && words.windows(parts.len()).enumerate().any(runs) {
        return true;
    }
    let at = |part: &String| words.iter().position(|word| is(part, word));
    let said = parts.iter().filter(|part| at(part).is_some()).count();
    said >= 3 && said + 1 >= parts.len() && at(first) < at(last) && at(first).is_some()
}

/// Words before what is not there.
const ABSENT: [&str; 7] = ["no", "without", "missing", "lacks", "needs", "requires", "any"];

#[cfg(test)]
mod tests;
