//! Addresses, blocks of them, and URLs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use smol_str::SmolStr;

use super::Fault;
use super::value::{Key, Val};

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    length: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Cidr {
    fn parse(text: &str) -> Option<Cidr> {
        let (address, length) = text.split_once('/')?;
        let address = ip(address)?;
        let plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || length.len() > 1 && length.starts_with('0') {
            return None;
        }
        let length: u8 = length.parse().ok()?;
        (length <= if address.is_ipv4() { 32 } else { 128 }).then_some(Cidr { address, length })
    }

    /// The address with all bits behind the prefix cleared.
    fn masked(self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length.min(32))).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == self.masked(self.address)
    }
}

/// An address as the API server takes one: without a zone, and not an IPv4 address in IPv6 form.
fn ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    (!mapped).then_some(address)
}

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// As written.
    pub(crate) text: SmolStr,
    scheme: SmolStr,
    host: SmolStr,
    path: SmolStr,
    query: SmolStr,
}

impl Url {
    /// A URL that is absolute, or a path that is.
    pub(crate) fn parse(text: &str) -> Option<Url> {
        if text.chars().any(|c| c.is_ascii_control() || c == ' ') {
            return None;
        }
        let (rest, _fragment) = text.split_once('#').unwrap_or((text, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let scheme = rest.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        });
        let after = match scheme {
            Some(scheme) => &rest[scheme.len() + 1..],
            None if rest.starts_with('/') => rest,
            None => return None,
        };
        let (host, path) = match after.strip_prefix("//") {
            Some(authority) => {
                let end = authority.find('/').unwrap_or(authority.len());
                let (authority, path) = authority.split_at(end);
                (authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
            }
            None => ("", after),
        };
        let port = match host.rsplit_once(']') {
            Some((_, after)) => after.strip_prefix(':').or(after.is_empty().then_some(""))?,
            None => host.split_once(':').map_or("", |(_, port)| port),
        };
        let plain = |c: char| !matches!(c, '<' | '>' | '"' | '{' | '}' | '\\' | '^' | '`' | '|');
        let escaped = has_whole_escapes(path) && host.chars().all(plain);
        if !port.bytes().all(|byte| byte.is_ascii_digit()) || !escaped {
            return None;
        }
        Some(Url {
            text: text.into(),
            scheme: scheme.unwrap_or_default().to_ascii_lowercase().into(),
            host: host.into(),
            path: path.into(),
            query: query.into(),
        })
    }

    fn hostname(&self) -> &str {
        match self.host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((host, _)) => host,
            None => self.host.split_once(':').map_or(self.host.as_str(), |(host, _)| host),
        }
    }

    fn port(&self) -> &str {
        let after = self.host.rsplit_once(']').map_or(self.host.as_str(), |(_, after)| after);
        after.rsplit_once(':').map_or("", |(_, port)| port)
    }
}

/// Whether each `%` begins an escape.
fn has_whole_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'%' || hex(at + 1) && hex(at + 2))
}

/// `url(text)`, `isIP(text)` and their kin.
pub(super) fn global(name: &str, args: &[Val]) -> Result<Val, Fault> {
    let [Val::Str(text)] = args else {
        return Err(Fault::overload(&format!("{name}()"), &args.iter().collect::<Vec<_>>()));
    };
    let wrong = |what: &str| Fault::error(format!("{what} `{text}` parse error during conversion from string"));
    match name {
        "isIP" => Ok(Val::Bool(ip(text).is_some())),
        "ip" => ip(text).map(Val::Ip).ok_or_else(|| wrong("IP Address")),
        "isCIDR" => Ok(Val::Bool(Cidr::parse(text).is_some())),
        "cidr" => Cidr::parse(text).map(Val::Cidr).ok_or_else(|| wrong("network address")),
        "isURL" => Ok(Val::Bool(Url::parse(text).is_some())),
        "url" => Url::parse(text).map(|url| Val::Url(Rc::new(url))).ok_or_else(|| wrong("URL")),
        _ => Err(Fault::Unsupported(format!("there is no function {name}"))),
    }
}

/// Functions of addresses, blocks and URLs.
pub(super) fn member(name: &str, args: &[Val]) -> Result<Val, Fault> {
    let address = |value: &Val| match value {
        Val::Ip(address) => Some(*address),
        Val::Str(text) => ip(text),
        _ => None,
    };
    match (name, args) {
        ("family", [Val::Ip(address)]) => Ok(Val::Int(if address.is_ipv4() { 4 } else { 6 })),
        ("isUnspecified", [Val::Ip(address)]) => Ok(Val::Bool(address.is_unspecified())),
        ("isLoopback", [Val::Ip(address)]) => Ok(Val::Bool(address.is_loopback())),
        ("isLinkLocalMulticast", [Val::Ip(address)]) => Ok(Val::Bool(is_link_local_multicast(*address))),
        ("isLinkLocalUnicast", [Val::Ip(address)]) => Ok(Val::Bool(is_link_local(*address))),
        ("isGlobalUnicast", [Val::Ip(address)]) => Ok(Val::Bool(is_global_unicast(*address))),
        ("containsIP", [Val::Cidr(cidr), other]) => address(other)
            .map(|other| Val::Bool(cidr.contains(other)))
            .ok_or_else(|| Fault::error("containsIP: no address")),
        ("containsCIDR", [Val::Cidr(cidr), other]) => {
            let other = match other {
                Val::Cidr(other) => Some(*other),
                Val::Str(text) => Cidr::parse(text),
                _ => None,
            };
            let other = other.ok_or_else(|| Fault::error("containsCIDR: no network address"))?;
            Ok(Val::Bool(cidr.length <= other.length && cidr.contains(other.masked(other.address))))
        }
        ("ip", [Val::Cidr(cidr)]) => Ok(Val::Ip(cidr.address)),
        ("masked", [Val::Cidr(cidr)]) => {
            Ok(Val::Cidr(Cidr { address: cidr.masked(cidr.address), length: cidr.length }))
        }
        ("prefixLength", [Val::Cidr(cidr)]) => Ok(Val::Int(i64::from(cidr.length))),
        ("getScheme", [Val::Url(url)]) => Ok(Val::Str(url.scheme.clone())),
        ("getHost", [Val::Url(url)]) => Ok(Val::Str(url.host.clone())),
        ("getHostname", [Val::Url(url)]) => Ok(Val::text(url.hostname())),
        ("getPort", [Val::Url(url)]) => Ok(Val::text(url.port())),
        ("getEscapedPath", [Val::Url(url)]) => Ok(Val::Str(url.path.clone())),
        ("getQuery", [Val::Url(url)]) => query(&url.query),
        _ => Err(Fault::overload(&format!("{name}()"), &args.iter().collect::<Vec<_>>())),
    }
}

fn query(text: &str) -> Result<Val, Fault> {
    let mut found: std::collections::BTreeMap<Key, Vec<Val>> = std::collections::BTreeMap::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        found.entry(Key::Str(unescaped(key).into())).or_default().push(Val::text(unescaped(value)));
    }
    Ok(Val::Map(Rc::new(found.into_iter().map(|(key, values)| (key, Val::list(values))).collect())))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).map(|hex| u8::from_str_radix(hex, 16));
        match (first, escape) {
            (b'%', Some(Ok(byte))) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_global_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || broadcast
        || is_link_local(address))
}
