//! Strings. Where Go counts bytes, so do these.

use smol_str::SmolStr;

use super::{int_of, text_of, to_text};
use crate::render::template::{FunctionError, Functions, Map, Param, Value, bytes, print, quote};

/// The longest text that a function makes of a number.
const MAX_REPEAT: usize = 10_000_000;

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, Int, String as Text};
    let mut one = |name: &'static str, body: fn(&str) -> String| {
        functions.add(name, &[Text], move |_, args| Ok(body(text_of(&args[0])).into()));
    };
    one("trim", |text| text.trim_matches(is_space).to_owned());
    one("upper", |text| text.chars().map(upper).collect());
    one("lower", |text| text.chars().map(lower).collect());
    one("title", title);
    one("untitle", |text| word_starts(text, lower));
    one("nospace", without_space);
    one("initials", initials);
    one("swapcase", swap_case);
    one("snakecase", |text| split_words(text, '_'));
    one("kebabcase", |text| split_words(text, '-'));
    one("camelcase", pascal_case);
    let mut two = |name: &'static str, body: fn(&str, &str) -> Value| {
        functions.add(name, &[Text, Text], move |_, args| Ok(body(text_of(&args[0]), text_of(&args[1]))));
    };
    two("trimAll", |set, text| text.trim_matches(|c| set.contains(c)).into());
    two("trimall", |set, text| text.trim_matches(|c| set.contains(c)).into());
    two("trimSuffix", |suffix, text| text.strip_suffix(suffix).unwrap_or(text).into());
    two("trimPrefix", |prefix, text| text.strip_prefix(prefix).unwrap_or(text).into());
    two("contains", |part, text| text.contains(part).into());
    two("hasPrefix", |part, text| text.starts_with(part).into());
    two("hasSuffix", |part, text| text.ends_with(part).into());
    two("splitList", |separator, text| Value::strings(split(text, separator)));
    two("split", |separator, text| numbered(split(text, separator)));
    functions.add("splitn", &[Text, Int, Text], |_, args| {
        let (separator, text) = (text_of(&args[0]), text_of(&args[2]));
        Ok(match int_of(&args[1]) {
            0 => numbered(Vec::new()),
            limit if limit < 0 => numbered(split(text, separator)),
            limit if separator.is_empty() => {
                let mut parts = split(text, "");
                let limit = limit as usize;
                if parts.len() > limit {
                    let tail = parts.split_off(limit - 1).concat();
                    parts.push(&tail);
                    numbered(parts)
                } else {
                    numbered(parts)
                }
            }
            limit => numbered(text.splitn(limit as usize, separator).collect()),
        })
    });
    functions.add("repeat", &[Int, Text], |_, args| {
        let Ok(count) = usize::try_from(int_of(&args[0])) else {
            return Err("strings: negative Repeat count".into());
        };
        let text = text_of(&args[1]);
        if count.saturating_mul(text.len()) > MAX_REPEAT {
            return Err(too_long());
        }
        Ok(text.repeat(count).into())
    });
    functions.add("trunc", &[Int, Text], |_, args| {
        let (count, text) = (int_of(&args[0]), text_of(&args[1]));
        let raw = bytes::of(text);
        let length = raw.len() as i64;
        Ok(Value::String(if count < 0 && length + count > 0 {
            bytes::text(&raw[(length + count) as usize..])
        } else if count >= 0 && length > count {
            bytes::text(&raw[..count as usize])
        } else {
            SmolStr::new(text)
        }))
    });
    functions.add("substr", &[Int, Int, Text], |_, args| {
        let (start, end) = (int_of(&args[0]), int_of(&args[1]));
        let raw = bytes::of(text_of(&args[2]));
        let length = raw.len() as i64;
        let range = match (start, end) {
            (start, end) if start < 0 => 0..end,
            (start, end) if end < 0 || end > length => start..length,
            (start, end) => start..end,
        };
        match (usize::try_from(range.start), usize::try_from(range.end)) {
            (Ok(start), Ok(end)) if start <= end && end <= raw.len() => {
                Ok(Value::String(bytes::text(&raw[start..end])))
            }
            _ => Err(format!("runtime error: slice bounds out of range [{}:{}]", range.start, range.end).into()),
        }
    });
    functions.add_variadic("quote", &[Any], |_, args| {
        let parts: Vec<String> = args.iter().filter(|arg| !arg.is_nil()).map(|arg| quote(&to_text(arg))).collect();
        Ok(parts.join(" ").into())
    });
    functions.add_variadic("squote", &[Any], |_, args| {
        let parts: Vec<String> =
            args.iter().filter(|arg| !arg.is_nil()).map(|arg| format!("'{}'", print::sprint(arg))).collect();
        Ok(parts.join(" ").into())
    });
    functions.add_variadic("cat", &[Any], |_, args| {
        let parts: Vec<String> = args.iter().filter(|arg| !arg.is_nil()).map(print::sprint).collect();
        Ok(parts.join(" ").into())
    });
    functions.add("indent", &[Int, Text], |_, args| Ok(indent("", args)?.into()));
    functions.add("nindent", &[Int, Text], |_, args| Ok(indent("\n", args)?.into()));
    functions.add("replace", &[Text, Text, Text], |_, args| {
        let (old, new, text) = (text_of(&args[0]), text_of(&args[1]), text_of(&args[2]));
        if new.len() > old.len() && text.matches(old).count().saturating_mul(new.len()) > MAX_REPEAT {
            return Err(too_long());
        }
        Ok(text.replace(old, new).into())
    });
    functions.add("abbrev", &[Int, Text], |_, args| {
        let (width, text) = (int_of(&args[0]), text_of(&args[1]));
        if width < 4 {
            return Ok(text.into());
        }
        Ok(Value::String(abbreviate(text, 0, width as usize)))
    });
    functions.add("abbrevboth", &[Int, Int, Text], |_, args| {
        let (left, right, text) = (int_of(&args[0]), int_of(&args[1]), text_of(&args[2]));
        if right < 4 || left > 0 && right < 7 {
            return Ok(text.into());
        }
        Ok(Value::String(abbreviate(text, usize::try_from(left).unwrap_or(0), right as usize)))
    });
    functions
        .add("wrap", &[Int, Text], |_, args| Ok(Value::String(wrap(text_of(&args[1]), int_of(&args[0]), "\n", false))));
    functions.add("wrapWith", &[Int, Text, Text], |_, args| {
        let line = if text_of(&args[1]).is_empty() { "\n" } else { text_of(&args[1]) };
        Ok(Value::String(wrap(text_of(&args[2]), int_of(&args[0]), line, true)))
    });
}

