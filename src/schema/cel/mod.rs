//! The Common Expression Language as an API server runs it: the text of a rule in, a program out; a program and the
//! value of `self` in, an answer out.
//!
//! The parser is that of the `cel` crate. Evaluation is here ([`evaluate`]), because a rule comes from whoever wrote the
//! CRD: each step costs, and a program that costs more than the API server allows ends. [`functions`] and its
//! neighbours are the standard library and the extensions of Kubernetes. What an API server would answer with an error
//! of its own (a key that is missing, a division by zero) is a [`Fault::Error`]; what only this evaluator does not know
//! is [`Fault::Unsupported`], so that nobody takes the one for the other.

mod evaluate;
mod functions;
mod lists;
mod macros;
mod network;
mod strings;
mod text_format;
mod time;
mod value;

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};
use cel::parser::Parser;

pub(crate) use self::time::{parse_duration, parse_time};
pub(crate) use self::value::{Key, Val};

/// What one evaluation may cost: the API server's own limit for a call.
const CALL_LIMIT: u64 = 1_000_000;
/// Longer expressions are not parsed.
const MAX_LENGTH: usize = 16 * 1024;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The evaluation ends with an error on the API server too, which refuses the object.
    Error(String),
    /// This evaluator cannot tell.
    Unsupported(String),
}

impl Fault {
    fn error(text: impl Into<String>) -> Fault {
        Fault::Error(text.into())
    }

    fn opaque() -> Fault {
        Fault::Unsupported("a value is filled in after rendering".to_owned())
    }

    fn cost() -> Fault {
        Fault::Unsupported("it costs more than an API server allows".to_owned())
    }

    fn overload(what: &str, values: &[&Val]) -> Fault {
        if values.iter().any(|value| matches!(value, Val::Opaque)) {
            return Fault::opaque();
        }
        let types: Vec<&str> = values.iter().map(|value| value.type_name()).collect();
        Fault::Unsupported(format!("{what} of {}", types.join(" and ")))
    }
}

/// A parsed expression.
#[derive(Debug)]
pub(crate) struct Program {
    root: IdedExpr,
    /// Whether it looks at the object that was there before.
    pub(crate) uses_old: bool,
}

/// What is left to spend.
#[derive(Debug)]
pub(crate) struct Budget(u64);

impl Budget {
    /// That of the rules of one object: ten calls' worth.
    pub(crate) fn of_object() -> Budget {
        Budget(10 * CALL_LIMIT)
    }
}

impl Program {
    /// Parses `text`.
    pub(crate) fn parse(text: &str) -> Result<Program, Fault> {
        if text.len() > MAX_LENGTH || is_deep(text) {
            return Err(Fault::Unsupported("it is too long or too deep".to_owned()));
        }
        let parser = Parser::new().enable_optional_syntax(true).enable_ident_escape_syntax(true);
        let root = parser.parse(text).map_err(|errors| {
            let text = errors.to_string();
            let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown syntax");
            Fault::Unsupported(format!("it does not parse: {}", line.trim()))
        })?;
        let uses_old = mentions(&root, "oldSelf");
        Ok(Program { root, uses_old })
    }

    /// The value of the expression with the variables of `scope`, by name.
    pub(crate) fn run(&self, scope: &[(&str, Val)], budget: &mut Budget) -> Result<Val, Fault> {
        let limit = CALL_LIMIT.min(budget.0);
        let mut evaluation = evaluate::Evaluation::new(scope, limit);
        let value = evaluation.value(&self.root);
        budget.0 = budget.0.saturating_sub(limit - evaluation.left());
        value
    }
}

/// Whether brackets nest deeper than any reasonable expression, for a parser that recurses.
fn is_deep(text: &str) -> bool {
    let mut depth = 0usize;
    let mut deepest = 0;
    let mut run = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        run = if matches!(byte, b'!' | b'-') { run + 1 } else { 0 };
        deepest = deepest.max(depth).max(run);
    }
    deepest > 80
}

/// Whether `name` stands anywhere in the expression.
fn mentions(expr: &IdedExpr, name: &str) -> bool {
    let any = |exprs: &[IdedExpr]| exprs.iter().any(|expr| mentions(expr, name));
    match &expr.expr {
        Expr::Ident(ident) => ident == name,
        Expr::Call(call) => call.target.as_ref().is_some_and(|target| mentions(target, name)) || any(&call.args),
        Expr::Select(select) => mentions(&select.operand, name),
        Expr::List(list) => any(&list.elements),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => mentions(&entry.key, name) || mentions(&entry.value, name),
            EntryExpr::StructField(field) => mentions(&field.value, name),
        }),
        Expr::Comprehension(inner) => {
            let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
            parts.into_iter().any(|expr| mentions(expr, name))
        }
        Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => false,
    }
}

#[cfg(test)]
mod tests;
