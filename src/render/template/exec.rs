//! Runs a template: statements, output and its limits. Expressions are in [`eval`](super::eval).

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use smol_str::SmolStr;

use super::ast::{At, Branch, Expr, Invocation, List, Node, Pipe, Tree};
use super::error::{Site, TemplateError};
use super::functions::FunctionError;
use super::quote::quote;
use super::value::Value;
use super::{MissingKey, Note, NoteKind, Options, Rendered, Segment, SegmentKind, Templates, parse, print};
use crate::origin::{Mark, Origin};

pub(super) type Failure = Box<TemplateError>;

/// Levels of templates that call templates, by whatever means.
const MAX_TEMPLATES: usize = 5_000;

/// What all templates of one execution share.
pub(super) struct Machine {
    pub(super) set: Templates,
    pub(super) options: Options,
    pub(super) running: HashMap<SmolStr, usize>,
    out: String,
    segments: Vec<Segment>,
    notes: Vec<Note>,
    /// Where the running call stands in its text.
    pub(super) position: u32,
    /// Whether the last field that was taken of a map was not there.
    pub(super) missed: bool,
    /// The values that the running action has read, innermost last.
    reads: Vec<Read>,
    /// The value that the running action has written out whole.
    whole: Option<Value>,
    /// Texts being captured for a function: their segments are nobody's.
    captures: usize,
    depth: usize,
    steps: u64,
    /// Bytes of what functions have returned.
    made: usize,
    /// Texts that `tpl` has parsed.
    texts: HashMap<SmolStr, Parsed>,
    /// The template that is running.
    current: Arc<str>,
}

type Parsed = Rc<BTreeMap<SmolStr, Arc<Tree>>>;

/// A value that an action has read, and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub value: Value,
    pub origin: Origin,
}

/// One template at work.
pub(super) struct Frame<'t, 'm> {
    pub(super) tree: &'t Tree,
    pub(super) at: At<'t>,
    pub(super) variables: Vec<Variable<'t>>,
    pub(super) machine: &'m mut Machine,
}

pub(super) struct Variable<'t> {
    pub name: &'t str,
    pub value: Value,
    pub reads: Vec<Read>,
    /// See [`Dot::boxed`].
    pub boxed: bool,
}

/// `.`, and what was read to make it.
#[derive(Debug, Clone, Default)]
pub(super) struct Dot {
    pub value: Value,
    pub reads: Vec<Read>,
    /// Whether it is an element of a list or a map that holds anything: an interface to Go.
    pub boxed: bool,
}

pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

pub(super) fn execute(set: Templates, name: &str, data: &Value, options: Options) -> Result<Rendered, Failure> {
    let mut machine = Machine {
        set,
        options,
        running: HashMap::new(),
        out: String::new(),
        segments: Vec::new(),
        notes: Vec::new(),
        position: 0,
        missed: false,
        reads: Vec::new(),
        whole: None,
        captures: 0,
        depth: 0,
        steps: 0,
        made: 0,
        texts: HashMap::new(),
        current: Arc::from(name),
    };
    machine.invoke_name(name, data)?;
    Ok(Rendered { text: machine.out, segments: machine.segments, notes: machine.notes })
}

impl Machine {
    fn invoke_name(&mut self, name: &str, data: &Value) -> Result<(), Failure> {
        let Some(tree) = self.set.trees.get(name).cloned() else {
            let reason = format!("no template {} associated with template {}", quote(name), quote(&self.set.root));
            return Err(Box::new(TemplateError {
                message: format!("template: {reason}"),
                reason,
                site: Site { template: self.current.clone(), ..Site::default() },
                cause: None,
            }));
        };
        self.invoke(&tree, Dot { value: given(data), ..Dot::default() })
    }

