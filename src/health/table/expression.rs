//! Expressions of a table: what they are, and what they are worth for an object.
//!
//! A field that is not there is worth nothing, and so is a field of it; `x!` insists. Nothing and `false` do not hold,
//! everything else does. Comparing or adding what is no number, and putting nothing into a text, makes the whole check
//! fail: Argo CD's own checks fail there too.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text with expressions in it.
    Text(Vec<Piece>),
    /// A variable, or a field of the object.
    Name(String),
    /// `x.field`, `x["field"]`
    Field(Box<Expr>, String),
    /// `x!`: it has to be there.
    Must(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a OP b`
    Binary(Op, Box<Expr>, Box<Expr>),
    /// `x in [a, b]`
    In(Box<Expr>, Vec<Expr>),
    /// `function(a, b)`
    Call(Function, Vec<Expr>),
    /// `count(x in list if ...)` and its like.
    Over(Box<Over>),
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// As it stands.
    Plain(String),
    /// `{expression}`
    Hole(Expr),
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Plus,
    Minus,
}

/// A function of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The number of items of a list, entries of a map, bytes of a text; of nothing 0.
    Len,
    /// A number out of a text or a number; nothing out of the rest.
    Number,
    /// A text in small letters.
    Lower,
    /// Whether a text contains another.
    Contains,
    /// Whether a text starts with another.
    Starts,
    /// Whether a text ends with another.
    Ends,
    /// The first so many bytes of a text.
    Prefix,
    /// A text with each occurrence of one text replaced by another.
    Replace,
    /// The keys of a map, in order.
    Keys,
    /// A list in the order of a field; items without it come last.
    Sort,
    /// A text in quotes.
    Quote,
    /// A field by a name that is computed.
    At,
    /// What follows a text in another, nothing where it does not occur.
    After,
    /// What precedes a text in another, nothing where it does not occur.
    Before,
    /// Whether a text is all digits.
    Digits,
    /// A value read from JSON text; the check fails where it is none.
    Json,
    /// Whether a value is a list or map.
    Nested,
    /// Whether a value is a number.
    IsNumber,
}

impl Function {
    /// A function by its name, with the number of its arguments.
    pub(super) fn named(name: &str) -> Option<(Function, usize)> {
        Some(match name {
            "len" => (Function::Len, 1),
            "number" => (Function::Number, 1),
            "lower" => (Function::Lower, 1),
            "contains" => (Function::Contains, 2),
            "starts" => (Function::Starts, 2),
            "ends" => (Function::Ends, 2),
            "prefix" => (Function::Prefix, 2),
            "replace" => (Function::Replace, 3),
            "keys" => (Function::Keys, 1),
            "sort" => (Function::Sort, 2),
            "quote" => (Function::Quote, 1),
            "at" => (Function::At, 2),
            "after" => (Function::After, 2),
            "before" => (Function::Before, 2),
            "digits" => (Function::Digits, 1),
            "json" => (Function::Json, 1),
            "nested" => (Function::Nested, 1),
            "isnumber" => (Function::IsNumber, 1),
            _ => return None,
        })
    }
}

/// An expression over the items of a list.
#[derive(Debug, Clone)]
pub(super) struct Over {
    pub(super) fold: Fold,
    /// The variable with the position of the item, from 1.
    pub(super) index: Option<String>,
    /// The variable with the item.
    pub(super) item: String,
    pub(super) list: Expr,
    pub(super) filter: Option<Expr>,
}

/// What is made of the items that a filter leaves.
#[derive(Debug, Clone)]
pub(super) enum Fold {
    /// Whether there is one.
    Any,
    /// How many there are.
    Count,
    /// The first.
    First,
    /// The last.
    Last,
    /// The position of the last, 0 without one.
    Position,
    /// The sum of an expression.
    Sum(Expr),
    /// The texts of an expression, with a text between them.
    Join(String, Expr),
}

/// What an expression is worth.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    Nil,
    Bool(bool),
    Number(f64),
    Text(Cow<'v, str>),
    /// A list or a map of the object.
    Tree(&'v Json),
    /// A list that was made.
    List(Vec<Value<'v>>),
    /// A tree that was made.
    Made(Json),
}

impl<'v> From<&'v Json> for Value<'v> {
    fn from(json: &'v Json) -> Value<'v> {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
            Json::String(text) => Value::Text(Cow::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Value::Tree(json),
        }
    }
}

/// Why a check fails, in words.
pub(super) type Failure = String;

impl<'v> Value<'v> {
    /// Whether a condition holds.
    pub(super) fn holds(&self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Tree(Json::Array(_)) | Value::List(_) | Value::Made(Json::Array(_)) => "a list",
            Value::Tree(_) | Value::Made(_) => "a map",
        }
    }

    /// The value as part of a text.
    fn spelled(&self) -> Result<Cow<'_, str>, Failure> {
        match self {
            Value::Text(text) => Ok(Cow::Borrowed(text)),
            Value::Number(number) => Ok(Cow::Owned(spell(*number))),
            other => Err(format!("{} cannot stand in a text", other.kind())),
        }
    }

    /// The value as the message of a health: a text, or nothing.
    pub(super) fn message(self) -> Result<String, Failure> {
        match self {
            Value::Nil => Ok(String::new()),
            Value::Text(text) => Ok(text.into_owned()),
            other => Err(format!("the message is {}", other.kind())),
        }
    }

    /// The items of a list, the values of a map in the order of their keys; of anything else none.
    pub(super) fn items(&self) -> Vec<Value<'v>> {
        match self {
            Value::Tree(Json::Array(items)) => items.iter().map(Value::from).collect(),
            Value::Tree(Json::Object(entries)) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                sorted.into_iter().map(|(_, value)| Value::from(value)).collect()
            }
            Value::List(items) => items.clone(),
            Value::Made(Json::Array(items)) => items.iter().map(own).collect(),
            _ => Vec::new(),
        }
    }

    fn field(&self, key: &str) -> Value<'v> {
        match self {
            Value::Tree(json) => json.get(key).map_or(Value::Nil, Value::from),
            Value::Made(json) => json.get(key).map_or(Value::Nil, own),
            _ => Value::Nil,
        }
    }

    fn equals(&self, other: &Value<'v>) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            _ => false,
        }
    }

    fn compare(&self, other: &Value<'v>) -> Result<Option<Ordering>, Failure> {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => Ok(a.partial_cmp(b)),
            (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
            (a, b) => Err(format!("{} cannot be compared with {}", a.kind(), b.kind())),
        }
    }

    fn number(&self) -> Result<f64, Failure> {
        match self {
            Value::Number(number) => Ok(*number),
            Value::Text(text) => text.trim().parse().map_err(|_| format!("{text:?} is no number")),
            other => Err(format!("{} is no number", other.kind())),
        }
    }
}

fn own<'v>(json: &Json) -> Value<'v> {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::Text(Cow::Owned(text.clone())),
        tree => Value::Made(tree.clone()),
    }
}

/// A number as text: without a fraction where it has none.
fn spell(number: f64) -> String {
    if number == number.trunc() && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

/// What names stand for: the variables of the table, and the fields of the object.
#[derive(Debug, Clone)]
pub(super) struct Scope<'v> {
    pub(super) object: &'v Json,
    variables: Vec<(&'v str, Value<'v>)>,
}

impl<'v> Scope<'v> {
    /// A scope without variables.
    pub(super) fn of(object: &'v Json) -> Scope<'v> {
        Scope { object, variables: Vec::new() }
    }

    /// Makes a variable, or hides one of the same name.
    pub(super) fn set(&mut self, name: &'v str, value: Value<'v>) {
        self.variables.push((name, value));
    }

    /// How many variables there are: to go back to with [`Scope::leave`].
    pub(super) fn depth(&self) -> usize {
        self.variables.len()
    }

    /// Forgets the variables made since.
    pub(super) fn leave(&mut self, depth: usize) {
        self.variables.truncate(depth);
    }

    fn name(&self, name: &str) -> Value<'v> {
        let variable = self.variables.iter().rev().find(|(known, _)| *known == name);
        variable.map_or_else(|| self.object.get(name).map_or(Value::Nil, Value::from), |(_, value)| value.clone())
    }

    /// What an expression is worth.
    pub(super) fn eval(&mut self, expr: &'v Expr) -> Result<Value<'v>, Failure> {
        Ok(match expr {
            Expr::Nil => Value::Nil,
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Number(number) => Value::Number(*number),
            Expr::Text(pieces) => return self.text(pieces),
            Expr::Name(name) => self.name(name),
            Expr::Field(of, key) => self.eval(of)?.field(key),
            Expr::Must(inner) => match self.eval(inner)? {
                Value::Nil => return Err(format!("{} is not there", path(inner))),
                value => value,
            },
            Expr::Not(inner) => Value::Bool(!self.eval(inner)?.holds()),
            Expr::Binary(op, left, right) => return self.binary(*op, left, right),
            Expr::In(needle, all) => {
                let needle = self.eval(needle)?;
                for one in all {
                    if self.eval(one)?.equals(&needle) {
                        return Ok(Value::Bool(true));
                    }
                }
                Value::Bool(false)
            }
            Expr::Call(function, arguments) => {
                let values = arguments.iter().map(|argument| self.eval(argument)).collect::<Result<Vec<_>, _>>()?;
                return call(*function, &values);
            }
            Expr::Over(over) => return self.over(over),
        })
    }

    /// A text of one expression alone is worth what that is: nothing stays nothing.
    fn text(&mut self, pieces: &'v [Piece]) -> Result<Value<'v>, Failure> {
        match pieces {
            [Piece::Plain(text)] => return Ok(Value::Text(Cow::Borrowed(text))),
            [Piece::Hole(expr)] => return self.eval(expr),
            _ => {}
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Hole(expr) => text.push_str(&self.eval(expr)?.spelled()?),
            }
        }
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn binary(&mut self, op: Op, left: &'v Expr, right: &'v Expr) -> Result<Value<'v>, Failure> {
        let left = self.eval(left)?;
        if op == Op::Or && left.holds() || op == Op::And && !left.holds() {
            return Ok(left);
        }
        let right = self.eval(right)?;
        Ok(match op {
            Op::Or | Op::And => right,
            Op::Equal => Value::Bool(left.equals(&right)),
            Op::Unequal => Value::Bool(!left.equals(&right)),
            Op::Less => Value::Bool(left.compare(&right)? == Some(Ordering::Less)),
            Op::More => Value::Bool(left.compare(&right)? == Some(Ordering::Greater)),
            Op::AtMost => Value::Bool(matches!(left.compare(&right)?, Some(Ordering::Less | Ordering::Equal))),
            Op::AtLeast => Value::Bool(matches!(left.compare(&right)?, Some(Ordering::Greater | Ordering::Equal))),
            Op::Plus => Value::Number(left.number()? + right.number()?),
            Op::Minus => Value::Number(left.number()? - right.number()?),
        })
    }

    fn over(&mut self, over: &'v Over) -> Result<Value<'v>, Failure> {
        let items = self.eval(&over.list)?.items();
        let (mut count, mut position, mut sum, mut last) = (0.0, 0.0, 0.0, Value::Nil);
        let mut texts: Vec<String> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let depth = self.depth();
            #[allow(clippy::cast_precision_loss, reason = "lists are far shorter than 2^52")]
            let number = index as f64 + 1.0;
            if let Some(name) = &over.index {
                self.set(name, Value::Number(number));
            }
            self.set(&over.item, item.clone());
            let taken = match &over.filter {
                Some(filter) => self.eval(filter)?.holds(),
                None => true,
            };
            if taken {
                count += 1.0;
                position = number;
                match &over.fold {
                    Fold::Any | Fold::First => {
                        self.leave(depth);
                        return Ok(if matches!(over.fold, Fold::First) { item } else { Value::Bool(true) });
                    }
                    Fold::Last => last = item,
                    Fold::Sum(expr) => sum += self.eval(expr)?.number()?,
                    Fold::Join(_, expr) => texts.push(self.eval(expr)?.spelled()?.into_owned()),
                    Fold::Count | Fold::Position => {}
                }
            }
            self.leave(depth);
        }
        Ok(match &over.fold {
            Fold::Any => Value::Bool(false),
            Fold::First | Fold::Last => last,
            Fold::Count => Value::Number(count),
            Fold::Position => Value::Number(position),
            Fold::Sum(_) => Value::Number(sum),
            Fold::Join(between, _) => Value::Text(Cow::Owned(texts.join(between))),
        })
    }
}

/// An expression as its author would name it.
fn path(expr: &Expr) -> String {
    match expr {
        Expr::Name(name) => name.clone(),
        Expr::Field(of, key) => format!("{}.{key}", path(of)),
        Expr::Must(inner) => path(inner),
        _ => "a value".to_owned(),
    }
}

fn call<'v>(function: Function, values: &[Value<'v>]) -> Result<Value<'v>, Failure> {
    let value = |position: usize| values.get(position).unwrap_or(&Value::Nil);
    let text = |position: usize| value(position).spelled();
    #[allow(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
    let length = |length: usize| Value::Number(length as f64);
    Ok(match function {
        Function::Len => match value(0) {
            Value::Text(text) => length(text.len()),
            Value::Tree(Json::Object(entries)) => length(entries.len()),
            other => length(other.items().len()),
        },
        Function::Number => match value(0) {
            Value::Number(number) => Value::Number(*number),
            Value::Text(text) => text.trim().parse().map_or(Value::Nil, Value::Number),
            _ => Value::Nil,
        },
        Function::Lower => Value::Text(Cow::Owned(text(0)?.to_lowercase())),
        Function::Contains => Value::Bool(text(0)?.contains(&*text(1)?)),
        Function::Starts => Value::Bool(text(0)?.starts_with(&*text(1)?)),
        Function::Ends => Value::Bool(text(0)?.ends_with(&*text(1)?)),
        Function::Prefix => {
            let text = text(0)?;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "lengths are small and positive"
            )]
            let wanted = value(1).number()?.max(0.0) as usize;
            let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= wanted).unwrap_or(text.len());
            Value::Text(Cow::Owned(text[..end].to_owned()))
        }
        Function::Replace => Value::Text(Cow::Owned(text(0)?.replace(&*text(1)?, &text(2)?))),
        Function::Keys => match value(0) {
            Value::Tree(Json::Object(entries)) => {
                let mut keys: Vec<&'v String> = entries.keys().collect();
                keys.sort();
                Value::List(keys.into_iter().map(|key| Value::Text(Cow::Borrowed(key.as_str()))).collect())
            }
            _ => Value::List(Vec::new()),
        },
        Function::Sort => {
            let (mut items, key) = (value(0).items(), text(1)?);
            items.sort_by(|a, b| match (a.field(&key), b.field(&key)) {
                (Value::Text(a), Value::Text(b)) => a.cmp(&b),
                (a, b) => matches!(a, Value::Nil).cmp(&matches!(b, Value::Nil)),
            });
            Value::List(items)
        }
        Function::Quote => Value::Text(Cow::Owned(format!("{:?}", text(0)?))),
        Function::At => value(0).field(&text(1)?),
        Function::After => {
            let (text, mark) = (text(0)?, text(1)?);
            text.split_once(&*mark).map_or(Value::Nil, |(_, after)| Value::Text(Cow::Owned(after.to_owned())))
        }
        Function::Before => {
            let (text, mark) = (text(0)?, text(1)?);
            text.split_once(&*mark).map_or(Value::Nil, |(before, _)| Value::Text(Cow::Owned(before.to_owned())))
        }
        Function::Digits => {
            let text = text(0)?;
            Value::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        }
        Function::Json => serde_json::from_str(&text(0)?).map(Value::Made).map_err(|error| error.to_string())?,
        Function::Nested => Value::Bool(matches!(value(0), Value::Tree(_) | Value::List(_) | Value::Made(_))),
        Function::IsNumber => Value::Bool(matches!(value(0), Value::Number(_))),
    })
}
