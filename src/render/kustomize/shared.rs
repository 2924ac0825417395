//! Labels and annotations that are one value in several places of an object.
//!
//! Where a transformer adds a label to the metadata, the selector and the pod template of an object, kustomize puts one
//! node into all of them. Whatever changes one of these later changes all: a label of an overlay that leaves selectors
//! alone changes the selector, too, if its base added both. A JSON patch ends that, as it makes the object anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use super::fieldspec::FieldSpec;
use super::resource::Res;
use crate::origin::Follows;
use crate::yaml::{Node, Value};

/// A value that stands in several mappings of an object.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    key: SmolStr,
    /// The mappings, in the order in which a merge comes to them.
    places: Vec<Place>,
    text: SmolStr,
}

/// A value that stood in several places until a JSON patch made the object anew.
#[derive(Debug, Clone)]
pub(super) struct Parted {
    was: Shared,
    /// What chose the object for the patch.
    by: Follows,
}

/// A way from the root of an object.
type Place = Vec<Part>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Field(SmolStr),
    Item(usize),
}

/// Which of some keys an object has, at the places of some field specifications.
pub(super) struct Held(BTreeSet<(SmolStr, Place)>);

impl Held {
    pub(super) fn of<'k>(res: &Res, specs: &[FieldSpec], keys: impl Iterator<Item = &'k SmolStr> + Clone) -> Held {
        let mut held = BTreeSet::new();
        let gvk = res.gvk();
        for spec in specs.iter().filter(|spec| spec.is_for(&gvk)) {
            visit(&res.node, &spec.parts, &mut Vec::new(), &mut |node, place| {
                held.extend(
                    keys.clone().filter(|key| node.get(key).is_some()).map(|key| (key.clone(), place.to_vec())),
                );
            });
        }
        Held(held)
    }

    /// Notes what `after` has and `self` had not: that is new, and one value for each key.
    pub(super) fn note(self, after: Held, res: &mut Res) {
        let mut new: Vec<Shared> = Vec::new();
        for (key, place) in after.0.difference(&self.0) {
            match new.last_mut().filter(|last| last.key == *key) {
                Some(last) => last.places.push(place.clone()),
                None => {
                    let text = at(&res.node, place, key).and_then(Node::text).map(SmolStr::new).unwrap_or_default();
                    new.push(Shared { key: key.clone(), places: vec![place.clone()], text });
                }
            }
        }
        res.book.shared.extend(new.into_iter().filter(|shared| shared.places.len() > 1));
    }
}

/// Ends that values stand in several places: a JSON patch that `by` chose makes the object anew.
pub(super) fn part(res: &mut Res, by: &Follows) {
    let shared = std::mem::take(&mut res.book.shared);
    res.book.parted.extend(shared.into_iter().map(|was| Parted { was, by: by.clone() }));
}

/// Where a value that was parted changes in some places, those where it does not are as they are because of the patch.
fn note_parted(res: &mut Res) {
    let mut parted = std::mem::take(&mut res.book.parted);
    parted.retain(|Parted { was, by }| {
        let is_old =
            |res: &Res, place: &Place| at(&res.node, place, &was.key).and_then(Node::text) == Some(was.text.as_str());
        let (old, new): (Vec<&Place>, Vec<&Place>) = was.places.iter().partition(|place| is_old(res, place));
        if new.is_empty() {
            return true;
        }
        for place in old {
            if let Some(node) = at_mut(res.node_mut(), place, &was.key) {
                node.origin = node.origin.because(Some(by.clone()));
            }
        }
        false
    });
    res.book.parted = parted;
}

/// Gives all places of a value what one of them was changed to; of several changes the last counts.
pub(super) fn settle(res: &mut Res) {
    note_parted(res);
    let mut all = std::mem::take(&mut res.book.shared);
    for shared in &mut all {
        shared.places.retain(|place| at(&res.node, place, &shared.key).is_some_and(|node| node.as_scalar().is_some()));
        let text = |place: &Place| at(&res.node, place, &shared.key).and_then(Node::text);
        let Some(changed) = shared.places.iter().rev().find(|place| text(place) != Some(shared.text.as_str())) else {
            continue;
        };
        let Some(new) = at(&res.node, changed, &shared.key).cloned() else { continue };
        shared.text = SmolStr::new(new.text().unwrap_or_default());
        let step: Arc<str> = "one value in several places".into();
        for place in &shared.places {
            if let Some(node) = at_mut(res.node_mut(), place, &shared.key)
                && node.text() != new.text()
            {
                node.origin = node.origin.replaced_by_value(&new.origin, step.clone());
                node.value = new.value.clone();
            }
        }
    }
    all.retain(|shared| shared.places.len() > 1);
    res.book.shared = all;
}

fn visit(node: &Node, parts: &[SmolStr], place: &mut Place, found: &mut dyn FnMut(&Node, &[Part])) {
    let Some((part, rest)) = parts.split_first() else { return found(node, place) };
    match &node.value {
        Value::Sequence(sequence) => {
            for (index, item) in sequence.items.iter().enumerate() {
                place.push(Part::Item(index));
                visit(item, parts, place, found);
                place.pop();
            }
        }
        Value::Mapping(mapping) => {
            let name = part.strip_suffix("[]").unwrap_or(part);
            if let Some(value) = mapping.get(name) {
                place.push(Part::Field(SmolStr::new(name)));
                visit(value, rest, place, found);
                place.pop();
            }
        }
        Value::Scalar(_) => {}
    }
}

fn at<'n>(node: &'n Node, place: &[Part], key: &str) -> Option<&'n Node> {
    let mapping = place.iter().try_fold(node, |node, part| match part {
        Part::Field(name) => node.get(name),
        Part::Item(index) => node.items().get(*index),
    });
    mapping?.get(key)
}

fn at_mut<'n>(node: &'n mut Node, place: &[Part], key: &str) -> Option<&'n mut Node> {
    let mapping = place.iter().try_fold(node, |node, part| match part {
        Part::Field(name) => node.get_mut(name),
        Part::Item(index) => node.as_sequence_mut()?.items.get_mut(*index),
    });
    mapping?.get_mut(key)
}
