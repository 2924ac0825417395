//! A resource and its schema in, violations out.
//!
//! What counts is what the API server makes of the object with strict field validation: scalars mean what its YAML
//! reader makes of them, `metadata` is an ObjectMeta whatever a CRD says of it, null stands for an absent field of
//! Kubernetes' own kinds, and `status` is not held to more than its shape, as what a manifest says there is dropped.

mod format;
mod quantity;
mod rules;
mod value;

use smol_str::SmolStr;

pub(crate) use format::{base64 as check_base64, go_duration, go_duration_minutes, wrong as wrong_format};
pub use quantity::Quantity;
pub use rules::Unjudged;

use super::catalogue::{Form, Schema, object_meta};
use super::node::{Arena, Flags, ListType, NodeId, SchemaNode, Types};
use crate::finding::nearest;
use crate::yaml::{Node, Resolved, Scalar, Value};

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation<'n> {
    /// In which way.
    pub kind: ViolationKind,
    /// JSON Pointer to the value; to the object that lacks a property.
    pub pointer: String,
    /// The place to mend: the value, the key that is unknown, or the key of the object that lacks a property.
    pub node: &'n Node,
    /// What was expected and what was found.
    pub message: String,
    /// What to do, if there is more to say.
    pub help: Option<String>,
    /// The other place that it is about: the first of two that are equal.
    pub other: Option<&'n Node>,
    /// What to write at the place instead.
    pub replacement: Option<Replacement>,
}

/// Text that mends a violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The text.
    pub text: String,
    /// Whether it says the same in the right form: a number without its quotes. Else it is a guess.
    pub same: bool,
}

/// The ways in which a value can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// A property that is required is missing.
    Required,
    /// The value has another type.
    Type,
    /// The property is not one of the object's.
    Unknown,
    /// The value is out of what is allowed: enum, pattern, range, length, alternatives.
    Value,
    /// Text that must be base64 is not.
    Base64,
    /// Two items of a list that must differ do not.
    Duplicate,
    /// A CEL rule of the CRD is false.
    Rule,
}

/// Levels of nesting that are looked at.
const MAX_DEPTH: usize = 200;
/// Nodes that are looked at in one object. A CRD whose alternatives nest can ask for exponentially many.
const MAX_STEPS: usize = 5_000_000;
/// Violations that are collected for one object.
const MAX_VIOLATIONS: usize = 200;

impl Schema {
    /// What is wrong with `object`. Where the schema has several forms, those of the form that fits best.
    pub fn validate<'n>(&self, object: &'n Node) -> Vec<Violation<'n>> {
        let mut best: Option<Vec<Violation<'n>>> = None;
        for form in &self.forms {
            let violations = self.validate_form(form, object);
            if violations.is_empty() {
                return violations;
            }
            if best.as_ref().is_none_or(|best| violations.len() < best.len()) {
                best = Some(violations);
            }
        }
        best.unwrap_or_default()
    }

    fn validate_form<'n>(&self, form: &Form, object: &'n Node) -> Vec<Violation<'n>> {
        let mut validator = Validator {
            arena: &form.arena,
            native: self.is_native(),
            strict: true,
            secret: object.str_at(&["kind"]) == Some("Secret"),
            path: Vec::new(),
            steps: 0,
            in_status: false,
            violations: Vec::new(),
        };
        validator.root(form.root, object);
        // As on the API server, what has the wrong shape is not asked for more.
        if validator.violations.iter().all(|violation| violation.kind == ViolationKind::Duplicate) {
            let mut more = match self.is_native() {
                true => super::server::violations(object),
                false => rules::evaluate(form, object).0,
            };
            validator.violations.append(&mut more);
        }
        validator.violations
    }
}

/// One step of the way to the value that is looked at.
#[derive(Debug, Clone, Copy)]
enum Segment<'n> {
    Key(&'n str),
    Index(usize),
}

struct Validator<'s, 'n> {
    arena: &'s Arena,
    /// Kubernetes' own kinds are decoded into Go types: null is nothing, and nothing is defaulted before it is asked
    /// for.
    native: bool,
    /// Whether unknown properties count. Inside alternatives they do not: the structure around them says which exist.
    strict: bool,
    /// Values of Secrets are never printed.
    secret: bool,
    path: Vec<Segment<'n>>,
    steps: usize,
    in_status: bool,
    violations: Vec<Violation<'n>>,
}

