//! `printf`: Go's verbs and flags on every kind of value, with Go's complaints in the text.

use std::fmt::Write;

use super::bytes;
use super::print::{format_float, sprint};
use super::quote::{is_print, quote, quote_ascii, quote_char};
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

/// Writes `arg`, as an argument of its own.
fn value(out: &mut String, flags: &Flags, verb: char, arg: &Value) {
    match (verb, arg) {
        ('T', arg) => cut_pad(out, flags, if arg.is_nil() { "<nil>" } else { arg.type_name() }),
        ('v', Value::Nil | Value::NoValue) => pad(out, flags, "<nil>"),
        (_, Value::Nil | Value::NoValue) => drop(write!(out, "%!{verb}(<nil>)")),
        ('v', arg) if flags.sharp => pad(out, flags, &go_syntax(arg)),
        // For `%v` Go takes the plus for the names of fields.
        ('v', arg) if flags.plus => any(out, &Flags { plus: false, ..flags.clone() }, verb, arg),
        (_, arg) => any(out, flags, verb, arg),
    }
}

/// Writes what is not nil.
fn any(out: &mut String, flags: &Flags, verb: char, arg: &Value) {
    match arg {
        Value::Bool(value) if matches!(verb, 't' | 'v') => pad(out, flags, if *value { "true" } else { "false" }),
        Value::Int(value) | Value::Int64(value) => integer(out, flags, verb, i128::from(*value), arg),
        Value::Uint(value) => integer(out, flags, verb, i128::from(*value), arg),
        Value::Float(value) => float(out, flags, verb, *value, arg),
        Value::String(text) => string(out, flags, verb, text, arg),
        Value::Bytes(content) if matches!(verb, 's' | 'q' | 'x' | 'X') => {
            string(out, flags, verb, &bytes::text(content), arg);
        }
        Value::Bytes(content) => {
            out.push('[');
            for (index, byte) in content.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                let mut text = String::new();
                any(&mut text, flags, verb, &Value::Uint(u64::from(*byte)));
                out.push_str(&text.replace("(uint64=", "(uint8="));
            }
            out.push(']');
        }
        Value::List(_) | Value::Map(_) | Value::Object(_) if verb == 'w' => bad_verb(out, flags, verb, arg),
        // An address: any will do.
        Value::List(_) | Value::Map(_) if verb == 'p' => pad(out, flags, "0xc000000000"),
        Value::List(items) => list(out, flags, verb, items.items()),
        Value::Map(map) => {
            entries(out, flags, verb, map.entries().into_iter().map(|(key, item)| (Value::String(key), item)).collect())
        }
        Value::Object(_) if verb == 'p' => bad_verb(out, flags, verb, arg),
        Value::Object(object) => match object.entries() {
            Some(found) if object.kind() == "map" => entries(out, flags, verb, found),
            Some(found) => list(out, flags, verb, &found.into_iter().map(|(_, item)| item).collect::<Vec<_>>()),
            None => match object.parts() {
                Some((stringer, parts)) if !(stringer && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')) => {
                    out.push_str(if object.kind() == "ptr" { "&{" } else { "{" });
                    for (index, part) in parts.iter().enumerate() {
                        if index > 0 {
                            out.push(' ');
                        }
                        any(out, flags, verb, part);
                    }
                    out.push('}');
                }
                _ => string(out, flags, verb, &object.sprint(), arg),
            },
        },
        _ => bad_verb(out, flags, verb, arg),
    }
}

fn entries(out: &mut String, flags: &Flags, verb: char, entries: Vec<(Value, Value)>) {
    out.push_str("map[");
    for (index, (key, item)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        nested(out, flags, verb, key);
        out.push(':');
        nested(out, flags, verb, item);
    }
    out.push(']');
}

