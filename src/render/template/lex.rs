//! Template text in, tokens out.

use super::ast::Pos;

/// What begins and ends an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters<'a> {
    /// `{{`
    pub left: &'a str,
    /// `}}`
    pub right: &'a str,
}

impl Default for Delimiters<'_> {
    fn default() -> Self {
        Delimiters { left: "{{", right: "}}" }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Eof,
    Text,
    Left,
    Right,
    Space,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Dot,
    Field,
    Identifier,
    Number,
    Pipe,
    LeftParen,
    RightParen,
    RawString,
    String,
    Variable,
    Nil,
    // The words.
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Kind {
    fn word(word: &str) -> Option<Kind> {
        Some(match word {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => return None,
        })
    }

    fn is_word(self) -> bool {
        self as u8 >= Kind::Nil as u8
    }
}

/// A token: its text is a range of the source. What an error says is with the [`Lexer`], which stops at the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'s> {
    pub kind: Kind,
    pub pos: Pos,
    pub text: &'s str,
    pub line: u32,
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            kind if kind.is_word() || kind == Kind::Dot => write!(f, "<{}>", self.text),
            _ if self.text.chars().count() > 10 => {
                let head: String = self.text.chars().take(10).collect();
                write!(f, "{}...", super::quote::quote(&head))
            }
            _ => f.write_str(&super::quote::quote(self.text)),
        }
    }
}