impl<'s, 'n> Validator<'s, 'n> {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in &self.path {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// The field in words: `spec.containers[0].image`.
    fn field(&self) -> String {
        let mut field = String::new();
        for segment in &self.path {
            match segment {
                Segment::Key(key) if key.contains(['.', '/']) => {
                    field.push_str("[\"");
                    field.push_str(key);
                    field.push_str("\"]");
                }
                Segment::Key(key) => {
                    if !field.is_empty() {
                        field.push('.');
                    }
                    field.push_str(key);
                }
                Segment::Index(index) => {
                    field.push('[');
                    field.push_str(&index.to_string());
                    field.push(']');
                }
            }
        }
        field
    }

    fn report(&mut self, kind: ViolationKind, node: &'n Node, message: impl FnOnce(&str) -> String) {
        if self.violations.len() >= MAX_VIOLATIONS {
            return;
        }
        let field = self.field();
        let message = message(if field.is_empty() { "the object" } else { &field });
        let pointer = self.pointer();
        self.violations.push(Violation { kind, pointer, node, message, help: None, other: None, replacement: None });
    }

    fn help(&mut self, help: Option<String>) {
        if let Some(last) = self.violations.last_mut() {
            last.help = help;
        }
    }

    fn replace(&mut self, text: String, same: bool) {
        if let Some(last) = self.violations.last_mut() {
            last.replacement = Some(Replacement { text, same });
        }
    }

    /// An object that has apiVersion, kind and metadata whatever the schema says of them.
    fn root(&mut self, id: NodeId, object: &'n Node) {
        let arena = self.arena;
        let schema = arena.node(id);
        if object.as_mapping().is_none() {
            self.mismatch(object, Types::OBJECT);
            return;
        }
        self.metadata(object);
        self.object(schema, object, object, true);
        self.alternatives(schema, object, object);
    }

    fn metadata(&mut self, object: &'n Node) {
        let Some(entry) = object.as_mapping().and_then(|mapping| mapping.entry("metadata")) else { return };
        let Some(form) = object_meta() else { return };
        let mut inner = Validator {
            arena: &form.arena,
            native: true,
            strict: self.strict,
            secret: self.secret,
            path: self.path.clone(),
            steps: self.steps,
            in_status: self.in_status,
            violations: Vec::new(),
        };
        inner.path.push(Segment::Key("metadata"));
        inner.value(form.root, &entry.value, &entry.key);
        self.steps = inner.steps;
        self.violations.append(&mut inner.violations);
    }

    /// `place` is the key that the value stands behind, or the value where it has none.
    fn value(&mut self, id: NodeId, node: &'n Node, place: &'n Node) {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.path.len() > MAX_DEPTH {
            return;
        }
        let arena = self.arena;
        let schema = arena.node(id);
        let resolved = node.as_scalar().map(Scalar::resolve_kubernetes);
        if resolved == Some(Resolved::Null) {
            // Of a custom resource, null that stands for a property is dropped; an item of a list is not.
            let item = matches!(self.path.last(), Some(Segment::Index(_)));
            if item && !self.native && !schema.flags.has(Flags::NULLABLE) && schema.default.is_none() {
                let types = self.expected(schema);
                if !types.is_any() {
                    self.mismatch(node, types);
                }
            }
            return;
        }
        if matches!(resolved, Some(Resolved::Str(text)) if is_substituted(text)) {
            return;
        }
        if schema.flags.has(Flags::QUANTITY) {
            self.quantity(node);
            return;
        }
        if !has_type(self.expected(schema), node, resolved) {
            self.mismatch(node, self.expected(schema));
            return;
        }
        match &node.value {
            Value::Mapping(_) => {
                if schema.flags.has(Flags::EMBEDDED_RESOURCE) {
                    self.embedded(node, place);
                }
                self.object(schema, node, place, schema.flags.has(Flags::EMBEDDED_RESOURCE));
            }
            Value::Sequence(_) => self.list(schema, node),
            Value::Scalar(_) => self.scalar(schema, node, resolved.unwrap_or(Resolved::Null)),
        }
        self.alternatives(schema, node, place);
    }

    fn is_null(&self, node: &Node) -> bool {
        matches!(&node.value, Value::Scalar(scalar) if scalar.resolve_kubernetes() == Resolved::Null)
    }

    fn expected(&self, schema: &SchemaNode) -> Types {
        if schema.flags.has(Flags::INT_OR_STRING) { Types(Types::INTEGER.0 | Types::STRING.0) } else { schema.types }
    }

