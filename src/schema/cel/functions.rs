//! Functions by name: the standard library, and where the extensions are.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

use super::evaluate::Evaluation;
use super::value::{Key, Val};
use super::{Fault, lists, network, strings, text_format, time};
use crate::schema::Quantity;

/// `name(args...)`
pub(super) fn global(evaluation: &mut Evaluation<'_>, name: &str, args: &[Val]) -> Result<Val, Fault> {
    evaluation.spend(args.iter().map(Val::weight).sum())?;
    match (name, args) {
        ("_==_", [a, b]) => Ok(Val::Bool(a.equals(b)?)),
        ("_!=_", [a, b]) => Ok(Val::Bool(!a.equals(b)?)),
        ("_<_", [a, b]) => Ok(Val::Bool(a.order(b)? == Ordering::Less)),
        ("_<=_", [a, b]) => Ok(Val::Bool(a.order(b)? != Ordering::Greater)),
        ("_>_", [a, b]) => Ok(Val::Bool(a.order(b)? == Ordering::Greater)),
        ("_>=_", [a, b]) => Ok(Val::Bool(a.order(b)? != Ordering::Less)),
        ("!_", [Val::Bool(value)]) => Ok(Val::Bool(!value)),
        ("-_", [Val::Int(value)]) => value.checked_neg().map(Val::Int).ok_or_else(overflow),
        ("-_", [Val::Double(value)]) => Ok(Val::Double(-value)),
        ("-_", [Val::Duration(value)]) => value.checked_neg().map(Val::Duration).ok_or_else(overflow),
        ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [a, b]) => arithmetic(name, a, b),
        ("@in", [item, Val::List(items)]) => {
            let mut unknown = None;
            for known in items.iter() {
                match known.equals(item) {
                    Ok(true) => return Ok(Val::Bool(true)),
                    Ok(false) => {}
                    Err(fault) => unknown = Some(fault),
                }
            }
            unknown.map_or(Ok(Val::Bool(false)), Err)
        }
        ("@in", [key, Val::Map(entries)]) => Ok(Val::Bool(entries.contains_key(&Key::of(key)?))),
        ("size", [value]) => size(value),
        ("dyn", [value]) => Ok(value.clone()),
        ("type", [value]) if !matches!(value, Val::Opaque) => Ok(Val::Type(value.type_name())),
        ("bool" | "int" | "uint" | "double" | "string" | "bytes", [value]) => convert(name, value),
        ("matches", [Val::Str(text), Val::Str(pattern)]) => Ok(Val::Bool(regex(pattern)?.is_match(text))),
        ("duration" | "timestamp", [value]) => time::convert(name, value),
        ("quantity" | "isQuantity", [Val::Str(text)]) => match (name, Quantity::parse(text)) {
            ("isQuantity", found) => Ok(Val::Bool(found.is_some())),
            (_, Some(found)) => Ok(Val::Quantity(found)),
            (_, None) => Err(Fault::error(format!("quantity: `{text}` is none"))),
        },
        ("semver" | "isSemver", _) => semver(name, args),
        _ => network::global(name, args),
    }
}

/// `space.name(args...)`, where `space` is no variable.
pub(super) fn of_namespace(
    evaluation: &mut Evaluation<'_>,
    space: &str,
    name: &str,
    args: &[Val],
) -> Result<Val, Fault> {
    evaluation.spend(args.iter().map(Val::weight).sum())?;
    match (space, name, args) {
        ("optional", "of", [value]) => Ok(Val::some(value.clone())),
        ("optional", "none", []) => Ok(Val::Optional(None)),
        ("optional", "ofNonZeroValue", [value]) => {
            Ok(if is_zero(value) { Val::Optional(None) } else { Val::some(value.clone()) })
        }
        ("sets", _, [Val::List(a), Val::List(b)]) => {
            evaluation.spend(a.len() as u64 * b.len() as u64)?;
            lists::sets(name, a, b)
        }
        ("lists", "range", [Val::Int(count)]) => {
            let count = u32::try_from(*count).unwrap_or(0);
            evaluation.spend(u64::from(count))?;
            Ok(Val::list((0..i64::from(count)).map(Val::Int).collect()))
        }
        ("format", "named", [Val::Str(name)]) => Ok(match text_format::known(name) {
            Some(format) => Val::some(Val::Format(format)),
            None => Val::Optional(None),
        }),
        ("format", _, []) => text_format::known(name)
            .map(Val::Format)
            .ok_or_else(|| Fault::Unsupported(format!("there is no format `{name}`"))),
        ("strings", "quote", [Val::Str(text)]) => Ok(Val::text(strings::quote(text))),
        ("ip", "isCanonical", [Val::Str(text)]) => match text.parse::<std::net::IpAddr>() {
            Ok(address) => Ok(Val::Bool(address.to_string() == text.as_str())),
            Err(_) => Err(Fault::error(format!("IP Address `{text}` parse error"))),
        },
        _ => Err(Fault::Unsupported(format!("there is no function {space}.{name}"))),
    }
}

