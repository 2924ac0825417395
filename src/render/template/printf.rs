//! `printf`: Go's verbs and flags on every kind of value, with Go's complaints in the text.

use std::fmt::Write;

use super::bytes;
use super::print::{format_float, inner, sprint};
use super::quote::{quote, quote_ascii, quote_char};
use super::value::Value;

/// The widest field that is written.
const MAX_WIDTH: i64 = 1_000_000;

#[derive(Debug, Clone, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprintf`
pub fn printf(format: &str, args: &[Value]) -> String {
    let mut printer = Printer { args, next: 0, reordered: false, out: String::with_capacity(format.len() + 16) };
    printer.run(format);
    printer.out
}

struct Printer<'a> {
    args: &'a [Value],
    next: usize,
    reordered: bool,
    out: String,
}

impl Printer<'_> {
    fn run(&mut self, format: &str) {
        let mut rest = format;
        while let Some(percent) = rest.find('%') {
            self.out.push_str(&rest[..percent]);
            rest = self.directive(&rest[percent + 1..]);
        }
        self.out.push_str(rest);
        if !self.reordered && self.next < self.args.len() {
            self.out.push_str("%!(EXTRA ");
            for (index, arg) in self.args[self.next..].iter().enumerate() {
                if index > 0 {
                    self.out.push_str(", ");
                }
                if arg.is_nil() {
                    self.out.push_str("<nil>");
                } else {
                    let _ = write!(self.out, "{}={}", arg.type_name(), sprint(arg));
                }
            }
            self.out.push(')');
        }
    }

    /// Handles what stands behind a `%` and returns what is left.
    fn directive<'f>(&mut self, mut rest: &'f str) -> &'f str {
        let mut flags = Flags::default();
        loop {
            match rest.as_bytes().first() {
                Some(b'-') => flags.minus = true,
                Some(b'+') => flags.plus = true,
                Some(b'#') => flags.sharp = true,
                Some(b' ') => flags.space = true,
                Some(b'0') => flags.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        let mut good = true;
        let mut after_index;
        (rest, after_index) = self.index(rest, &mut good);
        if let Some(behind) = rest.strip_prefix('*') {
            rest = behind;
            match self.star() {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            let (width, behind) = number(rest);
            flags.width = width;
            if after_index && width.is_some() {
                good = false;
            }
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix('.') {
            if after_index {
                good = false;
            }
            (rest, after_index) = self.index(behind, &mut good);
            if let Some(behind) = rest.strip_prefix('*') {
                rest = behind;
                match self.star() {
                    Some(precision) if precision >= 0 => flags.precision = Some(precision as usize),
                    Some(_) => {}
                    None => self.out.push_str("%!(BADPREC)"),
                }
                after_index = false;
            } else {
                let (precision, behind) = number(rest);
                flags.precision = Some(precision.unwrap_or(0));
                rest = behind;
            }
        }
        if !after_index {
            (rest, _) = self.index(rest, &mut good);
        }
        let Some(verb) = rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return rest;
        };
        rest = &rest[verb.len_utf8()..];
        if flags.minus {
            flags.zero = false;
        }
        if verb == '%' {
            self.out.push('%');
        } else if !good {
            let _ = write!(self.out, "%!{verb}(BADINDEX)");
        } else if let Some(arg) = self.args.get(self.next) {
            self.next += 1;
            let arg = arg.clone();
            value(&mut self.out, &flags, verb, &arg);
        } else {
            let _ = write!(self.out, "%!{verb}(MISSING)");
        }
        rest
    }

    /// `[n]`
    fn index<'f>(&mut self, rest: &'f str, good: &mut bool) -> (&'f str, bool) {
        let Some(inner) = rest.strip_prefix('[') else { return (rest, false) };
        self.reordered = true;
        let Some(close) = inner.find(']') else {
            *good = false;
            return (&rest[1..], false);
        };
        match inner[..close].parse::<usize>() {
            Ok(index) if index >= 1 && index <= self.args.len() => self.next = index - 1,
            _ => *good = false,
        }
        (&inner[close + 1..], true)
    }

    fn star(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        match arg {
            Value::Int(value) | Value::Int64(value) if value.abs() <= MAX_WIDTH => Some(*value),
            _ => None,
        }
    }
}