    fn mismatch(&mut self, node: &'n Node, types: Types) {
        let found = self.describe(node);
        self.report(ViolationKind::Type, node, |field| {
            format!("{field} must be {}, found {found}", with_article(&types.describe()))
        });
        let quoted = types.has(Types::STRING) && matches!(&node.value, Value::Scalar(_)) && !self.secret;
        if quoted && let Some(text) = node.text() {
            self.help(Some(format!("quote it: \"{text}\"")));
            self.replace(format!("\"{text}\""), true);
        } else if let Some(unquoted) = self.unquoted(node, types) {
            self.help(Some(format!("write it without quotes: {unquoted}")));
            self.replace(unquoted, true);
        }
    }

    /// What text would be of `types` if it were not quoted.
    fn unquoted(&self, node: &Node, types: Types) -> Option<String> {
        let text = node.as_str().filter(|_| !self.secret)?;
        let fits = match Scalar::plain(text).resolve() {
            Resolved::Bool(_) => types.has(Types::BOOLEAN),
            Resolved::Int(_) => types.has(Types::INTEGER) || types.has(Types::NUMBER),
            _ => false,
        };
        fits.then(|| text.to_owned())
    }

    /// The value in words, without what is secret or long.
    fn describe(&self, node: &Node) -> String {
        match &node.value {
            Value::Mapping(_) => "an object".to_owned(),
            Value::Sequence(_) => "an array".to_owned(),
            Value::Scalar(scalar) => {
                let kind = match scalar.resolve_kubernetes() {
                    Resolved::Null => return "null".to_owned(),
                    Resolved::Bool(_) => "the boolean",
                    Resolved::Int(_) | Resolved::Uint(_) => "the integer",
                    Resolved::Float(_) => "the number",
                    Resolved::Str(_) => "the string",
                };
                if self.secret || scalar.text.len() > 60 || scalar.text.contains('\n') {
                    return kind.replace("the", "a").replace("a i", "an i");
                }
                format!("{kind} `{}`", scalar.text)
            }
        }
    }

    fn embedded(&mut self, node: &'n Node, place: &'n Node) {
        for property in ["apiVersion", "kind"] {
            if node.get(property).is_none_or(Node::is_null) {
                self.missing(place, property);
            }
        }
        self.metadata(node);
    }

    fn missing(&mut self, place: &'n Node, property: &str) {
        self.report(ViolationKind::Required, place, |field| format!("{field} needs `{property}`"));
    }

    fn object(&mut self, schema: &SchemaNode, node: &'n Node, place: &'n Node, resource: bool) {
        let arena = self.arena;
        let open = schema.flags.has(Flags::PRESERVE_UNKNOWN) || schema.types.is_any() && !self.has_fields(schema);
        for entry in node.entries() {
            let key = entry.key_text();
            // Read once as a whole: see `metadata`. What a CRD says of the name counts still.
            if resource && matches!(key, "apiVersion" | "kind") && schema.property(key).is_none() {
                continue;
            }
            let status = self.path.is_empty() && key == "status";
            self.path.push(Segment::Key(key));
            match schema.property(key) {
                Some(id) if resource && key == "metadata" => self.own_metadata(id, &entry.value, &entry.key),
                Some(id) => {
                    self.in_status |= status;
                    self.value(id, &entry.value, &entry.key);
                    self.in_status &= !status;
                }
                None if resource && key == "metadata" => {}
                None => match schema.additional {
                    Some(id) => self.value(id, &entry.value, &entry.key),
                    None if open || !self.strict => {}
                    None => self.unknown(schema, &entry.key, key),
                },
            }
            self.path.pop();
        }
        if self.in_status {
            return;
        }
        for property in &schema.required {
            if resource && property == "metadata" {
                continue;
            }
            // Null is dropped before anything is asked for, unless a custom resource allows it.
            let own = schema.property(property).filter(|_| !self.native).map(|id| arena.node(id));
            let nullable = own.is_some_and(|node| node.flags.has(Flags::NULLABLE));
            let defaulted = own.is_some_and(|node| node.default.is_some());
            match node.get(property) {
                Some(value) if nullable || !self.is_null(value) => {}
                _ if defaulted => {}
                _ => self.missing(place, property),
            }
        }
        if let Some(limits) = &schema.limits {
            let count = node.entries().len();
            if limits.min_properties.is_some_and(|least| count < least as usize) {
                let least = limits.min_properties.unwrap_or_default();
                self.report(ViolationKind::Value, place, |field| {
                    format!("{field} must have at least {least} properties, found {count}")
                });
            }
            if limits.max_properties.is_some_and(|most| count > most as usize) {
                let most = limits.max_properties.unwrap_or_default();
                self.report(ViolationKind::Value, place, |field| {
                    format!("{field} must have at most {most} properties, found {count}")
                });
            }
        }
    }

