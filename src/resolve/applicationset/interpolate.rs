//! Text with placeholders and parameters in, text out: in Go templates, or in the old substitution of flat names.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use smol_str::SmolStr;

use super::FROM_PARAMETER;
use super::{Fault, functions};
use crate::origin::Origin;
use crate::render::template::{
    Functions, Map, MissingKey, Options, SegmentKind, TemplateError, Templates, Value, bytes,
};
use crate::yaml::{Entry, Node, Resolved, Scalar, Value as Yaml};

/// Steps that one template may take: parameters are small.
const MAX_STEPS: u64 = 1_000_000;
/// Bytes that one template may print.
const MAX_OUTPUT: usize = 4 << 20;

/// The language of one ApplicationSet.
pub(super) struct Language {
    go: bool,
    missing: MissingKey,
    parsed: RefCell<HashMap<SmolStr, Parsed>>,
}

/// A tree of texts with placeholders, made ready once to be filled in for each parameter set.
pub(super) enum Prepared {
    /// Nothing is to be filled in.
    Constant(Node),
    Text(Node, Parsed),
    Sequence(Vec<Prepared>, Origin),
    Mapping(Vec<(Prepared, Prepared)>, Origin),
}

/// A text as its language reads it.
#[derive(Clone)]
pub(super) enum Parsed {
    Go(Result<Templates, Box<TemplateError>>),
    Flat,
}

/// What came of a text.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// The text.
    pub(super) text: String,
    /// Where the parameters came from that were read for it.
    pub(super) read: Vec<Origin>,
    /// Whether the text was one parameter and nothing else.
    pub(super) whole: bool,
    /// What made which part of the text: byte offset in the text, in the template, and whether a parameter did.
    pub(super) pieces: Vec<Piece>,
}

/// A piece of a text that was rendered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Byte offset into what was rendered.
    pub(super) at: usize,
    /// Byte offset into the template.
    pub(super) from: usize,
    /// Whether it stands in the template as it is.
    pub(super) literal: bool,
}

impl Language {
    /// The language that `spec` asks for.
    pub(super) fn of(spec: &Node) -> Language {
        let go = spec.get("goTemplate").and_then(Node::as_bool).unwrap_or(false);
        let mut missing = MissingKey::Default;
        for option in spec.get("goTemplateOptions").map(Node::items).unwrap_or_default() {
            missing = match option.as_str() {
                Some("missingkey=error") => MissingKey::Error,
                Some("missingkey=zero") => MissingKey::Zero,
                Some("missingkey=default" | "missingkey=invalid") => MissingKey::Default,
                _ => missing,
            };
        }
        Language { go, missing, parsed: RefCell::default() }
    }

    /// Why nothing is rendered: Go's engine gives up at an option that it does not know.
    pub(super) fn refused(&self, spec: &Node) -> Option<Fault> {
        const KNOWN: [&str; 4] = ["missingkey=default", "missingkey=error", "missingkey=invalid", "missingkey=zero"];
        let mut options = spec.get("goTemplateOptions").map(Node::items).unwrap_or_default().iter();
        let unknown = options.find(|option| option.text().is_none_or(|option| !KNOWN.contains(&option)));
        let unknown = unknown.filter(|_| self.go)?;
        Some(Fault::wrong(unknown, format!("unrecognized option: {}", unknown.text().unwrap_or_default())))
    }

    /// Whether these are Go templates.
    pub(super) fn is_go(&self) -> bool {
        self.go
    }

    /// Replaces the placeholders of `text`.
    pub(super) fn replace(&self, text: &str, params: &Map) -> Result<Replaced, String> {
        self.replace_with(text, params, self.missing).map_err(|error| error.0)
    }

    /// The same, with a missing parameter being an error in Go templates; `Err(true)` is that error.
    pub(super) fn replace_strictly(&self, text: &str, params: &Map) -> Result<Replaced, (String, bool)> {
        self.replace_with(text, params, MissingKey::Error)
    }

