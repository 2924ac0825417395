//! The CEL rules of a CRD and an object of the right shape in, the rules that it breaks out.
//!
//! `self` is what the API server makes of the value: defaults filled in, times and durations as such, numbers of the
//! declared type, fields under their escaped names. An object in a repository is seen as one that is created: rules
//! that compare with what was there before are left out, unless they say that they can do without.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;
use smol_str::SmolStr;

use super::{Schema, Violation, ViolationKind};
use crate::schema::catalogue::Form;
use crate::schema::cel::{Budget, Fault, Key, Program, Val, parse_duration, parse_time};
use crate::schema::node::{Arena, CelRule, Flags, NodeId, SchemaNode, Types};
use crate::yaml::{Node, Resolved, Value};

/// Levels of nesting that are looked at.
const MAX_DEPTH: usize = 100;

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Unjudged<'n> {
    /// The value that the rule is about.
    pub node: &'n Node,
    /// The rule, as written.
    pub rule: SmolStr,
    /// Why it could not be evaluated.
    pub reason: String,
}

impl Schema {
    /// The CEL rules that could not be evaluated for `object`; none if its shape is wrong, or it has another form that
    /// fits.
    pub fn unjudged<'n>(&self, object: &'n Node) -> Vec<Unjudged<'n>> {
        if self.is_native() {
            return Vec::new();
        }
        let mut unjudged = Vec::new();
        for form in &self.forms {
            let (violations, found) = evaluate(form, object);
            if found.is_empty() && violations.is_empty() {
                return Vec::new();
            }
            unjudged = found;
        }
        unjudged
    }
}

/// Evaluates the rules of `form` for `object`.
pub(super) fn evaluate<'n>(form: &Form, object: &'n Node) -> (Vec<Violation<'n>>, Vec<Unjudged<'n>>) {
    let mut rules = Rules {
        arena: &form.arena,
        path: String::new(),
        depth: 0,
        budget: Budget::of_object(),
        violations: Vec::new(),
        unjudged: Vec::new(),
    };
    rules.value(form.root, object, object, true);
    (rules.violations, rules.unjudged)
}

struct Rules<'s, 'n> {
    arena: &'s Arena,
    path: String,
    depth: usize,
    budget: Budget,
    violations: Vec<Violation<'n>>,
    unjudged: Vec<Unjudged<'n>>,
}

impl<'n> Rules<'_, 'n> {
    fn value(&mut self, id: NodeId, node: &'n Node, place: &'n Node, resource: bool) {
        if self.depth > MAX_DEPTH || is_null(node) {
            return;
        }
        let arena = self.arena;
        let schema = arena.node(id);
        if !schema.cel.is_empty() {
            let value = convert(arena, schema, node, resource, 0);
            for rule in &schema.cel {
                self.rule(rule, value.clone(), node, place);
            }
        }
        self.depth += 1;
        for inner in schema.junctors.iter().flat_map(|junctors| &junctors.all_of) {
            self.value(*inner, node, place, resource);
        }
        match &node.value {
            Value::Mapping(_) => {
                for entry in node.entries() {
                    let key = entry.key_text();
                    // What a manifest says of the status is dropped.
                    if resource && matches!(key, "status" | "metadata" | "apiVersion" | "kind") {
                        continue;
                    }
                    if let Some(id) = schema.property(key).or(schema.additional) {
                        let length = self.path.len();
                        self.path.push('/');
                        self.path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                        let embedded = arena.node(id).flags.has(Flags::EMBEDDED_RESOURCE);
                        self.value(id, &entry.value, &entry.key, embedded);
                        self.path.truncate(length);
                    }
                }
            }
            Value::Sequence(_) => {
                for (index, item) in node.items().iter().enumerate() {
                    let Some(id) = schema.items else { break };
                    let length = self.path.len();
                    self.path.push_str(&format!("/{index}"));
                    self.value(id, item, item, arena.node(id).flags.has(Flags::EMBEDDED_RESOURCE));
                    self.path.truncate(length);
                }
            }
            Value::Scalar(_) => {}
        }
        self.depth -= 1;
    }

    fn rule(&mut self, rule: &CelRule, value: Val, node: &'n Node, place: &'n Node) {
        let outcome = match rule.rule.program() {
            Ok(program) if program.uses_old && !rule.optional_old_self => return,
            Ok(program) => self.run(program, &value),
            Err(fault) => Err(fault.clone()),
        };
        let message = match outcome {
            Ok(Val::Bool(true)) => return,
            Ok(Val::Bool(false)) => self.message(rule, &value),
            Ok(other) => return self.unjudged(rule, node, format!("its value is of type {}", other.type_name())),
            Err(Fault::Unsupported(reason)) => return self.unjudged(rule, node, reason),
            Err(Fault::Error(reason)) => format!("{reason}, when `{}` is evaluated", rule.rule.text),
        };
        let (node, pointer) = match field(node, &rule.field_path) {
            Some((node, pointer)) => (node, format!("{}{pointer}", self.path)),
            // The key says more than the first of the values behind it.
            None if node.as_scalar().is_some() => (node, self.path.clone()),
            None => (place, self.path.clone()),
        };
        let at = pointer.trim_start_matches('/').replace('/', ".");
        let message = if at.is_empty() { message } else { format!("{at}: {message}") };
        self.violations.push(Violation {
            kind: ViolationKind::Rule,
            pointer,
            node,
            message,
            help: Some(format!("the rule is `{}`", one_line(&rule.rule.text))),
            other: None,
            replacement: None,
        });
    }

    fn run(&mut self, program: &Program, value: &Val) -> Result<Val, Fault> {
        program.run(&[("self", value.clone()), ("oldSelf", Val::Optional(None))], &mut self.budget)
    }

    /// What to say of a rule that is false: what its expression makes, else its text.
    fn message(&mut self, rule: &CelRule, value: &Val) -> String {
        if !rule.message_expression.text.is_empty()
            && let Ok(program) = rule.message_expression.program()
            && let Ok(Val::Str(text)) = self.run(program, value)
            && !text.trim().is_empty()
            && !text.contains('\n')
        {
            return text.trim().to_owned();
        }
        match rule.message.trim() {
            "" => format!("failed rule: {}", one_line(&rule.rule.text)),
            message => one_line(message),
        }
    }

    fn unjudged(&mut self, rule: &CelRule, node: &'n Node, reason: String) {
        self.unjudged.push(Unjudged { node, rule: rule.rule.text.clone(), reason });
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_null(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| scalar.resolve_kubernetes() == Resolved::Null)
}