    fn has_fields(&self, schema: &SchemaNode) -> bool {
        !schema.properties.is_empty() || schema.additional.is_some()
    }

    /// What a CRD says of `metadata`: limits on the name and the like. Its fields are those of ObjectMeta.
    fn own_metadata(&mut self, id: NodeId, node: &'n Node, place: &'n Node) {
        if self.native {
            return;
        }
        let strict = std::mem::replace(&mut self.strict, false);
        self.value(id, node, place);
        self.strict = strict;
    }

    fn unknown(&mut self, schema: &SchemaNode, key: &'n Node, name: &str) {
        let near = nearest(name, schema.properties.iter().map(|(name, _)| name.as_str()));
        let known = near.map(str::to_owned);
        self.path.pop();
        self.report(ViolationKind::Unknown, key, |field| format!("{field} has no property `{name}`"));
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        if let Some(last) = self.violations.last_mut() {
            last.pointer.push_str(&pointer);
        }
        let help = match known {
            Some(near) => {
                let help = format!("did you mean `{near}`?");
                self.replace(near, false);
                Some(help)
            }
            None if schema.properties.is_empty() || schema.properties.len() > 12 => None,
            None => {
                let names: Vec<String> = schema.properties.iter().map(|(name, _)| format!("`{name}`")).collect();
                Some(format!("it has {}", names.join(", ")))
            }
        };
        self.help(help);
        self.path.push(Segment::Key(""));
    }

    fn list(&mut self, schema: &SchemaNode, node: &'n Node) {
        let items = node.items();
        if let Some(id) = schema.items {
            for (index, item) in items.iter().enumerate() {
                self.path.push(Segment::Index(index));
                self.value(id, item, item);
                self.path.pop();
            }
        }
        if self.in_status {
            return;
        }
        if let Some(limits) = &schema.limits {
            let count = items.len();
            if let Some(least) = limits.min_items.filter(|least| count < *least as usize) {
                self.report(ViolationKind::Value, node, |field| {
                    format!("{field} must have at least {least} items, found {count}")
                });
            }
            if let Some(most) = limits.max_items.filter(|most| count > *most as usize) {
                self.report(ViolationKind::Value, node, |field| {
                    format!("{field} must have at most {most} items, found {count}")
                });
            }
        }
        self.duplicates(schema, node);
    }

    fn duplicates(&mut self, schema: &SchemaNode, node: &'n Node) {
        let keys: &[SmolStr] = match schema.list_type {
            ListType::Map => &schema.list_keys,
            ListType::Set => &[],
            _ if schema.flags.has(Flags::UNIQUE_ITEMS) => &[],
            _ => return,
        };
        let arena = self.arena;
        let mut seen: std::collections::HashMap<String, &'n Node> = std::collections::HashMap::new();
        for (index, item) in node.items().iter().enumerate() {
            let mut identity = String::new();
            let mut words = Vec::new();
            for key in keys {
                let default = schema.items.and_then(|id| arena.node(id).property(key));
                let default = default.and_then(|id| arena.node(id).default.clone());
                let text = match item.get(key) {
                    Some(value) => value.to_json().to_string(),
                    None => default.map_or_else(|| "null".to_owned(), |default| default.to_string()),
                };
                identity.push_str(&text);
                identity.push('\u{0}');
                words.push(format!("{key} {}", text.trim_matches('"')));
            }
            // An item without any of its keys is reported for what it lacks.
            if !keys.is_empty() && keys.iter().all(|key| item.get(key).is_none()) {
                continue;
            }
            if keys.is_empty() {
                identity = item.to_json().to_string();
                words.push(identity.clone());
            }
            let Some(first) = seen.get(&identity).copied() else {
                seen.insert(identity, item);
                continue;
            };
            self.path.push(Segment::Index(index));
            let words = if self.secret { "the same keys".to_owned() } else { words.join(", ") };
            self.report(ViolationKind::Duplicate, item, |field| format!("{field} repeats an item: {words}"));
            if let Some(last) = self.violations.last_mut() {
                last.other = Some(first);
            }
            self.path.pop();
        }
    }

