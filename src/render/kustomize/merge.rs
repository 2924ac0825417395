//! Strategic merges: a patch into an object, as kustomize's own walker does it.
//!
//! Lists with a merge key are merged element by element, and what the patch names comes first; other lists are
//! replaced. The functions on lists follow kustomize's step by step, because its corner cases (elements that lack a
//! key, keys of several fields, nulls) decide what is deployed.

use std::collections::HashSet;
use std::sync::Arc;

use smol_str::SmolStr;

use super::resource::{depend, is_nil_or_empty, raw};
use super::schema::{At, MergeSchema};
use crate::origin::{Follows, Mark, Origin, Step};
use crate::yaml::{Entry, Kind, Node, Style, Tag, Value};

/// Why a patch cannot be merged.
#[derive(Debug, Clone)]
pub(super) struct MergeError {
    /// What is wrong.
    pub(super) message: String,
    /// The place in the patch.
    pub(super) mark: Mark,
}

/// A container without image that a patch adds: it was meant for one that is not there.
#[derive(Debug, Clone)]
pub(super) struct AddedContainer {
    /// Its name.
    pub(super) name: SmolStr,
    /// Where the patch names it.
    pub(super) mark: Mark,
    /// The containers that are there.
    pub(super) existing: Vec<SmolStr>,
}

/// A merge under way.
pub(super) struct Merge<'s> {
    schema: &'s MergeSchema,
    /// The step that values of the patch take: `patch web.yaml`.
    step: Arc<str>,
    /// What the values of the patch depend on beside themselves: what chose the object, and the list's element.
    trail: Option<Arc<Step>>,
    /// Whether the schema knows the object's kind; if not, it may know objects inside it.
    known: bool,
    /// Containers that were added without an image.
    pub(super) added: Vec<AddedContainer>,
}

/// A value and whether it is the target's own, changed in place.
struct Walked {
    node: Node,
    own: bool,
}

