//! Functions of text. Positions count characters.

use base64::Engine;

use super::value::{Key, Val};
use super::{Fault, functions, time};

pub(super) fn member(name: &str, text: &str, args: &[Val]) -> Result<Val, Fault> {
    let bounds = |index: i64| Fault::error(format!("index out of range: {index}"));
    let chars = || text.chars().collect::<Vec<char>>();
    match (name, args) {
        ("contains", [Val::Str(other)]) => Ok(Val::Bool(text.contains(other.as_str()))),
        ("startsWith", [Val::Str(other)]) => Ok(Val::Bool(text.starts_with(other.as_str()))),
        ("endsWith", [Val::Str(other)]) => Ok(Val::Bool(text.ends_with(other.as_str()))),
        ("lowerAscii", []) => Ok(Val::text(text.to_ascii_lowercase())),
        ("upperAscii", []) => Ok(Val::text(text.to_ascii_uppercase())),
        ("trim", []) => Ok(Val::text(text.trim())),
        ("reverse", []) => Ok(Val::text(text.chars().rev().collect::<String>())),
        ("charAt", [Val::Int(index)]) => {
            let chars = chars();
            match usize::try_from(*index) {
                Ok(index) if index == chars.len() => Ok(Val::text("")),
                Ok(index) if index < chars.len() => Ok(Val::text(chars[index].to_string())),
                _ => Err(bounds(*index)),
            }
        }
        ("substring", [Val::Int(from)]) => {
            let chars = chars();
            let found = usize::try_from(*from).ok().and_then(|from| chars.get(from..));
            found.map(|found| Val::text(found.iter().collect::<String>())).ok_or_else(|| bounds(*from))
        }
        ("substring", [Val::Int(from), Val::Int(to)]) => {
            let chars = chars();
            let range = usize::try_from(*from).ok().zip(usize::try_from(*to).ok());
            let found = range.and_then(|(from, to)| chars.get(from..to));
            found.map(|found| Val::text(found.iter().collect::<String>())).ok_or_else(|| bounds(*to))
        }
        ("indexOf" | "lastIndexOf", [Val::Str(wanted), rest @ ..]) => index_of(name, &chars(), wanted, rest),
        ("replace", [Val::Str(old), Val::Str(new)]) => Ok(Val::text(text.replace(old.as_str(), new))),
        ("replace", [Val::Str(old), Val::Str(new), Val::Int(limit)]) => Ok(Val::text(match usize::try_from(*limit) {
            Ok(limit) => text.replacen(old.as_str(), new, limit),
            Err(_) => text.replace(old.as_str(), new),
        })),
        ("split", [Val::Str(separator)]) => Ok(split(text, separator, -1)),
        ("split", [Val::Str(separator), Val::Int(limit)]) => Ok(split(text, separator, *limit)),
        ("find", [Val::Str(pattern)]) => {
            let regex = functions::regex(pattern)?;
            Ok(Val::text(regex.find(text).map_or("", |found| found.as_str())))
        }
        ("findAll", [Val::Str(pattern), rest @ ..]) => {
            let limit = match rest {
                [] => usize::MAX,
                [Val::Int(limit)] => usize::try_from(*limit).unwrap_or(usize::MAX),
                _ => return Err(Fault::Unsupported("findAll() with other arguments".to_owned())),
            };
            let regex = functions::regex(pattern)?;
            Ok(Val::list(regex.find_iter(text).take(limit).map(|found| Val::text(found.as_str())).collect()))
        }
        ("format", [Val::List(values)]) => format(text, values).map(Val::text),
        _ => Err(Fault::overload(&format!("{name}()"), &args.iter().collect::<Vec<_>>())),
    }
}

fn index_of(name: &str, chars: &[char], wanted: &str, rest: &[Val]) -> Result<Val, Fault> {
    let wanted: Vec<char> = wanted.chars().collect();
    let last = name == "lastIndexOf";
    let bound = match rest {
        [] => None,
        [Val::Int(at)] => match usize::try_from(*at) {
            Ok(at) if at <= chars.len() => Some(at),
            _ => return Err(Fault::error(format!("index out of range: {at}"))),
        },
        _ => return Err(Fault::Unsupported(format!("{name}() with other arguments"))),
    };
    let fits = |at: &usize| chars.get(*at..at + wanted.len()) == Some(wanted.as_slice());
    let most = chars.len().saturating_sub(wanted.len());
    let found = match last {
        false => (bound.unwrap_or(0)..=most).find(fits),
        true => (0..=bound.unwrap_or(most).min(most)).rev().find(fits),
    };
    Ok(Val::Int(found.map_or(-1, |at| at as i64)))
}

