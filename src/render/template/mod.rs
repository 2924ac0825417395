//! Go's text/template: template text and functions in, text out, with the place in the template that made each piece.
//!
//! ```
//! use std::sync::Arc;
//! use tiphys::render::template::{Functions, Options, Templates, Value};
//!
//! let mut templates = Templates::new(Arc::new(Functions::builtins()));
//! templates.parse("greeting", "Hello{{ range .names }}, {{ . }}{{ end }}!")?;
//! let data = Value::map([("names", Value::strings(["Jason", "Orpheus"]))]);
//! let rendered = templates.execute("greeting", &data, Options::default())?;
//! assert_eq!(rendered.text, "Hello, Jason, Orpheus!");
//! # Ok::<(), Box<tiphys::render::template::TemplateError>>(())
//! ```
//!
//! [`lex`] and [`parse`] make trees of text; [`exec`] runs statements and [`eval`] expressions, on [`Value`]s. Errors
//! are in Go's words ([`TemplateError`]). A template cannot hang or exhaust memory: steps, output and depth are limited.

mod ast;
mod builtins;
pub mod bytes;
mod error;
mod eval;
mod exec;
mod functions;
pub mod json;
mod lex;
mod node;
mod parse;
pub mod print;
mod printf;
mod quote;
pub mod sprig;
mod value;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use smol_str::SmolStr;

pub use error::{Site, TemplateError};
pub use functions::{Call, Function, FunctionError, Functions, Param};
pub use lex::Delimiters;
pub use node::NumberMode;
pub(crate) use parse::{parse_float as parse_go_float, parse_int as parse_go_int};
pub use printf::printf;
pub use quote::{is_print, quote};
pub use value::{LIST, List, MAP, Map, Object, STRINGS, Value};

use crate::origin::{Mark, Origin};

/// Templates that can call each other by name. Cheap to clone; shared between threads.
#[derive(Debug, Clone)]
pub struct Templates {
    trees: Arc<HashMap<SmolStr, Arc<ast::Tree>>>,
    functions: Arc<Functions>,
    /// The name that "no template" errors mention.
    root: Arc<str>,
}

/// What one text defines: its own template, and those within it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ParsedText(Arc<BTreeMap<SmolStr, Arc<ast::Tree>>>);

impl ParsedText {
    /// Parses `text` under `name`; it may call `functions`.
    ///
    /// # Errors
    /// What Go says of a text that is no template.
    pub fn parse(name: &str, text: &str, functions: &Functions) -> Result<ParsedText, Box<TemplateError>> {
        let trees = parse::parse(&Arc::from(name), &Arc::from(text), functions, Delimiters::default())?;
        Ok(ParsedText(Arc::new(trees)))
    }
}

/// What a field that a map does not have is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// No value: `missingkey=default`.
    #[default]
    Default,
    /// The zero of the map's type, which is nil for most: `missingkey=zero`.
    Zero,
    /// An error: `missingkey=error`.
    Error,
}

/// How to execute.
#[derive(Clone)]
pub struct Options {
    /// What a missing key is.
    pub missing_key: MissingKey,
    /// Nodes that may be executed, loops counted.
    pub max_steps: u64,
    /// Bytes that may be written.
    pub max_output: usize,
    /// Whether to record segments and where values came from.
    pub provenance: bool,
    /// For the functions: see [`Call::host`].
    pub host: Option<Rc<dyn Any>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            missing_key: MissingKey::Default,
            max_steps: 20_000_000,
            max_output: 64 << 20,
            provenance: false,
            host: None,
        }
    }
}

/// What a template printed.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// The text. Bytes that are not UTF-8 are kept as [`bytes`] says.
    pub text: String,
    /// What made each piece of it, in order; none without [`Options::provenance`].
    pub segments: Vec<Segment>,
    /// What the template did that its text does not show; none without [`Options::provenance`].
    pub notes: Vec<Note>,
}

/// Something that a template did, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The name of the text that it stands in.
    pub template: Arc<str>,
    /// Byte offset into that text.
    pub offset: u32,
    /// What it did.
    pub kind: NoteKind,
}

/// What a template did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// It called a function whose result differs from run to run.
    Chance(SmolStr),
    /// It printed a value that is not there: the expression.
    Unset(String),
    /// It asked the cluster for what nothing stands for: the object.
    Asked(String),
    /// It asked for an API version that the cluster does not serve.
    Unserved(SmolStr),
    /// It printed a whole number with an exponent: the text, and where the number was written.
    Exponent(String, Mark),
    /// It took the text `false` for true: the expression, and where the text was written.
    Truthy(String, Mark),
}

/// A piece of the output: from [`Segment::at`] to the next segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Byte offset into the output.
    pub at: u32,
    /// The name of the text that made it.
    pub template: Arc<str>,
    /// Byte offset into that text: of the literal text, or of the action.
    pub start: u32,
    /// Behind the literal text; of an action, the start of its last word.
    pub end: u32,
    /// What it is.
    pub kind: SegmentKind,
}

/// What a piece of output is.
#[derive(Debug, Clone)]
pub enum SegmentKind {
    /// Text of the template, as it stands there.
    Text,
    /// What an action printed.
    Action {
        /// Where the values that were read for it came from. If it is one, the text is that value's.
        origins: Vec<Origin>,
        /// The value of which this is the whole text: `toYaml .Values.resources`.
        whole: Option<Value>,
    },
}

impl Templates {
    /// No templates yet.
    pub fn new(functions: Arc<Functions>) -> Templates {
        Templates { trees: Arc::default(), functions, root: Arc::from("gotpl") }
    }

    /// Parses `text` and adds it as `name`, and whatever it defines. A later definition replaces an earlier one of its
    /// name, unless the later is empty.
    pub fn parse(&mut self, name: &str, text: &str) -> Result<(), Box<TemplateError>> {
        self.parse_with(name, text, Delimiters::default())
    }

    /// The same, with other delimiters than `{{` and `}}`.
    pub fn parse_with(&mut self, name: &str, text: &str, delimiters: Delimiters<'_>) -> Result<(), Box<TemplateError>> {
        let trees = parse::parse(&Arc::from(name), &Arc::from(text), &self.functions, delimiters)?;
        self.absorb(trees);
        Ok(())
    }

    /// Adds what a text defines, as [`Templates::parse`] does.
    pub fn add(&mut self, text: &ParsedText) {
        self.absorb(text.0.iter().map(|(name, tree)| (name.clone(), tree.clone())));
    }

    fn absorb(&mut self, trees: impl IntoIterator<Item = (SmolStr, Arc<ast::Tree>)>) {
        let known = Arc::make_mut(&mut self.trees);
        for (name, tree) in trees {
            if known.contains_key(&name) && parse::is_empty(&tree.root, &tree.source) {
                continue;
            }
            known.insert(name, tree);
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> BTreeSet<&str> {
        self.trees.keys().map(SmolStr::as_str).collect()
    }

    /// Whether there is a template of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// Runs `name` on `data`.
    pub fn execute(&self, name: &str, data: &Value, options: Options) -> Result<Rendered, Box<TemplateError>> {
        exec::execute(self.clone(), name, data, options)
    }
}

#[cfg(test)]
mod tests;
