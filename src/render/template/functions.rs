//! Functions by name: what they take, and what they may ask of the execution.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use smol_str::SmolStr;

use super::error::TemplateError;
use super::exec::Machine;
use super::value::{LIST, MAP, STRINGS, Value};
use super::{NoteKind, Templates};
use crate::origin::Origin;

/// The functions that templates may call.
#[derive(Debug, Clone, Default)]
pub struct Functions {
    by_name: HashMap<SmolStr, Arc<Function>>,
}

/// A function.
pub struct Function {
    /// Its name.
    pub name: SmolStr,
    params: Vec<Param>,
    variadic: bool,
    /// Whether its result differs from run to run.
    pub(super) chance: bool,
    pub(super) body: Body,
}

type Native = dyn Fn(&mut Call<'_>, &[Value]) -> Result<Value, FunctionError> + Send + Sync;

pub(super) enum Body {
    Native(Box<Native>),
    /// `and` stops at the first false argument.
    And,
    /// `or` stops at the first true argument.
    Or,
    /// `call`, whose errors name the callee.
    Call,
}

/// The type of a parameter. The executor holds arguments to it, with Go's errors; what arrives in a function is of the
/// type, or `Value::Nil` for the types that Go lets be nil (`Any`, `Map`, `List`, `Strings`, `Bytes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`
    Any,
    /// `reflect.Value`: like [`Param::Any`], for functions of the language itself.
    Reflect,
    /// `string`
    String,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint32`
    Uint32,
    /// `float64`
    Float,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    /// `[]string`
    Strings,
    /// `[]uint8`
    Bytes,
    /// A type of Go's library, by its name: `*semver.Version`.
    Object(&'static str),
}

/// Why a function gave no value.
#[derive(Debug, Clone)]
pub enum FunctionError {
    /// Its own words.
    Message(String),
    /// A template that it ran has failed; before the template's error come the function's own words, if any.
    Template(String, Box<TemplateError>),
}

/// A running call: what the function may ask of the execution.
pub struct Call<'m> {
    pub(super) machine: &'m mut Machine,
}

impl Param {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Param::Any => "interface {}",
            Param::Reflect => "reflect.Value",
            Param::String => "string",
            Param::Bool => "bool",
            Param::Int => "int",
            Param::Int64 => "int64",
            Param::Uint32 => "uint32",
            Param::Float => "float64",
            Param::Map => MAP,
            Param::List => LIST,
            Param::Strings => STRINGS,
            Param::Bytes => "[]uint8",
            Param::Object(name) => name,
        }
    }

    /// Whether Go lets a parameter of the type be nil.
    pub(super) fn can_be_nil(self) -> bool {
        match self {
            Param::Any | Param::Reflect | Param::Map | Param::List | Param::Strings | Param::Bytes => true,
            Param::Object(name) => name.starts_with('*'),
            _ => false,
        }
    }

    /// Whether a value of one's own type may be passed.
    pub(super) fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Param::Any | Param::Reflect, _)
            | (Param::String, Value::String(_))
            | (Param::Bool, Value::Bool(_))
            | (Param::Int, Value::Int(_))
            | (Param::Int64, Value::Int64(_))
            | (Param::Float, Value::Float(_))
            | (Param::Bytes, Value::Bytes(_)) => true,
            // A named map type is assignable to the type that it is made of.
            (Param::Map, Value::Map(_)) => !matches!(value.type_name(), "map[string]string"),
            (Param::List, Value::List(_)) => value.type_name() == LIST,
            (Param::Strings, Value::List(_)) => value.type_name() == STRINGS,
            (Param::Object(name), Value::Object(object)) => object.type_name() == name,
            _ => false,
        }
    }
}

impl Function {
    /// How many parameters come before the repeated one, if there is a repeated one.
    pub(super) fn fixed(&self) -> usize {
        if self.variadic { self.params.len() - 1 } else { self.params.len() }
    }

    pub(super) fn is_variadic(&self) -> bool {
        self.variadic
    }

    pub(super) fn param(&self, index: usize) -> Param {
        self.params.get(index).or(self.params.last()).copied().unwrap_or(Param::Any)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.params)
    }
}

impl Functions {
    /// The functions of the language itself: `printf`, `index`, `eq` and so on.
    pub fn builtins() -> Functions {
        let mut functions = Functions::default();
        super::builtins::register(&mut functions);
        functions
    }

    /// The function called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.by_name.get(name)
    }

    /// The names, sorted.
    pub fn names(&self) -> BTreeSet<&str> {
        self.by_name.keys().map(SmolStr::as_str).collect()
    }

    /// Adds a function, in place of one that has its name.
    pub fn add(
        &mut self,
        name: &'static str,
        params: &[Param],
        body: impl Fn(&mut Call<'_>, &[Value]) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) {
        self.insert(name, params, false, Body::Native(Box::new(body)));
    }

    /// Adds a function whose last parameter may be given any number of times, or not at all.
    pub fn add_variadic(
        &mut self,
        name: &'static str,
        params: &[Param],
        body: impl Fn(&mut Call<'_>, &[Value]) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) {
        self.insert(name, params, true, Body::Native(Box::new(body)));
    }

    /// Makes `alias` another name of `name`.
    pub fn alias(&mut self, alias: &'static str, name: &str) {
        if let Some(function) = self.by_name.get(name) {
            let function = Function {
                name: SmolStr::new_static(alias),
                params: function.params.clone(),
                variadic: function.variadic,
                chance: function.chance,
                body: Body::Native({
                    let function = function.clone();
                    Box::new(move |call, args| match &function.body {
                        Body::Native(body) => body(call, args),
                        _ => Err("not callable".into()),
                    })
                }),
            };
            self.by_name.insert(function.name.clone(), Arc::new(function));
        }
    }

    /// Takes a function out: templates that name it do not parse.
    pub fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub(super) fn insert(&mut self, name: &'static str, params: &[Param], variadic: bool, body: Body) {
        let name = SmolStr::new_static(name);
        let chance = super::sprig::NONDETERMINISTIC.contains(&name.as_str());
        let function = Function { name: name.clone(), params: params.to_vec(), variadic, chance, body };
        self.by_name.insert(name, Arc::new(function));
    }
}

impl Call<'_> {
    /// Runs the template `name` and returns what it prints.
    pub fn execute(&mut self, name: &str, data: &Value) -> Result<String, FunctionError> {
        self.machine.capture(name, data).map_err(|error| FunctionError::Template(String::new(), error))
    }

    /// How many calls of [`Call::execute`] for `name` are running, and the same with one more or less of them.
    pub fn running(&mut self, name: &str) -> &mut usize {
        self.machine.running.entry(SmolStr::new(name)).or_default()
    }

    /// Parses `text` among the templates that are there, under the name of the template that is running, and runs it.
    pub fn execute_text(&mut self, text: &str, data: &Value) -> Result<String, FunctionError> {
        self.machine.capture_text(text, data)
    }

    /// What the caller of [`Templates::execute`] passed as [`Options::host`](super::Options::host).
    pub fn host<T: Any>(&self) -> Option<Rc<T>> {
        self.machine.options.host.clone()?.downcast().ok()
    }

    /// Notes what the call did.
    pub fn note(&mut self, kind: NoteKind) {
        let position = self.machine.position;
        self.machine.note(kind, position);
    }

    /// The templates that are in reach.
    pub fn templates(&self) -> &Templates {
        &self.machine.set
    }

    /// Notes that the call's result has to do with a value that came from `origin`.
    pub fn read(&mut self, value: &Value, origin: &Origin) {
        self.machine.read(value, origin);
    }

    /// Notes that the call's result is the text of all of `value`.
    pub fn serialized(&mut self, value: &Value) {
        self.machine.serialized(value);
    }
}

impl From<String> for FunctionError {
    fn from(message: String) -> FunctionError {
        FunctionError::Message(message)
    }
}

impl From<&str> for FunctionError {
    fn from(message: &str) -> FunctionError {
        FunctionError::Message(message.to_owned())
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunctionError::Message(message) => f.write_str(message),
            FunctionError::Template(words, error) => write!(f, "{words}{error}"),
        }
    }
}
