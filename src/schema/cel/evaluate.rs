//! One evaluation of an expression.

use std::collections::BTreeMap;
use std::rc::Rc;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use smol_str::SmolStr;

use super::value::{Key, Val};
use super::{Fault, functions, macros};

/// Expressions nested deeper than this are not evaluated.
const MAX_DEPTH: usize = 250;

/// Variables, and what is left to spend.
pub(super) struct Evaluation<'e> {
    /// The innermost last. An accumulator may hold a fault: a later item may make up for it.
    scope: Vec<(&'e str, Result<Val, Fault>)>,
    left: u64,
    depth: usize,
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(scope: &[(&'e str, Val)], limit: u64) -> Evaluation<'e> {
        let scope = scope.iter().map(|(name, value)| (*name, Ok(value.clone()))).collect();
        Evaluation { scope, left: limit, depth: 0 }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Takes `cost` from what is left.
    pub(super) fn spend(&mut self, cost: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(cost).ok_or_else(|| {
            self.left = 0;
            Fault::cost()
        })?;
        Ok(())
    }

    pub(super) fn value(&mut self, expr: &'e IdedExpr) -> Result<Val, Fault> {
        self.spend(1)?;
        if self.depth >= MAX_DEPTH {
            return Err(Fault::Unsupported("it is too deep".to_owned()));
        }
        self.depth += 1;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.inner(&expr.expr));
        self.depth -= 1;
        value
    }

    fn inner(&mut self, expr: &'e Expr) -> Result<Val, Fault> {
        match expr {
            Expr::Literal(literal) => Ok(literal_value(literal)),
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) if select.test => {
                let operand = self.value(&select.operand)?;
                Ok(Val::Bool(self.has(&operand, &select.field)?))
            }
            Expr::Select(select) => {
                let operand = self.value(&select.operand)?;
                member(&operand, &Val::text(select.field.as_str()))
            }
            Expr::List(list) => {
                let mut items = Vec::with_capacity(list.elements.len());
                for (index, element) in list.elements.iter().enumerate() {
                    match (self.value(element)?, list.optional_indices.contains(&index)) {
                        (Val::Optional(inner), true) => items.extend(inner.map(|inner| (*inner).clone())),
                        (value, _) => items.push(value),
                    }
                }
                Ok(Val::list(items))
            }
            Expr::Map(map) => {
                let mut entries = BTreeMap::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let key = Key::of(&self.value(&entry.key)?)?;
                    match (self.value(&entry.value)?, entry.optional) {
                        (Val::Optional(None), true) => {}
                        (Val::Optional(Some(inner)), true) => {
                            entries.insert(key, (*inner).clone());
                        }
                        (value, _) => {
                            entries.insert(key, value);
                        }
                    }
                }
                Ok(Val::Map(Rc::new(entries)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Err(Fault::Unsupported("it makes a message".to_owned())),
        }
    }

    fn ident(&self, name: &str) -> Result<Val, Fault> {
        if let Some((_, value)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return value.clone();
        }
        let names = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "type", "null_type"];
        match names.into_iter().find(|known| *known == name) {
            Some(known) => Ok(Val::Type(known)),
            None => Err(Fault::Unsupported(format!("there is no variable `{name}`"))),
        }
    }

    fn has(&self, operand: &Val, field: &str) -> Result<bool, Fault> {
        match operand {
            Val::Map(entries) => Ok(entries.contains_key(&Key::Str(SmolStr::new(field)))),
            Val::Optional(inner) => inner.as_ref().map_or(Ok(false), |inner| self.has(inner, field)),
            other => Err(Fault::overload("has()", &[other])),
        }
    }

    fn call(&mut self, call: &'e CallExpr) -> Result<Val, Fault> {
        let args = &call.args;
        match (call.func_name.as_str(), call.target.as_deref(), args.as_slice()) {
            ("_&&_", None, [a, b]) => self.both(a, b, false),
            ("_||_", None, [a, b]) => self.both(a, b, true),
            ("_?_:_", None, [condition, then, otherwise]) => {
                let condition = self.value(condition)?.truth()?;
                self.value(if condition { then } else { otherwise })
            }
            ("@not_strictly_false", None, [operand]) => {
                Ok(Val::Bool(!matches!(self.value(operand), Ok(Val::Bool(false)))))
            }
            ("_?._" | "_[?_]", None, [operand, field]) => {
                let operand = self.value(operand)?;
                let field = self.value(field)?;
                optional_member(&operand, &field)
            }
            ("_[_]", None, [operand, index]) => {
                let operand = self.value(operand)?;
                let index = self.value(index)?;
                member(&operand, &index)
            }
            (name, Some(target), args) => {
                if let Some(answer) = macros::expand(self, name, target, args) {
                    return answer;
                }
                // `optional.of(x)`, `format.named(x)`: the receiver is a name, no value.
                if let Expr::Ident(space) = &target.expr
                    && self.scope.iter().all(|(known, _)| known != space)
                {
                    let values = self.values(args)?;
                    return functions::of_namespace(self, space, name, &values);
                }
                let mut values = vec![self.value(target)?];
                values.append(&mut self.values(args)?);
                functions::member(self, name, &values)
            }
            (name, None, args) => {
                let values = self.values(args)?;
                functions::global(self, name, &values)
            }
        }
    }

    fn values(&mut self, args: &'e [IdedExpr]) -> Result<Vec<Val>, Fault> {
        args.iter().map(|arg| self.value(arg)).collect()
    }

    /// `a && b` and `a || b`: the side that decides does, even if the other has no value.
    fn both(&mut self, a: &'e IdedExpr, b: &'e IdedExpr, decisive: bool) -> Result<Val, Fault> {
        let first = self.value(a).and_then(|value| value.truth());
        if first == Ok(decisive) {
            return Ok(Val::Bool(decisive));
        }
        let second = self.value(b).and_then(|value| value.truth());
        match (first, second) {
            (_, Ok(second)) if second == decisive => Ok(Val::Bool(decisive)),
            // What cannot be told might decide: it goes before an error that is one.
            (Err(Fault::Error(_)), Err(fault @ Fault::Unsupported(_))) => Err(fault),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
            (Ok(_), Ok(_)) => Ok(Val::Bool(!decisive)),
        }
    }

    fn comprehension(&mut self, inner: &'e ComprehensionExpr) -> Result<Val, Fault> {
        let range = self.value(&inner.iter_range)?;
        let items = range_of(&range)?;
        let accumulated = self.value(&inner.accu_init);
        self.scope.push((inner.accu_var.as_str(), accumulated));
        let place = self.scope.len() - 1;
        let mut outcome = Ok(());
        for (first, second) in items {
            match self.value(&inner.loop_cond).and_then(|value| value.truth()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    outcome = Err(fault);
                    break;
                }
            }
            let depth = self.scope.len();
            match inner.iter_var2.as_deref() {
                Some(second_name) => {
                    self.scope.push((inner.iter_var.as_str(), Ok(first)));
                    self.scope.push((second_name, Ok(second)));
                }
                None => {
                    let item = if matches!(range, Val::Map(_)) { first } else { second };
                    self.scope.push((inner.iter_var.as_str(), Ok(item)));
                }
            }
            let step = self.value(&inner.loop_step);
            self.scope.truncate(depth);
            if self.left == 0 {
                outcome = Err(Fault::cost());
                break;
            }
            self.scope[place].1 = step;
        }
        let answer = outcome.and_then(|()| self.value(&inner.result));
        self.scope.truncate(place);
        answer
    }

    /// The value of `body` with `variables` beside those that are there.
    pub(super) fn with(&mut self, variables: &[(&'e str, Val)], body: &'e IdedExpr) -> Result<Val, Fault> {
        let depth = self.scope.len();
        self.scope.extend(variables.iter().map(|(name, value)| (*name, Ok(value.clone()))));
        let value = self.value(body);
        self.scope.truncate(depth);
        value
    }
}

/// What a comprehension goes over: index or key, and value.
pub(super) fn range_of(range: &Val) -> Result<Vec<(Val, Val)>, Fault> {
    match range {
        Val::List(items) => {
            Ok(items.iter().enumerate().map(|(index, item)| (Val::Int(index as i64), item.clone())).collect())
        }
        Val::Map(entries) => Ok(entries.iter().map(|(key, value)| (key.value(), value.clone())).collect()),
        other => Err(Fault::overload("a range", &[other])),
    }
}

/// `operand.field` and `operand[index]`.
fn member(operand: &Val, index: &Val) -> Result<Val, Fault> {
    match (operand, index) {
        (Val::Optional(_), _) => optional_member(operand, index),
        (Val::Map(entries), index) => {
            let key = Key::of(index)?;
            entries.get(&key).cloned().ok_or_else(|| match key {
                Key::Str(name) => Fault::error(format!("no such key: {name}")),
                other => Fault::error(format!("no such key: {other:?}")),
            })
        }
        (Val::List(items), index) => {
            let index = match index {
                Val::Int(index) => *index,
                Val::Uint(index) => i64::try_from(*index).unwrap_or(i64::MAX),
                Val::Double(index) if index.fract() == 0.0 => *index as i64,
                other => return Err(Fault::overload("an index", &[operand, other])),
            };
            let found = usize::try_from(index).ok().and_then(|index| items.get(index));
            found.cloned().ok_or_else(|| Fault::error(format!("index out of bounds: {index}")))
        }
        (operand, _) => Err(Fault::overload("a field", &[operand])),
    }
}

/// `operand.?field` and `operand[?index]`.
fn optional_member(operand: &Val, index: &Val) -> Result<Val, Fault> {
    let operand = match operand {
        Val::Optional(None) => return Ok(Val::Optional(None)),
        Val::Optional(Some(inner)) => inner,
        other => other,
    };
    match member(operand, index) {
        Ok(value) => Ok(Val::some(value)),
        Err(Fault::Error(_)) => Ok(Val::Optional(None)),
        Err(fault) => Err(fault),
    }
}

fn literal_value(literal: &LiteralValue) -> Val {
    match literal {
        LiteralValue::Null => Val::Null,
        LiteralValue::Boolean(value) => Val::Bool(*value.inner()),
        LiteralValue::Int(value) => Val::Int(*value.inner()),
        LiteralValue::UInt(value) => Val::Uint(*value.inner()),
        LiteralValue::Double(value) => Val::Double(*value.inner()),
        LiteralValue::String(text) => Val::text(text.inner()),
        LiteralValue::Bytes(bytes) => Val::Bytes(Rc::from(bytes.inner())),
    }
}