    fn invoke(&mut self, tree: &Tree, dot: Dot) -> Result<(), Failure> {
        let outer = std::mem::replace(&mut self.current, tree.parse_name.clone());
        self.depth += 1;
        let result = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || {
            let root = Variable { name: "$", value: dot.value.clone(), reads: dot.reads.clone(), boxed: false };
            let mut frame = Frame { tree, at: At::Start, variables: vec![root], machine: self };
            frame.walk(&dot, &tree.root)
        });
        self.depth -= 1;
        self.current = outer;
        result.map(|_| ())
    }

    /// What `run` prints.
    fn captured(&mut self, run: impl FnOnce(&mut Machine) -> Result<(), Failure>) -> Result<String, Failure> {
        let outer = std::mem::take(&mut self.out);
        self.captures += 1;
        let result = run(self);
        self.captures -= 1;
        let text = std::mem::replace(&mut self.out, outer);
        result.map(|()| text)
    }

    pub(super) fn capture(&mut self, name: &str, data: &Value) -> Result<String, Failure> {
        if self.depth >= MAX_TEMPLATES {
            let reason = format!("exceeded maximum template depth ({MAX_TEMPLATES})");
            let site = Site { template: self.current.clone(), ..Site::default() };
            return Err(Box::new(TemplateError { message: reason.clone(), reason, site, cause: None }));
        }
        self.captured(|machine| machine.invoke_name(name, data))
    }

    pub(super) fn capture_text(&mut self, text: &str, data: &Value) -> Result<String, FunctionError> {
        if self.depth >= MAX_TEMPLATES {
            return Err(format!("exceeded maximum template depth ({MAX_TEMPLATES})").into());
        }
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        // The text has the name that all templates were made under.
        let name = self.set.root.clone();
        let key = SmolStr::new(text);
        let parsed = match self.texts.get(&key) {
            Some(parsed) => parsed.clone(),
            None => {
                let functions = self.set.functions.clone();
                let parsed = parse::parse(&name, &Arc::from(text), &functions, super::Delimiters::default());
                let parsed = Rc::new(parsed.map_err(|error| {
                    FunctionError::Message(format!("cannot parse template {}: {error}", quote(text)))
                })?);
                self.texts.insert(key, parsed.clone());
                parsed
            }
        };
        let failed = |error| {
            FunctionError::Template(format!("error during tpl function execution for {}: ", quote(text)), error)
        };
        let Some(tree) = parsed.get(&*name).cloned() else { return Ok(String::new()) };
        if parsed.len() == 1 {
            return self
                .captured(|machine| machine.invoke(&tree, Dot { value: given(data), ..Dot::default() }))
                .map_err(failed);
        }
        let mut inner = self.set.clone();
        inner.absorb(parsed.iter().map(|(name, tree)| (name.clone(), tree.clone())));
        let outer = std::mem::replace(&mut self.set, inner);
        let result = self.captured(|machine| machine.invoke_name(&name, data));
        self.set = outer;
        result.map_err(failed)
    }

    pub(super) fn read(&mut self, value: &Value, origin: &Origin) {
        if self.options.provenance && origin.mark.is_some() {
            self.reads.push(Read { value: value.clone(), origin: origin.clone() });
        }
    }

    pub(super) fn read_again(&mut self, reads: &[Read]) {
        if self.options.provenance {
            self.reads.extend_from_slice(reads);
        }
    }

    pub(super) fn serialized(&mut self, value: &Value) {
        if self.options.provenance {
            self.whole = Some(value.clone());
        }
    }

    pub(super) fn note(&mut self, kind: NoteKind, offset: u32) {
        // A loop tells the same again and again.
        const MANY: usize = 1_000;
        if self.options.provenance && self.notes.len() < MANY {
            let note = Note { template: self.current.clone(), offset, kind };
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    fn segment(&mut self, tree: &Tree, start: u32, end: u32, kind: SegmentKind) {
        if self.options.provenance && self.captures == 0 {
            let at = self.out.len() as u32;
            self.segments.push(Segment { at, template: tree.parse_name.clone(), start, end, kind });
        }
    }
}

impl<'t> Frame<'t, '_> {
    /// The error `reason` at the current node.
    pub(super) fn fail(&self, reason: impl Into<String>) -> Failure {
        self.fail_because(reason.into(), None)
    }

    fn fail_because(&self, reason: String, cause: Option<Failure>) -> Failure {
        let site = Site::of(&self.tree.parse_name, &self.tree.source, self.at.pos());
        let message = format!(
            "template: {}:{}:{}: executing {} at <{}>: {reason}",
            site.template,
            site.line,
            site.column,
            quote(&self.tree.name),
            self.at
        );
        Box::new(TemplateError { message, reason, site, cause })
    }

    pub(super) fn fail_call(&self, name: &str, error: FunctionError) -> Failure {
        match error {
            FunctionError::Message(message) => self.fail(format!("error calling {name}: {message}")),
            FunctionError::Template(words, cause) => {
                self.fail_because(format!("error calling {name}: {words}{cause}"), Some(cause))
            }
        }
    }

    /// Counts what a function has returned: a template that doubles a text again and again is stopped.
    pub(super) fn made(&mut self, value: &Value) -> Result<(), Failure> {
        let size = value.size();
        self.machine.made = self.machine.made.saturating_add(size);
        let limit = self.machine.options.max_output;
        if size > limit {
            return Err(self.fail(format!("a value exceeds {limit} bytes")));
        }
        if self.machine.made > limit.saturating_mul(32) {
            return Err(
                self.fail(format!("the values that functions return exceed {} bytes", limit.saturating_mul(32)))
            );
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        self.machine.steps += 1;
        if self.machine.steps > self.machine.options.max_steps {
            return Err(self.fail(format!("the template takes more than {} steps", self.machine.options.max_steps)));
        }
        if self.machine.out.len() > self.machine.options.max_output {
            return Err(self.fail(format!("the output exceeds {} bytes", self.machine.options.max_output)));
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Dot, list: &'t List) -> Result<Flow, Failure> {
        for node in &list.nodes {
            match self.node(dot, node)? {
                Flow::Next => {}
                leave => return Ok(leave),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Dot, node: &'t Node) -> Result<Flow, Failure> {
        self.step()?;
        match node {
            Node::Text(start, end) => {
                self.machine.segment(self.tree, *start, *end, SegmentKind::Text);
                self.machine.out.push_str(&self.tree.source[*start as usize..*end as usize]);
                Ok(Flow::Next)
            }
            Node::Action(pos, pipe) => {
                self.at = At::Action(*pos, pipe);
                self.action(dot, *pos, pipe)?;
                Ok(Flow::Next)
            }
            Node::If(branch) => {
                self.at = At::Branch("if", branch);
                self.branch(dot, branch, false)
            }
            Node::With(branch) => {
                self.at = At::Branch("with", branch);
                self.branch(dot, branch, true)
            }
            Node::Range(branch) => {
                self.at = At::Branch("range", branch);
                let mark = self.variables.len();
                let result = self.range(dot, branch);
                self.variables.truncate(mark);
                result
            }
            Node::Template(invocation) => {
                self.template(dot, invocation)?;
                Ok(Flow::Next)
            }
            Node::Break => Ok(Flow::Break),
            Node::Continue => Ok(Flow::Continue),
        }
    }

    fn action(&mut self, dot: &Dot, pos: u32, pipe: &'t Pipe) -> Result<(), Failure> {
        let mark = self.machine.reads.len();
        let whole = self.machine.whole.take();
        self.machine.missed = false;
        let value = self.pipeline(dot, pipe)?;
        if pipe.declared.is_empty() {
            if self.machine.missed
                && value.is_nil()
                && let [command] = pipe.commands.as_slice()
                && let [expr @ (Expr::Field(..) | Expr::Variable(..))] = command.args.as_slice()
            {
                self.machine.note(NoteKind::Unset(expr.to_string()), expr.pos());
            }
            self.at = At::Action(pos, pipe);
            if self.machine.options.provenance && self.machine.captures == 0 {
                let text = print::print(&value);
                let reads = &self.machine.reads[mark..];
                let origins = chosen(reads, &text);
                if let Some(at) = text.find("e+").and_then(|_| exponent(reads, &text)) {
                    self.machine.note(NoteKind::Exponent(text.trim().to_owned(), at), pos);
                }
                let whole = self.machine.whole.take();
                let end = pipe.commands.last().and_then(|c| c.args.last()).map_or(pos, Expr::pos);
                self.machine.segment(self.tree, pos, end, SegmentKind::Action { origins, whole });
                self.machine.out.push_str(&text);
                self.machine.reads.truncate(mark);
            } else {
                print::write(&mut self.machine.out, &value);
            }
        } else {
            self.machine.reads.truncate(mark);
        }
        if self.machine.whole.is_none() {
            self.machine.whole = whole;
        }
        Ok(())
    }

    /// Evaluates `pipe` and takes what it read off the action's account.
    fn apart(&mut self, dot: &Dot, pipe: &'t Pipe) -> Result<Dot, Failure> {
        let mark = self.machine.reads.len();
        let value = self.pipeline(dot, pipe)?;
        let reads = self.machine.reads.split_off(mark);
        Ok(Dot { value, reads, boxed: false })
    }

    fn branch(&mut self, dot: &Dot, branch: &'t Branch, with: bool) -> Result<Flow, Failure> {
        let mark = self.variables.len();
        let found = self.apart(dot, &branch.pipe)?;
        let truth = found.value.truth();
        if truth && !with {
            self.truthy(branch, &found);
        }
        let result = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || {
            if truth {
                self.walk(if with { &found } else { dot }, &branch.list)
            } else if let Some(other) = &branch.other {
                self.walk(dot, other)
            } else {
                Ok(Flow::Next)
            }
        });
        self.variables.truncate(mark);
        result
    }

    /// Notes that a text which says `false` is taken for true, where it is all that is asked for.
    fn truthy(&mut self, branch: &Branch, found: &Dot) {
        if !matches!(found.value.as_str(), Some("false" | "False" | "FALSE")) {
            return;
        }
        if let [command] = branch.pipe.commands.as_slice()
            && let [expr @ (Expr::Field(..) | Expr::Variable(..))] = command.args.as_slice()
            && let Some(read) = found.reads.iter().find(|read| read.origin.mark.is_some())
        {
            let kind = NoteKind::Truthy(expr.to_string(), read.origin.mark);
            self.machine.note(kind, expr.pos());
        }
    }

    fn range(&mut self, dot: &Dot, branch: &'t Branch) -> Result<Flow, Failure> {
        let over = self.apart(dot, &branch.pipe)?;
        let provenance = self.machine.options.provenance;
        let boxed = match &over.value {
            Value::List(_) => over.value.type_name() == super::LIST,
            Value::Map(map) => map.holds_anything(),
            _ => false,
        };
        let item = |value: Value, origin: Option<&Origin>| {
            let reads = match origin.filter(|origin| provenance && origin.mark.is_some()) {
                Some(origin) => vec![Read { value: value.clone(), origin: origin.clone() }],
                None => Vec::new(),
            };
            Dot { value, reads, boxed }
        };
        let mut any = false;
        match &over.value {
            Value::Int(count) | Value::Int64(count) => {
                self.one_variable(branch, &over.value)?;
                let long = matches!(over.value, Value::Int64(_));
                for index in 0..*count {
                    any = true;
                    let value = if long { Value::Int64(index) } else { Value::Int(index) };
                    if !self.iteration(branch, Value::NoValue, Dot { value, ..Dot::default() })? {
                        break;
                    }
                }
            }
            Value::Uint(count) => {
                self.one_variable(branch, &over.value)?;
                for index in 0..*count {
                    any = true;
                    let dot = Dot { value: Value::Uint(index), ..Dot::default() };
                    if !self.iteration(branch, Value::NoValue, dot)? {
                        break;
                    }
                }
            }
            Value::List(list) => {
                for (index, value) in list.items().iter().enumerate() {
                    any = true;
                    let element = item(value.clone(), list.origin(index));
                    if !self.iteration(branch, Value::Int(index as i64), element)? {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    any = true;
                    let element = Dot { value: Value::Uint(u64::from(*byte)), ..Dot::default() };
                    if !self.iteration(branch, Value::Int(index as i64), element)? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, value, origin) in map.entries_with_origins() {
                    any = true;
                    if !self.iteration(branch, Value::String(key), item(value, Some(&origin)))? {
                        break;
                    }
                }
            }
            Value::Object(object) => {
                let Some(entries) = object.entries() else { return Err(self.cannot_range(&over.value)) };
                for (key, value) in entries {
                    any = true;
                    if !self.iteration(branch, key, Dot { value, ..Dot::default() })? {
                        break;
                    }
                }
            }
            Value::Nil | Value::NoValue => {}
            Value::Bool(_) | Value::Float(_) | Value::String(_) => {
                return Err(self.cannot_range(&over.value));
            }
        }
        match &branch.other {
            Some(other) if !any => self.walk(dot, other),
            _ => Ok(Flow::Next),
        }
    }

    /// At whatever was evaluated last, as Go has it.
    fn cannot_range(&self, value: &Value) -> Failure {
        self.fail(format!("range can't iterate over {}", print::sprint(value)))
    }

    fn one_variable(&self, branch: &Branch, value: &Value) -> Result<(), Failure> {
        if branch.pipe.declared.len() > 1 {
            let value = print::print(value);
            return Err(self.fail(format!("can't use {value} to iterate over more than one variable")));
        }
        Ok(())
    }

    /// Runs the body once; `false` means that it broke out.
    fn iteration(&mut self, branch: &'t Branch, index: Value, element: Dot) -> Result<bool, Failure> {
        self.step()?;
        let pipe = &branch.pipe;
        // The pipeline itself has pushed its variables; of two, the first is below the second.
        let top = self.variables.len();
        match (pipe.declared.as_slice(), pipe.assign) {
            ([], _) => {}
            ([name], true) => self.assign(name, element.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, Dot { value: index, ..Dot::default() })?;
                self.assign(second, element.clone())?;
            }
            (declared, false) => {
                if let Some(variable) = self.variables.get_mut(top.wrapping_sub(1)) {
                    variable.value = element.value.clone();
                    variable.reads.clone_from(&element.reads);
                    variable.boxed = element.boxed;
                }
                if declared.len() > 1
                    && let Some(variable) = self.variables.get_mut(top.wrapping_sub(2))
                {
                    variable.value = index;
                    variable.reads.clear();
                }
            }
        }
        let flow = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.walk(&element, &branch.list))?;
        self.variables.truncate(top);
        Ok(!matches!(flow, Flow::Break))
    }

    fn template(&mut self, dot: &Dot, invocation: &'t Invocation) -> Result<(), Failure> {
        self.at = At::Template(invocation);
        let Some(tree) = self.machine.set.trees.get(&invocation.name).cloned() else {
            return Err(self.fail(format!("template {} not defined", quote(&invocation.name))));
        };
        if self.machine.depth >= MAX_TEMPLATES {
            return Err(self.fail(format!("exceeded maximum template depth ({MAX_TEMPLATES})")));
        }
        let data = match &invocation.pipe {
            Some(pipe) => self.apart(dot, pipe)?,
            None => Dot::default(),
        };
        self.machine.invoke(&tree, data)
    }

    pub(super) fn push_variable(&mut self, name: &'t str, content: Dot) {
        self.variables.push(Variable { name, value: content.value, reads: content.reads, boxed: content.boxed });
    }

    pub(super) fn assign(&mut self, name: &str, content: Dot) -> Result<(), Failure> {
        match self.variables.iter_mut().rev().find(|variable| variable.name == name) {
            Some(variable) => {
                variable.value = content.value;
                variable.reads = content.reads;
                variable.boxed = content.boxed;
                Ok(())
            }
            None => Err(self.fail(format!("undefined variable: {name}"))),
        }
    }

    /// What has been read since `mark`.
    pub(super) fn reads_since(&self, mark: usize) -> Vec<Read> {
        self.machine.reads.get(mark..).map(<[Read]>::to_vec).unwrap_or_default()
    }

    pub(super) fn reads_mark(&self) -> usize {
        self.machine.reads.len()
    }

    pub(super) fn missing_key(&self) -> MissingKey {
        self.machine.options.missing_key
    }
}

/// Where the whole number was written that `text` is with an exponent.
fn exponent(reads: &[Read], text: &str) -> Option<Mark> {
    let printed = text.trim().trim_matches(['"', '\'']);
    let read = reads.iter().find(|read| match &read.value {
        Value::Float(number) => number.fract() == 0.0 && print::float(*number) == printed,
        _ => false,
    })?;
    Some(read.origin.mark)
}

/// What a template is given: nil is no value to it.
fn given(data: &Value) -> Value {
    if matches!(data, Value::Nil) { Value::NoValue } else { data.clone() }
}

/// Where a printed text came from: of several values that were read, those that are the very text are preferred.
fn chosen(reads: &[Read], text: &str) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    let push = |origins: &mut Vec<Origin>, read: &Read| {
        if !origins.iter().any(|origin| origin.mark == read.origin.mark) {
            origins.push(read.origin.clone());
        }
    };
    if reads.len() > 1 {
        let printed = text.trim().trim_matches(['"', '\'']);
        for read in reads {
            let scalar = !matches!(read.value, Value::Map(_) | Value::List(_) | Value::Object(_));
            if scalar && !printed.is_empty() && print::print(&read.value) == printed {
                push(&mut origins, read);
            }
        }
        origins.truncate(1);
    }
    if origins.is_empty() {
        for read in reads {
            push(&mut origins, read);
        }
    }
    origins
}

impl Machine {
    /// Forgets what was read since `mark`.
    pub(super) fn forget(&mut self, mark: usize) {
        self.reads.truncate(mark);
    }
}
