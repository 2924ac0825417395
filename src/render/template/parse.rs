//! Tokens in, trees out.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::ast::{Branch, Command, Expr, Invocation, List, Node, NumberLiteral, Pipe, Pos, Tree};
use super::error::{Site, TemplateError};
use super::functions::Functions;
use super::lex::{Delimiters, Kind, Lexer, Token};
use super::quote;

/// Levels of `if`, `range`, `with` and parentheses. Go has none for the former and ten thousand for the latter; nobody
/// writes so many.
const MAX_DEPTH: usize = 400;

type Result<T> = std::result::Result<T, TemplateError>;

/// What ends a list.
enum Ending {
    End,
    Else,
}

struct Parser<'s> {
    name: Arc<str>,
    source: Arc<str>,
    lexer: Lexer<'s>,
    pending: Vec<Token<'s>>,
    /// Position and line of the last token that was read.
    last: (Pos, u32),
    functions: &'s Functions,
    scope: Scope,
    depth: usize,
    trees: BTreeMap<SmolStr, Arc<Tree>>,
}

/// What a `define` begins anew.
struct Scope {
    variables: Vec<SmolStr>,
    ranges: usize,
    action_line: u32,
}

impl Scope {
    fn new() -> Scope {
        Scope { variables: vec![SmolStr::new_static("$")], ranges: 0, action_line: 0 }
    }
}

/// Parses `text` under `name`: its own tree and those that it defines, by name.
pub(super) fn parse(
    name: &Arc<str>,
    text: &Arc<str>,
    functions: &Functions,
    delimiters: Delimiters<'_>,
) -> Result<BTreeMap<SmolStr, Arc<Tree>>> {
    let source = text.clone();
    let mut parser = Parser {
        name: name.clone(),
        source: text.clone(),
        lexer: Lexer::new(&source, delimiters),
        pending: Vec::new(),
        last: (0, 1),
        functions,
        scope: Scope::new(),
        depth: 0,
        trees: BTreeMap::new(),
    };
    parser.file()?;
    Ok(parser.trees)
}