/// What `$patch` asks for.
#[derive(PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl<'s> Merge<'s> {
    /// A merge of what `follows` chose.
    pub(super) fn new(schema: &'s MergeSchema, step: Arc<str>, follows: Follows) -> Merge<'s> {
        let trail = Origin::NONE.because(Some(follows)).trail;
        Merge { schema, step, trail, known: true, added: Vec::new() }
    }

    /// The origin of a value of the patch, with what it depends on.
    fn theirs(&self, origin: &Origin) -> Origin {
        match origin.trail {
            None => Origin { mark: origin.mark, trail: self.trail.clone() },
            Some(_) => origin.because(Some(Arc::from([Origin { mark: Mark::NONE, trail: self.trail.clone() }]))),
        }
    }

    /// A value of the patch that is taken over as it is.
    fn adopted(&self, mut node: Node) -> Node {
        node.origin = self.theirs(&node.origin);
        match &mut node.value {
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => {
                let items = std::mem::take(&mut sequence.items);
                sequence.items = items.into_iter().map(|item| self.adopted(item)).collect();
            }
            Value::Mapping(mapping) => {
                for entry in &mut mapping.entries {
                    let value = std::mem::replace(&mut entry.value, Node::null(Origin::NONE));
                    entry.value = self.adopted(value);
                }
            }
        }
        node
    }

    /// The origin of a value of the patch that stands where another stood.
    fn instead_of(&self, old: &Origin, new: &Origin) -> Origin {
        old.replaced_by_value(&self.theirs(new), self.step.clone())
    }

    /// The origin of a collection that the patch took something out of, at `mark`.
    fn without(&self, origin: &Origin, mark: Mark) -> Origin {
        origin.because(Some(Arc::from([Origin { mark, trail: self.trail.clone() }])))
    }

    /// Merges `patch` into `target`; `None` if the patch deletes it.
    ///
    /// # Errors
    /// [`MergeError`] where the two do not fit.
    pub(super) fn object(&mut self, target: Node, patch: Node) -> Result<Option<Node>, MergeError> {
        let at = self.kind_of(&target, &patch);
        self.known = !matches!(at, At::Nowhere);
        Ok(self.walk(Some(target), Some(patch), at, "", false)?.map(|walked| walked.node))
    }

    fn kind_of(&self, target: &Node, patch: &Node) -> At<'s> {
        for node in [target, patch] {
            let (api_version, kind) = (node.get("apiVersion").map_or("", raw), node.get("kind").map_or("", raw));
            if !api_version.is_empty() && !kind.is_empty() {
                let at = self.schema.kind(api_version, kind);
                if !matches!(at, At::Nowhere) {
                    return at;
                }
            }
        }
        At::Nowhere
    }

    /// Merges two values. `adopting`: the patch's value stands on both sides, because the target has none.
    fn walk(
        &mut self,
        target: Option<Node>,
        patch: Option<Node>,
        at: At<'s>,
        key: &str,
        adopting: bool,
    ) -> Result<Option<Walked>, MergeError> {
        let shape = |node: &Option<Node>| node.as_ref().map(Node::kind).filter(|kind| *kind != Kind::Null);
        let class = |kind: Kind| match kind {
            Kind::Mapping => 0,
            Kind::Sequence => 1,
            _ => 2,
        };
        let (left, right) = (shape(&target), shape(&patch));
        if let (Some(l), Some(r)) = (left, right)
            && class(l) != class(r)
        {
            return Err(MergeError {
                message: format!("`{key}` is {} here and {} in what the patch changes", r.as_str(), l.as_str()),
                mark: patch.as_ref().map_or(Mark::NONE, Node::mark),
            });
        }
        match left.or(right) {
            Some(Kind::Sequence) => self.walk_list(target, patch, at, key, adopting),
            Some(Kind::Mapping) | None => {
                let at = match (at, self.known, &target, &patch) {
                    (At::Nowhere, false, Some(target), Some(patch)) => self.kind_of(target, patch),
                    (at, ..) => at,
                };
                self.walk_map(target, patch, at, adopting)
            }
            Some(_) => Ok(match (target, patch) {
                (_, Some(patch)) if patch.is_null() => None,
                (Some(target), Some(patch)) if !adopting => {
                    let origin = self.instead_of(&target.origin, &patch.origin);
                    Some(Walked { node: restyled(Node { origin, ..patch }, &target), own: false })
                }
                (_, Some(patch)) => Some(Walked { node: self.adopted(patch), own: false }),
                (Some(target), None) => Some(Walked { node: target, own: true }),
                (None, None) => None,
            }),
        }
    }

    fn walk_map(
        &mut self,
        target: Option<Node>,
        mut patch: Option<Node>,
        at: At<'s>,
        adopting: bool,
    ) -> Result<Option<Walked>, MergeError> {
        let Some(target) = target.filter(|node| node.kind() == Kind::Mapping || !is_bare_null(node)) else {
            return self.adopt_map(patch, at);
        };
        if target.is_null() {
            // A written `null` that the patch says nothing of stays.
            return match patch {
                None => Ok(Some(Walked { node: target, own: true })),
                patch => self.adopt_map(patch, at),
            };
        }
        let directive = match &mut patch {
            Some(patch) if patch.is_null() => return Ok(None),
            Some(patch) => mapping_directive(patch)?,
            None => Directive::Merge,
        };
        match directive {
            Directive::Delete => return Ok(None),
            Directive::Replace => {
                let adopted = self.adopt_map(patch, at)?;
                return Ok(adopted.map(|walked| Walked {
                    node: Node {
                        origin: target.origin.replaced_by_value(&walked.node.origin, self.step.clone()),
                        ..walked.node
                    },
                    own: false,
                }));
            }
            Directive::Merge => {}
        }
        Ok(Some(Walked { node: self.merge_fields(target, patch, at, adopting)?, own: true }))
    }

    /// A mapping that the target lacks: nulls and directives are taken out of the patch's.
    fn adopt_map(&mut self, patch: Option<Node>, at: At<'s>) -> Result<Option<Walked>, MergeError> {
        let Some(mut patch) = patch.filter(|patch| !patch.is_null()) else { return Ok(None) };
        if mapping_directive(&mut patch)? == Directive::Delete {
            return Ok(None);
        }
        let same = patch.clone();
        Ok(Some(Walked { node: self.merge_fields(patch, Some(same), at, true)?, own: false }))
    }

    fn merge_fields(
        &mut self,
        mut target: Node,
        patch: Option<Node>,
        at: At<'s>,
        adopting: bool,
    ) -> Result<Node, MergeError> {
        if adopting {
            target.origin = self.theirs(&target.origin);
        }
        let Value::Mapping(mapping) = &mut target.value else { return Ok(target) };
        let mut theirs: Vec<Option<Entry>> = match patch.map(|patch| patch.value) {
            Some(Value::Mapping(mapping)) => mapping.entries.into_iter().map(Some).collect(),
            _ => Vec::new(),
        };
        let own = std::mem::take(&mut mapping.entries);
        let mut merged = Vec::with_capacity(own.len() + theirs.len());
        for Entry { key, value } in own {
            let name = key.as_scalar().map_or("", |scalar| scalar.text.as_str());
            let slot = theirs
                .iter_mut()
                .find(|slot| slot.as_ref().is_some_and(|entry| entry.key_text() == name))
                .and_then(Option::take);
            // Where nothing is to be done, nothing is taken apart.
            if slot.is_none() && value.as_scalar().is_some_and(|scalar| !scalar.text.is_empty()) {
                merged.push(Entry { key, value });
                continue;
            }
            let patched = slot.as_ref().map(|entry| place_of_removal(&entry.value));
            let walked = self.walk(Some(value), slot.map(|entry| entry.value), at.field(name), name, adopting)?;
            match (walked, patched) {
                (Some(walked), _) => merged.push(Entry { key, value: walked.node }),
                (None, Some(mark)) => target.origin = self.without(&target.origin, mark),
                (None, None) => {}
            }
        }
        for Entry { key, value } in theirs.into_iter().flatten() {
            let name = SmolStr::new(key.as_scalar().map_or("", |scalar| scalar.text.as_str()));
            if let Some(walked) = self.walk(None, Some(value), at.field(&name), &name, false)? {
                merged.push(Entry { key, value: walked.node });
            }
        }
        mapping.entries = merged;
        Ok(target)
    }

    fn walk_list(
        &mut self,
        target: Option<Node>,
        mut patch: Option<Node>,
        at: At<'s>,
        key: &str,
        adopting: bool,
    ) -> Result<Option<Walked>, MergeError> {
        let Some(keys) = at.merge_keys() else {
            return Ok(match (target, patch) {
                (_, Some(patch)) if patch.is_null() => None,
                (Some(target), Some(patch)) if !adopting => {
                    let patch = self.adopted(patch);
                    let origin = target.origin.replaced_by_value(&patch.origin, self.step.clone());
                    Some(Walked { node: Node { origin, ..patch }, own: false })
                }
                (_, Some(patch)) => Some(Walked { node: self.adopted(patch), own: false }),
                (Some(target), None) => Some(Walked { node: target, own: true }),
                (None, None) => None,
            });
        };
        let Some(target) = target.filter(|node| !node.is_null()) else {
            let Some(patch) = patch.filter(|patch| !patch.is_null()) else { return Ok(None) };
            let same = patch.clone();
            return Ok(Some(Walked { node: self.merge_lists(patch, Some(same), keys, at, key, true)?, own: false }));
        };
        let removal = patch.as_ref().map(place_of_removal);
        let directive = match &mut patch {
            Some(patch) if patch.is_null() => return Ok(None),
            Some(patch) => list_directive(patch)?,
            None => Directive::Merge,
        };
        match (directive, patch) {
            (Directive::Delete, _) => Ok(None),
            (Directive::Replace, Some(patch)) => {
                let origin = self.instead_of(&target.origin, &patch.origin);
                let origin = removal.map_or_else(|| origin.clone(), |mark| self.without(&origin, mark));
                let same = patch.clone();
                let node = self.merge_lists(patch, Some(same), keys, at, key, true)?;
                Ok(Some(Walked { node: Node { origin, ..node }, own: false }))
            }
            (_, patch) => {
                Ok(Some(Walked { node: self.merge_lists(target, patch, keys, at, key, adopting)?, own: true }))
            }
        }
    }

    fn merge_lists(
        &mut self,
        mut target: Node,
        patch: Option<Node>,
        keys: &[SmolStr],
        at: At<'s>,
        key: &str,
        adopting: bool,
    ) -> Result<Node, MergeError> {
        if adopting {
            target.origin = self.theirs(&target.origin);
        }
        let Value::Sequence(sequence) = &mut target.value else { return Ok(target) };
        let patch_items = match patch.map(|patch| patch.value) {
            Some(Value::Sequence(sequence)) => sequence.items,
            _ => Vec::new(),
        };
        let primitive: [SmolStr; 1] = [SmolStr::default()];
        let keys = if keys.is_empty() { &primitive[..] } else { keys };
        let mut list = Elements { nodes: std::mem::take(&mut sequence.items) };
        let repeated = has_repeated(&list.nodes, keys);
        // Which elements the patch changes and which it adds is in the keys, and which of several is left.
        let by_keys: Option<Follows> = (!adopting && (repeated || !patch_items.is_empty())).then(|| {
            let all = || list.nodes.iter().chain(&patch_items);
            let present = keys.iter().flat_map(|key| all().filter_map(|node| node.get(key)));
            present.map(|node| node.origin.clone()).collect()
        });
        target.origin = target.origin.because(by_keys.clone());
        if by_keys.is_some() {
            target.origin =
                target.origin.because(Some([Origin { mark: Mark::NONE, trail: self.trail.clone() }].into()));
        }
        let mut own: Vec<usize> = (0..list.nodes.len()).collect();
        let mut wanted = distinct_values(&patch_items, &list.nodes, keys);
        if keys.len() > 1 {
            fill_gaps(&mut wanted);
        }
        let container = matches!(key, "containers" | "initContainers" | "ephemeralContainers");
        let mut added: Vec<usize> = Vec::new();
        let mut valid_keys: Vec<SmolStr> = Vec::new();
        for values in &wanted {
            let valid_values;
            (valid_keys, valid_values) = valid(&wanted, values, keys);
            let (look_keys, look_values) = valid(std::slice::from_ref(&valid_values), &valid_values, &valid_keys);
            let mine = own.iter().copied().find(|index| list.is(*index, &look_keys, &look_values));
            let theirs = patch_items.iter().find(|item| is_element(item, &look_keys, &look_values));
            if container && !adopting && mine.is_none() && !own.is_empty() {
                self.note_container(theirs, &list, &own);
            }
            // What `$patch: delete` names stays where kustomize does not find it again by its keys.
            let kept = mine.filter(|_| theirs.is_some_and(|item| item.get("$patch").is_some()));
            let kept = kept.map(|index| list.nodes[index].clone());
            let taken = mine.map(|index| list.take(index));
            let around = self.trail.clone();
            if let Some(theirs) = theirs {
                self.enter(theirs, taken.as_ref(), &look_keys);
            }
            let walked = self.walk(taken, theirs.cloned(), at.items(), key, adopting);
            if let (Ok(None), Some(theirs)) = (&walked, theirs) {
                target.origin = self.without(&target.origin, place_of_removal(theirs));
            }
            let merged_by = std::mem::replace(&mut self.trail, around);
            let Some(Walked { mut node, own: changed_in_place }) = walked? else {
                if let Some(index) = mine {
                    list.nodes[index] = kept.unwrap_or_else(|| Node::null(Origin::NONE));
                }
                list.set(&mut own, None, &valid_keys, &valid_values);
                continue;
            };
            if node.is_null() || node.as_mapping().is_some_and(|mapping| mapping.entries.is_empty()) {
                list.set(&mut own, None, &valid_keys, &valid_values);
                continue;
            }
            if let (None, Some(lost)) = (theirs, patch_items.iter().find(|item| shares_a_key(item, &node, keys))) {
                // kustomize takes the patch's element for this one, and then looks for it in vain: the patch is lost.
                let around = self.trail.clone();
                self.enter(lost, Some(&node), keys);
                node = self.adopted(node);
                self.trail = around;
            }
            if changed_in_place && theirs.is_some() {
                node.origin = node.origin.because(Some([Origin { mark: Mark::NONE, trail: merged_by }].into()));
            }
            for (name, value) in valid_keys.iter().zip(&valid_values) {
                if let Some(mapping) = node.as_mapping_mut()
                    && !name.is_empty()
                    && !value.is_empty()
                    && mapping.get(name).is_none()
                {
                    let origin = theirs.map_or(Origin::NONE, |node| node.origin.clone());
                    mapping.set(name, Node::scalar(crate::yaml::Scalar::plain(value.clone()), origin));
                }
            }
            let index = match mine {
                Some(index) if changed_in_place || adopting => {
                    list.nodes[index] = node;
                    index
                }
                _ => {
                    if let (Some(index), Some(theirs)) = (mine, theirs) {
                        // The target's own element was taken out to be looked at; kustomize keeps it beside.
                        list.nodes[index] = node.clone();
                        list.nodes[index].origin = theirs.origin.clone();
                    }
                    list.nodes.push(node);
                    list.nodes.len() - 1
                }
            };
            list.set(&mut added, Some(index), &valid_keys, &valid_values);
        }
        let merged = if wanted.is_empty() { own } else { list.append(added, &own, &valid_keys) };
        let mut taken: Vec<Option<Node>> = list.nodes.into_iter().map(Some).collect();
        let mut items: Vec<Node> = Vec::with_capacity(merged.len());
        let mut last_use: Vec<usize> = vec![0; taken.len()];
        for index in &merged {
            last_use[*index] += 1;
        }
        for index in merged {
            last_use[index] -= 1;
            let node = if last_use[index] == 0 { taken[index].take() } else { taken[index].clone() };
            items.extend(node);
        }
        if let Some(by_keys) = by_keys.filter(|_| repeated) {
            items.iter_mut().for_each(|item| depend(item, &by_keys));
        }
        sequence.items = items;
        Ok(target)
    }

    /// Notes what makes an element of the patch and one of the target the same: what the two hold depends on it.
    fn enter(&mut self, theirs: &Node, mine: Option<&Node>, keys: &[SmolStr]) {
        let fields = keys.iter().filter(|key| !key.is_empty());
        let follows: Vec<Origin> = fields
            .flat_map(|key| [Some(theirs), mine].into_iter().flatten().filter_map(|node| node.get(key)))
            .map(|node| node.origin.clone())
            .collect();
        if !follows.is_empty() {
            self.trail = Origin { mark: Mark::NONE, trail: self.trail.take() }.because(Some(follows.into())).trail;
        }
    }

    fn note_container(&mut self, theirs: Option<&Node>, list: &Elements, own: &[usize]) {
        let Some(theirs) = theirs else { return };
        let name = theirs.get("name");
        if theirs.get("image").is_some() || theirs.get("$patch").is_some() || name.is_none() {
            return;
        }
        self.added.push(AddedContainer {
            name: SmolStr::new(name.map_or("", raw)),
            mark: name.map_or(theirs.mark(), Node::mark),
            existing: own
                .iter()
                .filter_map(|index| list.nodes[*index].get("name"))
                .map(|name| SmolStr::new(raw(name)))
                .collect(),
        });
    }
}