/// `receiver.name(args...)`, the receiver first among `args`.
pub(super) fn member(evaluation: &mut Evaluation<'_>, name: &str, args: &[Val]) -> Result<Val, Fault> {
    evaluation.spend(args.iter().map(Val::weight).sum())?;
    match (name, args) {
        ("size", [value]) => size(value),
        ("matches", [Val::Str(text), Val::Str(pattern)]) => Ok(Val::Bool(regex(pattern)?.is_match(text))),
        (_, [Val::Optional(inner), rest @ ..]) => optional(name, inner.as_ref(), rest),
        (_, [Val::Str(text), rest @ ..]) => strings::member(name, text, rest),
        (_, [Val::List(items), rest @ ..]) => {
            evaluation.spend(items.len() as u64)?;
            lists::member(evaluation, name, items, rest)
        }
        (_, [Val::Quantity(quantity), rest @ ..]) => quantities(name, *quantity, rest),
        (_, [Val::Semver(version), rest @ ..]) => semver_member(name, version, rest),
        (_, [Val::Format(format), Val::Str(text)]) if name == "validate" => {
            let wrong = text_format::validate(format, text);
            Ok(match wrong {
                Some(wrong) => Val::some(Val::list(vec![Val::text(wrong)])),
                None => Val::Optional(None),
            })
        }
        (_, [Val::Time(_) | Val::Duration(_), ..]) => time::member(name, args),
        (_, [Val::Ip(_) | Val::Cidr(_) | Val::Url(_), ..]) => network::member(name, args),
        _ => Err(Fault::overload(&format!("{name}()"), &args.iter().collect::<Vec<_>>())),
    }
}

fn overflow() -> Fault {
    Fault::error("integer overflow")
}

fn arithmetic(name: &str, a: &Val, b: &Val) -> Result<Val, Fault> {
    let int = |value: Option<i64>| value.map(Val::Int).ok_or_else(overflow);
    let uint = |value: Option<u64>| value.map(Val::Uint).ok_or_else(overflow);
    match (name, a, b) {
        ("_/_", _, Val::Int(0) | Val::Uint(0)) => Err(Fault::error("division by zero")),
        ("_%_", _, Val::Int(0) | Val::Uint(0)) => Err(Fault::error("modulus by zero")),
        ("_+_", Val::Int(a), Val::Int(b)) => int(a.checked_add(*b)),
        ("_-_", Val::Int(a), Val::Int(b)) => int(a.checked_sub(*b)),
        ("_*_", Val::Int(a), Val::Int(b)) => int(a.checked_mul(*b)),
        ("_/_", Val::Int(a), Val::Int(b)) => int(a.checked_div(*b)),
        ("_%_", Val::Int(a), Val::Int(b)) => int(a.checked_rem(*b)),
        ("_+_", Val::Uint(a), Val::Uint(b)) => uint(a.checked_add(*b)),
        ("_-_", Val::Uint(a), Val::Uint(b)) => uint(a.checked_sub(*b)),
        ("_*_", Val::Uint(a), Val::Uint(b)) => uint(a.checked_mul(*b)),
        ("_/_", Val::Uint(a), Val::Uint(b)) => uint(a.checked_div(*b)),
        ("_%_", Val::Uint(a), Val::Uint(b)) => uint(a.checked_rem(*b)),
        ("_+_", Val::Double(a), Val::Double(b)) => Ok(Val::Double(a + b)),
        ("_-_", Val::Double(a), Val::Double(b)) => Ok(Val::Double(a - b)),
        ("_*_", Val::Double(a), Val::Double(b)) => Ok(Val::Double(a * b)),
        ("_/_", Val::Double(a), Val::Double(b)) => Ok(Val::Double(a / b)),
        ("_+_", Val::Str(a), Val::Str(b)) => Ok(Val::text(format!("{a}{b}"))),
        ("_+_", Val::Bytes(a), Val::Bytes(b)) => Ok(Val::Bytes(Rc::from([&a[..], &b[..]].concat()))),
        ("_+_", Val::List(a), Val::List(b)) => Ok(Val::list(a.iter().chain(b.iter()).cloned().collect())),
        (_, Val::Time(_) | Val::Duration(_), _) => time::arithmetic(name, a, b),
        _ => Err(Fault::overload(name, &[a, b])),
    }
}

