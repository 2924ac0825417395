//! The values that expressions compute with.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use smol_str::SmolStr;

use super::Fault;
use super::network::{Cidr, Url};
use crate::schema::Quantity;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(SmolStr),
    Bytes(Rc<[u8]>),
    List(Rc<Vec<Val>>),
    Map(Rc<BTreeMap<Key, Val>>),
    Time(DateTime<Utc>),
    /// Nanoseconds, as Go has them.
    Duration(i64),
    Optional(Option<Rc<Val>>),
    /// A type by its name: what `type(x)` answers.
    Type(&'static str),
    Quantity(Quantity),
    Ip(IpAddr),
    Cidr(Cidr),
    Url(Rc<Url>),
    Semver(Rc<semver::Version>),
    /// A named format of `format.dns1123Label()`.
    Format(&'static str),
    /// Text that is filled in after rendering: what it will be is not known.
    Opaque,
}

/// The key of a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Str(SmolStr),
}

impl Key {
    /// The value as a key, if it can be one. Whole numbers are one key, however they are typed.
    pub(crate) fn of(value: &Val) -> Result<Key, Fault> {
        match value {
            Val::Bool(value) => Ok(Key::Bool(*value)),
            Val::Int(value) => Ok(Key::Int(*value)),
            Val::Uint(value) => Ok(i64::try_from(*value).map_or(Key::Uint(*value), Key::Int)),
            Val::Double(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(Key::Int(*value as i64)),
            Val::Str(text) => Ok(Key::Str(text.clone())),
            Val::Opaque => Err(Fault::opaque()),
            other => Err(Fault::Unsupported(format!("a key of type {}", other.type_name()))),
        }
    }

    /// The key as a value.
    pub(crate) fn value(&self) -> Val {
        match self {
            Key::Bool(value) => Val::Bool(*value),
            Key::Int(value) => Val::Int(*value),
            Key::Uint(value) => Val::Uint(*value),
            Key::Str(text) => Val::Str(text.clone()),
        }
    }
}

impl Val {
    /// Text.
    pub(crate) fn text(text: impl Into<SmolStr>) -> Val {
        Val::Str(text.into())
    }

    /// A list.
    pub(crate) fn list(items: Vec<Val>) -> Val {
        Val::List(Rc::new(items))
    }

    /// An optional with a value.
    pub(crate) fn some(value: Val) -> Val {
        Val::Optional(Some(Rc::new(value)))
    }

    /// The name of the value's type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null_type",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::Str(_) => "string",
            Val::Bytes(_) => "bytes",
            Val::List(_) => "list",
            Val::Map(_) => "map",
            Val::Time(_) => "google.protobuf.Timestamp",
            Val::Duration(_) => "google.protobuf.Duration",
            Val::Optional(_) => "optional_type",
            Val::Type(_) => "type",
            Val::Quantity(_) => "kubernetes.Quantity",
            Val::Ip(_) => "net.IP",
            Val::Cidr(_) => "net.CIDR",
            Val::Url(_) => "kubernetes.URL",
            Val::Semver(_) => "kubernetes.Semver",
            Val::Format(_) => "kubernetes.NamedFormat",
            Val::Opaque => "unknown",
        }
    }

    /// The truth, of a boolean.
    pub(crate) fn truth(&self) -> Result<bool, Fault> {
        match self {
            Val::Bool(value) => Ok(*value),
            other => Err(Fault::overload("a condition", &[other])),
        }
    }

    /// Whether the two are equal. Numbers are, whatever their type; values of different types are not.
    pub(crate) fn equals(&self, other: &Val) -> Result<bool, Fault> {
        Ok(match (self, other) {
            (Val::Opaque, _) | (_, Val::Opaque) => return Err(Fault::opaque()),
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Str(a), Val::Str(b)) => a == b,
            (Val::Bytes(a), Val::Bytes(b)) => a == b,
            (Val::Time(a), Val::Time(b)) => a == b,
            (Val::Duration(a), Val::Duration(b)) => a == b,
            (Val::Type(a), Val::Type(b)) | (Val::Format(a), Val::Format(b)) => a == b,
            (Val::Ip(a), Val::Ip(b)) => a == b,
            (Val::Cidr(a), Val::Cidr(b)) => a == b,
            (Val::Url(a), Val::Url(b)) => a.text == b.text,
            (Val::Semver(a), Val::Semver(b)) => a == b,
            (Val::Quantity(a), Val::Quantity(b)) => a == b,
            (Val::Optional(None), Val::Optional(None)) => true,
            (Val::Optional(Some(a)), Val::Optional(Some(b))) => a.equals(b)?,
            (Val::List(a), Val::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Val::Map(a), Val::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for ((one, a), (two, b)) in a.iter().zip(b.iter()) {
                    if one != two || !a.equals(b)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => numbers(self, other) == Some(Ordering::Equal),
        })
    }

    /// The order of the two.
    pub(crate) fn order(&self, other: &Val) -> Result<Ordering, Fault> {
        match (self, other) {
            (Val::Opaque, _) | (_, Val::Opaque) => Err(Fault::opaque()),
            (Val::Bool(a), Val::Bool(b)) => Ok(a.cmp(b)),
            (Val::Str(a), Val::Str(b)) => Ok(a.cmp(b)),
            (Val::Bytes(a), Val::Bytes(b)) => Ok(a.cmp(b)),
            (Val::Time(a), Val::Time(b)) => Ok(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Ok(a.cmp(b)),
            (Val::Semver(a), Val::Semver(b)) => Ok(a.cmp_precedence(b)),
            (Val::Quantity(a), Val::Quantity(b)) => Ok(a.value().total_cmp(&b.value())),
            _ => numbers(self, other).ok_or_else(|| Fault::overload("a comparison", &[self, other])),
        }
    }

    /// How much there is to look at, for what reading it costs.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Val::Str(text) => text.len() as u64 / 10,
            Val::Bytes(bytes) => bytes.len() as u64 / 10,
            Val::List(items) => items.len() as u64,
            Val::Map(entries) => entries.len() as u64,
            _ => 0,
        }
    }
}

/// The order of two numbers of any type.
fn numbers(a: &Val, b: &Val) -> Option<Ordering> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Uint(a), Val::Uint(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Val::Uint(a), Val::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Val::Double(a), b) => a.partial_cmp(&double(b)?),
        (a, Val::Double(b)) => double(a)?.partial_cmp(b),
        _ => None,
    }
}

fn double(value: &Val) -> Option<f64> {
    match value {
        Val::Double(value) => Some(*value),
        Val::Int(value) => Some(*value as f64),
        Val::Uint(value) => Some(*value as f64),
        _ => None,
    }
}
