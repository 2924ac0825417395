//! The writer: a tree in, the YAML that sigs.k8s.io/yaml makes of it out. kustomize prints this, and Helm's `toYaml`.
//!
//! Both turn their data into JSON and print that through go-yaml v2: keys are sorted naturally, strings are quoted only
//! where YAML 1.1 would read something else, text with line breaks becomes a literal block where that is possible, and
//! long plain strings fold behind column 80. Sequences stand at the indentation of their key.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value as Json;
use thiserror::Error;

use super::node::{Entry, Node, Value};
use super::scalar::{Resolved, Scalar, Style, Tag, resolve_plain};
use super::timestamp;
use crate::origin::Mark;

/// A value that JSON, and so the output, cannot say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// An infinity or not-a-number. Quote it, or write a finite number.
    #[error("{text}: JSON has no such number")]
    NotFinite {
        /// The value's text.
        text: String,
        /// Where it stands.
        mark: Mark,
    },
    /// The text of a scalar does not fit its tag: `!!int abc`, or a number that was replaced by text.
    #[error("`{text}` is not of the type that its tag says")]
    Tag {
        /// The value's text.
        text: String,
        /// Where it stands.
        mark: Mark,
    },
    /// A key that is a number, a boolean or null. Quote it.
    #[error("the key `{text}` is no string")]
    Key {
        /// The key's text.
        text: String,
        /// Where it stands.
        mark: Mark,
    },
}

impl WriteError {
    /// The place of the value at fault.
    pub fn mark(&self) -> Mark {
        match self {
            WriteError::NotFinite { mark, .. } | WriteError::Tag { mark, .. } | WriteError::Key { mark, .. } => *mark,
        }
    }
}

/// Lines fold at the first space behind this column.
const WIDTH: usize = 80;

/// Above this length a key is written with `?`.
const SIMPLE_KEY: usize = 128;

/// Appends `node` to `out` as one document; the text ends with a line break.
///
/// # Errors
/// [`WriteError`] if JSON cannot say a value of it.
pub fn write(node: &Node, out: &mut String) -> Result<(), WriteError> {
    let mut writer = Writer { line: out.len(), out, sorted: true, pretty: false };
    writer.node(node, 0, Place::Document)?;
    writer.end_line();
    Ok(())
}

/// As [`write`], with the keys in the order of the tree.
pub(crate) fn write_as_it_is(node: &Node, out: &mut String) -> Result<(), WriteError> {
    let mut writer = Writer { line: out.len(), out, sorted: false, pretty: false };
    writer.node(node, 0, Place::Document)?;
    writer.end_line();
    Ok(())
}

/// Whether go-yaml reads what it writes of `text`: a block that begins with a tab it does not.
pub(crate) fn reads_back(text: &str) -> bool {
    !(text.starts_with('\t') && text.contains('\n') && Shape::of(&text.replace('\t', "x")).block)
}

/// A text as it stands behind a key, in quotes of this style or as plain as can be.
pub(crate) fn written_scalar(text: &str, style: Style) -> String {
    let mut out = String::new();
    let mut writer = Writer { line: 0, out: &mut out, sorted: false, pretty: true };
    match style {
        Style::Single if Shape::of(text).single && !text.contains('\n') => writer.single_quoted(text, 0, true),
        Style::Single | Style::Double => writer.double_quoted(text, 0, true),
        Style::Plain | Style::Literal | Style::Folded => writer.scalar_text(text, 0, true),
    }
    out
}

/// Appends `json` to `out` as one document; the text ends with a line break.
pub fn write_json(json: &Json, out: &mut String) {
    let mut writer = Writer { line: out.len(), out, sorted: true, pretty: false };
    writer.json(json, 0, Place::Document);
    writer.end_line();
}

/// As [`write_json`], in go-yaml's own style: sequences two deeper than their key, lines of any length, and floats as Go
/// prints them.
pub(crate) fn write_json_pretty(json: &Json, out: &mut String) {
    let mut writer = Writer { line: out.len(), out, sorted: true, pretty: true };
    writer.json(json, 0, Place::Document);
    writer.end_line();
}

/// Where a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of the document.
    Document,
    /// Behind `key:`.
    Value,
    /// Behind `-`, or behind the `:` of a `?` key.
    Item,
}

