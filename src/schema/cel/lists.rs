//! Functions of lists, and sets in lists.

use std::cmp::Ordering;

use super::Fault;
use super::evaluate::Evaluation;
use super::value::Val;

pub(super) fn member(evaluation: &mut Evaluation<'_>, name: &str, items: &[Val], args: &[Val]) -> Result<Val, Fault> {
    match (name, args) {
        ("isSorted", []) => {
            for pair in items.windows(2) {
                if pair[0].order(&pair[1])? == Ordering::Greater {
                    return Ok(Val::Bool(false));
                }
            }
            Ok(Val::Bool(true))
        }
        ("sum", []) => sum(items),
        ("min", []) => extreme(items, Ordering::Less),
        ("max", []) => extreme(items, Ordering::Greater),
        ("indexOf", [wanted]) => place(items.iter().enumerate(), wanted),
        ("lastIndexOf", [wanted]) => place(items.iter().enumerate().rev(), wanted),
        ("join", []) => join(items, ""),
        ("join", [Val::Str(separator)]) => join(items, separator),
        ("distinct", []) => {
            evaluation.spend((items.len() as u64).saturating_mul(items.len() as u64) / 4)?;
            let mut kept: Vec<Val> = Vec::new();
            for item in items {
                if !contains(&kept, item)? {
                    kept.push(item.clone());
                }
            }
            Ok(Val::list(kept))
        }
        ("slice", [Val::Int(from), Val::Int(to)]) => {
            let range = usize::try_from(*from).ok().zip(usize::try_from(*to).ok());
            let found = range.and_then(|(from, to)| items.get(from..to));
            found.map(|found| Val::list(found.to_vec())).ok_or_else(|| Fault::error("index out of bounds"))
        }
        ("reverse", []) => Ok(Val::list(items.iter().rev().cloned().collect())),
        ("sort", []) => {
            let mut sorted = items.to_vec();
            sort(&mut sorted, |item| item)?;
            Ok(Val::list(sorted))
        }
        ("flatten", []) => Ok(Val::list(flatten(items, 1))),
        ("flatten", [Val::Int(depth @ 0..)]) => Ok(Val::list(flatten(items, *depth))),
        ("first", []) => Ok(items.first().cloned().map_or(Val::Optional(None), Val::some)),
        ("last", []) => Ok(items.last().cloned().map_or(Val::Optional(None), Val::some)),
        _ => Err(Fault::Unsupported(format!("there is no function {name} of a list"))),
    }
}

/// Sorts by what `key` says, which must be of one type that has an order.
pub(super) fn sort<T>(items: &mut [T], key: impl Fn(&T) -> &Val) -> Result<(), Fault> {
    let mut fault = None;
    items.sort_by(|a, b| {
        key(a).order(key(b)).unwrap_or_else(|found| {
            fault = Some(found);
            Ordering::Equal
        })
    });
    fault.map_or(Ok(()), Err)
}

fn flatten(items: &[Val], depth: i64) -> Vec<Val> {
    let mut flat = Vec::new();
    for item in items {
        match item {
            // Values nest only as deep as the object does.
            Val::List(inner) if depth > 0 => flat.append(&mut flatten(inner, depth - 1)),
            other => flat.push(other.clone()),
        }
    }
    flat
}

fn sum(items: &[Val]) -> Result<Val, Fault> {
    let overflow = || Fault::error("integer overflow");
    let mut items = items.iter();
    let Some(mut total) = items.next().cloned() else { return Ok(Val::Int(0)) };
    for item in items {
        total = match (&total, item) {
            (Val::Int(a), Val::Int(b)) => a.checked_add(*b).map(Val::Int).ok_or_else(overflow)?,
            (Val::Uint(a), Val::Uint(b)) => a.checked_add(*b).map(Val::Uint).ok_or_else(overflow)?,
            (Val::Double(a), Val::Double(b)) => Val::Double(a + b),
            (Val::Duration(a), Val::Duration(b)) => a.checked_add(*b).map(Val::Duration).ok_or_else(overflow)?,
            (a, b) => return Err(Fault::overload("sum()", &[a, b])),
        };
    }
    Ok(total)
}

fn extreme(items: &[Val], wanted: Ordering) -> Result<Val, Fault> {
    let mut best = items.first().ok_or_else(|| Fault::error("min or max called on empty list"))?;
    for item in items {
        if item.order(best)? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}

fn place<'i>(items: impl Iterator<Item = (usize, &'i Val)>, wanted: &Val) -> Result<Val, Fault> {
    for (index, item) in items {
        if item.equals(wanted)? {
            return Ok(Val::Int(index as i64));
        }
    }
    Ok(Val::Int(-1))
}

fn join(items: &[Val], separator: &str) -> Result<Val, Fault> {
    let mut words = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Val::Str(text) => words.push(text.as_str()),
            other => return Err(Fault::overload("join()", &[other])),
        }
    }
    Ok(Val::text(words.join(separator)))
}

fn contains(items: &[Val], wanted: &Val) -> Result<bool, Fault> {
    for item in items {
        if item.equals(wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `sets.contains`, `sets.intersects`, `sets.equivalent`
pub(super) fn sets(name: &str, a: &[Val], b: &[Val]) -> Result<Val, Fault> {
    let all = |of: &[Val], within: &[Val]| -> Result<bool, Fault> {
        for item in of {
            if !contains(within, item)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    Ok(Val::Bool(match name {
        "contains" => all(b, a)?,
        "equivalent" => all(a, b)? && all(b, a)?,
        "intersects" => {
            for item in a {
                if contains(b, item)? {
                    return Ok(Val::Bool(true));
                }
            }
            false
        }
        _ => return Err(Fault::Unsupported(format!("there is no function sets.{name}"))),
    }))
}