pub(super) struct Lexer<'s> {
    source: &'s str,
    delimiters: Delimiters<'s>,
    pos: usize,
    start: usize,
    line: u32,
    start_line: u32,
    parens: usize,
    inside: bool,
    /// What is wrong with the text, once something is.
    error: Option<String>,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str, delimiters: Delimiters<'s>) -> Lexer<'s> {
        let default = Delimiters::default();
        let delimiters = Delimiters {
            left: if delimiters.left.is_empty() { default.left } else { delimiters.left },
            right: if delimiters.right.is_empty() { default.right } else { delimiters.right },
        };
        Lexer { source, delimiters, pos: 0, start: 0, line: 1, start_line: 1, parens: 0, inside: false, error: None }
    }

    fn rest(&self) -> &'s str {
        &self.source[self.pos..]
    }

    /// What the error says that the last token was.
    pub(super) fn error(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn peek(&self) -> Option<char> {
        match self.byte(self.pos)? {
            byte @ 0..0x80 => Some(char::from(byte)),
            _ => self.rest().chars().next(),
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn emit(&mut self, kind: Kind) -> Token<'s> {
        let token =
            Token { kind, pos: self.start as Pos, text: &self.source[self.start..self.pos], line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        token
    }

    /// Moves to `pos` over text that is no token.
    fn skip_to(&mut self, pos: usize) {
        self.line += newlines(&self.source[self.pos..pos]);
        self.pos = pos;
        self.start = pos;
        self.start_line = self.line;
    }

    fn fail(&mut self, message: impl Into<String>) -> Token<'s> {
        self.error = Some(message.into());
        Token { kind: Kind::Error, pos: self.start as Pos, text: "", line: self.start_line }
    }

    pub(super) fn next(&mut self) -> Token<'s> {
        if self.error.is_some() {
            return Token { kind: Kind::Eof, pos: self.pos as Pos, text: "", line: self.line };
        }
        if self.inside { self.action() } else { self.text() }
    }

    fn text(&mut self) -> Token<'s> {
        loop {
            let Some(found) = find(self.rest(), self.delimiters.left) else {
                let end = self.source.len();
                if end > self.pos {
                    self.line += newlines(self.rest());
                    self.pos = end;
                    return self.emit(Kind::Text);
                }
                return self.emit(Kind::Eof);
            };
            if found > 0 {
                let end = self.pos + found;
                let behind = &self.source[end + self.delimiters.left.len()..];
                let text = &self.source[self.pos..end];
                let kept = if trims_left(behind) { text.trim_end_matches(SPACES) } else { text };
                self.line += newlines(kept);
                self.pos += kept.len();
                let token = self.emit(Kind::Text);
                self.skip_to(end);
                if !token.text.is_empty() {
                    return token;
                }
            }
            // At the delimiter.
            let inner = self.pos + self.delimiters.left.len();
            let marker = if trims_left(&self.source[inner..]) { 2 } else { 0 };
            if self.source[inner + marker..].starts_with("/*") {
                self.skip_to(inner + marker);
                let Some(length) = self.rest()[2..].find("*/") else { return self.fail("unclosed comment") };
                let end = self.pos + 2 + length + 2;
                let Some(trim) = self.right_delimiter(end) else {
                    return self.fail("comment ends before closing delimiter");
                };
                self.skip_to(end);
                self.close(trim);
                continue;
            }
            self.pos = inner;
            let token = self.emit(Kind::Left);
            self.skip_to(inner + marker);
            self.inside = true;
            self.parens = 0;
            return token;
        }
    }

    /// Whether a right delimiter stands at `at`, and if so whether it trims.
    fn right_delimiter(&self, at: usize) -> Option<bool> {
        let rest = &self.source.as_bytes()[at..];
        let right = self.delimiters.right.as_bytes();
        if let [b' ' | b'\t' | b'\r' | b'\n', b'-', behind @ ..] = rest
            && behind.starts_with(right)
        {
            return Some(true);
        }
        rest.starts_with(right).then_some(false)
    }

    /// Passes the right delimiter and the space that it trims; the token is the delimiter.
    fn close(&mut self, trim: bool) -> Token<'s> {
        if trim {
            self.skip_to(self.pos + 2);
        }
        self.pos += self.delimiters.right.len();
        let token = self.emit(Kind::Right);
        if trim {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start_matches(SPACES).len();
            self.skip_to(self.pos + spaces);
        }
        token
    }

    fn action(&mut self) -> Token<'s> {
        if let Some(trim) = self.right_delimiter(self.pos) {
            if self.parens > 0 {
                return self.fail("unclosed left paren");
            }
            self.inside = false;
            return self.close(trim);
        }
        let Some(c) = self.bump() else { return self.fail("unclosed action") };
        match c {
            c if SPACES.contains(&c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => match self.bump() {
                Some('=') => self.emit(Kind::Declare),
                _ => self.fail("expected :="),
            },
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest().find('`') {
                Some(end) => {
                    self.line += newlines(&self.rest()[..end]);
                    self.pos += end + 1;
                    self.emit(Kind::RawString)
                }
                None => self.fail("unterminated raw quoted string"),
            },
            '$' => self.name(Kind::Variable),
            // As the very last character it could begin a number, to Go.
            '.' if self.peek().is_none() => self.emit(Kind::Number),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => {
                self.pos -= 1;
                self.number()
            }
            c if is_alphanumeric(c) => {
                self.word();
                if !self.at_terminator() {
                    return self.bad_character();
                }
                let kind = Kind::word(&self.source[self.start..self.pos]).unwrap_or(Kind::Identifier);
                self.emit(kind)
            }
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => match self.parens.checked_sub(1) {
                Some(parens) => {
                    self.parens = parens;
                    self.emit(Kind::RightParen)
                }
                None => self.fail("unexpected right paren"),
            },
            c if c.is_ascii_graphic() => self.emit(Kind::Char),
            c => self.fail(format!("unrecognized character in action: {}", unicode(c))),
        }
    }

    fn space(&mut self) -> Token<'s> {
        while self.peek().is_some_and(|c| SPACES.contains(&c)) {
            // The last space belongs to the trim marker of the right delimiter.
            if self.right_delimiter(self.pos) == Some(true) {
                break;
            }
            self.bump();
        }
        if self.pos - self.start == 1 && self.right_delimiter(self.start) == Some(true) {
            self.line = self.start_line;
            self.pos = self.start;
            return self.action();
        }
        self.emit(Kind::Space)
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Token<'s> {
        loop {
            match self.bump() {
                Some('\\') => match self.bump() {
                    None | Some('\n') => return self.fail(unterminated),
                    Some(_) => {}
                },
                None | Some('\n') => return self.fail(unterminated),
                Some(c) if c == quote => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn name(&mut self, kind: Kind) -> Token<'s> {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { Kind::Variable } else { Kind::Dot });
        }
        self.word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    /// Passes letters, digits and underscores.
    fn word(&mut self) {
        while let Some(byte) = self.byte(self.pos) {
            if byte == b'_' || byte.is_ascii_alphanumeric() {
                self.pos += 1;
            } else if byte >= 0x80 && self.peek().is_some_and(is_alphanumeric) {
                self.bump();
            } else {
                return;
            }
        }
    }

    fn bad_character(&mut self) -> Token<'s> {
        let found = self.peek().map_or_else(|| "U+FFFFFFFFFFFFFFFF".to_owned(), unicode);
        self.fail(format!("bad character {found}"))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            _ => self.rest().starts_with(self.delimiters.right),
        }
    }

    fn number(&mut self) -> Token<'s> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.source[..self.pos].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn bad_number(&mut self) -> Token<'s> {
        let text = super::quote::quote(&self.source[self.start..self.pos]);
        self.fail(format!("bad number syntax: {text}"))
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.bump();
        }
        found
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        while self.accept(digits) {}
        if self.accept(".") {
            while self.accept(digits) {}
        }
        if digits.len() == 11 && self.accept("eE") || digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            while self.accept("0123456789_") {}
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }
}

/// Where `wanted` begins in `text`; faster than a search for a text, where that is short and rare.
fn find(text: &str, wanted: &str) -> Option<usize> {
    let first = wanted.chars().next()?;
    let mut from = 0;
    loop {
        let at = from + text[from..].find(first)?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + first.len_utf8();
    }
}

fn newlines(text: &str) -> u32 {
    text.bytes().filter(|b| *b == b'\n').count() as u32
}

fn trims_left(behind: &str) -> bool {
    matches!(behind.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn unicode(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}