fn size(value: &Val) -> Result<Val, Fault> {
    let size = match value {
        Val::Str(text) => text.chars().count(),
        Val::Bytes(bytes) => bytes.len(),
        Val::List(items) => items.len(),
        Val::Map(entries) => entries.len(),
        other => return Err(Fault::overload("size()", &[other])),
    };
    Ok(Val::Int(size as i64))
}

fn convert(name: &str, value: &Val) -> Result<Val, Fault> {
    let wrong = || Fault::error(format!("type conversion error from `{}` to `{name}`", value.type_name()));
    match (name, value) {
        (_, Val::Opaque) => Err(Fault::opaque()),
        ("bool", Val::Bool(_)) | ("int", Val::Int(_)) | ("uint", Val::Uint(_)) | ("double", Val::Double(_)) => {
            Ok(value.clone())
        }
        ("string", Val::Str(_)) | ("bytes", Val::Bytes(_)) => Ok(value.clone()),
        ("bool", Val::Str(text)) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Val::Bool(false)),
            _ => Err(wrong()),
        },
        ("int", Val::Str(text)) => text.parse().map(Val::Int).map_err(|_| wrong()),
        ("int", Val::Uint(number)) => i64::try_from(*number).map(Val::Int).map_err(|_| overflow()),
        ("int", Val::Double(number)) if number.abs() < 9.22e18 => Ok(Val::Int(*number as i64)),
        ("int", Val::Time(time)) => Ok(Val::Int(time.timestamp())),
        ("uint", Val::Str(text)) => text.parse().map(Val::Uint).map_err(|_| wrong()),
        ("uint", Val::Int(number)) => u64::try_from(*number).map(Val::Uint).map_err(|_| overflow()),
        ("uint", Val::Double(number)) if (0.0..1.8e19).contains(number) => Ok(Val::Uint(*number as u64)),
        ("int" | "uint", Val::Double(_)) => Err(overflow()),
        ("double", Val::Int(number)) => Ok(Val::Double(*number as f64)),
        ("double", Val::Uint(number)) => Ok(Val::Double(*number as f64)),
        ("double", Val::Str(text)) => text.parse().map(Val::Double).map_err(|_| wrong()),
        ("string", value) => strings::of(value).map(Val::text).ok_or_else(|| Fault::overload("string()", &[value])),
        ("bytes", Val::Str(text)) => Ok(Val::Bytes(Rc::from(text.as_bytes()))),
        (name, value) => Err(Fault::overload(&format!("{name}()"), &[value])),
    }
}