fn too_long() -> FunctionError {
    format!("the text exceeds {MAX_REPEAT} bytes").into()
}

/// Go's white space: Unicode's, with NEL and NBSP.
fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Go maps a character to one character.
fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    }
}

/// `strings.Title`: a letter that no letter, digit or underscore precedes.
fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .map(|c| {
            let inside = before.is_alphanumeric() || before == '_' || !before.is_ascii() && !before.is_whitespace();
            before = c;
            if inside { c } else { title_case(c) }
        })
        .collect()
}

/// The character as the first of a title: of the letters that are two in one only the first part is large.
fn title_case(c: char) -> char {
    match c {
        '\u{1C4}'..='\u{1C6}' => '\u{1C5}',
        '\u{1C7}'..='\u{1C9}' => '\u{1C8}',
        '\u{1CA}'..='\u{1CC}' => '\u{1CB}',
        '\u{1F1}'..='\u{1F3}' => '\u{1F2}',
        c => upper(c),
    }
}

/// Applies `change` to each letter that space, or nothing, precedes.
fn word_starts(text: &str, change: fn(char) -> char) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let first = std::mem::replace(&mut start, is_space(c));
            if first && !is_space(c) { change(c) } else { c }
        })
        .collect()
}

fn initials(text: &str) -> String {
    let mut start = true;
    text.bytes()
        .map(|byte| byte as char)
        .filter(|c| {
            let space = is_space(*c);
            let first = std::mem::replace(&mut start, space);
            first && !space
        })
        .collect()
}

fn swap_case(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_uppercase() => lower(c),
            c if c.is_lowercase() => upper(c),
            c => c,
        })
        .collect()
}

fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if separator.is_empty() {
        return text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
    }
    text.split(separator).collect()
}

fn numbered(parts: Vec<&str>) -> Value {
    let map = Map::typed("map[string]string");
    for (index, part) in parts.into_iter().enumerate() {
        map.insert(format!("_{index}"), part.into());
    }
    Value::Map(map)
}

fn indent(before: &str, args: &[Value]) -> Result<String, FunctionError> {
    let text = text_of(&args[1]);
    let Ok(spaces) = usize::try_from(int_of(&args[0])) else { return Err("strings: negative Repeat count".into()) };
    let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
    if spaces.saturating_mul(lines) > MAX_REPEAT {
        return Err(too_long());
    }
    let pad = " ".repeat(spaces);
    let mut out = String::with_capacity(before.len() + text.len() + spaces * lines);
    out.push_str(before);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&pad);
        out.push_str(line);
    }
    Ok(out)
}

fn abbreviate(text: &str, offset: usize, width: usize) -> SmolStr {
    let raw = bytes::of(text);
    let length = raw.len();
    if text.is_empty() || length <= width {
        return SmolStr::new(text);
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return bytes::text(&[&raw[..width - 3], b"..."].concat());
    }
    if width < 7 {
        return SmolStr::default();
    }
    if offset + width - 3 < length {
        let inner = abbreviate(&bytes::text(&raw[offset..]), 0, width - 3);
        return bytes::text(&[b"...", bytes::of(&inner).as_ref()].concat());
    }
    bytes::text(&[b"...", &raw[length - (width - 3)..]].concat())
}

