//! Macros that the parser leaves as calls: those with two variables, of optionals, and `sortBy`.

use std::collections::BTreeMap;
use std::rc::Rc;

use cel::IdedExpr;
use cel::common::ast::Expr;

use super::evaluate::{Evaluation, range_of};
use super::value::{Key, Val};
use super::{Fault, lists};

/// The value of the macro, if it is one.
pub(super) fn expand<'e>(
    evaluation: &mut Evaluation<'e>,
    name: &str,
    target: &'e IdedExpr,
    args: &'e [IdedExpr],
) -> Option<Result<Val, Fault>> {
    let ident = |index: usize| match args.get(index).map(|arg| &arg.expr) {
        Some(Expr::Ident(name)) => Some(name.as_str()),
        _ => None,
    };
    match (name, args) {
        ("optMap" | "optFlatMap", [_, body]) => {
            let variable = ident(0)?;
            Some(optional(evaluation, target, variable, body, name == "optMap"))
        }
        ("existsOne", [_, body]) => {
            let variable = ident(0)?;
            Some(matches(evaluation, target, None, variable, body).map(|found| Val::Bool(found == 1)))
        }
        ("sortBy", [_, body]) => {
            let variable = ident(0)?;
            Some(sort_by(evaluation, target, variable, body))
        }
        ("all" | "exists" | "existsOne", [_, _, body]) => {
            let (first, second) = (ident(0)?, ident(1)?);
            Some(quantify(evaluation, name, target, (first, second), body))
        }
        ("transformList" | "transformMap" | "transformMapEntry", [_, _, rest @ ..]) => {
            let (filter, body) = match rest {
                [body] => (None, body),
                [filter, body] => (Some(filter), body),
                _ => return None,
            };
            let (first, second) = (ident(0)?, ident(1)?);
            Some(transform(evaluation, name, target, (first, second), filter, body))
        }
        _ => None,
    }
}

fn optional<'e>(
    evaluation: &mut Evaluation<'e>,
    target: &'e IdedExpr,
    variable: &'e str,
    body: &'e IdedExpr,
    wrap: bool,
) -> Result<Val, Fault> {
    match evaluation.value(target)? {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(inner)) => {
            let value = evaluation.with(&[(variable, (*inner).clone())], body)?;
            Ok(if wrap { Val::some(value) } else { value })
        }
        other => Err(Fault::overload("optMap", &[&other])),
    }
}

fn matches<'e>(
    evaluation: &mut Evaluation<'e>,
    target: &'e IdedExpr,
    index: Option<&'e str>,
    variable: &'e str,
    body: &'e IdedExpr,
) -> Result<usize, Fault> {
    let range = evaluation.value(target)?;
    let mut found = 0;
    for (first, second) in range_of(&range)? {
        let variables = match index {
            Some(index) => vec![(index, first), (variable, second)],
            None => vec![(variable, if matches!(range, Val::Map(_)) { first } else { second })],
        };
        found += usize::from(evaluation.with(&variables, body)?.truth()?);
    }
    Ok(found)
}

fn quantify<'e>(
    evaluation: &mut Evaluation<'e>,
    name: &str,
    target: &'e IdedExpr,
    (first, second): (&'e str, &'e str),
    body: &'e IdedExpr,
) -> Result<Val, Fault> {
    if name == "existsOne" {
        return matches(evaluation, target, Some(first), second, body).map(|found| Val::Bool(found == 1));
    }
    let decisive = name == "exists";
    let range = evaluation.value(target)?;
    let mut fault = None;
    for (one, two) in range_of(&range)? {
        match evaluation.with(&[(first, one), (second, two)], body).and_then(|value| value.truth()) {
            Ok(truth) if truth == decisive => return Ok(Val::Bool(decisive)),
            Ok(_) => {}
            Err(found) => fault = Some(found),
        }
    }
    fault.map_or(Ok(Val::Bool(!decisive)), Err)
}

fn transform<'e>(
    evaluation: &mut Evaluation<'e>,
    name: &str,
    target: &'e IdedExpr,
    (first, second): (&'e str, &'e str),
    filter: Option<&'e IdedExpr>,
    body: &'e IdedExpr,
) -> Result<Val, Fault> {
    let range = evaluation.value(target)?;
    let mut list = Vec::new();
    let mut map = BTreeMap::new();
    for (one, two) in range_of(&range)? {
        let variables = [(first, one.clone()), (second, two)];
        if let Some(filter) = filter
            && !evaluation.with(&variables, filter)?.truth()?
        {
            continue;
        }
        let value = evaluation.with(&variables, body)?;
        match (name, value) {
            ("transformList", value) => list.push(value),
            ("transformMap", value) => {
                map.insert(Key::of(&one)?, value);
            }
            (_, Val::Map(entries)) => {
                for (key, value) in entries.iter() {
                    if map.insert(key.clone(), value.clone()).is_some() {
                        return Err(Fault::error("insert failed: key already exists"));
                    }
                }
            }
            (_, other) => return Err(Fault::overload(name, &[&other])),
        }
    }
    Ok(if name == "transformList" { Val::list(list) } else { Val::Map(Rc::new(map)) })
}

fn sort_by<'e>(
    evaluation: &mut Evaluation<'e>,
    target: &'e IdedExpr,
    variable: &'e str,
    body: &'e IdedExpr,
) -> Result<Val, Fault> {
    let Val::List(items) = evaluation.value(target)? else {
        return Err(Fault::Unsupported("sortBy of no list".to_owned()));
    };
    let mut keyed = Vec::with_capacity(items.len());
    for item in items.iter() {
        keyed.push((evaluation.with(&[(variable, item.clone())], body)?, item.clone()));
    }
    lists::sort(&mut keyed, |(key, _)| key)?;
    Ok(Val::list(keyed.into_iter().map(|(_, item)| item).collect()))
}