impl<'s> Parser<'s> {
    fn next(&mut self) -> Token<'s> {
        if let Some(token) = self.pending.pop() {
            return token;
        }
        let token = self.lexer.next();
        self.last = (token.pos, token.line);
        token
    }

    fn back(&mut self, token: Token<'s>) {
        self.pending.push(token);
    }

    fn peek(&mut self) -> Kind {
        let token = self.next();
        self.back(token);
        token.kind
    }

    fn next_solid(&mut self) -> Token<'s> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_solid(&mut self) -> (Kind, Pos) {
        let token = self.next_solid();
        self.back(token);
        (token.kind, token.pos)
    }

    fn fail(&self, reason: impl Into<String>) -> TemplateError {
        let reason = reason.into();
        let (pos, line) = self.last;
        let site = Site::of(&self.name, &self.source, pos);
        TemplateError {
            message: format!("template: {}:{line}: {reason}", self.name),
            reason,
            site: Site { line, ..site },
            cause: None,
        }
    }

    fn unexpected(&self, token: &Token<'s>, context: &str) -> TemplateError {
        if token.kind != Kind::Error {
            return self.fail(format!("unexpected {token} in {context}"));
        }
        let message = self.lexer.error().to_owned();
        let started = self.scope.action_line;
        if started == 0 || started == token.line {
            return self.fail(message);
        }
        let word = if message.ends_with(" action") { "" } else { " in action" };
        self.fail(format!("{message}{word} started at {}:{started}", self.name))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'s>> {
        let token = self.next_solid();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    fn deeper<T>(&mut self, what: &str, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fail(format!("max {what} depth exceeded")));
        }
        self.depth += 1;
        let result = stacker::maybe_grow(256 * 1024, 2 * 1024 * 1024, || parse(self));
        self.depth -= 1;
        result
    }

    fn add(&mut self, name: &str, root: List) -> Result<()> {
        if let Some(old) = self.trees.get(name)
            && !is_empty(&old.root, &self.source)
        {
            if is_empty(&root, &self.source) {
                return Ok(());
            }
            return Err(self.fail(format!("template: multiple definition of template {}", quote::quote(name))));
        }
        let tree = Tree { name: SmolStr::new(name), parse_name: self.name.clone(), source: self.source.clone(), root };
        self.trees.insert(SmolStr::new(name), Arc::new(tree));
        Ok(())
    }

    fn file(&mut self) -> Result<()> {
        let mut root = List::default();
        loop {
            let token = self.next_solid();
            match token.kind {
                Kind::Eof => break,
                Kind::Left => {
                    let word = self.next_solid();
                    if word.kind == Kind::Define {
                        self.define()?;
                        continue;
                    }
                    self.back(word);
                    match self.after_left(&token)? {
                        Ok(node) => root.nodes.push(node),
                        Err(Ending::End) => return Err(self.fail("unexpected {{end}}")),
                        Err(Ending::Else) => return Err(self.fail("unexpected {{else}}")),
                    }
                }
                Kind::Text => root.nodes.push(text_node(&token)),
                _ => return Err(self.unexpected(&token, "input")),
            }
        }
        let name = self.name.clone();
        self.add(&name, root)
    }

    fn define(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_solid();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(&token, CONTEXT));
        }
        let name = quote::unquote(token.text).ok_or_else(|| self.fail("invalid syntax"))?;
        self.expect(Kind::Right, CONTEXT)?;
        self.definition(&name, CONTEXT)
    }

    fn definition(&mut self, name: &str, context: &str) -> Result<()> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let (list, ending) = self.list()?;
        if !matches!(ending, Ending::End) {
            return Err(self.fail(format!("unexpected {{{{else}}}} in {context}")));
        }
        self.add(name, list)?;
        self.scope = outer;
        Ok(())
    }

    /// Nodes up to an `end` or `else`.
    fn list(&mut self) -> Result<(List, Ending)> {
        let mut list = List::default();
        loop {
            let token = self.next_solid();
            match token.kind {
                Kind::Eof => return Err(self.fail("unexpected EOF")),
                Kind::Text => list.nodes.push(text_node(&token)),
                Kind::Left => match self.after_left(&token)? {
                    Ok(node) => list.nodes.push(node),
                    Err(ending) => return Ok((list, ending)),
                },
                _ => return Err(self.unexpected(&token, "input")),
            }
        }
    }

    fn after_left(&mut self, left: &Token<'s>) -> Result<std::result::Result<Node, Ending>> {
        self.scope.action_line = left.line;
        let result = self.action();
        self.scope.action_line = 0;
        result
    }

    fn action(&mut self) -> Result<std::result::Result<Node, Ending>> {
        let token = self.next_solid();
        Ok(Ok(match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => {
                self.leave("{{break}}")?;
                Node::Break
            }
            Kind::Continue => {
                self.leave("{{continue}}")?;
                Node::Continue
            }
            Kind::Else => {
                let (kind, _) = self.peek_solid();
                if !matches!(kind, Kind::If | Kind::With) {
                    self.expect(Kind::Right, "else")?;
                }
                return Ok(Err(Ending::Else));
            }
            Kind::End => {
                self.expect(Kind::Right, "end")?;
                return Ok(Err(Ending::End));
            }
            Kind::If => Node::If(Box::new(self.control("if")?)),
            Kind::With => Node::With(Box::new(self.control("with")?)),
            Kind::Range => Node::Range(Box::new(self.control("range")?)),
            Kind::Template => {
                let name_token = self.next_solid();
                let name = self.template_name(&name_token, "template clause")?;
                let next = self.next_solid();
                let pipe = if next.kind == Kind::Right {
                    None
                } else {
                    self.back(next);
                    Some(self.pipeline("template clause", Kind::Right)?)
                };
                Node::Template(Box::new(Invocation { pos: name_token.pos, name, pipe }))
            }
            _ => {
                let pos = token.pos;
                self.back(token);
                Node::Action(pos, self.pipeline("command", Kind::Right)?)
            }
        }))
    }

    fn leave(&mut self, what: &str) -> Result<()> {
        let token = self.next_solid();
        if token.kind != Kind::Right {
            return Err(self.unexpected(&token, what));
        }
        if self.scope.ranges == 0 {
            return Err(self.fail(format!("{what} outside {{{{range}}}}")));
        }
        Ok(())
    }

    fn template_name(&mut self, token: &Token<'s>, context: &str) -> Result<SmolStr> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        quote::unquote(token.text).map(SmolStr::new).ok_or_else(|| self.fail("invalid syntax"))
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::Right)?;
        self.deeper("nesting", |parser| parser.definition(&name, CONTEXT))?;
        Ok(Node::Template(Box::new(Invocation { pos: token.pos, name, pipe: Some(pipe) })))
    }

    fn control(&mut self, word: &'static str) -> Result<Branch> {
        self.deeper("nesting", |parser| {
            let variables = parser.scope.variables.len();
            let branch = parser.branch(word);
            parser.scope.variables.truncate(variables);
            branch
        })
    }

    fn branch(&mut self, word: &'static str) -> Result<Branch> {
        let pipe = self.pipeline(word, Kind::Right)?;
        if word == "range" {
            self.scope.ranges += 1;
        }
        let (list, ending) = self.list()?;
        if word == "range" {
            self.scope.ranges -= 1;
        }
        let other = match ending {
            Ending::End => None,
            Ending::Else => {
                let kind = self.peek();
                if word == "if" && kind == Kind::If {
                    self.next();
                    Some(List { nodes: vec![Node::If(Box::new(self.control("if")?))] })
                } else if word == "with" && kind == Kind::With {
                    self.next();
                    Some(List { nodes: vec![Node::With(Box::new(self.control("with")?))] })
                } else {
                    let (list, ending) = self.list()?;
                    if !matches!(ending, Ending::End) {
                        return Err(self.fail("expected end; found {{else}}"));
                    }
                    Some(list)
                }
            }
        };
        Ok(Branch { pos: pipe.pos, pipe, list, other })
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let (_, pos) = self.peek_solid();
        let mut pipe = Pipe { pos, ..Pipe::default() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_solid();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back(token);
                    pipe.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        if pipe.commands.is_empty() {
            return Err(self.fail(format!("missing value for {context}")));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.args.first(),
                Some(Expr::Bool(..) | Expr::Dot(_) | Expr::Nil(_) | Expr::Number(_) | Expr::Text(..))
            ) {
                return Err(self.fail(format!("non executable command in pipeline stage {}", index + 1)));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =` or `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.next_solid();
            if variable.kind != Kind::Variable {
                self.back(variable);
                return Ok(());
            }
            let after = self.next();
            let next = if after.kind == Kind::Space { Some(self.next_solid()) } else { None };
            let operator = next.as_ref().unwrap_or(&after);
            let name = SmolStr::new(variable.text);
            match operator.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assign = operator.kind == Kind::Assign;
                    pipe.declared.push(name.clone());
                    self.scope.variables.push(name);
                    return Ok(());
                }
                Kind::Char if operator.text == "," => {
                    pipe.declared.push(name.clone());
                    self.scope.variables.push(name);
                    if context != "range" || pipe.declared.len() >= 2 {
                        return Err(self.fail(format!("too many declarations in {context}")));
                    }
                    if !matches!(self.peek_solid().0, Kind::Variable | Kind::Right | Kind::RightParen) {
                        return Err(self.fail("range can only initialize variables"));
                    }
                }
                _ => {
                    if let Some(next) = next {
                        self.back(next);
                    }
                    self.back(after);
                    self.back(variable);
                    return Ok(());
                }
            }
        }
    }

    fn command(&mut self) -> Result<Command> {
        let (_, pos) = self.peek_solid();
        let mut args = Vec::new();
        loop {
            self.peek_solid();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::Right | Kind::RightParen => self.back(token),
                Kind::Pipe => {}
                _ => return Err(self.unexpected(&token, "operand")),
            }
            break;
        }
        if args.is_empty() {
            return Err(self.fail("empty command"));
        }
        Ok(Command { pos, args })
    }

    fn operand(&mut self) -> Result<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let token = self.next();
        self.back(token);
        if token.kind != Kind::Field {
            return Ok(Some(term));
        }
        let pos = token.pos;
        Ok(Some(match term {
            Expr::Field(_, names) => Expr::Field(pos, self.fields(names)),
            Expr::Variable(_, names) => Expr::Variable(pos, self.fields(names)),
            Expr::Bool(..) | Expr::Text(..) | Expr::Number(_) | Expr::Nil(_) | Expr::Dot(_) => {
                self.fields(Vec::new());
                return Err(self.fail(format!("unexpected . after term {}", quote::quote(&term.to_string()))));
            }
            other => Expr::Chain(pos, Box::new(other), self.fields(Vec::new())),
        }))
    }

    /// Adds the fields that follow to `names`.
    fn fields(&mut self, mut names: Vec<SmolStr>) -> Vec<SmolStr> {
        loop {
            let token = self.next();
            if token.kind != Kind::Field {
                self.back(token);
                return names;
            }
            names.push(SmolStr::new(&token.text[1..]));
        }
    }

    fn term(&mut self) -> Result<Option<Expr>> {
        let token = self.next_solid();
        let pos = token.pos;
        Ok(Some(match token.kind {
            Kind::Identifier => match self.functions.get(token.text) {
                Some(function) => Expr::Function(pos, function.clone()),
                None => return Err(self.fail(format!("function {} not defined", quote::quote(token.text)))),
            },
            Kind::Dot => Expr::Dot(pos),
            Kind::Nil => Expr::Nil(pos),
            Kind::Variable => {
                if !self.scope.variables.iter().any(|name| name == token.text) {
                    return Err(self.fail(format!("undefined variable {}", quote::quote(token.text))));
                }
                Expr::Variable(pos, one_of_few(token.text))
            }
            Kind::Field => Expr::Field(pos, one_of_few(&token.text[1..])),
            Kind::Bool => Expr::Bool(pos, token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = number(pos, token.text, token.kind).map_err(|reason| self.fail(reason))?;
                Expr::Number(Box::new(number))
            }
            Kind::LeftParen => self.deeper("expression", |parser| {
                Ok(Expr::Pipe(Box::new(parser.pipeline("parenthesized pipeline", Kind::RightParen)?)))
            })?,
            Kind::String | Kind::RawString => {
                let text = quote::unquote(token.text).ok_or_else(|| self.fail("invalid syntax"))?;
                Expr::Text(pos, SmolStr::new(text), SmolStr::new(token.text))
            }
            _ => {
                self.back(token);
                return Ok(None);
            }
        }))
    }
}

