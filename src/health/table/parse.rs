//! Reads a table: lines, blocks by indentation, and the expressions in them.

use super::Rule;
use super::expression::{Expr, Fold, Function, Op, Over, Piece};

/// Deeper expressions than this are refused; no table comes near.
const MAX_DEPTH: usize = 40;

/// Reads the text of a table. The error says which line is wrong, and how.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut rows: Vec<(usize, usize, String)> = Vec::new();
    for (number, row) in text.lines().enumerate() {
        let content = row.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let continues = ["and ", "or "].iter().any(|word| content.starts_with(word));
        match rows.last_mut() {
            Some((_, _, before)) if continues => {
                before.push(' ');
                before.push_str(content.trim_end());
            }
            _ => rows.push((number + 1, row.len() - content.len(), content.trim_end().to_owned())),
        }
    }
    let mut rows = rows.into_iter().peekable();
    let lines = block(&mut rows, 0)?;
    match rows.next() {
        Some((number, ..)) => Err(format!("line {number}: it is indented as no line before it")),
        None => Ok(lines),
    }
}

type Rows = std::iter::Peekable<std::vec::IntoIter<(usize, usize, String)>>;

fn block(rows: &mut Rows, indent: usize) -> Result<Vec<Rule>, String> {
    let mut lines = Vec::new();
    while let Some((number, _, row)) = rows.next_if(|(_, own, _)| *own == indent) {
        let inner = |rows: &mut Rows| match rows.peek() {
            Some((_, deeper, _)) if *deeper > indent => {
                let deeper = *deeper;
                block(rows, deeper)
            }
            _ => Err("nothing is indented below it".to_owned()),
        };
        let line = statement(&row).and_then(|rule| {
            Ok(match rule {
                Rule::Each { index, item, list, .. } => Rule::Each { index, item, list, lines: inner(rows)? },
                Rule::If { condition, .. } => {
                    let lines = inner(rows)?;
                    let otherwise = match rows.next_if(|(_, own, row)| *own == indent && row == "else") {
                        Some(_) => inner(rows)?,
                        None => Vec::new(),
                    };
                    Rule::If { condition, lines, otherwise }
                }
                other => other,
            })
        });
        lines.push(line.map_err(|error| format!("line {number}: {error}"))?);
    }
    Ok(lines)
}

fn statement(row: &str) -> Result<Rule, String> {
    if let Some(name) = row.strip_prefix("use ") {
        return Ok(Rule::Use { name: name.to_owned() });
    }
    let mut tokens = Tokens { tokens: lex(row)?, position: 0, depth: 0 };
    let Some(Token::Word(word)) = tokens.next() else { return Err("a line starts with a word".to_owned()) };
    let rule = match word.as_str() {
        "let" => {
            let name = tokens.word()?;
            tokens.expect("=")?;
            Rule::Let { name, value: tokens.expr()? }
        }
        "each" => {
            let (index, item, list) = tokens.generator()?;
            Rule::Each { index, item, list, lines: Vec::new() }
        }
        "if" => Rule::If { condition: tokens.expr()?, lines: Vec::new(), otherwise: Vec::new() },
        "skip" => Rule::Skip { condition: tokens.condition()? },
        "none" => Rule::None { condition: tokens.condition()? },
        "fail" => Rule::Fail { message: tokens.expr()?, condition: tokens.condition()? },
        "deleting" => Rule::Deleting { message: tokens.expr()?, condition: tokens.condition()? },
        "health" => {
            let status = tokens.expr()?;
            tokens.expect(",")?;
            Rule::Health { status, message: Some(tokens.expr()?), condition: tokens.condition()? }
        }
        status if crate::health::Status::named(status).is_some() => {
            let message = match tokens.peek() {
                None => None,
                Some(Token::Word(word)) if word == "if" => None,
                Some(_) => Some(tokens.expr()?),
            };
            let status = Expr::Text(vec![Piece::Plain(status.to_owned())]);
            Rule::Health { status, message, condition: tokens.condition()? }
        }
        other => return Err(format!("{other:?} starts no line")),
    };
    match tokens.next() {
        None => Ok(rule),
        Some(token) => Err(format!("{token:?} is too much")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Number(f64),
    Text(Vec<TextPiece>),
    Sign(&'static str),
}

/// A text before the expressions in it are read.
#[derive(Debug, Clone, PartialEq)]
enum TextPiece {
    Plain(String),
    Hole(String),
}

const SIGNS: [&str; 17] = ["==", "!=", "<=", ">=", "<", ">", "=", "!", "(", ")", "[", "]", ",", ".", "+", "-", "/"];

fn lex(row: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = row;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if first == '"' {
            let (pieces, after) = text(&rest[1..])?;
            tokens.push(Token::Text(pieces));
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..end].parse().map_err(|_| "no number".to_owned())?));
            rest = &rest[end..];
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or(format!("{first:?} means nothing"))?;
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
    }
    Ok(tokens)
}

