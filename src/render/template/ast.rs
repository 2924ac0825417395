//! The parsed template. Every node knows its byte offset and prints as Go prints it, as error messages quote it.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use super::functions::Function;

/// Byte offset into the source.
pub(super) type Pos = u32;

/// One template: a text, or a `define` within one.
#[derive(Debug)]
pub(super) struct Tree {
    pub name: SmolStr,
    /// The name of the text that it was defined in.
    pub parse_name: Arc<str>,
    pub source: Arc<str>,
    pub root: List,
}

#[derive(Debug, Default)]
pub(super) struct List {
    pub nodes: Vec<Node>,
}

#[derive(Debug)]
pub(super) enum Node {
    /// The range of the source to print.
    Text(Pos, Pos),
    Action(Pos, Pipe),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Invocation>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub pos: Pos,
    pub pipe: Pipe,
    pub list: List,
    pub other: Option<List>,
}

#[derive(Debug)]
pub(super) struct Invocation {
    pub pos: Pos,
    pub name: SmolStr,
    pub pipe: Option<Pipe>,
}

#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub pos: Pos,
    /// `=` and not `:=`.
    pub assign: bool,
    pub declared: Vec<SmolStr>,
    pub commands: Vec<Command>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub pos: Pos,
    pub args: Vec<Expr>,
}

#[derive(Debug)]
pub(super) enum Expr {
    Dot(Pos),
    Nil(Pos),
    Bool(Pos, bool),
    Number(Box<NumberLiteral>),
    /// The value, and the text as it was written.
    Text(Pos, SmolStr, SmolStr),
    Field(Pos, Vec<SmolStr>),
    /// The variable's name with its `$`, then fields.
    Variable(Pos, Vec<SmolStr>),
    Function(Pos, Arc<Function>),
    Chain(Pos, Box<Expr>, Vec<SmolStr>),
    Pipe(Box<Pipe>),
}

#[derive(Debug)]
pub(super) struct NumberLiteral {
    pub pos: Pos,
    pub text: SmolStr,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
    /// The real and the imaginary part of what is written with an `i`.
    pub complex: Option<(f64, f64)>,
}

/// Something that an error can be about.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Start,
    Expr(&'t Expr),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Action(Pos, &'t Pipe),
    Branch(&'static str, &'t Branch),
    Template(&'t Invocation),
}

impl Expr {
    pub(super) fn pos(&self) -> Pos {
        match self {
            Expr::Dot(pos)
            | Expr::Nil(pos)
            | Expr::Bool(pos, _)
            | Expr::Text(pos, ..)
            | Expr::Field(pos, _)
            | Expr::Variable(pos, _)
            | Expr::Function(pos, _)
            | Expr::Chain(pos, ..) => *pos,
            Expr::Number(number) => number.pos,
            Expr::Pipe(pipe) => pipe.pos,
        }
    }
}

impl At<'_> {
    pub(super) fn pos(&self) -> Pos {
        match self {
            At::Start => 0,
            At::Expr(expr) => expr.pos(),
            At::Pipe(pipe) => pipe.pos,
            At::Command(command) => command.pos,
            At::Action(pos, _) => *pos,
            At::Branch(_, branch) => branch.pos,
            At::Template(invocation) => invocation.pos,
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields =
            |f: &mut fmt::Formatter<'_>, fields: &[SmolStr]| fields.iter().try_for_each(|field| write!(f, ".{field}"));
        match self {
            Expr::Dot(_) => f.write_str("."),
            Expr::Nil(_) => f.write_str("nil"),
            Expr::Bool(_, value) => write!(f, "{value}"),
            Expr::Number(number) => f.write_str(&number.text),
            Expr::Text(_, _, quoted) => f.write_str(quoted),
            Expr::Field(_, names) => fields(f, names),
            Expr::Variable(_, names) => {
                f.write_str(names.first().map_or("", SmolStr::as_str))?;
                fields(f, names.get(1..).unwrap_or_default())
            }
            Expr::Function(_, function) => f.write_str(&function.name),
            Expr::Chain(_, node, names) => {
                match node.as_ref() {
                    Expr::Pipe(pipe) => write!(f, "({pipe})")?,
                    other => write!(f, "{other}")?,
                }
                fields(f, names)
            }
            Expr::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match arg {
                Expr::Pipe(pipe) => write!(f, "({pipe})")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.declared.is_empty() {
            write!(f, "{} {} ", self.declared.join(", "), if self.assign { "=" } else { ":=" })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Start => Ok(()),
            At::Expr(expr) => write!(f, "{expr}"),
            At::Pipe(pipe) => write!(f, "{pipe}"),
            At::Command(command) => write!(f, "{command}"),
            At::Action(_, pipe) => write!(f, "{{{{{pipe}}}}}"),
            At::Branch(word, branch) => write!(f, "{{{{{word} {}}}}}", branch.pipe),
            At::Template(invocation) => match &invocation.pipe {
                Some(pipe) => write!(f, "{{{{template {} {pipe}}}}}", super::quote::quote(&invocation.name)),
                None => write!(f, "{{{{template {}}}}}", super::quote::quote(&invocation.name)),
            },
        }
    }
}
