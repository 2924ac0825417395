//! How values print: `fmt.Print`, and the number formats that everything else is made of.

use std::fmt::Write;

use super::value::{MAX_DEPTH, Object, Value};

/// `value` as an action prints it.
pub fn print(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// Prints `value` to `out`, as an action does.
pub fn write(out: &mut String, value: &Value) {
    match value {
        Value::NoValue | Value::Nil => out.push_str("<no value>"),
        Value::String(text) => out.push_str(text),
        Value::Object(object) => out.push_str(&object.print()),
        other => inner(out, other),
    }
}

/// `value` as `fmt.Sprint` and `%v` print it: nil is `<nil>`.
pub fn sprint(value: &Value) -> String {
    let mut out = String::new();
    inner(&mut out, value);
    out
}

/// No text that is printed grows beyond it, in bytes: who prints more is stopped by what prints.
const MAX_BYTES: usize = 128 << 20;

pub(super) fn inner(out: &mut String, value: &Value) {
    within(out, value, 0);
}

fn within(out: &mut String, value: &Value, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_BYTES {
        return;
    }
    let inner = |out: &mut String, value: &Value| {
        stacker::maybe_grow(64 << 10, 1 << 20, || within(out, value, depth + 1));
    };
    match value {
        Value::NoValue | Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) | Value::Int64(value) => drop(write!(out, "{value}")),
        Value::Uint(value) => drop(write!(out, "{value}")),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => {
            out.push('[');
            for (index, byte) in bytes.iter().enumerate() {
                let _ = write!(out, "{}{byte}", if index > 0 { " " } else { "" });
            }
            out.push(']');
        }
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                inner(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (key, value)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                inner(out, value);
            }
            out.push(']');
        }
        Value::Object(object) => out.push_str(&object.sprint()),
    }
}

/// Several values, as `fmt.Sprint` joins them: a space between two of which neither is text.
pub fn sprint_all(values: &[Value]) -> String {
    let mut out = String::new();
    let mut text_before = true;
    for (index, value) in values.iter().enumerate() {
        let text = matches!(value, Value::String(_));
        if index > 0 && !text && !text_before {
            out.push(' ');
        }
        inner(&mut out, value);
        text_before = text;
    }
    out
}

/// The digits of a positive number, shortest that reads back the same, and where its point stands: 0.`digits` times
/// ten to the power of the second.
pub(super) fn shortest(value: f64) -> (Vec<u8>, i32) {
    if value == 0.0 {
        return (vec![b'0'], 1);
    }
    let text = format!("{:e}", value.abs());
    split_exponent(&text)
}

/// The same, rounded to `digits` significant digits.
pub(super) fn rounded(value: f64, digits: usize) -> (Vec<u8>, i32) {
    let text = format!("{:.*e}", digits.saturating_sub(1), value.abs());
    let (found, point) = split_exponent(&text);
    if value == 0.0 { (found, 1) } else { (found, point) }
}

fn split_exponent(text: &str) -> (Vec<u8>, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    (digits, exponent.parse::<i32>().unwrap_or_default() + 1)
}

/// `%v` of a float64.
pub fn float(value: f64) -> String {
    format_float(value, 'g', None)
}

/// `strconv.FormatFloat`: formats `e`, `f` and `g`; no precision is the shortest that reads back the same.
pub fn format_float(value: f64, format: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match format {
        'f' => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
        'e' => {
            let (digits, point) = match precision {
                Some(precision) => rounded(value, precision + 1),
                None => shortest(value),
            };
            format!("{sign}{}", exponent_form(&digits, point, precision))
        }
        _ => {
            let (mut digits, point) = match precision {
                Some(precision) => rounded(value, precision.max(1)),
                None => shortest(value),
            };
            // The shortest form decides as if its precision were 6.
            let mut limit = precision.map_or(6, |precision| precision.max(1) as i32);
            if precision.is_some() {
                while digits.len() > 1 && digits.last() == Some(&b'0') {
                    digits.pop();
                }
                if limit > digits.len() as i32 && digits.len() as i32 >= point {
                    limit = digits.len() as i32;
                }
            }
            let exponent = point - 1;
            if exponent < -4 || exponent >= limit {
                format!("{sign}{}", exponent_form(&digits, point, None))
            } else {
                format!("{sign}{}", plain_form(&digits, point))
            }
        }
    }
}

fn exponent_form(digits: &[u8], point: i32, precision: Option<usize>) -> String {
    let mut out = String::new();
    out.push(digits.first().copied().unwrap_or(b'0') as char);
    let rest: String = digits.iter().skip(1).map(|b| *b as char).collect();
    if !rest.is_empty() || precision.is_some_and(|precision| precision > 0) {
        out.push('.');
        out.push_str(&rest);
    }
    let exponent = point - 1;
    let _ = write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    out
}

fn plain_form(digits: &[u8], point: i32) -> String {
    let text: String = digits.iter().map(|b| *b as char).collect();
    if point <= 0 {
        return format!("0.{}{text}", "0".repeat(point.unsigned_abs() as usize));
    }
    let point = point as usize;
    if text.len() <= point {
        format!("{text}{}", "0".repeat(point - text.len()))
    } else {
        format!("{}.{}", &text[..point], &text[point..])
    }
}

/// `complex128`: what `2i` is. Templates can do nothing with it but print it.
pub(super) struct Complex(pub f64, pub f64);

impl Object for Complex {
    fn type_name(&self) -> &'static str {
        "complex128"
    }

    fn kind(&self) -> &'static str {
        "complex128"
    }

    fn print(&self) -> String {
        let imaginary = float(self.1);
        let sign = if imaginary.starts_with(['+', '-']) { "" } else { "+" };
        format!("({}{sign}{imaginary}i)", float(self.0))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