/// The elements of the lists that are being merged; lists hold indices into them.
struct Elements {
    nodes: Vec<Node>,
}

impl Elements {
    fn take(&mut self, index: usize) -> Node {
        std::mem::replace(&mut self.nodes[index], Node::null(Origin::NONE))
    }

    fn is(&self, index: usize, keys: &[SmolStr], values: &[SmolStr]) -> bool {
        is_element(&self.nodes[index], keys, values)
    }

    /// Puts `element` in the place of every element of `list` that has these values, or at the end; without an element
    /// takes them out. Nulls and empty mappings go, too.
    fn set(&self, list: &mut Vec<usize>, element: Option<usize>, keys: &[SmolStr], values: &[SmolStr]) {
        let primitive = [SmolStr::default()];
        let keys = if keys.is_empty() { &primitive[..] } else { keys };
        let by_field = !keys[0].is_empty() && values.first().is_some_and(|value| !value.is_empty());
        let mut found = false;
        let mut kept = Vec::with_capacity(list.len() + 1);
        for &index in list.iter() {
            let node = &self.nodes[index];
            if node.is_null() || node.as_mapping().is_some_and(|mapping| mapping.entries.is_empty()) {
                continue;
            }
            if by_field && node.as_mapping().is_none() {
                kept.push(index);
                continue;
            }
            // A key without value takes over what the key before it found.
            let mut matched = false;
            for (at, key) in keys.iter().enumerate() {
                if let Some(value) = values.get(at) {
                    matched = has_value(node, key, value);
                }
                if !matched {
                    break;
                }
            }
            if !matched {
                if !values.is_empty() {
                    kept.push(index);
                }
                continue;
            }
            found = true;
            kept.extend(element);
        }
        if let Some(index) = element
            && !found
            && !self.nodes[index].is_null()
        {
            kept.push(index);
        }
        *list = kept;
    }