fn number(text: &str) -> (Option<usize>, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = text[..end].parse::<usize>().ok().filter(|value| *value <= MAX_WIDTH as usize);
    (value, &text[end..])
}

fn value(out: &mut String, flags: &Flags, verb: char, arg: &Value) {
    match (verb, arg) {
        ('T', arg) => {
            let name = if arg.is_nil() { "<nil>" } else { arg.type_name() };
            pad(out, flags, name);
        }
        ('v', Value::Nil | Value::NoValue) => pad(out, flags, "<nil>"),
        (_, Value::Nil | Value::NoValue) => drop(write!(out, "%!{verb}(<nil>)")),
        ('v', arg) if flags.sharp => out.push_str(&go_syntax(arg)),
        ('t' | 'v', Value::Bool(value)) => pad(out, flags, if *value { "true" } else { "false" }),
        (_, Value::Int(value) | Value::Int64(value)) => integer(out, flags, verb, i128::from(*value), arg),
        (_, Value::Uint(value)) => integer(out, flags, verb, i128::from(*value), arg),
        (_, Value::Float(value)) => float(out, flags, verb, *value, arg),
        (_, Value::String(text)) => string(out, flags, verb, text, arg),
        ('s' | 'q' | 'x' | 'X', Value::Bytes(content)) => string(out, flags, verb, &bytes::text(content), arg),
        (_, Value::Bytes(content)) => {
            let items: Vec<Value> = content.iter().map(|byte| Value::Uint(u64::from(*byte))).collect();
            list(out, flags, verb, &items);
        }
        (_, Value::List(items)) => list(out, flags, verb, items.items()),
        (_, Value::Map(map)) => {
            out.push_str("map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                value(out, flags, verb, &Value::String(key.clone()));
                out.push(':');
                nested(out, flags, verb, item);
            }
            out.push(']');
        }
        (_, Value::Object(object)) => match object.entries() {
            Some(_) => out.push_str(&object.print()),
            None => string(out, flags, verb, &object.print(), arg),
        },
        (_, arg) => bad_verb(out, verb, arg),
    }
}

/// A value inside of a list or map: nil prints as such for every verb that knows text.
fn nested(out: &mut String, flags: &Flags, verb: char, item: &Value) {
    match item {
        Value::Nil | Value::NoValue if verb == 'v' => out.push_str("<nil>"),
        item => value(out, flags, verb, item),
    }
}

fn list(out: &mut String, flags: &Flags, verb: char, items: &[Value]) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        nested(out, flags, verb, item);
    }
    out.push(']');
}

fn bad_verb(out: &mut String, verb: char, arg: &Value) {
    let _ = write!(out, "%!{verb}({}=", arg.type_name());
    inner(out, arg);
    out.push(')');
}

fn pad(out: &mut String, flags: &Flags, text: &str) {
    let width = flags.width.unwrap_or(0);
    let length = text.chars().count();
    let missing = width.saturating_sub(length);
    if flags.minus {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else {
        out.extend(std::iter::repeat_n(if flags.zero { '0' } else { ' ' }, missing));
        out.push_str(text);
    }
}

fn integer(out: &mut String, flags: &Flags, verb: char, number: i128, arg: &Value) {
    let (radix, prefix, upper) = match verb {
        'd' | 'v' => (10, "", false),
        'b' => (2, "0b", false),
        'o' => (8, "0", false),
        'O' => (8, "0o", false),
        'x' => (16, "0x", false),
        'X' => (16, "0X", true),
        'c' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
            return pad(out, flags, c.encode_utf8(&mut [0; 4]));
        }
        'q' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
            return pad(out, flags, &quote_char(c, flags.plus));
        }
        'U' => return pad(out, &Flags { zero: false, ..flags.clone() }, &format!("U+{number:04X}")),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 's' | 't' | 'p' => return bad_verb(out, verb, arg),
        _ => return bad_verb(out, verb, arg),
    };
    let magnitude = number.unsigned_abs();
    let mut digits = match (radix, upper) {
        (2, _) => format!("{magnitude:b}"),
        (8, _) => format!("{magnitude:o}"),
        (16, false) => format!("{magnitude:x}"),
        (16, true) => format!("{magnitude:X}"),
        _ => magnitude.to_string(),
    };
    let sign = sign(flags, number < 0);
    if let Some(precision) = flags.precision {
        if precision == 0 && number == 0 {
            return pad(out, &Flags { zero: false, ..flags.clone() }, "");
        }
        digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
    } else if flags.zero
        && let Some(width) = flags.width
    {
        let room = width.saturating_sub(sign.len());
        digits = format!("{}{digits}", "0".repeat(room.saturating_sub(digits.len())));
    }
    let prefix = if flags.sharp && !(verb == 'o' && digits.starts_with('0')) || verb == 'O' { prefix } else { "" };
    pad(out, &Flags { zero: false, ..flags.clone() }, &format!("{sign}{prefix}{digits}"));
}