fn split(text: &str, separator: &str, limit: i64) -> Val {
    let parts: Vec<Val> = match (limit, separator) {
        (0, _) => Vec::new(),
        (1.., "") => {
            let mut rest = text;
            let mut parts = Vec::new();
            while (parts.len() as i64) < limit - 1 {
                let Some(first) = rest.chars().next() else { break };
                let (head, tail) = rest.split_at(first.len_utf8());
                parts.push(Val::text(head));
                rest = tail;
            }
            if !rest.is_empty() {
                parts.push(Val::text(rest));
            }
            parts
        }
        (1.., separator) => text.splitn(limit as usize, separator).map(Val::text).collect(),
        (_, "") => text.chars().map(|c| Val::text(c.to_string())).collect(),
        (_, separator) => text.split(separator).map(Val::text).collect(),
    };
    Val::list(parts)
}

/// The value as `string()` writes it.
pub(super) fn of(value: &Val) -> Option<String> {
    Some(match value {
        Val::Str(text) => text.to_string(),
        Val::Bool(value) => value.to_string(),
        Val::Int(value) => value.to_string(),
        Val::Uint(value) => value.to_string(),
        Val::Double(value) => double(*value),
        Val::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok()?,
        Val::Time(time) => time::write_time(time),
        Val::Duration(nanos) => time::write_duration(*nanos),
        Val::Ip(address) => address.to_string(),
        Val::Cidr(cidr) => cidr.to_string(),
        Val::Url(url) => url.text.to_string(),
        Val::Semver(version) => version.to_string(),
        _ => return None,
    })
}

/// A number in the shortest form that is the same number, with an exponent where Go writes one.
fn double(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if magnitude == 0.0 || (1e-4..1e21).contains(&magnitude) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => text,
    }
}

/// `strings.quote`
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// `'%s has %d'.format([...])`
fn format(text: &str, values: &[Val]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut precision = None;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            precision = after[..end].parse::<usize>().ok().map(|places| places.min(100));
            rest = &after[end..];
        }
        let verb = rest.chars().next().ok_or_else(|| Fault::error("unexpected end of string"))?;
        rest = &rest[verb.len_utf8()..];
        let value = values.next().ok_or_else(|| Fault::error("index out of range"))?;
        let number = match value {
            Val::Int(value) => Some(i128::from(*value)),
            Val::Uint(value) => Some(i128::from(*value)),
            _ => None,
        };
        match (verb, number, value) {
            ('s', _, value) => out.push_str(&plain(value)?),
            ('d', Some(number), _) => out.push_str(&number.to_string()),
            ('d', _, Val::Double(value)) if value.is_nan() || value.is_infinite() => out.push_str(&double(*value)),
            ('f', number, value) => {
                let number = match value {
                    Val::Double(value) => *value,
                    _ => number.ok_or_else(|| Fault::overload("%f", &[value]))? as f64,
                };
                out.push_str(&format!("{number:.*}", precision.unwrap_or(6)));
            }
            ('e', _, Val::Double(value)) => {
                let text = format!("{value:.*e}", precision.unwrap_or(6));
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(exponent) => ('-', exponent),
                    None => ('+', exponent),
                };
                out.push_str(&format!("{digits}e{sign}{exponent:0>2}"));
            }
            ('b', Some(number), _) => out.push_str(&signed(number, |n| format!("{n:b}"))),
            ('b', _, Val::Bool(value)) => out.push(if *value { '1' } else { '0' }),
            ('o', Some(number), _) => out.push_str(&signed(number, |n| format!("{n:o}"))),
            ('x', Some(number), _) => out.push_str(&signed(number, |n| format!("{n:x}"))),
            ('X', Some(number), _) => out.push_str(&signed(number, |n| format!("{n:X}"))),
            ('x' | 'X', _, Val::Str(text)) => out.push_str(&hexadecimal(text.as_bytes(), verb)),
            ('x' | 'X', _, Val::Bytes(bytes)) => out.push_str(&hexadecimal(bytes, verb)),
            (verb, _, value) => return Err(Fault::overload(&format!("%{verb}"), &[value])),
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn signed(number: i128, write: impl Fn(u128) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, write(number.unsigned_abs()))
}

fn hexadecimal(bytes: &[u8], verb: char) -> String {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if verb == 'X' { text.to_ascii_uppercase() } else { text }
}

/// A value as `%s` writes it.
fn plain(value: &Val) -> Result<String, Fault> {
    Ok(match value {
        Val::Null => "null".to_owned(),
        Val::List(items) => {
            let words: Result<Vec<String>, Fault> = items.iter().map(plain).collect();
            format!("[{}]", words?.join(", "))
        }
        Val::Map(entries) => {
            let mut words = Vec::new();
            for (key, value) in entries.iter() {
                let key = match key {
                    Key::Str(text) => text.to_string(),
                    key => plain(&key.value())?,
                };
                words.push(format!("{key}: {}", plain(value)?));
            }
            words.sort();
            format!("{{{}}}", words.join(", "))
        }
        Val::Type(name) => (*name).to_owned(),
        Val::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => base64::engine::general_purpose::STANDARD.encode(bytes),
        },
        value => of(value).ok_or_else(|| Fault::overload("%s", &[value]))?,
    })
}
