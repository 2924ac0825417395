//! Regular expressions: the `regex` crate, held to RE2's results.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use super::{int_of, text_of};
use crate::render::template::{FunctionError, Functions, List, Param, STRINGS, Value};

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
    check(pattern).map_err(|reason| FunctionError::Message(format!("error parsing regexp: {reason}")))?;
    // RE2's \d, \w, \s and \b know ASCII only; `\z` is the end of text in both, and `\C`, `\Q` are RE2's own.
    let ascii = translate(pattern);
    regex::RegexBuilder::new(&ascii).size_limit(4 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        FunctionError::Message(format!("error parsing regexp: {reason}: `{pattern}`"))
    })
}

/// What RE2 refuses, in Go's words.
fn check(pattern: &str) -> Result<(), String> {
    let mut rest = pattern;
    let mut groups = 0_usize;
    // The operator before, if one stands there: two in a row are refused.
    let mut operator: Option<&str> = None;
    let mut operand = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let repeated = match c {
            '*' | '+' | '?' => Some(1),
            '{' => repeat(rest)?,
            _ => None,
        };
        if let Some(length) = repeated {
            let length = length + usize::from(rest[length..].starts_with('?'));
            if let Some(before) = operator {
                let start = pattern.len() - rest.len() - before.len();
                let both = &pattern[start..pattern.len() - rest.len() + length];
                return Err(format!("invalid nested repetition operator: `{both}`"));
            }
            if !operand {
                return Err(format!("missing argument to repetition operator: `{}`", &rest[..length]));
            }
            operator = Some(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        operator = None;
        operand = true;
        rest = match c {
            '\\' => {
                if after.is_empty() {
                    return Err("trailing backslash at end of expression: ``".to_owned());
                }
                escape(rest)?
            }
            '[' => class(rest)?,
            '(' => {
                groups += 1;
                operand = false;
                group(rest)?
            }
            ')' => {
                groups = groups.checked_sub(1).ok_or_else(|| format!("unexpected ): `{pattern}`"))?;
                after
            }
            '|' => {
                operand = false;
                after
            }
            _ => after,
        };
    }
    if groups > 0 { Err(format!("missing closing ): `{pattern}`")) } else { Ok(()) }
}

/// The length of `{n}`, `{n,}` or `{n,m}`; `None` where the brace stands for itself.
fn repeat(rest: &str) -> Result<Option<usize>, String> {
    let Some(end) = rest.find('}') else { return Ok(None) };
    let (low, high) = rest[1..end].split_once(',').unwrap_or((&rest[1..end], &rest[1..end]));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(low) || !(digits(high) || high.is_empty()) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let (low, high) = (number(low), if high.is_empty() { None } else { Some(number(high)) });
    if low > 1000 || high.is_some_and(|high| high > 1000 || high < low) {
        return Err(format!("invalid repeat count: `{}`", &rest[..=end]));
    }
    Ok(Some(end + 1))
}

/// What follows an escape.
fn escape(rest: &str) -> Result<&str, String> {
    let mut chars = rest.chars().skip(1);
    let c = chars.next().unwrap_or_default();
    let after = &rest[1 + c.len_utf8()..];
    let good = match c {
        'Q' => return Ok(after.find("\\E").map_or("", |end| &after[end + 2..])),
        'p' | 'P' | 'x' => {
            return Ok(match after.strip_prefix('{').and_then(|inner| inner.find('}')) {
                Some(end) => &after[end + 2..],
                None => after,
            });
        }
        '0'..='7' => c == '0' || after.starts_with(|c: char| ('0'..='7').contains(&c)),
        'A' | 'b' | 'B' | 'C' | 'E' | 'z' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => true,
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => true,
        c => c.is_ascii_punctuation() || !c.is_ascii(),
    };
    if good { Ok(after) } else { Err(format!("invalid escape sequence: `\\{c}`")) }
}

/// What follows a character class.
fn class(rest: &str) -> Result<&str, String> {
    let mut inner = &rest[1..];
    inner = inner.strip_prefix('^').unwrap_or(inner);
    let mut first = true;
    loop {
        let Some(c) = inner.chars().next() else { return Err(format!("missing closing ]: `{rest}`")) };
        inner = match c {
            ']' if !first => return Ok(&inner[1..]),
            '\\' if inner.len() == 1 => return Err(format!("missing closing ]: `{rest}`")),
            '\\' => escape(inner)?,
            '[' if inner.starts_with("[:") => inner.find(":]").map_or(&inner[1..], |end| &inner[end + 2..]),
            c => &inner[c.len_utf8()..],
        };
        first = false;
        // A range must not run backwards.
        if c != '\\'
            && let Some(high) = inner.strip_prefix('-').and_then(|high| high.chars().next())
            && !matches!(high, ']' | '\\' | '[')
        {
            let after = &inner[1 + high.len_utf8()..];
            if high < c {
                return Err(format!("invalid character class range: `{c}-{high}`"));
            }
            inner = after;
        }
    }
}

/// What follows the start of a group.
fn group(rest: &str) -> Result<&str, String> {
    let Some(inner) = rest.strip_prefix("(?") else { return Ok(&rest[1..]) };
    if let Some(name) = inner.strip_prefix("P<").or_else(|| inner.strip_prefix('<')) {
        if name.starts_with(['=', '!']) && inner.starts_with('<') {
            return Err(format!("invalid or unsupported Perl syntax: `(?{}`", &inner[..2]));
        }
        let Some((name, after)) = name.split_once('>') else {
            return Err(format!("invalid named capture: `{rest}`"));
        };
        if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
            let length = rest.len() - after.len();
            return Err(format!("invalid named capture: `{}`", &rest[..length]));
        }
        return Ok(after);
    }
    for (at, c) in inner.char_indices() {
        match c {
            'i' | 'm' | 's' | 'U' | '-' => {}
            ':' | ')' if at == 0 || !inner[..at].ends_with('-') => {
                return Ok(if c == ')' { &inner[at..] } else { &inner[at + 1..] });
            }
            _ => return Err(format!("invalid or unsupported Perl syntax: `(?{}`", &inner[..at + c.len_utf8()])),
        }
    }
    Err(format!("missing argument to repetition operator: `{}`", &rest[1..2]))
}

