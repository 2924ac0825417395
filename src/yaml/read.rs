//! The reader: events of `saphyr-parser` in, documents with byte ranges and comments out.
//!
//! The parser's marks count characters; [`Offsets`] turns them into bytes. It drops comments; they stand in the gaps
//! between events, which is where [`Builder::gap`] looks for them. A file with a syntax error keeps the documents
//! before and after the broken one: reading resumes at the next `---`.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use smol_str::SmolStr;

use super::node::{Entry, Mapping, Node, Sequence, Value};
use super::padding::Padding;
use super::scalar::{Scalar, Style, Tag};
use crate::origin::{FileId, Mark, Origin};

/// What one file holds.
#[derive(Debug, Clone, Default)]
pub struct YamlFile {
    /// The documents, in order. An empty document (nothing between two `---`) is not among them.
    pub documents: Vec<Document>,
    /// The comments, in order.
    pub comments: Vec<Comment>,
    /// What is wrong, in order.
    pub problems: Vec<Problem>,
}

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content.
    pub root: Node,
}

/// A comment, from `#` to the end of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands; the range includes the `#`.
    pub mark: Mark,
    /// Whether the comment has its line for itself.
    pub own_line: bool,
}

/// Something wrong with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// Where.
    pub mark: Mark,
}

/// The ways in which a text can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not YAML. The rest of the document is lost, other documents are not.
    Syntax(String),
    /// A key occurs twice in one mapping; the first counts and the second is dropped.
    DuplicateKey {
        /// The key.
        key: SmolStr,
        /// Where it stands first.
        first: Mark,
    },
    /// Nested deeper than [`Limits::depth`]; the document is lost.
    TooDeep(usize),
    /// Aliases expand to more than [`Limits::alias_nodes`] values; the document is lost.
    AliasExpansion(usize),
    /// `<<` with something that is neither a mapping nor a list of mappings; the entry is dropped.
    BadMerge,
}

impl std::fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProblemKind::Syntax(what) => write!(f, "not valid YAML: {what}"),
            ProblemKind::DuplicateKey { key, .. } => write!(f, "key `{key}` occurs twice"),
            ProblemKind::TooDeep(limit) => write!(f, "nested deeper than {limit} levels"),
            ProblemKind::AliasExpansion(limit) => write!(f, "aliases expand to more than {limit} values"),
            ProblemKind::BadMerge => f.write_str("`<<` needs a mapping or a list of mappings"),
        }
    }
}

/// How much a file may demand.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Levels of nesting.
    pub depth: usize,
    /// Values that the aliases of one file may copy.
    pub alias_nodes: usize,
    /// Of two equal keys the last counts, as it does to Helm. The second is a problem all the same.
    pub last_key_wins: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 128, alias_nodes: 200_000, last_key_wins: false }
    }
}

/// Reads `text`, the content of `file`.
pub fn read(file: FileId, text: &str, limits: Limits) -> YamlFile {
    let mut builder = Builder {
        file,
        text,
        offsets: Offsets::of(text),
        limits,
        copied: 0,
        seen: 0,
        start: Position { byte: 0, line: 0 },
        padding: Padding::default(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        out: YamlFile::default(),
    };
    let mut rest = Some(Position { byte: 0, line: 0 });
    while let Some(position) = rest {
        rest = builder.run(position);
    }
    builder.out
}

/// Where a run of the parser begins: a byte offset at the start of a line, and how many lines are before it.
#[derive(Debug, Clone, Copy)]
struct Position {
    byte: usize,
    line: usize,
}

/// Characters to bytes. Most files are ASCII, where both are the same.
enum Offsets {
    Ascii,
    /// The byte offset of each character, and of the end.
    Table(Vec<u32>),
}

impl Offsets {
    fn of(text: &str) -> Offsets {
        if text.is_ascii() {
            return Offsets::Ascii;
        }
        let mut table: Vec<u32> = text.char_indices().map(|(byte, _)| byte as u32).collect();
        table.push(text.len() as u32);
        Offsets::Table(table)
    }

    fn byte(&self, index: usize) -> usize {
        match self {
            Offsets::Ascii => index,
            Offsets::Table(table) => table.get(index).or(table.last()).map_or(0, |byte| *byte as usize),
        }
    }

    /// The character index of a byte offset that is on a character's border.
    fn index(&self, byte: usize) -> usize {
        match self {
            Offsets::Ascii => byte,
            Offsets::Table(table) => table.partition_point(|b| (*b as usize) < byte),
        }
    }
}

/// A collection that is being built.
struct Frame {
    anchor: usize,
    mark: Mark,
    flow: bool,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Node>, seen: Option<HashSet<SmolStr>>, merges: Vec<Node> },
}

