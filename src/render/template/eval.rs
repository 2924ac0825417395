//! Expressions: pipelines, calls, field chains and arguments, with Go's type rules and errors.

use std::rc::Rc;

use smol_str::SmolStr;

use super::ast::{At, Command, Expr, NumberLiteral, Pipe};
use super::exec::{Dot, Failure, Frame};
use super::functions::{Body, Call, Function, FunctionError, Param};
use super::print::Complex;
use super::quote::quote;
use super::value::Value;
use super::{MissingKey, NoteKind};

/// A value that fields are taken of.
struct Receiver {
    value: Value,
    /// Whether it stands in a map or a list that holds anything: Go names no type for what it is then.
    boxed: bool,
}

impl<'t> Frame<'t, '_> {
    pub(super) fn pipeline(&mut self, dot: &Dot, pipe: &'t Pipe) -> Result<Value, Failure> {
        self.at = At::Pipe(pipe);
        let mark = self.reads_mark();
        let mut value = None;
        for command in &pipe.commands {
            let result = self.command(dot, command, value.take())?;
            // An interface that holds nothing is no value from here on.
            value = Some(if matches!(result, Value::Nil) { Value::NoValue } else { result });
        }
        let value = value.unwrap_or_default();
        for name in &pipe.declared {
            let content = Dot { value: value.clone(), reads: self.reads_since(mark), boxed: false };
            if pipe.assign {
                self.assign(name, content)?;
            } else {
                self.push_variable(name, content);
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Dot, command: &'t Command, last: Option<Value>) -> Result<Value, Failure> {
        let Some(first) = command.args.first() else { return Ok(Value::NoValue) };
        let args = &command.args[1..];
        match first {
            Expr::Field(_, names) => {
                self.at = At::Expr(first);
                return self.chain(dot, dot.receiver(), first, names, args, last);
            }
            Expr::Chain(_, node, names) => return self.chain_node(dot, first, node, names, args, last),
            Expr::Function(_, function) => {
                self.at = At::Expr(first);
                return self.call(dot, function, At::Command(command), args, last);
            }
            Expr::Pipe(pipe) => {
                self.not_a_function(command, &last)?;
                return self.pipeline(dot, pipe);
            }
            Expr::Variable(_, names) => return self.variable(dot, first, names, args, last),
            _ => {}
        }
        self.at = At::Expr(first);
        self.not_a_function(command, &last)?;
        match first {
            Expr::Bool(_, value) => Ok(Value::Bool(*value)),
            Expr::Dot(_) => {
                self.machine.read_again(&dot.reads);
                Ok(dot.value.clone())
            }
            Expr::Number(number) => self.constant(first, number),
            Expr::Text(_, text, _) => Ok(Value::String(text.clone())),
            _ => Err(self.fail("nil is not a command")),
        }
    }

    fn not_a_function(&self, command: &Command, last: &Option<Value>) -> Result<(), Failure> {
        if command.args.len() > 1 || last.is_some() {
            let first = command.args.first().map(ToString::to_string).unwrap_or_default();
            return Err(self.fail(format!("can't give argument to non-function {first}")));
        }
        Ok(())
    }

    /// A number where nothing says of what type: its spelling does.
    fn constant(&mut self, expr: &'t Expr, number: &NumberLiteral) -> Result<Value, Failure> {
        self.at = At::Expr(expr);
        let text = number.text.as_str();
        let hex = (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        if let Some((real, imaginary)) = number.complex {
            return Ok(Value::Object(Rc::new(Complex(real, imaginary))));
        }
        match (number.float, number.int) {
            (Some(float), _) if !hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']) => {
                Ok(Value::Float(float))
            }
            (_, Some(int)) => Ok(Value::Int(int)),
            _ => Err(self.fail(format!("{text} overflows int"))),
        }
    }

    fn chain_node(
        &mut self,
        dot: &Dot,
        expr: &'t Expr,
        node: &'t Expr,
        names: &'t [SmolStr],
        args: &'t [Expr],
        last: Option<Value>,
    ) -> Result<Value, Failure> {
        self.at = At::Expr(expr);
        if matches!(node, Expr::Nil(_)) {
            return Err(self.fail(format!("indirection through explicit nil in {expr}")));
        }
        let mark = self.reads_mark();
        let value = self.argument(dot, None, node)?;
        self.machine.forget(mark);
        self.chain(dot, Receiver { value, boxed: false }, expr, names, args, last)
    }

    fn variable(
        &mut self,
        dot: &Dot,
        expr: &'t Expr,
        names: &'t [SmolStr],
        args: &'t [Expr],
        last: Option<Value>,
    ) -> Result<Value, Failure> {
        self.at = At::Expr(expr);
        let (Some(name), Some(fields)) = (names.first(), names.get(1..)) else { return Ok(Value::NoValue) };
        let Some(index) = self.variables.iter().rposition(|variable| variable.name == name) else {
            return Err(self.fail(format!("undefined variable: {name}")));
        };
        let value = self.variables[index].value.clone();
        if fields.is_empty() {
            let reads = self.variables[index].reads.clone();
            self.machine.read_again(&reads);
            if !args.is_empty() || last.is_some() {
                return Err(self.fail(format!("can't give argument to non-function {expr}")));
            }
            return Ok(value);
        }
        let boxed = self.variables[index].boxed;
        self.chain(dot, Receiver { value, boxed }, expr, fields, args, last)
    }

    /// `.X.Y.Z` on `receiver`, perhaps with arguments for the last.
    fn chain(
        &mut self,
        dot: &Dot,
        mut receiver: Receiver,
        expr: &'t Expr,
        names: &'t [SmolStr],
        args: &'t [Expr],
        last: Option<Value>,
    ) -> Result<Value, Failure> {
        let Some((name, before)) = names.split_last() else { return Ok(receiver.value) };
        for name in before {
            let boxed = matches!(&receiver.value, Value::Map(map) if map.holds_anything());
            let value = self.field(dot, name, expr, None, receiver)?;
            receiver = Receiver { value, boxed };
        }
        self.field(dot, name, expr, Some((args, last)), receiver)
    }

    /// One field or method of `receiver`; the last of a chain may have arguments.
    fn field(
        &mut self,
        dot: &Dot,
        name: &'t str,
        expr: &'t Expr,
        last: Option<(&'t [Expr], Option<Value>)>,
        receiver: Receiver,
    ) -> Result<Value, Failure> {
        let is_last = last.is_some();
        let (args, piped) = last.unwrap_or_default();
        let has_args = !args.is_empty() || piped.is_some();
        match &receiver.value {
            Value::NoValue => {
                if self.missing_key() == MissingKey::Error {
                    return Err(self.fail(format!("nil data; no entry for key {}", quote(name))));
                }
                Ok(Value::NoValue)
            }
            Value::Nil => Err(self.fail(format!("nil pointer evaluating interface {{}}.{name}"))),
            Value::Map(map) => {
                if has_args {
                    return Err(self.fail(format!("{name} is not a method but has arguments")));
                }
                let found = if is_last && self.machine.options.provenance {
                    map.get_with_origin(name).map(|(value, origin)| {
                        self.machine.read(&value, &origin);
                        value
                    })
                } else {
                    map.get(name)
                };
                self.machine.missed = found.is_none();
                match (found, self.missing_key()) {
                    (Some(value), _) => Ok(value),
                    (None, MissingKey::Default) => Ok(Value::NoValue),
                    (None, MissingKey::Zero) if !map.holds_anything() => Ok(Value::from("")),
                    (None, MissingKey::Zero) => Ok(Value::Nil),
                    (None, MissingKey::Error) => Err(self.fail(format!("map has no entry for key {}", quote(name)))),
                }
            }
            Value::Object(object) => {
                let object = object.clone();
                if has_args && object.kind() == "map" && object.params(name).is_none() {
                    return Err(self.fail(format!("{name} is not a method but has arguments")));
                }
                if let Some(value) = object.field(name) {
                    if has_args {
                        return Err(self.fail(format!("{name} has arguments but cannot be invoked as function")));
                    }
                    return Ok(value);
                }
                let params = object.params(name);
                let given = args.len() + usize::from(piped.is_some());
                if let Some(params) = params.filter(|params| params.len() != given) {
                    let wanted = params.len();
                    return Err(self.fail(format!("wrong number of args for {name}: want {wanted} got {given}")));
                }
                let param = |index: usize| params.and_then(|params| params.get(index)).copied().unwrap_or(Param::Any);
                let mut values = Vec::with_capacity(given);
                for (index, arg) in args.iter().enumerate() {
                    values.push(self.argument(dot, Some(param(index)), arg)?);
                }
                if let Some(piped) = piped {
                    values.push(self.validated(piped, Some(param(given - 1)))?);
                }
                self.machine.position = expr.pos();
                match object.method(name, &mut Call { machine: self.machine }, &values) {
                    Some(Ok(value)) => Ok(value),
                    Some(Err(error)) => {
                        self.at = At::Expr(expr);
                        Err(self.fail_call(name, error))
                    }
                    None => {
                        let type_name = if receiver.boxed { "interface {}" } else { object.type_name() };
                        Err(self.fail(format!("can't evaluate field {name} in type {type_name}")))
                    }
                }
            }
            other => {
                let type_name = if receiver.boxed { "interface {}" } else { other.type_name() };
                Err(self.fail(format!("can't evaluate field {name} in type {type_name}")))
            }
        }
    }

    fn call(
        &mut self,
        dot: &Dot,
        function: &'t Function,
        site: At<'t>,
        args: &'t [Expr],
        last: Option<Value>,
    ) -> Result<Value, Failure> {
        let name = function.name.as_str();
        let given = args.len() + usize::from(last.is_some());
        let fixed = function.fixed();
        if function.is_variadic() {
            if given < fixed {
                let got = args.len();
                return Err(self.fail(format!("wrong number of args for {name}: want at least {fixed} got {got}")));
            }
        } else if given != fixed {
            return Err(self.fail(format!("wrong number of args for {name}: want {fixed} got {given}")));
        }
        if let Body::And | Body::Or = function.body {
            let until = matches!(function.body, Body::Or);
            let mut value = Value::NoValue;
            for arg in args {
                value = self.argument(dot, Some(Param::Reflect), arg)?;
                if value.truth() == until {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = Vec::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, Some(function.param(index)), arg)?);
        }
        if let Some(last) = last {
            values.push(self.validated(last, Some(function.param(given - 1)))?);
        }
        self.machine.position = site.pos();
        if function.chance {
            self.machine.note(NoteKind::Chance(function.name.clone()), site.pos());
        }
        let result = match &function.body {
            Body::Native(body) => body(&mut Call { machine: self.machine }, &values),
            Body::Call => Err(FunctionError::Message(match values.first() {
                None | Some(Value::Nil | Value::NoValue) => "call of nil".to_owned(),
                Some(value) => {
                    let callee = args.first().map_or_else(|| reflected(value), ToString::to_string);
                    format!("non-function {callee} of type {}", value.type_name())
                }
            })),
            Body::And | Body::Or => Ok(Value::NoValue),
        };
        let value = result.map_err(|error| {
            self.at = site;
            self.fail_call(name, error)
        })?;
        self.made(&value)?;
        Ok(value)
    }

    /// Holds `value` to the type of a parameter; `None` is no type at all.
    fn validated(&self, value: Value, param: Option<Param>) -> Result<Value, Failure> {
        let Some(param) = param else {
            return Ok(if matches!(value, Value::Nil) { Value::Nil } else { value });
        };
        if param.takes(&value) {
            return Ok(if matches!(value, Value::NoValue) && param == Param::Any { Value::Nil } else { value });
        }
        match value {
            Value::NoValue if param.can_be_nil() => Ok(Value::Nil),
            Value::NoValue => Err(self.fail(format!("invalid value; expected {}", param.type_name()))),
            value => Err(self.fail(format!(
                "wrong type for value; expected {}; got {}",
                param.type_name(),
                value.type_name()
            ))),
        }
    }

    fn argument(&mut self, dot: &Dot, param: Option<Param>, arg: &'t Expr) -> Result<Value, Failure> {
        self.at = At::Expr(arg);
        let value = match arg {
            Expr::Dot(_) => {
                self.machine.read_again(&dot.reads);
                dot.value.clone()
            }
            Expr::Nil(_) => {
                return match param {
                    // To a function of the language it is no value at all.
                    Some(Param::Reflect) => Ok(Value::NoValue),
                    Some(param) if param.can_be_nil() => Ok(Value::Nil),
                    param => {
                        let name = param.map_or("<nil>", Param::type_name);
                        Err(self.fail(format!("cannot assign nil to {name}")))
                    }
                };
            }
            Expr::Field(_, names) => self.chain(dot, dot.receiver(), arg, names, &[], None)?,
            Expr::Variable(_, names) => self.variable(dot, arg, names, &[], None)?,
            Expr::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Expr::Function(_, function) => self.call(dot, function, At::Expr(arg), &[], None)?,
            Expr::Chain(_, node, names) => self.chain_node(dot, arg, node, names, &[], None)?,
            Expr::Bool(..) | Expr::Number(_) | Expr::Text(..) => return self.literal(param, arg),
        };
        self.validated(value, param)
    }

    fn literal(&mut self, param: Option<Param>, arg: &'t Expr) -> Result<Value, Failure> {
        match (param, arg) {
            (Some(Param::Any | Param::Reflect) | None, Expr::Bool(_, value)) => Ok(Value::Bool(*value)),
            (Some(Param::Any | Param::Reflect) | None, Expr::Text(_, text, _)) => Ok(Value::String(text.clone())),
            (Some(Param::Any | Param::Reflect) | None, Expr::Number(number)) => self.constant(arg, number),
            (Some(Param::Bool), Expr::Bool(_, value)) => Ok(Value::Bool(*value)),
            (Some(Param::Bool), _) => Err(self.fail(format!("expected bool; found {arg}"))),
            (Some(Param::String), Expr::Text(_, text, _)) => Ok(Value::String(text.clone())),
            (Some(Param::String), _) => Err(self.fail(format!("expected string; found {arg}"))),
            (Some(param @ (Param::Int | Param::Int64)), Expr::Number(number)) if number.int.is_some() => {
                let value = number.int.unwrap_or_default();
                Ok(if param == Param::Int { Value::Int(value) } else { Value::Int64(value) })
            }
            (Some(Param::Uint32), Expr::Number(number)) if number.uint.is_some_and(|value| value <= 0xffff_ffff) => {
                Ok(Value::Uint(number.uint.unwrap_or_default()))
            }
            (Some(Param::Uint32), Expr::Number(number)) if number.uint.is_some() => {
                Err(self.fail(format!("{arg} overflows uint32")))
            }
            (Some(Param::Uint32), _) => Err(self.fail(format!("expected unsigned integer; found {arg}"))),
            (Some(Param::Int | Param::Int64), _) => Err(self.fail(format!("expected integer; found {arg}"))),
            (Some(Param::Float), Expr::Number(number)) if number.float.is_some() => {
                Ok(Value::Float(number.float.unwrap_or_default()))
            }
            (Some(Param::Float), _) => Err(self.fail(format!("expected float; found {arg}"))),
            (param, _) => {
                let name = param.map_or("<nil>", Param::type_name);
                Err(self.fail(format!("can't handle {arg} for arg of type {name}")))
            }
        }
    }
}

/// What `reflect.Value` says of a value: text as it is, of all else the type.
fn reflected(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => format!("<{} Value>", other.type_name()),
    }
}

impl Dot {
    fn receiver(&self) -> Receiver {
        Receiver { value: self.value.clone(), boxed: self.boxed }
    }
}