fn text_node(token: &Token<'_>) -> Node {
    Node::Text(token.pos, token.pos + token.text.len() as Pos)
}

/// The first of what are mostly a few fields.
fn one_of_few(name: &str) -> Vec<SmolStr> {
    let mut names = Vec::with_capacity(4);
    names.push(SmolStr::new(name));
    names
}

/// Whether a tree holds nothing but space: such a one never replaces another.
pub(super) fn is_empty(list: &List, source: &str) -> bool {
    list.nodes.iter().all(|node| match node {
        Node::Text(start, end) => source[*start as usize..*end as usize].trim().is_empty(),
        _ => false,
    })
}

fn number(pos: Pos, text: &str, kind: Kind) -> std::result::Result<NumberLiteral, String> {
    let mut number = NumberLiteral { pos, text: SmolStr::new(text), int: None, uint: None, float: None, complex: None };
    if kind == Kind::CharConstant {
        let content = quote::unquote(text).ok_or("invalid syntax")?;
        let mut chars = content.chars();
        let c = chars.next().ok_or("invalid syntax")?;
        if chars.next().is_some() {
            return Err(format!("malformed character constant: {text}"));
        }
        number.int = Some(i64::from(c as u32));
        number.uint = Some(u64::from(c as u32));
        number.float = Some(f64::from(c as u32));
        return Ok(number);
    }
    let illegal = || format!("illegal number syntax: {}", quote::quote(text));
    if kind == Kind::Complex || text.ends_with('i') {
        let digits = text.strip_suffix('i').ok_or_else(illegal)?;
        // The sign that joins both parts: not the first character, and none of an exponent.
        let joint = digits
            .char_indices()
            .skip(1)
            .find(|(at, c)| matches!(c, '+' | '-') && !digits[..*at].ends_with(['e', 'E', 'p', 'P']))
            .filter(|_| kind == Kind::Complex);
        let (real, imaginary) = joint.map_or(("0", digits), |(at, _)| digits.split_at(at));
        let part = |text: &str| parse_float(text).ok_or_else(illegal);
        number.complex = Some((part(real)?, part(imaginary)?));
        return Ok(number);
    }
    number.int = parse_int(text);
    number.uint = parse_uint(text);
    if let Some(int) = number.int {
        if int == 0 {
            number.uint = Some(0);
        }
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote::quote(text)));
        }
        number.float = Some(float);
        if float == float.trunc() && float.abs() < 9.3e18 {
            number.int = Some(float as i64);
            number.uint = (float >= 0.0).then_some(float as u64);
        }
    }
    if number.float.is_none() {
        return Err(format!("illegal number syntax: {}", quote::quote(text)));
    }
    Ok(number)
}

