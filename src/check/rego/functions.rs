//! Builtins that public policy libraries use and regorus lacks, as OPA defines them; `sprintf`, of which regorus knows
//! few verbs; and the match of a pattern, at which it is slow. A builtin that is registered goes before one of regorus.

use std::collections::BTreeMap;
use std::net::IpAddr;

use regorus::{Engine, Value};
use sha1::Digest as _;

use super::pattern;
use super::value::object;

/// A builtin: its arguments in, its value out; undefined where OPA's would be.
type Builtin = fn(&[Value]) -> Option<Value>;

const BUILTINS: &[(&str, u8, Builtin)] = &[
    ("any", 1, |args| members(&args[0]).map(|items| Value::from(items.contains(&Value::Bool(true))))),
    ("all", 1, |args| members(&args[0]).map(|items| Value::from(items.iter().all(|item| *item == Value::Bool(true))))),
    ("cast_array", 1, |args| members(&args[0]).map(Value::from)),
    ("cast_set", 1, |args| members(&args[0]).map(Value::from_iter_set)),
    ("cast_string", 1, |args| args[0].as_string().is_ok().then(|| args[0].clone())),
    ("cast_boolean", 1, |args| matches!(args[0], Value::Bool(_)).then(|| args[0].clone())),
    ("cast_null", 1, |args| matches!(args[0], Value::Null).then_some(Value::Null)),
    ("cast_object", 1, |args| args[0].as_object().is_ok().then(|| args[0].clone())),
    ("set_diff", 2, |args| {
        let (a, b) = (members(&args[0])?, members(&args[1])?);
        Some(Value::from_iter_set(a.into_iter().filter(|item| !b.contains(item)).collect()))
    }),
    ("array.flatten", 1, |args| {
        let items = members(&args[0])?;
        let flat = items.into_iter().flat_map(|item| match item.as_array() {
            Ok(inner) => inner.iter().cloned().collect(),
            Err(_) => vec![item],
        });
        Some(Value::from(flat.collect::<Vec<_>>()))
    }),
    ("strings.split_n", 3, |args| {
        let (whole, separator, most) = (text(&args[0])?, text(&args[1])?, args[2].as_i64().ok()?);
        let parts: Vec<Value> = match usize::try_from(most) {
            Ok(most) => whole.split(separator).take(most).map(Value::from).collect(),
            Err(_) => whole.split(separator).map(Value::from).collect(),
        };
        Some(Value::from(parts))
    }),
    ("sprintf", 2, |args| {
        let values: Vec<Value> = args[1].as_array().ok()?.iter().cloned().collect();
        sprintf(text(&args[0])?, &values)
    }),
    ("strings.render_template", 2, |args| render(text(&args[0])?, &args[1])),
    ("net.cidr_overlap", 2, |args| Some(Value::from(Block::of(&args[0])?.contains(Block::of(&args[1])?)))),
    ("net.cidr_intersects", 2, |args| {
        let (a, b) = (Block::of(&args[0])?, Block::of(&args[1])?);
        Some(Value::from(a.contains(b) || b.contains(a)))
    }),
    ("net.cidr_contains_matches", 2, |args| contains_matches(&args[0], &args[1])),
    ("net.cidr_merge", 1, |args| merge(&args[0])),
    ("crypto.md5", 1, |args| Some(Value::from(hexadecimal(&md5(text(&args[0])?.as_bytes()))))),
    ("crypto.sha1", 1, |args| Some(Value::from(hexadecimal(&sha1::Sha1::digest(text(&args[0])?))))),
    ("crypto.sha256", 1, |args| Some(Value::from(hexadecimal(&sha2::Sha256::digest(text(&args[0])?))))),
    ("crypto.hmac.sha1", 2, |args| hmac(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, args)),
    ("crypto.hmac.sha256", 2, |args| hmac(ring::hmac::HMAC_SHA256, args)),
    ("crypto.hmac.sha512", 2, |args| hmac(ring::hmac::HMAC_SHA512, args)),
    ("crypto.hmac.equal", 2, |args| Some(Value::from(text(&args[0])? == text(&args[1])?))),
    ("uri.is_valid", 1, |args| Some(Value::from(args[0].as_string().is_ok() && uri(text(&args[0])?).is_some()))),
    ("uri.parse", 1, |args| uri(text(&args[0])?)),
    ("io.jwt.decode", 1, |args| jwt(text(&args[0])?)),
];