fn is_zero(value: &Val) -> bool {
    match value {
        Val::Null | Val::Optional(None) => true,
        Val::Bool(value) => !value,
        Val::Int(value) | Val::Duration(value) => *value == 0,
        Val::Uint(value) => *value == 0,
        Val::Double(value) => *value == 0.0,
        Val::Str(text) => text.is_empty(),
        Val::Bytes(bytes) => bytes.is_empty(),
        Val::List(items) => items.is_empty(),
        Val::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn optional(name: &str, inner: Option<&Rc<Val>>, args: &[Val]) -> Result<Val, Fault> {
    match (name, inner, args) {
        ("hasValue", inner, []) => Ok(Val::Bool(inner.is_some())),
        ("value", Some(inner), []) => Ok((**inner).clone()),
        ("value", None, []) => Err(Fault::error("optional.none() dereference")),
        ("or", Some(inner), [_]) => Ok(Val::Optional(Some(Rc::clone(inner)))),
        ("orValue", Some(inner), [_]) => Ok((**inner).clone()),
        ("or" | "orValue", None, [other]) => Ok(other.clone()),
        _ => Err(Fault::Unsupported(format!("there is no function {name} of an optional"))),
    }
}

fn quantities(name: &str, quantity: Quantity, args: &[Val]) -> Result<Val, Fault> {
    let number = quantity.value();
    let other = match args {
        [] => return plain_quantity(name, number),
        [Val::Quantity(other)] => other.value(),
        [Val::Int(other)] => *other as f64,
        _ => return Err(Fault::Unsupported(format!("there is no function {name} of a quantity"))),
    };
    Ok(match name {
        "isGreaterThan" => Val::Bool(number > other),
        "isLessThan" => Val::Bool(number < other),
        "compareTo" => Val::Int(number.total_cmp(&other) as i64),
        "add" => Val::Quantity(Quantity::of(number + other)),
        "sub" => Val::Quantity(Quantity::of(number - other)),
        _ => return Err(Fault::Unsupported(format!("there is no function {name} of a quantity"))),
    })
}

fn plain_quantity(name: &str, number: f64) -> Result<Val, Fault> {
    let whole = number.fract() == 0.0 && number.abs() < 9.2e18;
    match name {
        "sign" => Ok(Val::Int(if number == 0.0 { 0 } else { number.signum() as i64 })),
        "isInteger" => Ok(Val::Bool(whole)),
        "asInteger" if whole => Ok(Val::Int(number as i64)),
        "asInteger" => Err(Fault::error("cannot convert value to integer")),
        "asApproximateFloat" => Ok(Val::Double(number)),
        _ => Err(Fault::Unsupported(format!("there is no function {name} of a quantity"))),
    }
}

fn semver(name: &str, args: &[Val]) -> Result<Val, Fault> {
    let (text, normalize) = match args {
        [Val::Str(text)] => (text, false),
        [Val::Str(text), Val::Bool(normalize)] => (text, *normalize),
        _ => return Err(Fault::overload(name, &args.iter().collect::<Vec<_>>())),
    };
    let mut text = text.to_string();
    if normalize {
        // A prefix `v`, missing parts and leading zeros are let pass.
        let bare = text.strip_prefix('v').unwrap_or(&text);
        let end = bare.find(['-', '+']).unwrap_or(bare.len());
        let (core, rest) = bare.split_at(end);
        let trimmed = |part: &str| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0".to_owned(),
            other => other.to_owned(),
        };
        let mut parts: Vec<String> = core.split('.').map(trimmed).collect();
        while parts.len() < 3 {
            parts.push("0".to_owned());
        }
        text = format!("{}{rest}", parts.join("."));
    }
    match (name, ::semver::Version::parse(&text)) {
        ("isSemver", parsed) => Ok(Val::Bool(parsed.is_ok())),
        (_, Ok(version)) => Ok(Val::Semver(Rc::new(version))),
        (_, Err(_)) => Err(Fault::error(format!("`{text}` is no semantic version"))),
    }
}

fn semver_member(name: &str, version: &::semver::Version, args: &[Val]) -> Result<Val, Fault> {
    match (name, args) {
        ("major", []) => Ok(Val::Int(version.major as i64)),
        ("minor", []) => Ok(Val::Int(version.minor as i64)),
        ("patch", []) => Ok(Val::Int(version.patch as i64)),
        ("isLessThan", [Val::Semver(other)]) => Ok(Val::Bool(version.cmp_precedence(other) == Ordering::Less)),
        ("isGreaterThan", [Val::Semver(other)]) => Ok(Val::Bool(version.cmp_precedence(other) == Ordering::Greater)),
        ("compareTo", [Val::Semver(other)]) => Ok(Val::Int(version.cmp_precedence(other) as i64)),
        _ => Err(Fault::Unsupported(format!("there is no function {name} of a version"))),
    }
}

/// The compiled form of `pattern`. Rules ask for the same few patterns again and again.
pub(super) fn regex(pattern: &str) -> Result<Regex, Fault> {
    static KNOWN: Mutex<Option<HashMap<String, Option<Regex>>>> = Mutex::new(None);
    const MAX_KNOWN: usize = 2_000;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    let found = known
        .entry(pattern.to_owned())
        .or_insert_with(|| RegexBuilder::new(pattern).size_limit(1 << 20).nest_limit(100).build().ok());
    found.clone().ok_or_else(|| Fault::Unsupported(format!("the expression `{pattern}` is not understood")))
}