fn wrap(text: &str, width: i64, line: &str, long_words: bool) -> SmolStr {
    let raw = bytes::of(text);
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let mut out: Vec<u8> = Vec::with_capacity(raw.len() + 16);
    let mut at = 0;
    while raw.len() - at > width {
        if raw[at] == b' ' {
            at += 1;
            continue;
        }
        let window = &raw[at..at + width + 1];
        if let Some(space) = window.iter().rposition(|b| *b == b' ') {
            out.extend_from_slice(&raw[at..at + space]);
            out.extend_from_slice(line.as_bytes());
            at += space + 1;
        } else if long_words {
            out.extend_from_slice(&raw[at..at + width]);
            out.extend_from_slice(line.as_bytes());
            at += width;
        } else {
            match raw[at + width..].iter().position(|b| *b == b' ') {
                None => {
                    out.extend_from_slice(&raw[at..]);
                    at = raw.len();
                }
                Some(space) => {
                    let end = at + width + space;
                    out.extend_from_slice(&raw[at..end]);
                    out.extend_from_slice(line.as_bytes());
                    at = end + 1;
                }
            }
        }
    }
    out.extend_from_slice(&raw[at..]);
    bytes::text(&out)
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

fn pascal_case(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    let mut current = '\0';
    let mut any = false;
    for c in chars.by_ref() {
        any = true;
        current = c;
        if !is_connector(c) {
            current = upper(c);
            break;
        }
        out.push(c);
    }
    if !any {
        return out;
    }
    // xstrings writes a lone connector twice.
    if chars.as_str().is_empty() {
        out.push(current);
        return out;
    }
    for c in chars {
        let before = current;
        current = c;
        if is_connector(current) && is_connector(before) {
            out.push(before);
            continue;
        }
        if is_connector(before) {
            current = upper(current);
        } else {
            out.push(before);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    End,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

/// The first word of `text`, its kind and the rest.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return (Word::End, "", "") };
    let run = |from: usize, keep: fn(char) -> bool| {
        text[from..].find(|c: char| !keep(c)).map_or(text.len(), |end| from + end)
    };
    let head = first.len_utf8();
    let (kind, end) = if is_connector(first) {
        (Word::Connector, run(head, is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(head, is_punctuation))
    } else if first.is_uppercase() {
        let end = match text[head..].chars().next() {
            Some(second) if second.is_uppercase() => {
                let end = run(head, char::is_uppercase);
                // The last capital of a run belongs to the word that follows it.
                match text[end..].chars().next() {
                    Some(next) if next.is_alphabetic() => {
                        text[..end].char_indices().next_back().map_or(end, |(last, _)| last)
                    }
                    _ => end,
                }
            }
            Some(second) if second.is_alphabetic() => run(head, |c| c.is_alphabetic() && !c.is_uppercase()),
            _ => head,
        };
        (Word::Upper, end)
    } else if first.is_alphabetic() {
        (Word::Alphabet, run(head, |c| c.is_alphabetic() && !c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, run(head, char::is_numeric))
    } else {
        let keep = |c: char| !(is_connector(c) || c.is_alphabetic() || c.is_numeric() || is_punctuation(c));
        (Word::Other, run(head, keep))
    };
    (kind, &text[..end], &text[end..])
}

fn split_words(text: &str, connector: char) -> String {
    let mut out = String::new();
    let put = |out: &mut String, kind: Word, word: &str| {
        if kind != Word::Upper && kind != Word::Connector {
            out.push_str(word);
            return;
        }
        out.extend(word.chars().map(|c| if is_connector(c) { connector } else { lower(c) }));
    };
    let joins = |kind: Word| !matches!(kind, Word::End | Word::Punctuation | Word::Connector);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            put(&mut out, kind, word);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    put(&mut out, kind, word);
                    (kind, word, rest) = next_word(rest);
                }
                if joins(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => put(&mut out, before, last),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    put(&mut out, Word::Number, number);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                put(&mut out, Word::Number, number);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    put(&mut out, kind, word);
                    (kind, word, rest) = next_word(rest);
                }
                if joins(kind) {
                    out.push(connector);
                }
            }
        }
    }
    put(&mut out, kind, word);
    out
}

/// A text without its white space. Go's function takes bytes for characters: where it removes anything, what is beyond
/// ASCII comes out as the characters of its single bytes.
fn without_space(text: &str) -> String {
    let kept: String = text.bytes().map(char::from).filter(|c| !is_space(*c)).collect();
    if kept.chars().count() == text.len() { text.to_owned() } else { kept }
}
