//! Field specifications: which fields of which kinds a transformer works on.

use smol_str::SmolStr;

use super::resource::{Gvk, Res};
use crate::origin::{Follows, Origin};
use crate::yaml::{Entry, Node, Scalar, Sequence, Value};

/// A path in the objects of some kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldSpec {
    /// Which kinds; empty parts mean all.
    pub(super) gvk: Gvk,
    /// The path, as it is written.
    pub(super) path: SmolStr,
    /// Its parts: `/` separates, `\/` does not.
    pub(super) parts: Vec<SmolStr>,
    /// Whether the field is made where it is missing.
    pub(super) create: bool,
    /// Where a configuration says so; nothing for kustomize's own.
    pub(super) written: Vec<Origin>,
    /// The specifications that were left out because this one is there, and that are for more kinds.
    pub(super) displaces: Vec<FieldSpec>,
}

/// What a missing field is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// Nothing is made.
    Nothing,
    /// An empty scalar.
    Scalar,
    /// An empty mapping.
    Mapping,
}

impl FieldSpec {
    /// What a value that is changed because of it depends on, in `res`.
    pub(super) fn follows(&self, res: &Res) -> Option<Follows> {
        if self.gvk == Gvk::default() && self.written.is_empty() {
            return None;
        }
        Some(res.type_origins().into_iter().chain(self.written.iter().cloned()).collect())
    }

    /// Whether it is for objects of this kind.
    pub(super) fn is_for(&self, gvk: &Gvk) -> bool {
        gvk.is_selected(&self.gvk)
    }
}

/// Why a field specification could not be applied.
#[derive(Debug, Clone)]
pub(super) struct FieldError {
    /// What is wrong, with the path.
    pub(super) message: String,
    /// The value at fault.
    pub(super) origin: Origin,
}

impl FieldSpec {
    pub(super) fn new(gvk: Gvk, path: &str, create: bool) -> FieldSpec {
        FieldSpec {
            gvk,
            parts: split_path(path, '/'),
            path: SmolStr::new(path),
            create,
            written: Vec::new(),
            displaces: Vec::new(),
        }
    }

    /// Remembers that `other` is left out because of this one.
    fn displace(&mut self, other: &FieldSpec) {
        if self.written.is_empty() {
            return;
        }
        let wider = (self.gvk != other.gvk).then_some(other);
        for spec in wider.into_iter().chain(&other.displaces) {
            if !self.displaces.iter().any(|known| known.gvk == spec.gvk) {
                self.displaces.push(FieldSpec { displaces: Vec::new(), ..spec.clone() });
            }
        }
    }

    /// Notes in `res` that it is passed over because this specification stands in the place of one for its kind.
    pub(super) fn note_displaced(&self, res: &mut Res) {
        let gvk = res.gvk();
        if !self.displaces.is_empty() && !self.is_for(&gvk) && self.displaces.iter().any(|other| other.is_for(&gvk)) {
            let follows: Follows = self.written.clone().into();
            let mut node = res.node_mut();
            for part in &self.parts {
                if node.get(part).is_none() {
                    break;
                }
                let Some(field) = node.get_mut(part) else { return };
                node = field;
            }
            node.origin = node.origin.because(Some(follows));
        }
    }

    fn effectively_equals(&self, other: &FieldSpec) -> bool {
        self.gvk.is_selected(&other.gvk) && self.path == other.path
    }
}

/// Splits at `delimiter`, except where a backslash stands before it.
pub(super) fn split_path(path: &str, delimiter: char) -> Vec<SmolStr> {
    let mut pieces: Vec<&str> = path.split(delimiter).collect();
    if pieces.len() > 1 && pieces[0].is_empty() {
        pieces.remove(0);
    }
    let mut parts: Vec<String> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(piece);
            }
            _ => parts.push(piece.to_owned()),
        }
    }
    parts.into_iter().map(SmolStr::new).collect()
}

/// Adds `incoming` to `specs`, unless an equal or wider one is there.
///
/// # Errors
/// When one creates the field and the other does not.
pub(super) fn merge(specs: &mut Vec<FieldSpec>, incoming: &[FieldSpec]) -> Result<(), String> {
    for spec in incoming {
        match specs.iter_mut().find(|known| known.effectively_equals(spec)) {
            Some(known) if known.create != spec.create => {
                return Err(format!("two field specifications of `{}` disagree about `create`", spec.path));
            }
            Some(known) => known.displace(spec),
            None => specs.push(spec.clone()),
        }
    }
    Ok(())
}

/// Whether the object has something at `parts`, so that it is worth making it our own.
pub(super) fn has(node: &Node, parts: &[SmolStr]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    match &node.value {
        Value::Sequence(sequence) => sequence.items.iter().any(|item| has(item, parts)),
        Value::Mapping(mapping) => {
            mapping.get(part.strip_suffix("[]").unwrap_or(part)).is_some_and(|value| has(value, rest))
        }
        // Walking into text is an error, which must not go unnoticed.
        Value::Scalar(_) => !node.is_null(),
    }
}

/// Calls `set` with every value at `parts`.
///
/// # Errors
/// [`FieldError`] when the path leads through a scalar, or from `set`.
pub(super) fn visit(
    node: &mut Node,
    parts: &[SmolStr],
    create: bool,
    make: Make,
    asked: &Origin,
    set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    let Some((part, rest)) = parts.split_first() else { return set(node) };
    if node.is_null() {
        return Ok(());
    }
    match &mut node.value {
        Value::Sequence(sequence) => {
            for item in &mut sequence.items {
                visit(item, parts, create, make, asked, set)?;
            }
            Ok(())
        }
        Value::Mapping(mapping) => {
            let (name, list) = part.strip_suffix("[]").map_or((part.as_str(), false), |name| (name, true));
            if name.is_empty() {
                return Err(FieldError { message: "empty field name in a path".to_owned(), origin: asked.clone() });
            }
            let created = create && make != Make::Nothing && !list;
            let fresh = || match (rest.is_empty(), make) {
                (true, Make::Scalar) => Value::Scalar(Scalar::plain("")),
                _ => Value::Mapping(crate::yaml::Mapping::default()),
            };
            let position = mapping.entries.iter().position(|entry| entry.key_text() == name);
            let position = match position {
                Some(position) => {
                    let value = &mut mapping.entries[position].value;
                    if value.is_null() && (list || created) {
                        value.value = if list { Value::Sequence(Sequence::default()) } else { fresh() };
                        value.origin = value.origin.because(Some([asked.clone()].into()));
                    }
                    position
                }
                None if created => {
                    let value = Node { value: fresh(), origin: asked.clone() };
                    mapping.entries.push(Entry { key: Node::string(name, asked.clone()), value });
                    mapping.entries.len() - 1
                }
                None => return Ok(()),
            };
            visit(&mut mapping.entries[position].value, rest, create, make, asked, set)
        }
        Value::Scalar(scalar) => Err(FieldError {
            message: format!("`{}` stands where a mapping with `{part}` was expected", scalar.text),
            origin: node.origin.clone(),
        }),
    }
}