fn sign(flags: &Flags, negative: bool) -> &'static str {
    match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn float(out: &mut String, flags: &Flags, verb: char, number: f64, arg: &Value) {
    let text = match verb {
        'v' => format_float(number, 'g', flags.precision),
        'g' | 'G' => format_float(number, 'g', flags.precision),
        'e' | 'E' => format_float(number, 'e', Some(flags.precision.unwrap_or(6))),
        'f' | 'F' => format_float(number, 'f', Some(flags.precision.unwrap_or(6))),
        _ => return bad_verb(out, verb, arg),
    };
    let text = if matches!(verb, 'E' | 'G') { text.to_uppercase() } else { text };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let finite = number.is_finite();
    let sign = if number.is_infinite() && !negative && flags.plus { "+" } else { sign(flags, negative) };
    let sign = if number.is_infinite() && !negative && sign.is_empty() { "+" } else { sign };
    if flags.zero
        && finite
        && let Some(width) = flags.width
    {
        let zeros = width.saturating_sub(sign.len() + digits.len());
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', zeros));
        out.push_str(digits);
        return;
    }
    pad(out, &Flags { zero: false, ..flags.clone() }, &format!("{sign}{digits}"));
}

fn string(out: &mut String, flags: &Flags, verb: char, text: &str, arg: &Value) {
    let cut: String;
    let text = match flags.precision {
        Some(precision) if verb != 'x' && verb != 'X' => {
            cut = text.chars().take(precision).collect();
            cut.as_str()
        }
        _ => text,
    };
    match verb {
        's' | 'v' => pad(out, flags, text),
        'q' => {
            let raw = flags.sharp && !text.contains('`') && !text.chars().any(|c| c.is_control() && c != '\t');
            let quoted = match (raw, flags.plus) {
                (true, _) => format!("`{text}`"),
                (false, true) => quote_ascii(text),
                (false, false) => quote(text),
            };
            pad(out, flags, &quoted);
        }
        'x' | 'X' => {
            let content = bytes::of(text);
            let content = &content[..flags.precision.unwrap_or(content.len()).min(content.len())];
            let mut hex = String::with_capacity(content.len() * 2);
            for (index, byte) in content.iter().enumerate() {
                if flags.space && index > 0 {
                    hex.push(' ');
                }
                if flags.sharp && (flags.space || index == 0) {
                    hex.push_str(if verb == 'x' { "0x" } else { "0X" });
                }
                let _ = if verb == 'x' { write!(hex, "{byte:02x}") } else { write!(hex, "{byte:02X}") };
            }
            pad(out, flags, &hex);
        }
        _ => bad_verb(out, verb, arg),
    }
}

/// `%#v`
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Nil | Value::NoValue => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Uint(value) => format!("{value:#x}"),
        Value::Bytes(content) => {
            let items: Vec<String> = content.iter().map(|byte| format!("{byte:#x}")).collect();
            format!("[]byte{{{}}}", items.join(", "))
        }
        Value::List(list) => {
            let items: Vec<String> = list.items().iter().map(go_syntax).collect();
            format!("{}{{{}}}", value.type_name(), items.join(", "))
        }
        Value::Map(map) => {
            let items: Vec<String> =
                map.entries().iter().map(|(key, item)| format!("{}:{}", quote(key), go_syntax(item))).collect();
            format!("{}{{{}}}", value.type_name(), items.join(", "))
        }
        other => sprint(other),
    }
}
