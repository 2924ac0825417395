//! Go's quoted strings, written and read.

use super::bytes;

/// `text` as Go source: `strconv.Quote`.
pub fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// `text` as Go source of ASCII characters only.
pub(super) fn quote_ascii(text: &str) -> String {
    quote_with(text, '"', true)
}

/// A character as Go source: `'x'`.
pub(super) fn quote_char(c: char, ascii: bool) -> String {
    quote_with(c.encode_utf8(&mut [0; 4]), '\'', ascii)
}

fn quote_with(text: &str, delimiter: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(delimiter);
    let raw = bytes::of(text);
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if c == delimiter => {
                    out.push('\\');
                    out.push(c);
                }
                '\\' => out.push_str("\\\\"),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0b' => out.push_str("\\v"),
                c if c.is_ascii_graphic() || c == ' ' => out.push(c),
                c if (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
                c if !ascii && is_print(c) => out.push(c),
                c if (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
                c => out.push_str(&format!("\\U{:08x}", c as u32)),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push(delimiter);
    out
}

/// Whether Go takes `c` for printable: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic() || c == ' ';
    }
    let code = c as u32;
    let private = (0xE000..=0xF8FF).contains(&code) || code >= 0xF_0000;
    let format = matches!(
        code,
        0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
            | 0xFEFF | 0xFFF0..=0xFFFB | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_007F
    );
    !(c.is_control() || c.is_whitespace() || private || format || code & 0xFFFE == 0xFFFE)
}

/// The text of a Go literal: quoted, raw or a character. `None` if it is none.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let mut chars = literal.chars();
    let delimiter = chars.next()?;
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if !literal.ends_with(delimiter) || literal.len() < 2 {
        return None;
    }
    if delimiter == '`' {
        return (!inner.contains('`')).then(|| inner.replace('\r', ""));
    }
    if !inner.contains('\\') {
        return (!inner.contains([delimiter, '\n'])).then(|| inner.to_owned());
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    let push = |out: &mut Vec<u8>, c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some(c) = chars.next() {
        match c {
            c if c == delimiter || c == '\n' => return None,
            '\\' => match chars.next()? {
                'a' => out.push(7),
                'b' => out.push(8),
                'f' => out.push(12),
                'n' => out.push(b'\n'),
                'r' => out.push(b'\r'),
                't' => out.push(b'\t'),
                'v' => out.push(11),
                '\\' => out.push(b'\\'),
                c if c == delimiter => push(&mut out, c),
                'x' => out.push(digits(&mut chars, 2, 16)? as u8),
                'u' => push(&mut out, char::from_u32(digits(&mut chars, 4, 16)?)?),
                'U' => push(&mut out, char::from_u32(digits(&mut chars, 8, 16)?)?),
                c @ '0'..='7' => {
                    let value = c.to_digit(8)? * 64 + digits(&mut chars, 2, 8)?;
                    out.push(u8::try_from(value).ok()?);
                }
                _ => return None,
            },
            c => push(&mut out, c),
        }
    }
    Some(bytes::text(&out).to_string())
}

fn digits(chars: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0_u32, |value, _| Some(value.checked_mul(radix)? + chars.next()?.to_digit(radix)?))
}