    /// `allOf`, `anyOf`, `oneOf` and `not`.
    fn alternatives(&mut self, schema: &SchemaNode, node: &'n Node, place: &'n Node) {
        let Some(junctors) = &schema.junctors else { return };
        if self.in_status {
            return;
        }
        for &id in &junctors.all_of {
            let strict = std::mem::replace(&mut self.strict, false);
            self.value(id, node, place);
            self.strict = strict;
        }
        if !junctors.any_of.is_empty() {
            let tried: Vec<Vec<Violation<'n>>> =
                junctors.any_of.iter().map(|id| self.attempt(*id, node, place)).collect();
            if !tried.iter().any(Vec::is_empty) {
                self.none_fits(&junctors.any_of, tried, place);
            }
        }
        if !junctors.one_of.is_empty() {
            let tried: Vec<Vec<Violation<'n>>> =
                junctors.one_of.iter().map(|id| self.attempt(*id, node, place)).collect();
            let fitting = tried.iter().filter(|violations| violations.is_empty()).count();
            if fitting == 0 {
                self.none_fits(&junctors.one_of, tried, place);
            } else if fitting > 1 {
                let arena = self.arena;
                let names: Vec<String> = junctors
                    .one_of
                    .iter()
                    .zip(&tried)
                    .filter(|(_, violations)| violations.is_empty())
                    .filter_map(|(id, _)| required_of(arena.node(*id)))
                    .collect();
                self.report(ViolationKind::Value, place, |field| match names.len() {
                    0 | 1 => format!("{field} fits {fitting} of the alternatives of which it must fit one"),
                    _ => format!("{field} may have only one of {}", names.join(", ")),
                });
            }
        }
        if let Some(id) = junctors.not
            && self.attempt(id, node, place).is_empty()
        {
            let arena = self.arena;
            let names = required_of(arena.node(id));
            self.report(ViolationKind::Value, place, |field| match names {
                Some(names) => format!("{field} must not have {names}"),
                None => format!("{field} is what the schema excludes"),
            });
        }
    }

    fn attempt(&mut self, id: NodeId, node: &'n Node, place: &'n Node) -> Vec<Violation<'n>> {
        let mut inner = Validator {
            arena: self.arena,
            native: self.native,
            strict: false,
            secret: self.secret,
            path: self.path.clone(),
            steps: self.steps,
            in_status: false,
            violations: Vec::new(),
        };
        inner.value(id, node, place);
        self.steps = inner.steps;
        inner.violations
    }

    fn none_fits(&mut self, ids: &[NodeId], tried: Vec<Vec<Violation<'n>>>, place: &'n Node) {
        let arena = self.arena;
        let names: Option<Vec<String>> = ids.iter().map(|id| required_of(arena.node(*id))).collect();
        if let Some(names) = names {
            self.report(ViolationKind::Required, place, |field| format!("{field} needs one of {}", names.join(", ")));
            return;
        }
        // The alternative that fits best says what is wrong.
        if let Some(best) = tried.into_iter().min_by_key(Vec::len) {
            self.violations.extend(best);
        }
    }
}

/// Whether the value is filled in after rendering: `${REPLICAS:=1}`, as Flux and envsubst do. What it will be is not
/// known here.
fn is_substituted(text: &str) -> bool {
    text.split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
}

fn has_type(types: Types, node: &Node, resolved: Option<Resolved<'_>>) -> bool {
    if types.is_any() {
        return true;
    }
    match (&node.value, resolved) {
        (Value::Mapping(_), _) => types.has(Types::OBJECT),
        (Value::Sequence(_), _) => types.has(Types::ARRAY),
        (Value::Scalar(_), None | Some(Resolved::Null)) => true,
        (Value::Scalar(_), Some(Resolved::Bool(_))) => types.has(Types::BOOLEAN),
        (Value::Scalar(_), Some(Resolved::Int(_) | Resolved::Uint(_))) => {
            types.has(Types::INTEGER) || types.has(Types::NUMBER)
        }
        (Value::Scalar(_), Some(Resolved::Float(number))) => {
            types.has(Types::NUMBER) || types.has(Types::INTEGER) && number.fract() == 0.0
        }
        (Value::Scalar(_), Some(Resolved::Str(_))) => types.has(Types::STRING),
    }
}

/// The properties that a node asks for, if it asks for nothing else.
fn required_of(node: &SchemaNode) -> Option<String> {
    if node.required.is_empty() {
        return None;
    }
    let names: Vec<String> = node.required.iter().map(|name| format!("`{name}`")).collect();
    Some(names.join(" and "))
}

fn with_article(words: &str) -> String {
    let vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {words}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests;