/// What Go's MustCompile says before its own words.
fn must(pattern: &str) -> Result<Regex, FunctionError> {
    compile(pattern).map_err(|error| FunctionError::Message(format!("regexp: Compile(`{pattern}`): {error}")))
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
                Some(named @ ('p' | 'P' | 'x')) => {
                    out.push('\\');
                    out.push(named);
                    if chars.peek() == Some(&'{') {
                        for c in chars.by_ref() {
                            out.push(c);
                            if c == '}' {
                                break;
                            }
                        }
                    }
                }
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
            // A brace that begins no repetition stands for itself.
            '{' if class == 0 => {
                let rest: String = std::iter::once('{').chain(chars.clone()).collect();
                let repeats = repeat(&rest).is_ok_and(|length| length.is_some());
                out.push_str(if repeats { "{" } else { "\\{" });
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
    // Those without `must` panic in Go, which its templates tell of in other words.
    // More than this replaced text is no text that anybody wants.
    const MAX_REPLACED: usize = 64 << 20;
    type Compile = fn(&str) -> Result<Regex, FunctionError>;
    let mut both = |names: [&'static str; 2], params: &[Param], body: fn(&Regex, &[Value]) -> Value| {
        for (name, compile) in names.into_iter().zip([must as Compile, compile]) {
            functions.add(name, params, move |_, args| {
                let regex = compile(text_of(&args[0]))?;
                if let [_, Value::String(text), Value::String(new)] = args
                    && text.len().saturating_add(1).saturating_mul(new.len()) > MAX_REPLACED
                    && regex.find_iter(text).count().saturating_mul(new.len()) > MAX_REPLACED
                {
                    return Err("the result would be too long".into());
                }
                Ok(body(&regex, &args[1..]))
            });
        }
    };
    both(["regexFind", "mustRegexFind"], &[Text, Text], |regex, args| {
        regex.find(text_of(&args[0])).map_or("", |found| found.as_str()).into()
    });
    both(["regexFindAll", "mustRegexFindAll"], &[Text, Text, Int], |regex, args| {
        let limit = usize::try_from(int_of(&args[1])).unwrap_or(usize::MAX);
        let found = regex.find_iter(text_of(&args[0])).take(limit);
        Value::List(List::appended(found.map(|found| found.as_str().into()).collect(), STRINGS))
    });
    both(["regexReplaceAll", "mustRegexReplaceAll"], &[Text, Text, Text], |regex, args| {
        regex.replace_all(text_of(&args[0]), text_of(&args[1])).into_owned().into()
    });
    both(["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"], &[Text, Text, Text], |regex, args| {
        regex.replace_all(text_of(&args[0]), regex::NoExpand(text_of(&args[1]))).into_owned().into()
    });
    both(["regexSplit", "mustRegexSplit"], &[Text, Text, Int], |regex, args| {
        Value::strings(split(regex, text_of(&args[0]), int_of(&args[1])))
    });
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
fn split<'t>(regex: &Regex, text: &'t str, limit: i64) -> Vec<&'t str> {
    if limit == 0 {
        return Vec::new();
    }
    if !regex.as_str().is_empty() && text.is_empty() {
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