/// The value that `path` (`.spec.list[0]['a.b']`) names below `node`, and the pointer to it; as far as it is there.
fn field<'n>(node: &'n Node, path: &str) -> Option<(&'n Node, String)> {
    if path.is_empty() {
        return None;
    }
    let mut found = None;
    let mut node = node;
    let mut pointer = String::new();
    let mut rest = path;
    while !rest.is_empty() {
        let segment;
        if let Some(after) = rest.strip_prefix('[') {
            let (inner, after) = after.split_once(']')?;
            segment = inner.trim_matches(['\'', '"']);
            rest = after;
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            segment = &after[..end];
            rest = &after[end..];
        }
        pointer.push('/');
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        let Some(next) = node.get(segment) else { break };
        node = next;
        let key = || next;
        found = Some((key(), pointer.clone()));
    }
    found
}

/// The value that CEL sees.
fn convert(arena: &Arena, schema: &SchemaNode, node: &Node, resource: bool, depth: usize) -> Val {
    if depth > MAX_DEPTH {
        return Val::Opaque;
    }
    match &node.value {
        Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
            Resolved::Null => Val::Null,
            Resolved::Bool(value) => Val::Bool(value),
            Resolved::Int(value) if schema.types == Types::NUMBER => Val::Double(value as f64),
            Resolved::Int(value) => Val::Int(value),
            Resolved::Uint(value) if schema.types == Types::NUMBER => Val::Double(value as f64),
            Resolved::Uint(value) => Val::Uint(value),
            Resolved::Float(value) if schema.types == Types::INTEGER && value.fract() == 0.0 => Val::Int(value as i64),
            Resolved::Float(value) => Val::Double(value),
            Resolved::Str(text) if super::is_substituted(text) => Val::Opaque,
            Resolved::Str(text) => text_value(schema, text),
        },
        Value::Sequence(_) => {
            let any = SchemaNode::default();
            let inner = schema.items.map_or(&any, |id| arena.node(id));
            let embedded = inner.flags.has(Flags::EMBEDDED_RESOURCE);
            Val::list(node.items().iter().map(|item| convert(arena, inner, item, embedded, depth + 1)).collect())
        }
        Value::Mapping(_) => object(arena, schema, node, resource, depth),
    }
}

fn text_value(schema: &SchemaNode, text: &str) -> Val {
    let typed = match schema.format.as_str() {
        "date-time" | "date" => parse_time(text).map(Val::Time),
        "duration" => parse_duration(text).map(Val::Duration).or(Some(Val::Opaque)),
        "byte" => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.decode(text).ok().map(|bytes| Val::Bytes(Rc::from(bytes)))
        }
        _ => None,
    };
    typed.unwrap_or_else(|| Val::text(text))
}

fn object(arena: &Arena, schema: &SchemaNode, node: &Node, resource: bool, depth: usize) -> Val {
    let mut entries = BTreeMap::new();
    let any = SchemaNode::default();
    let open = schema.types.is_any() || schema.flags.has(Flags::PRESERVE_UNKNOWN);
    for entry in node.entries() {
        let name = entry.key_text();
        if resource && name == "metadata" {
            let known = |key: &str| Some((Key::Str(key.into()), Val::text(entry.value.get(key)?.text()?)));
            let fields = ["name", "generateName"].into_iter().filter_map(known).collect();
            entries.insert(Key::Str("metadata".into()), Val::Map(Rc::new(fields)));
            continue;
        }
        let known = schema.property(name).map(|id| (arena.node(id), true));
        let known = known.or(schema.additional.map(|id| (arena.node(id), false)));
        let (inner, named) = match known {
            Some(known) => known,
            None if open || resource && matches!(name, "apiVersion" | "kind") => (&any, true),
            None => continue,
        };
        let null = is_null(&entry.value);
        if null && named && !inner.flags.has(Flags::NULLABLE) {
            continue;
        }
        let embedded = inner.flags.has(Flags::EMBEDDED_RESOURCE);
        let key = if named { escaped(name) } else { SmolStr::new(name) };
        entries.insert(Key::Str(key), convert(arena, inner, &entry.value, embedded, depth + 1));
    }
    for (name, id) in &schema.properties {
        let inner = arena.node(*id);
        let Some(default) = &inner.default else { continue };
        let key = Key::Str(escaped(name));
        if entries.contains_key(&key) {
            continue;
        }
        let Ok(json) = serde_json::from_str::<Json>(default) else { continue };
        let default = Node::from_json(&json, &node.origin);
        entries.insert(key, convert(arena, inner, &default, false, depth + 1));
    }
    Val::Map(Rc::new(entries))
}

/// The name under which a rule speaks of a field.
fn escaped(name: &str) -> SmolStr {
    const RESERVED: &[&str] = &[
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
    ];
    if RESERVED.contains(&name) {
        return SmolStr::new(format!("__{name}__"));
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return SmolStr::new(name);
    }
    let escaped = name
        .replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__");
    SmolStr::new(escaped)
}
