//! Regular expressions: the `regex` crate, held to RE2's results.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use super::{int_of, text_of};
use crate::render::template::{FunctionError, Functions, Param, Value};

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// Expressions that a thread keeps compiled.
const KEPT: usize = 512;

/// Compiles `pattern`, or says why not as Go does.
fn compile(pattern: &str) -> Result<Regex, FunctionError> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = build(pattern)?;
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    })
}

fn build(pattern: &str) -> Result<Regex, FunctionError> {
    // RE2's \d, \w, \s and \b know ASCII only; `\z` is the end of text in both, and `\C`, `\Q` are RE2's own.
    let ascii = translate(pattern);
    regex::RegexBuilder::new(&ascii).size_limit(4 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        FunctionError::Message(format!("error parsing regexp: {reason}: `{pattern}`"))
    })
}

/// Rewrites what means something else in RE2.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut class = 0;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
                Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
                Some('b') if class == 0 => out.push_str("(?-u:\\b)"),
                Some('Q') => {
                    let mut literal = String::new();
                    while let Some(c) = chars.next() {
                        if c == '\\' && chars.peek() == Some(&'E') {
                            chars.next();
                            break;
                        }
                        literal.push(c);
                    }
                    out.push_str(&regex::escape(&literal));
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if class > 0 => {
                // Within a class RE2 takes `[` as itself, unless it opens `[:name:]`.
                if chars.peek() == Some(&':') {
                    out.push('[');
                    for c in chars.by_ref() {
                        out.push(c);
                        if c == ']' {
                            break;
                        }
                    }
                } else {
                    out.push_str("\\[");
                }
            }
            '[' => {
                class = 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            ']' if class > 0 => {
                class = 0;
                out.push(']');
            }
            '&' | '~' | '-' if class > 0 && chars.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Int, String as Text};
    functions.add("regexMatch", &[Text, Text], |_, args| {
        Ok(compile(text_of(&args[0])).is_ok_and(|regex| regex.is_match(text_of(&args[1]))).into())
    });
    functions.add("mustRegexMatch", &[Text, Text], |_, args| {
        Ok(compile(text_of(&args[0]))?.is_match(text_of(&args[1])).into())
    });
    functions.add("regexFind", &[Text, Text], |_, args| {
        let regex = compile(text_of(&args[0]))?;
        Ok(regex.find(text_of(&args[1])).map_or("", |found| found.as_str()).into())
    });
    functions.alias("mustRegexFind", "regexFind");
    functions.add("regexFindAll", &[Text, Text, Int], |_, args| {
        let regex = compile(text_of(&args[0]))?;
        let limit = usize::try_from(int_of(&args[2])).unwrap_or(usize::MAX);
        Ok(Value::strings(regex.find_iter(text_of(&args[1])).take(limit).map(|found| found.as_str())))
    });
    functions.alias("mustRegexFindAll", "regexFindAll");
    functions.add("regexReplaceAll", &[Text, Text, Text], |_, args| {
        let regex = compile(text_of(&args[0]))?;
        Ok(regex.replace_all(text_of(&args[1]), text_of(&args[2])).into_owned().into())
    });
    functions.alias("mustRegexReplaceAll", "regexReplaceAll");
    functions.add("regexReplaceAllLiteral", &[Text, Text, Text], |_, args| {
        let regex = compile(text_of(&args[0]))?;
        Ok(regex.replace_all(text_of(&args[1]), regex::NoExpand(text_of(&args[2]))).into_owned().into())
    });
    functions.alias("mustRegexReplaceAllLiteral", "regexReplaceAllLiteral");
    functions.add("regexSplit", &[Text, Text, Int], |_, args| {
        let regex = compile(text_of(&args[0]))?;
        Ok(Value::strings(split(&regex, text_of(&args[0]), text_of(&args[1]), int_of(&args[2]))))
    });
    functions.alias("mustRegexSplit", "regexSplit");
    functions.add("regexQuoteMeta", &[Text], |_, args| {
        let mut out = String::new();
        for c in text_of(&args[0]).chars() {
            if "\\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        Ok(out.into())
    });
}

/// Go's Split: an empty match at the start or the end makes no piece.
fn split<'t>(regex: &Regex, pattern: &str, text: &'t str, limit: i64) -> Vec<&'t str> {
    if limit == 0 {
        return Vec::new();
    }
    if !pattern.is_empty() && text.is_empty() {
        return vec![""];
    }
    let mut pieces = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if limit > 0 && pieces.len() as i64 == limit - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            pieces.push(&text[start..end]);
        }
        start = found.end();
    }
    if end != text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}