/// What a scalar is to the writer.
pub(crate) enum Printed<'a> {
    /// Null, booleans and numbers: never quoted.
    Bare(std::borrow::Cow<'a, str>),
    /// Text.
    Text(std::borrow::Cow<'a, str>),
}

/// What kustomize's detour over JSON makes of `scalar`.
pub(crate) fn printed(scalar: &Scalar, mark: Mark) -> Result<Printed<'_>, WriteError> {
    use std::borrow::Cow;
    if (scalar.tag == Tag::None && scalar.style == Style::Plain || scalar.tag == Tag::Timestamp)
        && let Some(time) = timestamp::normalize(&scalar.text)
    {
        return Ok(Printed::Text(Cow::Owned(time)));
    }
    let wrong = || WriteError::Tag { text: scalar.text.to_string(), mark };
    let resolved = scalar.resolve();
    match (scalar.tag, &resolved) {
        (Tag::Int, Resolved::Int(_) | Resolved::Uint(_)) => {}
        (Tag::Int, _) => return Err(wrong()),
        (Tag::Float, Resolved::Float(_)) => {}
        (Tag::Float, _) => return Err(wrong()),
        (Tag::Bool, Resolved::Bool(_)) => {}
        (Tag::Bool, _) => return Err(wrong()),
        (Tag::Null, _) if resolve_plain(&scalar.text) != Resolved::Null => return Err(wrong()),
        _ => {}
    }
    Ok(match resolved {
        Resolved::Null => Printed::Bare(Cow::Borrowed("null")),
        Resolved::Bool(true) => Printed::Bare(Cow::Borrowed("true")),
        Resolved::Bool(false) => Printed::Bare(Cow::Borrowed("false")),
        Resolved::Int(value) => Printed::Bare(Cow::Owned(value.to_string())),
        Resolved::Uint(value) => Printed::Bare(Cow::Owned(value.to_string())),
        Resolved::Float(value) if value.is_finite() => Printed::Bare(Cow::Owned(float(value))),
        Resolved::Float(_) => return Err(WriteError::NotFinite { text: scalar.text.to_string(), mark }),
        Resolved::Str(text) => Printed::Text(Cow::Borrowed(text)),
    })
}

/// Why kustomize cannot print `scalar`, if it cannot.
pub(crate) fn unprintable(scalar: &Scalar, mark: Mark) -> Option<String> {
    let surely_fine = matches!(scalar.tag, Tag::None | Tag::Str)
        && !matches!(scalar.text.as_bytes().first(), Some(b'.' | b'+' | b'-'))
        || scalar.style != Style::Plain && scalar.tag == Tag::None;
    if surely_fine { None } else { printed(scalar, mark).err().map(|error| error.to_string()) }
}

/// A finite number as it looks behind JSON and go-yaml: whole numbers of 64 bits are integers, others have six digits
/// before an exponent appears.
pub(crate) fn float(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e21 {
        // The shortest digits, filled up with zeros: not the exact value.
        let digits = format!("{value}");
        if value == 0.0 {
            return "0".to_owned();
        }
        if digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok() {
            return digits;
        }
    }
    let shortest = format!("{value:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) && (exponent < 6 || digits.len() > 30) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A number with as many digits as it needs, and an exponent from six digits on.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => format!("{value}"),
    }
}

struct Writer<'o> {
    out: &'o mut String,
    /// Where the current line begins.
    line: usize,
    /// Whether keys are sorted.
    sorted: bool,
    /// See [`write_json_pretty`].
    pretty: bool,
}

