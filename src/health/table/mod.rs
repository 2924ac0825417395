//! Tables of health: text with the rules of a kind in, the health of its objects out.
//!
//! A table is a list of lines. The first line whose condition holds decides; a table that comes to its end decides
//! nothing, and the object is not assessed.
//!
//! ```text
//! STATUS [message] [if condition]        the object is Healthy, Progressing, Degraded, Suspended, Missing or Unknown
//! health expression, message [if ...]    the same with a status that is computed
//! deleting message [if condition]        it is on its way, and this is said of it while it is being deleted
//! none [if condition]                    it is not assessed
//! fail message [if condition]            it cannot be assessed
//! let name = expression
//! if condition / else                    with lines indented below
//! each [i,] x in list                    its lines for one item after the other
//!   skip [if condition]                  goes on with the next item
//! use name                               the lines of the table shared/name, or of another kind
//! ```
//!
//! Names are variables, or else fields of the object: `status.conditions`, `metadata.labels["key"]`. Texts hold
//! expressions in braces. `any`, `count`, `first`, `last`, `position`, `sum` and `join` go over lists:
//! `last(c in status.conditions if c.type == "Ready")`, `join(", ", c.type for c in status.conditions)`. A line that
//! starts with `and` or `or` continues the line before.

mod expression;
mod parse;

use expression::{Expr, Failure, Scope};
use serde_json::Value as Json;

/// A table may use another, and that another, but not further.
const MAX_USES: usize = 4;

/// The rules of a kind.
#[derive(Debug)]
pub(super) struct Table {
    lines: Vec<Rule>,
}

#[derive(Debug)]
enum Rule {
    Let { name: String, value: Expr },
    Each { index: Option<String>, item: String, list: Expr, lines: Vec<Rule> },
    If { condition: Expr, lines: Vec<Rule>, otherwise: Vec<Rule> },
    Skip { condition: Option<Expr> },
    None { condition: Option<Expr> },
    Use { name: String },
    Fail { message: Expr, condition: Option<Expr> },
    Deleting { message: Expr, condition: Option<Expr> },
    Health { status: Expr, message: Option<Expr>, condition: Option<Expr> },
}

/// What a table says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// How it is.
    Health {
        /// The name of the status.
        status: String,
        /// Why.
        message: String,
        /// What is said instead while it is being deleted; empty where nothing is.
        deletion: String,
    },
    /// Nothing.
    None,
}

/// Where a table finds the tables that it uses.
pub(super) trait Shelf {
    /// A table by the name that stands behind `use`.
    fn table(&self, name: &str) -> Option<&Table>;
}

enum Step {
    Next,
    Skip,
    Done(Verdict),
}

impl Table {
    /// Reads a table. The error names the line.
    pub(super) fn parse(text: &str) -> Result<Table, String> {
        parse::parse(text).map(|lines| Table { lines })
    }

    /// What the table says of `object`. The error is why it cannot be assessed.
    pub(super) fn judge(&self, object: &Json, shelf: &dyn Shelf) -> Result<Verdict, Failure> {
        let mut scope = Scope::of(object);
        match run(&self.lines, &mut scope, shelf, 0)? {
            Step::Done(verdict) => Ok(verdict),
            Step::Next | Step::Skip => Ok(Verdict::None),
        }
    }
}

fn holds<'v>(scope: &mut Scope<'v>, condition: Option<&'v Expr>) -> Result<bool, Failure> {
    condition.map_or(Ok(true), |condition| scope.eval(condition).map(|value| value.holds()))
}

fn run<'v>(lines: &'v [Rule], scope: &mut Scope<'v>, shelf: &'v dyn Shelf, uses: usize) -> Result<Step, Failure> {
    for line in lines {
        let step = match line {
            Rule::Let { name, value } => {
                let value = scope.eval(value)?;
                scope.set(name, value);
                Step::Next
            }
            Rule::If { condition, lines, otherwise } => {
                let taken = if scope.eval(condition)?.holds() { lines } else { otherwise };
                let depth = scope.depth();
                let step = run(taken, scope, shelf, uses)?;
                scope.leave(depth);
                step
            }
            Rule::Each { index, item, list, lines } => each(scope, (index.as_deref(), item, list), lines, shelf, uses)?,
            Rule::Skip { condition } if holds(scope, condition.as_ref())? => Step::Skip,
            Rule::None { condition } if holds(scope, condition.as_ref())? => Step::Done(Verdict::None),
            Rule::Use { name } => {
                let table = shelf.table(name).filter(|_| uses < MAX_USES);
                let table = table.ok_or_else(|| format!("there is no table {name}"))?;
                run(&table.lines, scope, shelf, uses + 1)?
            }
            Rule::Fail { message, condition } if holds(scope, condition.as_ref())? => {
                return Err(scope.eval(message)?.message()?);
            }
            Rule::Deleting { message, condition } if holds(scope, condition.as_ref())? => {
                let deletion = scope.eval(message)?.message()?;
                Step::Done(Verdict::Health { status: "Progressing".to_owned(), message: String::new(), deletion })
            }
            Rule::Health { status, message, condition } if holds(scope, condition.as_ref())? => {
                let status = scope.eval(status)?.message()?;
                let message = match message {
                    Some(message) => scope.eval(message)?.message()?,
                    None => String::new(),
                };
                Step::Done(Verdict::Health { status, message, deletion: String::new() })
            }
            _ => Step::Next,
        };
        if !matches!(step, Step::Next) {
            return Ok(step);
        }
    }
    Ok(Step::Next)
}

fn each<'v>(
    scope: &mut Scope<'v>,
    (index, item, list): (Option<&'v str>, &'v str, &'v Expr),
    lines: &'v [Rule],
    shelf: &'v dyn Shelf,
    uses: usize,
) -> Result<Step, Failure> {
    let items = scope.eval(list)?.items();
    for (position, value) in items.into_iter().enumerate() {
        let depth = scope.depth();
        if let Some(index) = index {
            #[allow(clippy::cast_precision_loss, reason = "lists are far shorter than 2^52")]
            scope.set(index, expression::Value::Number(position as f64 + 1.0));
        }
        scope.set(item, value);
        let step = run(lines, scope, shelf, uses)?;
        scope.leave(depth);
        if let Step::Done(_) = step {
            return Ok(step);
        }
    }
    Ok(Step::Next)
}