struct Builder<'t> {
    file: FileId,
    text: &'t str,
    offsets: Offsets,
    limits: Limits,
    /// Values copied by aliases so far.
    copied: usize,
    /// The byte offset up to which comments were looked for.
    seen: usize,
    start: Position,
    /// What the parser is given more than is in the text.
    padding: Padding,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    out: YamlFile,
}

/// What the parser says of a quoted text whose further lines are not indented as deep as what it is in.
const UNINDENTED: &str = "invalid indentation in quoted scalar";

/// Above this many entries, keys that repeat are found by a set instead of by looking through them.
const SMALL_MAPPING: usize = 12;

impl<'t> Builder<'t> {
    /// Parses from `position`; after an error, returns where to resume.
    fn run(&mut self, position: Position) -> Option<Position> {
        self.start = position;
        self.seen = position.byte;
        self.stack.clear();
        self.anchors.clear();
        let YamlFile { documents, comments, problems } = &self.out;
        let (documents, comments, problems) = (documents.len(), comments.len(), problems.len());
        let copied = self.copied;
        let text = self.padding.apply(self.text, position.byte, |byte| self.offsets.index(byte));
        let mut parser = Parser::new(StrInput::new(&text));
        loop {
            let stop = match parser.next_event() {
                None => return None,
                Some(Ok((Event::StreamEnd, span))) => {
                    self.gap(self.byte(span.end).max(self.text.len()));
                    return None;
                }
                Some(Ok((event, span))) => self.event(event, span).err(),
                Some(Err(error)) if error.info() == UNINDENTED && self.pad(*error.marker()) => {
                    self.out.documents.truncate(documents);
                    self.out.comments.truncate(comments);
                    self.out.problems.truncate(problems);
                    self.copied = copied;
                    return Some(position);
                }
                Some(Err(error)) => Some(self.syntax(&error)),
            };
            if let Some(problem) = stop {
                let line = problem.mark.line as usize;
                self.out.problems.push(problem);
                return self.next_document(line);
            }
        }
    }

    /// Pads the quoted text that begins at `marker`; whether the run is to be repeated with that.
    fn pad(&mut self, marker: Marker) -> bool {
        let start = self.byte(marker).min(self.text.len());
        let end = self.quoted_end(start, self.text.len());
        self.padding.add(self.text, start..end, marker.col())
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let start = self.byte(*error.marker()).min(self.text.len());
        Problem {
            kind: ProblemKind::Syntax(error.info().to_owned()),
            mark: self.mark_at(*error.marker(), start, start),
        }
    }

    /// The first line behind `line` (1-based) that begins a document.
    fn next_document(&self, line: usize) -> Option<Position> {
        let mut byte = self.start.byte;
        for (number, content) in (self.start.line..).zip(self.text[self.start.byte..].split_inclusive('\n')) {
            let begins = content.strip_prefix("---").is_some_and(|rest| {
                rest.trim_start_matches([' ', '\t']).len() < rest.len() || rest.starts_with(['\r', '\n'])
            });
            if number >= line && begins {
                return Some(Position { byte, line: number });
            }
            byte += content.len();
        }
        None
    }

    fn byte(&self, marker: Marker) -> usize {
        let index = self.padding.index(marker.index());
        match &self.offsets {
            Offsets::Ascii => self.start.byte + index,
            table => table.byte(table.index(self.start.byte) + index),
        }
    }

