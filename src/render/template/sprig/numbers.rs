//! Arithmetic: int64 for the plain functions, decimal for those that end in `f`.

use super::{Outcome, int_of};
use crate::render::template::{Functions, List, Param, Value, print};

/// `int64`: what is no number is 0.
pub fn to_int(value: &Value) -> i64 {
    match value {
        Value::Bool(value) => i64::from(*value),
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Uint(value) => *value as i64,
        Value::Float(value) => truncated(*value),
        Value::String(text) => parse_int(trim_zero_decimal(text)),
        _ => 0,
    }
}

/// What a conversion to int64 makes of a float on amd64: what does not fit becomes the least integer.
fn truncated(value: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&value) { value as i64 } else { i64::MIN }
}

/// `float64`: what is no number is 0.
pub fn to_float(value: &Value) -> f64 {
    match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::Float(value) => *value,
        Value::String(text) => parse_float(text),
        _ => 0.0,
    }
}

fn parse_float(text: &str) -> f64 {
    match text.to_ascii_lowercase().trim_start_matches(['+', '-']) {
        "inf" | "infinity" => {
            if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        "nan" => f64::NAN,
        _ => crate::render::template::parse_go_float(text).unwrap_or(0.0),
    }
}

fn parse_int(text: &str) -> i64 {
    crate::render::template::parse_go_int(text).unwrap_or(0)
}

/// `1.00` is 1, `1.50` stays.
fn trim_zero_decimal(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Float, Int, String as Text};
    functions.add("int64", &[Any], |_, args| Ok(Value::Int64(to_int(&args[0]))));
    functions.add("int", &[Any], |_, args| Ok(Value::Int(to_int(&args[0]))));
    functions.add("float64", &[Any], |_, args| Ok(Value::Float(to_float(&args[0]))));
    functions.add("atoi", &[Text], |_, args| {
        Ok(Value::Int(args[0].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)))
    });
    functions.add("toDecimal", &[Any], |_, args| {
        Ok(Value::Int64(i64::from_str_radix(&print::sprint(&args[0]), 8).unwrap_or(0)))
    });
    functions.add_variadic("add", &[Any], |_, args| fold(0, args, i64::wrapping_add));
    functions.add("add1", &[Any], |_, args| Ok(Value::Int64(to_int(&args[0]).wrapping_add(1))));
    functions.add("sub", &[Any, Any], |_, args| fold(to_int(&args[0]), &args[1..], i64::wrapping_sub));
    functions.add_variadic("mul", &[Any, Any], |_, args| fold(to_int(&args[0]), &args[1..], i64::wrapping_mul));
    functions.add("div", &[Any, Any], |_, args| divide(args, i64::checked_div));
    functions.add("mod", &[Any, Any], |_, args| divide(args, i64::checked_rem));
    functions.add_variadic("max", &[Any, Any], |_, args| fold(to_int(&args[0]), &args[1..], i64::max));
    functions.alias("biggest", "max");
    functions.add_variadic("min", &[Any, Any], |_, args| fold(to_int(&args[0]), &args[1..], i64::min));
    functions.add_variadic("maxf", &[Any, Any], |_, args| fold_float(to_float(&args[0]), &args[1..], f64::max));
    functions.add_variadic("minf", &[Any, Any], |_, args| fold_float(to_float(&args[0]), &args[1..], f64::min));
    functions.add_variadic("addf", &[Any], |_, args| decimal(0.0, args, '+'));
    functions.add("add1f", &[Any], |_, args| decimal(to_float(&args[0]), &[Value::Int(1)], '+'));
    functions.add_variadic("subf", &[Any, Any], |_, args| decimal(to_float(&args[0]), &args[1..], '-'));
    functions.add_variadic("mulf", &[Any, Any], |_, args| decimal(to_float(&args[0]), &args[1..], '*'));
    functions.add_variadic("divf", &[Any, Any], |_, args| decimal(to_float(&args[0]), &args[1..], '/'));
    functions.add("floor", &[Any], |_, args| Ok(Value::Float(to_float(&args[0]).floor())));
    functions.add("ceil", &[Any], |_, args| Ok(Value::Float(to_float(&args[0]).ceil())));
    functions.add_variadic("round", &[Any, Int, Float], |_, args| {
        let on = match args.get(2) {
            Some(Value::Float(on)) => *on,
            _ => 0.5,
        };
        let power = 10_f64.powf(int_of(&args[1]) as f64);
        let digit = power * to_float(&args[0]);
        let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
        Ok(Value::Float(rounded / power))
    });
    functions.add("until", &[Int], |_, args| {
        let count = int_of(&args[0]);
        steps(0, count, if count < 0 { -1 } else { 1 }).map(ints)
    });
    functions.add("untilStep", &[Int, Int, Int], |_, args| {
        steps(int_of(&args[0]), int_of(&args[1]), int_of(&args[2])).map(ints)
    });
    functions.add_variadic("seq", &[Int], |_, args| {
        let args: Vec<i64> = args.iter().map(int_of).collect();
        let (start, end, step) = match args.as_slice() {
            [end] => (1, *end, if *end < 1 { -1 } else { 1 }),
            [start, end] => (*start, *end, if end < start { -1 } else { 1 }),
            [start, step, end] => (*start, *end, *step),
            _ => return Ok("".into()),
        };
        let direction = if end < start { -1 } else { 1 };
        if args.len() == 3 && direction < 0 && step > 0 {
            return Ok("".into());
        }
        let numbers = steps(start, end.saturating_add(direction), step)?;
        Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ").into())
    });
    functions.add("plural", &[Text, Text, Int], |_, args| Ok(args[usize::from(int_of(&args[2]) != 1)].clone()));
}