    /// `to` with every element of `from` set into it.
    fn append(&self, mut to: Vec<usize>, from: &[usize], keys: &[SmolStr]) -> Vec<usize> {
        for &index in from {
            let node = &self.nodes[index];
            if keys.first().is_none_or(|key| key.is_empty()) {
                self.set(&mut to, Some(index), &[SmolStr::default()], &[SmolStr::new(raw(node))]);
                continue;
            }
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                match node.get(key) {
                    Some(value) => values.push(SmolStr::new(raw(value))),
                    None => to.push(index),
                }
            }
            if keys.len() > 1 {
                self.set(&mut to, None, keys, &values);
            }
            self.set(&mut to, Some(index), keys, &values);
        }
        to
    }
}

/// Whether a field has the value; the empty value stands for any.
fn has_value(node: &Node, key: &str, value: &str) -> bool {
    if key.is_empty() {
        return !matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) && raw(node) == value;
    }
    node.get(key).is_some_and(|field| value.is_empty() || raw(field) == value)
}

/// Whether a list's element has exactly these values.
fn is_element(node: &Node, keys: &[SmolStr], values: &[SmolStr]) -> bool {
    if keys.first().is_none_or(|key| key.is_empty()) {
        return raw(node) == values.first().map_or("", SmolStr::as_str);
    }
    node.as_mapping().is_some()
        && keys.iter().zip(values).all(|(key, value)| node.get(key).is_some_and(|field| raw(field) == value))
}