    fn mark_at(&self, marker: Marker, start: usize, end: usize) -> Mark {
        Mark {
            file: self.file,
            line: (self.start.line + marker.line()) as u32,
            column: self.padding.column(marker.line(), marker.col()) as u32 + 1,
            start: start as u32,
            end: end as u32,
        }
    }

    fn mark(&self, span: Span) -> Mark {
        self.mark_at(span.start, self.byte(span.start), self.byte(span.end))
    }

    /// Looks for comments between the last event and `until`.
    fn gap(&mut self, until: usize) {
        let until = until.min(self.text.len());
        if until <= self.seen {
            return;
        }
        let bytes = self.text.as_bytes();
        let mut at = self.seen;
        while let Some(found) = bytes[at..until].iter().position(|b| *b == b'#') {
            let start = at + found;
            if start > 0 && !matches!(bytes[start - 1], b' ' | b'\t' | b'\n' | b'\r') {
                at = start + 1;
                continue;
            }
            let length = bytes[start..].iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(bytes.len() - start);
            self.comment(start, start + length);
            at = start + length;
            if at >= until {
                break;
            }
        }
        self.seen = until.max(at);
    }

    fn comment(&mut self, start: usize, end: usize) {
        let (known_line, known_byte) = self
            .out
            .comments
            .last()
            .filter(|last| last.mark.start as usize >= self.start.byte)
            .map_or((self.start.line + 1, self.start.byte), |last| (last.mark.line as usize, last.mark.start as usize));
        let line = known_line + self.text.as_bytes()[known_byte..start].iter().filter(|b| **b == b'\n').count();
        let before = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let mark = Mark {
            file: self.file,
            line: line as u32,
            column: self.text[before..start].chars().count() as u32 + 1,
            start: start as u32,
            end: end as u32,
        };
        self.out.comments.push(Comment { mark, own_line: self.text[before..start].trim().is_empty() });
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = style_of(style);
                let mark = self.scalar_mark(style, span);
                self.gap(mark.start as usize);
                self.seen = self.seen.max(mark.end as usize);
                let tag = tag.map_or(Tag::None, |tag| tag_of(&tag.handle, &tag.suffix));
                // A block that ends with the file, without line break, has none.
                let block = matches!(style, Style::Literal | Style::Folded);
                let open_end = block && mark.end as usize == self.text.len() && !self.text.ends_with('\n');
                let text = if open_end { text.strip_suffix('\n').unwrap_or(&text) } else { &text };
                let scalar = Scalar { text: SmolStr::new(text), style, tag };
                self.finish(anchor, Node::scalar(scalar, Origin::at(mark)))
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(
                anchor,
                span,
                Content::Mapping { entries: Vec::new(), key: None, seen: None, merges: Vec::new() },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let mark = self.mark(span);
                self.gap(mark.start as usize);
                self.seen = self.seen.max(mark.end as usize);
                let Some(node) = self.anchors.get(&anchor) else {
                    let kind = ProblemKind::Syntax("the alias names a value that contains it".to_owned());
                    return Err(Problem { kind, mark });
                };
                self.copied += size(node, self.limits.alias_nodes);
                if self.copied > self.limits.alias_nodes {
                    return Err(Problem { kind: ProblemKind::AliasExpansion(self.limits.alias_nodes), mark });
                }
                let node = node.clone();
                self.finish(0, node)
            }
            _ => Ok(()),
        }
    }

    /// The range of a scalar as it is written. The parser's spans begin a block scalar at its content, and end it and
    /// quoted ones at the next token, over comments that are not theirs.
    fn scalar_mark(&self, style: Style, span: Span) -> Mark {
        let start = self.byte(span.start).min(self.text.len());
        let end = self.byte(span.end).clamp(start, self.text.len());
        match style {
            Style::Plain => self.mark_at(span.start, start, end),
            Style::Single | Style::Double => self.mark_at(span.start, start, self.quoted_end(start, end)),
            Style::Literal | Style::Folded => {
                let header = self.block_header(start);
                let above = self.text.as_bytes()[header..start].iter().filter(|b| **b == b'\n').count();
                let line_start = self.text[..header].rfind('\n').map_or(0, |newline| newline + 1);
                Mark {
                    file: self.file,
                    line: (self.start.line + span.start.line() - above) as u32,
                    column: self.text[line_start..header].chars().count() as u32 + 1,
                    start: header as u32,
                    end: self.block_end(header, end) as u32,
                }
            }
        }
    }

    /// Where the quoted scalar that begins at `start` ends, its closing quote included.
    fn quoted_end(&self, start: usize, end: usize) -> usize {
        let bytes = &self.text.as_bytes()[start..end];
        let Some(&quote) = bytes.first() else { return end };
        let mut at = 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quote == b'"' => at += 2,
                b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
                byte if byte == quote => return start + at + 1,
                _ => at += 1,
            }
        }
        end
    }

    /// Where the `|` or `>` stands of the block scalar whose content begins at `start`.
    fn block_header(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.seen;
        while at < start {
            match bytes[at] {
                b'|' | b'>' => return at,
                b'#' if at > 0 && matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r') => {
                    at += bytes[at..start].iter().position(|b| *b == b'\n').unwrap_or(start - at);
                }
                _ => at += 1,
            }
        }
        start
    }

    /// Where a block scalar's own text ends: behind its last line that is indented deeper than its parent.
    fn block_end(&self, start: usize, end: usize) -> usize {
        let text = &self.text[start..end.min(self.text.len())];
        let mut lines = text.split_inclusive('\n');
        let header = lines.next().unwrap_or_default();
        let mut length = header.len();
        let mut last = header.trim_end().len();
        let mut indent = None;
        for line in lines {
            let content = line.trim_end_matches(['\n', '\r']);
            let spaces = content.len() - content.trim_start_matches(' ').len();
            length += line.len();
            if content.trim_start_matches(' ').is_empty() {
                continue;
            }
            let expected = *indent.get_or_insert(spaces);
            if spaces < expected {
                break;
            }
            last = length - (line.len() - content.len());
        }
        start + last
    }

    fn open(&mut self, anchor: usize, span: Span, content: Content) -> Result<(), Problem> {
        let mark = self.mark(span);
        self.gap(mark.start as usize);
        if self.stack.len() >= self.limits.depth {
            return Err(Problem { kind: ProblemKind::TooDeep(self.limits.depth), mark });
        }
        let flow = matches!(self.text.as_bytes().get(mark.start as usize), Some(b'{' | b'[')) && mark.end > mark.start;
        if flow {
            self.seen = self.seen.max(mark.end as usize);
        }
        self.stack.push(Frame { anchor, mark, flow, content });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let Frame { anchor, mut mark, flow, content } = frame;
        if flow {
            let end = self.byte(span.end);
            self.gap(end);
            mark.end = end as u32;
        }
        let value = match content {
            Content::Sequence(items) => {
                if let (false, Some(last)) = (flow, items.last()) {
                    mark.end = last.origin.mark.end.max(mark.start);
                }
                Value::Sequence(Sequence { items, flow })
            }
            Content::Mapping { mut entries, merges, .. } => {
                if !flow {
                    if let Some(first) = entries.first() {
                        let key = first.key.origin.mark;
                        if key.file == mark.file && key.start >= mark.start {
                            mark.start = key.start;
                            mark.line = key.line;
                            mark.column = key.column;
                        }
                    }
                    if let Some(last) = entries.last() {
                        mark.end = last.value.origin.mark.end.max(last.key.origin.mark.end).max(mark.start);
                    }
                }
                self.merge(&mut entries, merges)?;
                Value::Mapping(Mapping { entries, flow })
            }
        };
        self.finish(anchor, Node { value, origin: Origin::at(mark) })
    }

    /// Adds what `<<` brings: keys that the mapping has itself win, earlier merges win over later ones.
    fn merge(&mut self, entries: &mut Vec<Entry>, merges: Vec<Node>) -> Result<(), Problem> {
        for merge in merges {
            let mark = merge.mark();
            let sources = match merge.value {
                Value::Mapping(mapping) => vec![mapping],
                Value::Sequence(sequence) => sequence
                    .items
                    .into_iter()
                    .filter_map(|item| match item.value {
                        Value::Mapping(mapping) => Some(mapping),
                        _ => None,
                    })
                    .collect(),
                Value::Scalar(_) => {
                    self.out.problems.push(Problem { kind: ProblemKind::BadMerge, mark });
                    continue;
                }
            };
            for entry in sources.into_iter().flat_map(|mapping| mapping.entries) {
                if !entries.iter().any(|own| own.key_text() == entry.key_text()) {
                    entries.push(entry);
                }
            }
        }
        Ok(())
    }

    /// A value is complete: it goes into the collection that is open, or is a document.
    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Problem> {
        if anchor != 0 {
            // Keeping a copy costs as much as using it once.
            self.copied += size(&node, self.limits.alias_nodes);
            if self.copied > self.limits.alias_nodes {
                return Err(Problem { kind: ProblemKind::AliasExpansion(self.limits.alias_nodes), mark: node.mark() });
            }
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            let empty = node.as_scalar().is_some_and(|s| s.text.is_empty() && s.style == Style::Plain);
            if !empty {
                self.out.documents.push(Document { root: node });
            }
            return Ok(());
        };
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, key: slot, seen, merges } => {
                let Some(key) = slot.take() else {
                    *slot = Some(node);
                    return Ok(());
                };
                let Some(scalar) = key.as_scalar() else {
                    let kind = ProblemKind::Syntax("a mapping's key must be a scalar".to_owned());
                    return Err(Problem { kind, mark: key.mark() });
                };
                if scalar.text == "<<" && scalar.style == Style::Plain {
                    merges.push(node);
                    return Ok(());
                }
                let repeated = match seen {
                    Some(seen) => !seen.insert(scalar.text.clone()),
                    None => entries.iter().any(|entry| entry.key_text() == scalar.text),
                };
                if repeated {
                    let first = entries
                        .iter()
                        .find(|entry| entry.key_text() == scalar.text)
                        .map_or(Mark::NONE, |entry| entry.key.mark());
                    let kind = ProblemKind::DuplicateKey { key: scalar.text.clone(), first };
                    self.out.problems.push(Problem { kind, mark: key.mark() });
                    if self.limits.last_key_wins
                        && let Some(entry) = entries.iter_mut().find(|entry| entry.key_text() == scalar.text)
                    {
                        *entry = Entry { key, value: node };
                    }
                    return Ok(());
                }
                entries.push(Entry { key, value: node });
                if seen.is_none() && entries.len() > SMALL_MAPPING {
                    *seen = Some(entries.iter().map(|entry| SmolStr::new(entry.key_text())).collect());
                }
            }
        }
        Ok(())
    }
}

/// How many values a tree has; counting stops above `limit`. Trees are at most [`Limits::depth`] deep.
fn size(node: &Node, limit: usize) -> usize {
    let mut total = 0;
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        total += 1;
        if total > limit {
            break;
        }
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => open.extend(&sequence.items),
            Value::Mapping(mapping) => open.extend(mapping.entries.iter().flat_map(|entry| [&entry.key, &entry.value])),
        }
    }
    total
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn tag_of(handle: &str, suffix: &str) -> Tag {
    let name = match (handle, suffix) {
        ("!", "") => "str",
        ("!!" | "tag:yaml.org,2002:", name) => name,
        (_, name) => name.strip_prefix("tag:yaml.org,2002:").unwrap_or(""),
    };
    match name {
        "str" => Tag::Str,
        "int" => Tag::Int,
        "float" => Tag::Float,
        "bool" => Tag::Bool,
        "null" => Tag::Null,
        "binary" => Tag::Binary,
        "timestamp" => Tag::Timestamp,
        _ => Tag::Other,
    }
}

#[cfg(test)]
mod tests;