/// Adds the builtins to `engine`.
pub(super) fn register(engine: &mut Engine) {
    for (name, arity, builtin) in BUILTINS {
        let call = move |args: Vec<Value>| Ok(builtin(&args).unwrap_or(Value::Undefined));
        let added = engine.add_extension((*name).to_owned(), *arity, Box::new(call));
        debug_assert!(added.is_ok(), "{name} is registered twice");
    }
    for name in ["regex.match", "re_match"] {
        let call = |args: Vec<Value>| {
            let (Some(pattern), Some(text)) = (text(&args[0]), text(&args[1])) else { return Ok(Value::Undefined) };
            Ok(pattern::is_match(pattern, text)?.map_or(Value::Undefined, Value::from))
        };
        let added = engine.add_extension(name.to_owned(), 2, Box::new(call));
        debug_assert!(added.is_ok(), "{name} is registered twice");
    }
}

/// Sets from lists of values.
trait FromItems {
    fn from_iter_set(items: Vec<Value>) -> Value;
}

impl FromItems for Value {
    fn from_iter_set(items: Vec<Value>) -> Value {
        Value::from(items.into_iter().collect::<std::collections::BTreeSet<_>>())
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_string().ok().map(|text| &**text)
}

/// The items of an array or a set.
fn members(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items.iter().cloned().collect()),
        _ => value.as_set().ok().map(|set| set.iter_sorted().cloned().collect()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(algorithm: ring::hmac::Algorithm, args: &[Value]) -> Option<Value> {
    let key = ring::hmac::Key::new(algorithm, text(&args[1])?.as_bytes());
    Some(Value::from(hexadecimal(ring::hmac::sign(&key, text(&args[0])?.as_bytes()).as_ref())))
}

/// The digest of RFC 1321: for checksums that a policy compares, nothing else.
fn md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend(((message.len() as u64) * 8).to_le_bytes());
    for block in padded.chunks_exact(64) {
        let word =
            |at: usize| u32::from_le_bytes([block[at * 4], block[at * 4 + 1], block[at * 4 + 2], block[at * 4 + 3]]);
        let [mut a, mut b, mut c, mut d] = state;
        for round in 0..64usize {
            let (mixed, at) = match round / 16 {
                0 => (b & c | !b & d, round),
                1 => (d & b | !d & c, (5 * round + 1) % 16),
                2 => (b ^ c ^ d, (3 * round + 5) % 16),
                _ => (c ^ (b | !d), (7 * round) % 16),
            };
            let constant = ((round as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(word(at));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[round / 16][round % 4]));
        }
        for (kept, added) in state.iter_mut().zip([a, b, c, d]) {
            *kept = kept.wrapping_add(added);
        }
    }
    let mut digest = [0; 16];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// A block of addresses; a single address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    v6: bool,
    /// The first address, at the left of 128 bits.
    first: u128,
    length: u32,
}

impl Block {
    fn of(value: &Value) -> Option<Block> {
        Block::parse(text(value)?)
    }

    fn parse(text: &str) -> Option<Block> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (bits, v6) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, false),
            IpAddr::V6(address) => (u128::from(address), true),
        };
        let most = if v6 { 128 } else { 32 };
        let length = length.unwrap_or(most);
        (length <= most).then(|| Block { v6, first: bits & mask(length), length })
    }

    fn contains(self, other: Block) -> bool {
        self.v6 == other.v6 && self.length <= other.length && other.first & mask(self.length) == self.first
    }

    fn shown(self) -> String {
        match self.v6 {
            true => format!("{}/{}", std::net::Ipv6Addr::from(self.first), self.length),
            false => format!("{}/{}", std::net::Ipv4Addr::from((self.first >> 96) as u32), self.length),
        }
    }
}

fn mask(length: u32) -> u128 {
    if length == 0 { 0 } else { u128::MAX << (128 - length.min(128)) }
}

/// The pairs of places at which a block of `outer` contains one of `inner`.
fn contains_matches(outer: &Value, inner: &Value) -> Option<Value> {
    let blocks = |value: &Value| -> Option<Vec<(Value, Block)>> {
        let named = |place: Value, item: &Value| {
            // An item may be a list whose first is the block.
            let block = item.as_array().ok().and_then(|list| list.first().cloned()).unwrap_or_else(|| item.clone());
            Some((place, Block::of(&block)?))
        };
        match value {
            Value::String(_) => Some(vec![named(value.clone(), value)?]),
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| named(Value::from(index as i64), item)).collect()
            }
            _ => match value.as_object() {
                Ok(entries) => entries.iter().map(|(key, item)| named(key.clone(), item)).collect(),
                Err(_) => members(value)?.iter().map(|item| named(item.clone(), item)).collect(),
            },
        }
    };
    let mut pairs = Vec::new();
    let inner = blocks(inner)?;
    for (place, block) in blocks(outer)? {
        for (other, contained) in &inner {
            if block.contains(*contained) {
                pairs.push(Value::from(vec![place.clone(), other.clone()]));
            }
        }
    }
    Some(Value::from_iter_set(pairs))
}