impl Writer<'_> {
    fn end_line(&mut self) {
        if self.out.len() > self.line || !self.out.ends_with('\n') {
            self.out.push('\n');
            self.line = self.out.len();
        }
    }

    fn indent(&mut self, indent: usize) {
        if self.out.len() > self.line {
            self.out.push('\n');
            self.line = self.out.len();
        }
        self.spaces(indent);
    }

    fn spaces(&mut self, count: usize) {
        const BLANK: &str = "                                                                ";
        let mut left = count;
        while left > 0 {
            let take = left.min(BLANK.len());
            self.out.push_str(&BLANK[..take]);
            left -= take;
        }
    }

    fn node(&mut self, node: &Node, indent: usize, place: Place) -> Result<(), WriteError> {
        match &node.value {
            Value::Scalar(scalar) => {
                match printed(scalar, node.mark())? {
                    Printed::Bare(text) => self.bare(&text, place),
                    Printed::Text(text) if scalar.style == Style::Folded => {
                        self.text(&refolded(&text), indent, place);
                    }
                    Printed::Text(text) => self.text(&text, indent, place),
                }
                Ok(())
            }
            Value::Sequence(sequence) if sequence.items.is_empty() => {
                self.bare("[]", place);
                Ok(())
            }
            Value::Sequence(sequence) => {
                let at = self.sequence_indent(indent, place);
                for (index, item) in sequence.items.iter().enumerate() {
                    self.dash(at, place, index == 0);
                    self.node(item, at, Place::Item)?;
                }
                Ok(())
            }
            Value::Mapping(mapping) if mapping.entries.is_empty() => {
                self.bare("{}", place);
                Ok(())
            }
            Value::Mapping(mapping) => {
                let at = mapping_indent(indent, place);
                for (index, entry) in ordered(&mapping.entries, self.sorted).into_iter().enumerate() {
                    let simple = self.key(entry.key_text(), at, place, index == 0);
                    if !is_string_key(&entry.key) {
                        let text = entry.key_text().to_owned();
                        return Err(WriteError::Key { text, mark: entry.key.mark() });
                    }
                    self.node(&entry.value, at, if simple { Place::Value } else { Place::Item })?;
                }
                Ok(())
            }
        }
    }

    fn json(&mut self, json: &Json, indent: usize, place: Place) {
        match json {
            Json::Null => self.bare("null", place),
            Json::Bool(value) => self.bare(if *value { "true" } else { "false" }, place),
            Json::Number(number) => {
                let text = match number.as_f64() {
                    Some(value) if self.pretty && number.is_f64() => shortest(value),
                    Some(value) if !number.is_i64() && !number.is_u64() => float(value),
                    _ => number.to_string(),
                };
                self.bare(&text, place);
            }
            Json::String(text) => self.text(text, indent, place),
            Json::Array(items) if items.is_empty() => self.bare("[]", place),
            Json::Array(items) => {
                let at = self.sequence_indent(indent, place);
                for (index, item) in items.iter().enumerate() {
                    self.dash(at, place, index == 0);
                    self.json(item, at, Place::Item);
                }
            }
            Json::Object(fields) if fields.is_empty() => self.bare("{}", place),
            Json::Object(fields) => {
                let at = mapping_indent(indent, place);
                let mut sorted: Vec<(&String, &Json)> = fields.iter().collect();
                sort_naturally(&mut sorted, |(key, _)| key.as_str());
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    let simple = self.key(key, at, place, index == 0);
                    self.json(value, at, if simple { Place::Value } else { Place::Item });
                }
            }
        }
    }

    fn sequence_indent(&self, indent: usize, place: Place) -> usize {
        match place {
            Place::Value if self.pretty => indent + 2,
            Place::Document | Place::Value => indent,
            Place::Item => indent + 2,
        }
    }

    fn dash(&mut self, indent: usize, place: Place, first: bool) {
        match (first, place) {
            (true, Place::Item) => self.out.push(' '),
            _ => self.indent(indent),
        }
        self.out.push('-');
    }

    /// Writes a key and its colon; whether it was a simple one.
    fn key(&mut self, key: &str, indent: usize, place: Place, first: bool) -> bool {
        match (first, place) {
            (true, Place::Item) => self.out.push(' '),
            _ => self.indent(indent),
        }
        let simple = key.len() <= SIMPLE_KEY && !key.contains(is_break);
        if simple {
            self.scalar_text(key, indent + 2, true);
            self.out.push(':');
        } else {
            self.out.push_str("? ");
            self.scalar_text(key, indent + 2, false);
            self.indent(indent);
            self.out.push(':');
        }
        simple
    }

    fn bare(&mut self, text: &str, place: Place) {
        if place != Place::Document {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }

    fn text(&mut self, text: &str, indent: usize, place: Place) {
        if place != Place::Document {
            self.out.push(' ');
        }
        let indent = if place == Place::Document { indent } else { indent + 2 };
        self.scalar_text(text, indent, false);
    }

    fn scalar_text(&mut self, text: &str, indent: usize, key: bool) {
        let shape = Shape::of(text);
        if text.contains('\n') && !key && shape.block {
            return self.literal(text, indent);
        }
        if text.contains('\n') || !reads_as_text(text) {
            return self.double_quoted(text, indent, key);
        }
        if shape.plain {
            self.plain(text, indent, key);
        } else if shape.single {
            self.single_quoted(text, indent, key);
        } else {
            self.double_quoted(text, indent, key);
        }
    }

    fn column(&self) -> usize {
        self.out[self.line..].chars().count()
    }

    /// Whether `text` can reach the fold: bytes are at least as many as characters.
    fn may_fold(&self, text: &str, key: bool) -> bool {
        !key && !self.pretty && self.out.len() - self.line + text.len() > WIDTH && text.contains(' ')
    }

    fn plain(&mut self, text: &str, indent: usize, key: bool) {
        if !self.may_fold(text, key) {
            self.out.push_str(text);
            return;
        }
        self.folded(text, indent, 0, |writer, c| writer.out.push(c));
    }

    fn single_quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.out.push('\'');
        if self.may_fold(text, key) {
            self.folded(text, indent, 1, |writer, c| {
                if c == '\'' {
                    writer.out.push('\'');
                }
                writer.out.push(c);
            });
        } else if text.contains('\'') {
            self.out.push_str(&text.replace('\'', "''"));
        } else {
            self.out.push_str(text);
        }
        self.out.push('\'');
    }

    /// Writes the characters of `text`, breaking lines at single spaces behind the last column. `margin` characters
    /// at either end are not broken at.
    fn folded(&mut self, text: &str, indent: usize, margin: usize, mut put: impl FnMut(&mut Self, char)) {
        let mut after_space = false;
        let mut column = self.column();
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let next_space = text.as_bytes().get(at + 1) == Some(&b' ');
                let inside = at >= margin && at + margin < text.len();
                if !after_space && column > WIDTH && !next_space && inside {
                    self.indent(indent);
                    column = indent;
                } else {
                    put(self, c);
                    column += 1;
                }
                after_space = true;
            } else {
                let before = self.out.len();
                put(self, c);
                column += self.out[before..].chars().count();
                after_space = false;
            }
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.out.push('"');
        let fold = !key && !self.pretty && text.contains(' ');
        let mut after_space = false;
        // Behind a byte order mark at its start, kustomize escapes the whole text.
        let marked = text.starts_with('\u{feff}');
        for (at, c) in text.char_indices() {
            if marked || !is_printable(c) || is_break(c) || c == '\u{feff}' || c == '"' || c == '\\' {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                if fold && !after_space && inside && self.out.len() - self.line > WIDTH && self.column() > WIDTH {
                    self.indent(indent);
                    if text.as_bytes().get(at + 1) == Some(&b' ') {
                        self.out.push('\\');
                    }
                } else {
                    self.out.push(' ');
                }
                after_space = true;
            } else {
                self.out.push(c);
                after_space = false;
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        self.out.push('\\');
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = c as u32;
                let _ = match code {
                    0..=0xff => write!(self.out, "x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "u{code:04X}"),
                    _ => write!(self.out, "U{code:08X}"),
                };
                return;
            }
        };
        self.out.push(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with(' ') || text.starts_with(is_break) {
            self.out.push('2');
        }
        if !text.ends_with(is_break) {
            self.out.push('-');
        } else if text.len() == 1 || text[..text.len() - 1].ends_with(is_break) {
            self.out.push('+');
        }
        self.out.push('\n');
        self.line = self.out.len();
        for line in text.split_inclusive('\n') {
            let content = line.strip_suffix('\n').unwrap_or(line);
            if !content.is_empty() {
                self.spaces(indent);
                self.out.push_str(content);
            }
            if content.len() < line.len() {
                self.out.push('\n');
                self.line = self.out.len();
            }
        }
    }
}