/// A value inside of a list or map: nil prints as such for every verb.
fn nested(out: &mut String, flags: &Flags, verb: char, item: &Value) {
    match item {
        Value::Nil | Value::NoValue => out.push_str("<nil>"),
        item => any(out, flags, verb, item),
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

/// Go's complaint: the value is printed with the same flags all the same.
fn bad_verb(out: &mut String, flags: &Flags, verb: char, arg: &Value) {
    let _ = write!(out, "%!{verb}({}=", arg.type_name());
    nested(out, flags, 'v', arg);
    out.push(')');
}

/// Text, cut to the precision.
fn cut_pad(out: &mut String, flags: &Flags, text: &str) {
    match flags.precision {
        Some(precision) => pad(out, flags, &text.chars().take(precision).collect::<String>()),
        None => pad(out, flags, text),
    }
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
        'o' => (8, "", false),
        'O' => (8, "0o", false),
        'x' => (16, "0x", false),
        'X' => (16, "0X", true),
        'c' | 'q' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
            let text = if verb == 'c' { c.to_string() } else { quote_char(c, flags.plus) };
            return pad(out, flags, &text);
        }
        'U' => {
            let digits = flags.precision.unwrap_or(4).max(4);
            let mut text = format!("U+{:0digits$X}", number as u64);
            if let Some(c) = u32::try_from(number).ok().and_then(char::from_u32).filter(|c| flags.sharp && is_print(*c))
            {
                let _ = write!(text, " '{c}'");
            }
            return pad(out, &Flags { zero: false, ..flags.clone() }, &text);
        }
        _ => return bad_verb(out, flags, verb, arg),
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
    if flags.sharp && radix == 8 && !digits.starts_with('0') {
        digits.insert(0, '0');
    }
    let prefix = if flags.sharp && radix != 8 || verb == 'O' { prefix } else { "" };
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
        'v' | 'g' | 'G' => format_float(number, 'g', flags.precision),
        'e' | 'E' => format_float(number, 'e', Some(flags.precision.unwrap_or(6))),
        'f' | 'F' => format_float(number, 'f', Some(flags.precision.unwrap_or(6))),
        'x' | 'X' => hexadecimal(number, flags.precision),
        'b' => binary(number),
        _ => return bad_verb(out, flags, verb, arg),
    };
    let text = if matches!(verb, 'E' | 'G' | 'X') && number.is_finite() { text.to_uppercase() } else { text };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    if !number.is_finite() {
        let sign = match sign(flags, negative) {
            "" if number.is_infinite() => "+",
            sign => sign,
        };
        return pad(out, &Flags { zero: false, ..flags.clone() }, &format!("{sign}{digits}"));
    }
    let sign = sign(flags, negative);
    let digits = if flags.sharp && verb != 'b' { with_point(digits, flags, verb) } else { digits.to_owned() };
    let zeros = if flags.zero { flags.width.unwrap_or(0).saturating_sub(sign.len() + digits.len()) } else { 0 };
    pad(out, &Flags { zero: false, ..flags.clone() }, &format!("{sign}{}{digits}", "0".repeat(zeros)));
}

/// What `#` does to a float: a point in any case, and as many digits as the precision says.
fn with_point(text: &str, flags: &Flags, verb: char) -> String {
    let exponents: &[char] = if matches!(verb, 'x' | 'X') { &['p', 'P'] } else { &['p', 'P', 'e', 'E'] };
    let (mantissa, tail) = text.split_at(text.find(exponents).unwrap_or(text.len()));
    let mut missing = match verb {
        'v' | 'g' | 'G' | 'x' => flags.precision.unwrap_or(6) as i64,
        _ => 0,
    };
    let significant = mantissa.bytes().filter(|b| *b != b'.').skip_while(|b| *b == b'0').count();
    missing -= significant as i64;
    let mut out = mantissa.to_owned();
    if !out.contains('.') {
        if out == "0" {
            missing -= 1;
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', usize::try_from(missing).unwrap_or(0)));
    out + tail
}

/// `%b` of a float: the mantissa and the power of two.
fn binary(number: f64) -> String {
    let bits = number.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (mantissa, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let sign = if number.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{power:+}")
}

/// `%x` of a float: `0x1.8p+01`.
fn hexadecimal(number: f64, precision: Option<usize>) -> String {
    if !number.is_finite() {
        return format_float(number, 'g', None);
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let bits = number.to_bits();
    let (mut mantissa, mut exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i64 - 1023);
    if exponent == -1023 {
        if mantissa == 0 {
            exponent = 0;
        } else {
            let shift = mantissa.leading_zeros() - 11;
            mantissa <<= shift;
            exponent = -1022 - i64::from(shift);
        }
    } else {
        mantissa |= 1 << 52;
    }
    if let Some(digits) = precision.filter(|digits| *digits < 13) {
        // To the nearest, ties to even, as strconv rounds.
        let dropped = 4 * (13 - digits as u32);
        let rest = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        let half = 1 << (dropped - 1);
        mantissa += u64::from(rest > half || rest == half && mantissa & 1 == 1);
        mantissa <<= dropped;
        if mantissa >> 53 == 1 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match precision {
        Some(digits) => {
            fraction.truncate(digits);
            fraction.extend(std::iter::repeat_n('0', digits.saturating_sub(fraction.len())));
        }
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}0x{}{point}{fraction}p{exponent_sign}{:02}", mantissa >> 52, exponent.abs())
}

fn string(out: &mut String, flags: &Flags, verb: char, text: &str, arg: &Value) {
    match verb {
        's' | 'v' => cut_pad(out, flags, text),
        'q' => {
            let cut: String;
            let text = match flags.precision {
                Some(precision) => {
                    cut = text.chars().take(precision).collect();
                    cut.as_str()
                }
                None => text,
            };
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
        _ => bad_verb(out, flags, verb, arg),
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
        Value::List(list) if list.is_nil() => format!("{}(nil)", value.type_name()),
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