    fn replace_with(&self, text: &str, params: &Map, missing: MissingKey) -> Result<Replaced, (String, bool)> {
        if !text.contains("{{") {
            return Ok(Replaced { text: text.to_owned(), ..Replaced::default() });
        }
        self.run(&self.parse(text), text, params, missing)
    }

    fn parse(&self, text: &str) -> Parsed {
        if !self.go {
            return Parsed::Flat;
        }
        let mut cache = self.parsed.borrow_mut();
        if let Some(parsed) = cache.get(text) {
            return parsed.clone();
        }
        static FUNCTIONS: LazyLock<Arc<Functions>> = LazyLock::new(|| Arc::new(functions::all()));
        let mut templates = Templates::new(Arc::clone(&FUNCTIONS));
        let parsed = Parsed::Go(templates.parse("base", text).map(|()| templates));
        cache.insert(SmolStr::new(text), parsed.clone());
        parsed
    }

    fn run(&self, parsed: &Parsed, text: &str, params: &Map, missing: MissingKey) -> Result<Replaced, (String, bool)> {
        let templates = match parsed {
            Parsed::Flat => return Ok(substitute(text, params)),
            Parsed::Go(Ok(templates)) => templates,
            Parsed::Go(Err(error)) => return Err((format!("failed to parse template {text}: {error}"), false)),
        };
        let options = Options {
            missing_key: missing,
            max_steps: MAX_STEPS,
            max_output: MAX_OUTPUT,
            provenance: true,
            host: None,
        };
        let rendered = templates.execute("base", &Value::Map(params.clone()), options).map_err(|error| {
            let missing =
                error.message.contains("map has no entry for key") || error.message.contains("can't evaluate field");
            (format!("failed to execute go template {text}: {error}"), missing)
        })?;
        let mut read: Vec<Origin> = Vec::new();
        let mut pieces = Vec::with_capacity(rendered.segments.len());
        for segment in &rendered.segments {
            let literal = match &segment.kind {
                SegmentKind::Text => true,
                SegmentKind::Action { origins, .. } => {
                    for origin in origins {
                        if origin.mark.is_some() && !read.contains(origin) {
                            read.push(origin.clone());
                        }
                    }
                    false
                }
            };
            pieces.push(Piece { at: segment.at as usize, from: segment.start as usize, literal });
        }
        let text_of = |text: String| match bytes::of(&text) {
            std::borrow::Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            std::borrow::Cow::Borrowed(_) => text,
        };
        // JSON knows no other bytes than text.
        let whole = read.len() == 1 && is_reference(text);
        Ok(Replaced { text: text_of(rendered.text), whole, read, pieces })
    }

    /// Replaces the placeholders in every text of `node`, keys included.
    pub(super) fn node(&self, node: &Node, params: &Map) -> Result<Node, Fault> {
        self.fill(&self.prepare(node), params)
    }

    /// Finds the placeholders in every text of `node`, keys included.
    pub(super) fn prepare(&self, node: &Node) -> Prepared {
        match &node.value {
            Yaml::Scalar(scalar) => match scalar.resolve_kubernetes() {
                Resolved::Str(text) if text.contains("{{") => Prepared::Text(node.clone(), self.parse(text)),
                _ => Prepared::Constant(node.clone()),
            },
            Yaml::Sequence(sequence) => {
                let items: Vec<Prepared> = sequence.items.iter().map(|item| self.prepare(item)).collect();
                if items.iter().all(Prepared::is_constant) {
                    let items = items.into_iter().filter_map(Prepared::constant).collect();
                    return Prepared::Constant(Node::sequence(items, node.origin.clone()));
                }
                Prepared::Sequence(items, node.origin.clone())
            }
            Yaml::Mapping(mapping) => {
                let entries = mapping.entries.iter();
                let entries: Vec<(Prepared, Prepared)> =
                    entries.map(|entry| (self.prepare(&entry.key), self.prepare(&entry.value))).collect();
                if entries.iter().all(|(key, value)| key.is_constant() && value.is_constant()) {
                    let entry = |(key, value): (Prepared, Prepared)| {
                        Some(Entry { key: key.constant()?, value: value.constant()? })
                    };
                    let entries = entries.into_iter().filter_map(entry).collect();
                    return Prepared::Constant(Node::mapping(entries, node.origin.clone()));
                }
                Prepared::Mapping(entries, node.origin.clone())
            }
        }
    }