fn fold(start: i64, args: &[Value], op: fn(i64, i64) -> i64) -> Outcome {
    Ok(Value::Int64(args.iter().map(to_int).fold(start, op)))
}

fn fold_float(start: f64, args: &[Value], op: fn(f64, f64) -> f64) -> Outcome {
    Ok(Value::Float(args.iter().map(to_float).fold(start, op)))
}

fn divide(args: &[Value], op: fn(i64, i64) -> Option<i64>) -> Outcome {
    let (a, b) = (to_int(&args[0]), to_int(&args[1]));
    if b == 0 {
        return Err("runtime error: integer divide by zero".into());
    }
    Ok(Value::Int64(op(a, b).unwrap_or(0)))
}

/// Decimal arithmetic: exact for `+`, `-` and `*` as far as 128 bits reach, 16 digits behind the point for `/`.
fn decimal(start: f64, args: &[Value], operator: char) -> Outcome {
    let mut result = start;
    for arg in args {
        let operand = to_float(arg);
        if operator == '/' && operand == 0.0 {
            return Err("decimal division by 0".into());
        }
        result = exact(result, operand, operator).unwrap_or(match operator {
            '+' => result + operand,
            '-' => result - operand,
            '*' => result * operand,
            _ => ((result / operand) * 1e16).round() / 1e16,
        });
    }
    Ok(Value::Float(result))
}

fn exact(a: f64, b: f64, operator: char) -> Option<f64> {
    let ((a, scale_a), (b, scale_b)) = (scaled(a)?, scaled(b)?);
    let scale = scale_a.max(scale_b);
    let raise = |value: i128, by: u32| value.checked_mul(10_i128.checked_pow(by)?);
    let (digits, scale) = match operator {
        '+' => (raise(a, scale - scale_a)?.checked_add(raise(b, scale - scale_b)?)?, scale),
        '-' => (raise(a, scale - scale_a)?.checked_sub(raise(b, scale - scale_b)?)?, scale),
        '*' => (a.checked_mul(b)?, scale_a + scale_b),
        _ => {
            // Sixteen digits, rounded half away from zero.
            let numerator = raise(raise(a, scale - scale_a)?, 17)?;
            let quotient = numerator.checked_div(raise(b, scale - scale_b)?)?;
            let rounded = (quotient.abs() + 5) / 10 * quotient.signum();
            (rounded, 16)
        }
    };
    format!("{digits}e-{scale}").parse().ok()
}

/// A number as an integer and how many digits of it stand behind the point.
fn scaled(value: f64) -> Option<(i128, u32)> {
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    Some((format!("{whole}{fraction}").parse().ok()?, fraction.len() as u32))
}

/// No list of numbers is longer.
const MAX_NUMBERS: i64 = 1_000_000;

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, crate::render::template::FunctionError> {
    if stop < start && step >= 0 || stop >= start && step <= 0 {
        return Ok(Vec::new());
    }
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step);
    if count > i128::from(MAX_NUMBERS) {
        return Err(format!("more than {MAX_NUMBERS} numbers").into());
    }
    let mut numbers = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        numbers.push(at);
        at = at.saturating_add(step);
    }
    Ok(numbers)
}

fn ints(numbers: Vec<i64>) -> Value {
    Value::List(List::typed(numbers.into_iter().map(Value::Int).collect(), "[]int"))
}
