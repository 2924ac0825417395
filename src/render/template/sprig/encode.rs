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
    functions.add("fromJson", &[Text], |_, args| Ok(parse(text_of(&args[0])).unwrap_or(Value::Nil)));
    functions.add("mustFromJson", &[Text], |_, args| parse(text_of(&args[0])).map_err(FunctionError::Message));
}

fn parse(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("unexpected end of JSON input".to_owned());
    }
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Value::from_json(&parsed, NumberMode::Float))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `b64dec` says where Go's decoder stops: its words, and the offset.
fn base64_decode(text: &str) -> smol_str::SmolStr {
    let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match STANDARD.decode(&clean) {
        Ok(decoded) => bytes::text(&decoded),
        Err(error) => {
            let offset = match error {
                base64::DecodeError::InvalidByte(offset, _) | base64::DecodeError::InvalidLastSymbol(offset, _) => {
                    offset
                }
                _ => clean.trim_end_matches('=').len().min(clean.len() / 4 * 4),
            };
            format!("illegal base64 data at input byte {offset}").into()
        }
    }
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