/// Folded text as it comes back when kustomize writes it folded and reads it again: where a deeper line follows, a
/// line break is added.
fn refolded(text: &str) -> std::borrow::Cow<'_, str> {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = text.as_bytes();
    let deeper = text.contains("\n ") || text.contains("\n\t");
    if !deeper || blank(text.trim_start_matches('\n').as_bytes().first()) || !Shape::of(text).block {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut line = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\n' {
            let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |length| at + length);
            out.push_str(&text[at..end]);
            at = end;
            continue;
        }
        let run = bytes[at..].iter().take_while(|b| **b == b'\n').count();
        if at > line && !blank(bytes.get(line)) && blank(bytes.get(at + run)) {
            out.push('\n');
        }
        out.push_str(&text[at..at + run]);
        at += run;
        line = at;
    }
    out.into()
}

fn mapping_indent(indent: usize, place: Place) -> usize {
    match place {
        Place::Document => indent,
        Place::Value | Place::Item => indent + 2,
    }
}

/// The entries in the order in which they are written.
fn ordered(entries: &[Entry], by_key: bool) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    if by_key {
        sort_naturally(&mut sorted, |entry| entry.key_text());
    }
    sorted
}

/// The decoder behind kustomize refuses mappings with keys that are no text.
pub(crate) fn is_string_key(key: &Node) -> bool {
    key.as_scalar().is_some_and(|scalar| {
        scalar.tag == Tag::Str
            || scalar.style != Style::Plain
            || (scalar.is_string() && timestamp::normalize(&scalar.text).is_none())
    })
}