/// The fewest blocks with the same addresses.
fn merge(value: &Value) -> Option<Value> {
    let mut blocks: Vec<Block> = members(value)?.iter().map(Block::of).collect::<Option<_>>()?;
    loop {
        blocks.sort_by_key(|block| (block.v6, block.first, block.length));
        let mut merged: Vec<Block> = Vec::with_capacity(blocks.len());
        for block in &blocks {
            match merged.last_mut() {
                Some(last) if last.contains(*block) => {}
                Some(last) if last.length == block.length && last.length > 0 && last.v6 == block.v6 => {
                    let wider =
                        Block { length: last.length - 1, first: last.first & mask(last.length - 1), v6: last.v6 };
                    if wider.contains(*block) { *last = wider } else { merged.push(*block) }
                }
                _ => merged.push(*block),
            }
        }
        if merged.len() == blocks.len() {
            break;
        }
        blocks = merged;
    }
    Some(Value::from_iter_set(blocks.into_iter().map(|block| Value::from(block.shown())).collect()))
}

/// The parts of a URI that are there.
fn uri(text: &str) -> Option<Value> {
    if text.is_empty() || text.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return None;
    }
    let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, part)| (rest, Some(part)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, part)| (rest, Some(part)));
    let scheme = rest.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let after = scheme.map_or(rest, |scheme| &rest[scheme.len() + 1..]);
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    let mut set = |key, value: &str| {
        if !value.is_empty() {
            fields.insert(key, value.to_owned());
        }
    };
    set("scheme", &scheme.unwrap_or_default().to_ascii_lowercase());
    let path = match after.strip_prefix("//") {
        Some(authority) => {
            let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            set("host", host);
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
                Some((_, _)) if !host.ends_with(']') => return None,
                _ => (host, ""),
            };
            set("hostname", name.trim_matches(['[', ']']));
            set("port", port);
            path
        }
        None => after,
    };
    set("path", path);
    set("raw_path", path);
    set("raw_query", query.unwrap_or_default());
    set("fragment", fragment.unwrap_or_default());
    Some(object(fields.iter().map(|(key, value)| (*key, Value::from(value.as_str())))))
}

/// Header, payload and signature of a token, which is not verified.
fn jwt(token: &str) -> Option<Value> {
    use base64::Engine as _;
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = |part: &str| Value::from_json_str(&String::from_utf8(url.decode(part).ok()?).ok()?).ok();
    let signature = hexadecimal(&url.decode(signature).ok()?);
    Some(Value::from(vec![json(header)?, json(payload)?, Value::from(signature)]))
}

/// Go's `fmt.Sprintf`. What is neither a number nor a text is one: as Rego writes it.
fn sprintf(format: &str, args: &[Value]) -> Option<Value> {
    use crate::render::template::{Value as Data, printf};
    let args: Vec<Data> = args
        .iter()
        .map(|arg| match arg {
            Value::String(text) => Data::string(&**text),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Data::Int64(number),
                (None, number) => Data::Float(number.unwrap_or_default()),
            },
            other => {
                let mut text = String::new();
                write(other, &mut text);
                Data::string(text.as_str())
            }
        })
        .collect();
    Some(Value::from(printf(format, &args)))
}

/// Writes a value as Rego does. Values nest only as deep as documents do.
fn write(value: &Value, out: &mut String) {
    let list = |items: &mut dyn Iterator<Item = &Value>, out: &mut String| {
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write(item, out);
        }
    };
    match value {
        Value::Array(items) => {
            out.push('[');
            list(&mut items.iter(), out);
            out.push(']');
        }
        Value::Undefined => out.push_str("<undefined>"),
        value => match (value.as_set(), value.as_object()) {
            (Ok(items), _) if items.is_empty() => out.push_str("set()"),
            (Ok(items), _) => {
                out.push('{');
                list(&mut items.iter_sorted(), out);
                out.push('}');
            }
            (_, Ok(entries)) => {
                out.push('{');
                for (index, (key, value)) in entries.iter_sorted().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    write(key, out);
                    out.push_str(": ");
                    write(value, out);
                }
                out.push('}');
            }
            _ => out.push_str(&value.to_json_str().unwrap_or_default()),
        },
    }
}

/// A Go template with `data`.
fn render(template: &str, data: &Value) -> Option<Value> {
    use crate::render::template::{Functions, NumberMode, Options, Templates, Value as Data};
    let json = serde_json::from_str(&data.to_json_str().ok()?).ok()?;
    let mut templates = Templates::new(std::sync::Arc::new(Functions::builtins()));
    templates.parse("template", template).ok()?;
    let options = Options { max_steps: 100_000, max_output: 1 << 20, ..Options::default() };
    let rendered = templates.execute("template", &Data::from_json(&json, NumberMode::Int), options).ok()?;
    Some(Value::from(rendered.text))
}