    /// `prepared` with `params` in place of the placeholders.
    pub(super) fn fill(&self, prepared: &Prepared, params: &Map) -> Result<Node, Fault> {
        match prepared {
            Prepared::Constant(node) => Ok(node.clone()),
            Prepared::Text(node, parsed) => {
                let text = node.text().unwrap_or_default();
                let replaced = self.run(parsed, text, params, self.missing);
                let replaced = replaced.map_err(|(message, _)| Fault::wrong(node, message))?;
                let origin = replaced.origin(node);
                Ok(Node::scalar(Scalar::string(replaced.text), origin))
            }
            Prepared::Sequence(items, origin) => {
                let items = items.iter().map(|item| self.fill(item, params)).collect::<Result<_, _>>()?;
                Ok(Node::sequence(items, origin.clone()))
            }
            Prepared::Mapping(entries, origin) => {
                let mut filled = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.fill(key, params)?;
                    filled.push(Entry { key, value: self.fill(value, params)? });
                }
                Ok(Node::mapping(filled, origin.clone()))
            }
        }
    }
}

impl Prepared {
    fn is_constant(&self) -> bool {
        matches!(self, Prepared::Constant(_))
    }

    fn constant(self) -> Option<Node> {
        match self {
            Prepared::Constant(node) => Some(node),
            _ => None,
        }
    }
}

impl Replaced {
    /// The origin of a value of which `template` is the template.
    pub(super) fn origin(&self, template: &Node) -> Origin {
        match self.read.as_slice() {
            [only] if self.whole => only.then(template.mark(), "template of the ApplicationSet"),
            read => read
                .iter()
                .fold(template.origin.clone(), |origin, parameter| origin.then(parameter.mark, FROM_PARAMETER)),
        }
    }
}

/// Whether a Go template is one field and nothing else: `{{ .values.name }}`.
fn is_reference(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let Some(inner) = inner else { return false };
    let inner = inner.trim_matches('-').trim();
    inner.starts_with('.') && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_'))
}

/// Replaces `{{name}}` by the parameter of that flat name; what is no parameter, or no text, stays.
fn substitute(text: &str, params: &Map) -> Replaced {
    let mut replaced = Replaced::default();
    let mut rest = text;
    let mut position = 0;
    let mut tags = 0;
    loop {
        let tag = rest.find("{{").and_then(|open| Some((open, rest[open + 2..].find("}}")?)));
        let Some((open, length)) = tag else {
            replaced.pieces.push(Piece { at: replaced.text.len(), from: position, literal: true });
            replaced.text.push_str(rest);
            replaced.whole = tags == 1 && replaced.read.len() == 1 && is_tag(text);
            return replaced;
        };
        replaced.pieces.push(Piece { at: replaced.text.len(), from: position, literal: true });
        replaced.text.push_str(&rest[..open]);
        let tag = &rest[open + 2..open + 2 + length];
        replaced.pieces.push(Piece { at: replaced.text.len(), from: position + open, literal: false });
        tags += 1;
        match params.get_with_origin(tag.trim()) {
            Some((Value::String(value), origin)) if !tag.trim().is_empty() => {
                replaced.text.push_str(&value);
                if origin.mark.is_some() && !replaced.read.contains(&origin) {
                    replaced.read.push(origin);
                }
            }
            _ => {
                replaced.text.push_str("{{");
                replaced.text.push_str(tag);
                replaced.text.push_str("}}");
            }
        }
        position += open + 2 + length + 2;
        rest = &rest[open + 2 + length + 2..];
    }
}

fn is_tag(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}")
}