/// Sorts by go-yaml's order of keys. That order is not a total one for every set of keys, which the sorts of the
/// standard library may answer with a panic; this one does not.
pub(crate) fn sort_naturally<T: Copy>(items: &mut Vec<T>, key: impl Fn(&T) -> &str) {
    let less = |a: &T, b: &T| natural(key(a), key(b)) == Ordering::Less;
    if items.windows(2).all(|pair| !less(&pair[1], &pair[0])) {
        return;
    }
    if items.len() <= 12 {
        for end in 1..items.len() {
            let mut at = end;
            while at > 0 && less(&items[at], &items[at - 1]) {
                items.swap(at, at - 1);
                at -= 1;
            }
        }
        return;
    }
    let mut width = 1;
    let mut from = std::mem::take(items);
    let mut to = Vec::with_capacity(from.len());
    while width < from.len() {
        for run in from.chunks(width * 2) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                if less(b, a) {
                    to.push(*b);
                    right = &right[1..];
                } else {
                    to.push(*a);
                    left = &left[1..];
                }
            }
            to.extend_from_slice(left);
            to.extend_from_slice(right);
        }
        std::mem::swap(&mut from, &mut to);
        to.clear();
        width *= 2;
    }
    *items = from;
}

/// The order of keys: letters by their code, numbers by their value, others before letters.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    if common == a.len() || common == b.len() {
        return a.len().cmp(&b.len());
    }
    // Step back to where a character begins.
    let mut at = common;
    while !a.is_char_boundary(at) || !b.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (a[at..].chars().next(), b[at..].chars().next()) else { return Ordering::Equal };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Digits before the place count only to tell a leading zero from one within a number.
    let within_number =
        (x == '0' || y == '0') && a[..at].chars().rev().take_while(char::is_ascii_digit).any(|c| c != '0');
    let number = |text: &str| {
        let start = i64::from(within_number);
        text.bytes().take_while(u8::is_ascii_digit).fold((start, 0usize), |(value, count), b| {
            (value.wrapping_mul(10).wrapping_add(i64::from(b - b'0')), count + 1)
        })
    };
    let (left, right) = (number(&a[at..]), number(&b[at..]));
    left.0.cmp(&right.0).then(left.1.cmp(&right.1)).then(x.cmp(&y))
}

/// Whether YAML 1.1 reads plain `text` as text.
pub(crate) fn reads_as_text(text: &str) -> bool {
    if !matches!(resolve_plain(text), Resolved::Str(_)) {
        return false;
    }
    match text.as_bytes().first() {
        Some(b'y' | b'Y' | b'n' | b'N' | b'o' | b'O') => !matches!(
            text,
            "y" | "Y"
                | "yes"
                | "Yes"
                | "YES"
                | "on"
                | "On"
                | "ON"
                | "n"
                | "N"
                | "no"
                | "No"
                | "NO"
                | "off"
                | "Off"
                | "OFF"
        ),
        Some(b'0'..=b'9' | b'+' | b'-') => timestamp::normalize(text).is_none() && !is_sexagesimal(text),
        _ => true,
    }
}

/// `1:30:00`: a number to YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !first.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let sixty = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let (whole, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|part| sixty(part)) && sixty(whole) && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Printable to go-yaml's emitter: tabs are not, and neither is what lies beyond the basic plane.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// In which styles a text can be written.
struct Shape {
    plain: bool,
    single: bool,
    block: bool,
}

impl Shape {
    fn of(text: &str) -> Shape {
        let bytes = text.as_bytes();
        let Some(&first) = bytes.first() else { return Shape { plain: true, single: true, block: false } };
        let blank_at = |at: usize| matches!(bytes.get(at), None | Some(b' ' | b'\t'));
        let mut indicators = bytes.starts_with(b"---") || bytes.starts_with(b"...");
        indicators |= match first {
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
            | b'`' => true,
            b'?' | b':' | b'-' => blank_at(1),
            _ => false,
        };
        let mut special = false;
        let mut breaks = false;
        let mut break_space = false;
        let mut space_break = false;
        let (mut previous_space, mut previous_break, mut preceded) = (false, false, true);
        for (at, c) in text.char_indices() {
            match c {
                ':' if at > 0 => indicators |= blank_at(at + 1),
                '#' if at > 0 => indicators |= preceded,
                _ => {}
            }
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            preceded = c == ' ' || c == '\t' || c == '\0' || is_break(c);
        }
        let edge =
            text.starts_with(' ') || text.ends_with(' ') || text.starts_with(is_break) || text.ends_with(is_break);
        Shape {
            plain: !(edge || break_space || space_break || special || breaks || indicators),
            single: !(break_space || space_break || special),
            block: !(text.ends_with(' ') || space_break || special),
        }
    }
}

#[cfg(test)]
mod tests;