/// The key values of the elements, the patch's first.
fn distinct_values(patch: &[Node], target: &[Node], keys: &[SmolStr]) -> Vec<Vec<SmolStr>> {
    let mut seen = HashSet::new();
    let mut wanted = Vec::new();
    for node in patch.iter().chain(target) {
        let values: Vec<SmolStr> = keys
            .iter()
            .map(|key| match key.as_str() {
                "" => SmolStr::new(raw(node)),
                key => SmolStr::new(node.get(key).filter(|field| !is_nil_or_empty(field)).map_or("", raw)),
            })
            .collect();
        if seen.insert(values.clone()) {
            wanted.push(values);
        }
    }
    wanted
}

/// Whether elements of a list have the same keys.
fn has_repeated(nodes: &[Node], keys: &[SmolStr]) -> bool {
    let mut values = distinct_values(&[], nodes, keys);
    if keys.len() > 1 {
        fill_gaps(&mut values);
    }
    values.iter().collect::<HashSet<_>>().len() < nodes.len()
}

/// Where two elements agree in one key and one of them lacks another, it takes that from the other.
fn fill_gaps(wanted: &mut [Vec<SmolStr>]) {
    for i in 0..wanted.len() {
        for j in 0..wanted.len() {
            let (a, b) = (&wanted[i], &wanted[j]);
            let agree = a.iter().zip(b).any(|(x, y)| x == y);
            let conflict = a.iter().zip(b).any(|(x, y)| x != y && !x.is_empty() && !y.is_empty());
            if agree && !conflict && a != b {
                let filled: Vec<SmolStr> =
                    a.iter().zip(b).map(|(x, y)| if x.is_empty() { y.clone() } else { x.clone() }).collect();
                wanted[i] = filled.clone();
                wanted[j] = filled;
            }
        }
    }
}