/// A text from behind its first quote, and what follows it.
fn text(row: &str) -> Result<(Vec<TextPiece>, &str), String> {
    let (mut pieces, mut plain) = (Vec::new(), String::new());
    let mut chars = row.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                if !plain.is_empty() || pieces.is_empty() {
                    pieces.push(TextPiece::Plain(plain));
                }
                return Ok((pieces, &row[at + 1..]));
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => plain.push('\n'),
                Some((_, other)) => plain.push(other),
                None => break,
            },
            '{' => {
                let end = at + closing(&row[at..]).ok_or("a { without }")?;
                if !plain.is_empty() {
                    pieces.push(TextPiece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(TextPiece::Hole(row[at + 1..end].to_owned()));
                while chars.next().is_some_and(|(position, _)| position < end) {}
            }
            other => plain.push(other),
        }
    }
    Err("a text without end".to_owned())
}

/// Where the brace is closed that a text starts with; texts within the expression have braces of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.char_indices().find_map(|(at, char)| {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

struct Tokens {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(own)) if *own == sign);
        self.position += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(own)) if own == word);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("{sign:?} is expected, not {:?}", self.peek())) }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("a name is expected, not {other:?}")),
        }
    }

    /// `if ...` at the end of a line.
    fn condition(&mut self) -> Result<Option<Expr>, String> {
        if self.take_word("if") { self.expr().map(Some) } else { Ok(None) }
    }

    /// `[i,] x in list`
    fn generator(&mut self) -> Result<(Option<String>, String, Expr), String> {
        let first = self.word()?;
        let (index, item) = if self.take(",") { (Some(first), self.word()?) } else { (None, first) };
        if !self.take_word("in") {
            return Err("`in` is expected".to_owned());
        }
        Ok((index, item, self.expr()?))
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is too deep".to_owned());
        }
        let mut left = self.conjunction()?;
        while self.take_word("or") {
            left = Expr::Binary(Op::Or, Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr, String> {
        let mut left = self.comparison()?;
        while self.take_word("and") {
            left = Expr::Binary(Op::And, Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        if self.take_word("not") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err("the expression is too deep".to_owned());
            }
            let inner = self.comparison()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        let left = self.sum()?;
        if matches!(self.peek(), Some(Token::Word(word)) if word == "in")
            && self.tokens.get(self.position + 1) == Some(&Token::Sign("["))
        {
            self.position += 2;
            let mut all = Vec::new();
            while !self.take("]") {
                all.push(self.expr()?);
                if !self.take(",") {
                    self.expect("]")?;
                    break;
                }
            }
            return Ok(Expr::In(Box::new(left), all));
        }
        let op = match self.peek() {
            Some(Token::Sign("==")) => Op::Equal,
            Some(Token::Sign("!=")) => Op::Unequal,
            Some(Token::Sign("<")) => Op::Less,
            Some(Token::Sign("<=")) => Op::AtMost,
            Some(Token::Sign(">")) => Op::More,
            Some(Token::Sign(">=")) => Op::AtLeast,
            _ => return Ok(left),
        };
        self.position += 1;
        Ok(Expr::Binary(op, Box::new(left), Box::new(self.sum()?)))
    }

    fn sum(&mut self) -> Result<Expr, String> {
        let mut left = self.postfix()?;
        loop {
            let op = match self.peek() {
                Some(Token::Sign("+")) => Op::Plus,
                Some(Token::Sign("-")) => Op::Minus,
                _ => return Ok(left),
            };
            self.position += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.postfix()?));
        }
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.take("!") {
                expr = Expr::Must(Box::new(expr));
            } else if self.take(".") {
                expr = Expr::Field(Box::new(expr), self.word()?);
            } else if self.take("[") {
                let Some(Token::Text(pieces)) = self.next() else { return Err("a key in quotes is expected".into()) };
                let [TextPiece::Plain(key)] = pieces.as_slice() else { return Err("a plain key is expected".into()) };
                expr = Expr::Field(Box::new(expr), key.clone());
                self.expect("]")?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Text(pieces)) => self.pieces(pieces).map(Expr::Text),
            Some(Token::Sign("(")) => {
                let inner = self.expr()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Word(word)) => match word.as_str() {
                "nil" => Ok(Expr::Nil),
                "true" => Ok(Expr::Bool(true)),
                "false" => Ok(Expr::Bool(false)),
                _ if self.take("(") => self.call(&word),
                _ => Ok(Expr::Name(word)),
            },
            other => Err(format!("a value is expected, not {other:?}")),
        }
    }

    fn pieces(&self, pieces: Vec<TextPiece>) -> Result<Vec<Piece>, String> {
        let read = |piece| match piece {
            TextPiece::Plain(text) => Ok(Piece::Plain(text)),
            TextPiece::Hole(text) => {
                let mut tokens = Tokens { tokens: lex(&text)?, position: 0, depth: self.depth + 1 };
                let expr = tokens.expr()?;
                match tokens.next() {
                    None => Ok(Piece::Hole(expr)),
                    Some(token) => Err(format!("{token:?} is too much")),
                }
            }
        };
        pieces.into_iter().map(read).collect()
    }

    /// A function, from behind its parenthesis.
    fn call(&mut self, name: &str) -> Result<Expr, String> {
        if let Some((function, arity)) = Function::named(name) {
            let mut arguments = Vec::new();
            while !self.take(")") {
                arguments.push(self.expr()?);
                if !self.take(",") {
                    self.expect(")")?;
                    break;
                }
            }
            return match arguments.len() == arity {
                true => Ok(Expr::Call(function, arguments)),
                false => Err(format!("{name} takes {arity} arguments")),
            };
        }
        let fold = match name {
            "any" => Fold::Any,
            "count" => Fold::Count,
            "first" => Fold::First,
            "last" => Fold::Last,
            "position" => Fold::Position,
            "sum" => self.projected().map(Fold::Sum)?,
            "join" => {
                let Some(Token::Text(pieces)) = self.next() else { return Err("join starts with a text".into()) };
                let between = match pieces.as_slice() {
                    [TextPiece::Plain(text)] => text.clone(),
                    _ => return Err("what stands between is plain text".into()),
                };
                self.expect(",")?;
                Fold::Join(between, self.projected()?)
            }
            _ => return Err(format!("there is no function {name}")),
        };
        let (index, item, list) = self.generator()?;
        let filter = self.condition()?;
        self.expect(")")?;
        Ok(Expr::Over(Box::new(Over { fold, index, item, list, filter })))
    }

    /// `expression for`
    fn projected(&mut self) -> Result<Expr, String> {
        let expr = self.expr()?;
        if self.take_word("for") { Ok(expr) } else { Err("`for` is expected".to_owned()) }
    }
}
