//! JSON, base64, base32 and checksums.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

use super::text_of;
use crate::render::template::{FunctionError, Functions, NumberMode, Param, Value, bytes, json};

pub(super) fn register(functions: &mut Functions) {
    use Param::{Any, String as Text};
    let mut one = |name: &'static str, body: fn(&[u8]) -> String| {
        functions.add(name, &[Text], move |_, args| Ok(body(&bytes::of(text_of(&args[0]))).into()));
    };
    one("b64enc", |bytes| STANDARD.encode(bytes));
    one("b32enc", base32_encode);
    one("sha1sum", |bytes| hex(&Sha1::digest(bytes)));
    one("sha256sum", |bytes| hex(&Sha256::digest(bytes)));
    one("sha512sum", |bytes| hex(&Sha512::digest(bytes)));
    one("adler32sum", |bytes| adler32(bytes).to_string());
    functions.add("b64dec", &[Text], |_, args| Ok(Value::String(base64_decode(text_of(&args[0])))));
    functions.add("b32dec", &[Text], |_, args| Ok(Value::String(base32_decode(text_of(&args[0])))));
    for (name, style) in [
        ("toJson", json::Style { pretty: false, html: true }),
        ("toPrettyJson", json::Style { pretty: true, html: true }),
        ("toRawJson", json::Style { pretty: false, html: false }),
    ] {
        functions.add(name, &[Any], move |call, args| {
            call.serialized(&args[0]);
            Ok(json::encode(&args[0], style).unwrap_or_default().into())
        });
    }
    for (name, style) in [
        ("mustToJson", json::Style { pretty: false, html: true }),
        ("mustToPrettyJson", json::Style { pretty: true, html: true }),
        ("mustToRawJson", json::Style { pretty: false, html: false }),
    ] {
        functions.add(name, &[Any], move |call, args| {
            call.serialized(&args[0]);
            Ok(json::encode(&args[0], style).map_err(FunctionError::Message)?.into())
        });
    }
    functions.add("fromJson", &[Text], |_, args| Ok(parse_json(text_of(&args[0])).unwrap_or(Value::Nil)));
    functions.add("mustFromJson", &[Text], |_, args| parse_json(text_of(&args[0])).map_err(FunctionError::Message));
}

/// The value of a JSON text.
///
/// # Errors
/// Go's words.
pub fn parse_json(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("unexpected end of JSON input".to_owned());
    }
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|error| json_error(text, &error))?;
    Ok(Value::from_json(&parsed, NumberMode::Float))
}

/// Go's words for JSON that does not parse, as far as they can be told from serde's.
fn json_error(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let words = error.to_string();
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let at = error.column().saturating_sub(1);
    if words.starts_with("number out of range") {
        let start = line[..at.min(line.len())].rfind(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let number: String = line[start.map_or(0, |at| at + 1)..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
            .collect();
        return format!("json: cannot unmarshal number {number} into Go value of type float64");
    }
    if words.starts_with("expected ident") {
        // serde names the place of the letter that is wrong.
        let start =
            line.get(..at).map_or(0, |before| before.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| at + 1));
        let word = ["true", "false", "null"].into_iter().find(|word| word.get(..1) == line.get(start..start + 1));
        if let (Some(word), Some(found)) = (word, line.chars().nth(at))
            && let Some(expected) = word.chars().nth(at - start)
        {
            return format!("invalid character '{found}' in literal {word} (expecting '{expected}')");
        }
    }
    let place = [
        ("trailing characters", "after top-level value"),
        ("key must be a string", "looking for beginning of object key string"),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
    ]
    .iter()
    .find(|(serde, _)| words.starts_with(serde))
    .map_or("looking for beginning of value", |(_, go)| go);
    match line.chars().nth(at) {
        Some(c) => format!("invalid character {} {place}", byte_quoted(c)),
        None => words,
    }
}

/// The first byte of a character, as encoding/json quotes what it stumbles over.
fn byte_quoted(c: char) -> String {
    let text = c.to_string();
    let byte = bytes::of(&text).first().copied().unwrap_or_default();
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        0x80.. if text.len() == 4 => format!("'\\x{byte:02x}'"),
        byte => {
            let quoted = crate::render::template::quote(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Go's decoder: its words where it stops.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(&clean).map_err(|error| {
        let offset = match error {
            base64::DecodeError::InvalidByte(offset, _) | base64::DecodeError::InvalidLastSymbol(offset, _) => offset,
            _ => clean.trim_end_matches('=').len().min(clean.len() / 4 * 4),
        };
        format!("illegal base64 data at input byte {offset}")
    })
}

/// `b64dec`: what is wrong is its result.
fn base64_decode(text: &str) -> smol_str::SmolStr {
    decode_base64(text).map_or_else(smol_str::SmolStr::from, |decoded| bytes::text(&decoded))
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut buffer = [0_u8; 8];
        buffer[3..3 + chunk.len()].copy_from_slice(chunk);
        let value = u64::from_be_bytes(buffer);
        let symbols = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            if index < symbols {
                out.push(BASE32[(value >> (35 - index * 5)) as usize & 31] as char);
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn base32_decode(text: &str) -> smol_str::SmolStr {
    let clean: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let data = clean.iter().position(|b| *b == b'=').map_or(clean.as_slice(), |end| &clean[..end]);
    let wrong = |offset: usize| format!("illegal base32 data at input byte {offset}").into();
    let mut out = Vec::with_capacity(data.len() * 5 / 8);
    let (mut value, mut bits) = (0_u32, 0);
    for (offset, byte) in data.iter().enumerate() {
        let Some(symbol) = BASE32.iter().position(|known| known == byte) else { return wrong(offset / 8 * 8) };
        value = value << 5 | symbol as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((value >> bits) as u8);
            value &= (1 << bits) - 1;
        }
    }
    if !clean.len().is_multiple_of(8) {
        return wrong(clean.len());
    }
    bytes::text(&out)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}