/// The keys that any element has a value for, and this element's values of them.
fn valid(wanted: &[Vec<SmolStr>], values: &[SmolStr], keys: &[SmolStr]) -> (Vec<SmolStr>, Vec<SmolStr>) {
    let used: Vec<bool> = (0..keys.len())
        .map(|at| wanted.iter().any(|values| values.get(at).is_some_and(|value| !value.is_empty())))
        .collect();
    if !used.contains(&true) {
        return (keys.to_vec(), values.to_vec());
    }
    let valid_keys = keys.iter().zip(&used).filter(|(_, used)| **used).map(|(key, _)| key.clone()).collect();
    let valid_values = values
        .iter()
        .enumerate()
        .filter(|(at, value)| !value.is_empty() || used.get(*at) == Some(&true))
        .map(|(_, value)| value.clone())
        .collect();
    (valid_keys, valid_values)
}

/// The place in a patch that takes a value out: the directive that says so, or the null.
fn place_of_removal(patch: &Node) -> Mark {
    let directive = std::iter::once(patch).chain(patch.items()).find_map(|node| node.get("$patch"));
    directive.unwrap_or(patch).mark()
}

/// Whether an element of the patch has the first key of the target's element, and lacks another that this one has.
fn shares_a_key(theirs: &Node, mine: &Node, keys: &[SmolStr]) -> bool {
    let [first, others @ ..] = keys else { return false };
    theirs.get(first).is_some_and(|key| mine.get(first).is_some_and(|own| raw(own) == raw(key)))
        && others.iter().any(|key| theirs.get(key).is_none() && mine.get(key).is_some())
}