/// `strconv.ParseInt` with base 0.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits)?;
    match negative {
        false => i64::try_from(magnitude).ok(),
        true if magnitude <= 1 << 63 => Some((magnitude as i64).wrapping_neg()),
        true => None,
    }
}

/// `strconv.ParseUint` with base 0.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (radix, digits, prefixed) = match bytes {
        [b'0', b'x' | b'X', ..] => (16, &text[2..], true),
        [b'0', b'b' | b'B', ..] => (2, &text[2..], true),
        [b'0', b'o' | b'O', ..] => (8, &text[2..], true),
        [b'0', _, ..] => (8, &text[1..], true),
        _ => (10, text, false),
    };
    let clean = underscores(digits, prefixed)?;
    if clean.is_empty() || !clean.bytes().all(|b| (b as char).is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(&clean, radix).ok()
}

/// Takes out underscores, which may stand between digits and behind a prefix only.
fn underscores(digits: &str, prefixed: bool) -> Option<std::borrow::Cow<'_, str>> {
    if !digits.contains('_') {
        return Some(digits.into());
    }
    let bad = digits.ends_with('_') || digits.contains("__") || (!prefixed && digits.starts_with('_'));
    (!bad).then(|| digits.replace('_', "").into())
}

/// `strconv.ParseFloat`, of what a template can write.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let (mantissa, exponent) = hex.split_once(['p', 'P'])?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        let value = u64::from_str_radix(&digits, 16).ok()? as f64;
        let exponent = exponent.parse::<i32>().ok()? - 4 * fraction.len() as i32;
        let value = value * 2_f64.powi(exponent);
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let clean = underscores(text, false)?;
    if !clean.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    clean.parse().ok().filter(|value: &f64| value.is_finite())
}