fn is_bare_null(node: &Node) -> bool {
    node.is_null() && raw(node).is_empty()
}

fn directive_of(node: &Node) -> Result<Directive, MergeError> {
    match raw(node) {
        "delete" => Ok(Directive::Delete),
        "replace" => Ok(Directive::Replace),
        "merge" => Ok(Directive::Merge),
        other => Err(MergeError {
            message: format!("unknown patch strategy `{other}`: expected `merge`, `replace` or `delete`"),
            mark: node.mark(),
        }),
    }
}

/// The `$patch` of a mapping, taken out of it.
fn mapping_directive(patch: &mut Node) -> Result<Directive, MergeError> {
    let Some(mapping) = patch.as_mapping_mut() else { return Ok(Directive::Merge) };
    let Some(value) = mapping.get("$patch") else { return Ok(Directive::Merge) };
    let directive = directive_of(value)?;
    mapping.remove("$patch");
    Ok(directive)
}

/// The `$patch` of a list: an element that has nothing else.
fn list_directive(patch: &mut Node) -> Result<Directive, MergeError> {
    let Some(sequence) = patch.as_sequence_mut() else { return Ok(Directive::Merge) };
    let Some(element) = sequence.items.iter().find(|item| item.get("$patch").is_some()) else {
        return Ok(Directive::Merge);
    };
    if element.entries().len() > 1 {
        return Ok(Directive::Merge);
    }
    let Some(value) = element.get("$patch") else { return Ok(Directive::Merge) };
    let directive = directive_of(value)?;
    let text = raw(value).to_owned();
    sequence.items.retain(|item| item.get("$patch").is_none_or(|value| raw(value) != text) && !item.is_null());
    Ok(directive)
}

/// The patch's scalar in the style of the one it replaces: a number in the place of a quoted one becomes text.
fn restyled(mut node: Node, old: &Node) -> Node {
    let text = node.as_scalar().is_some_and(crate::yaml::Scalar::is_string);
    let style = old.as_scalar().map_or(Style::Plain, |scalar| scalar.style);
    let quoted = old.as_scalar().is_some_and(|scalar| scalar.style != Style::Plain);
    if let Value::Scalar(scalar) = &mut node.value {
        if text {
            scalar.tag = Tag::Str;
        } else if quoted && scalar.tag == Tag::None {
            scalar.style = style;
        }
    }
    node
}
