//! Paths and URLs.

use super::text_of;
use crate::render::template::{FunctionError, Functions, Map, Param, Value, bytes};

/// `path.Clean`
fn clean(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                None => {}
                _ => {
                    parts.pop();
                }
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// `path.Base`
pub(crate) fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rfind('.').map_or("", |dot| &name[dot..])
}

pub(super) fn register(functions: &mut Functions) {
    use Param::{Map as Dict, String as Text};
    for (plain, os) in
        [("base", "osBase"), ("dir", "osDir"), ("clean", "osClean"), ("ext", "osExt"), ("isAbs", "osIsAbs")]
    {
        functions.add(plain, &[Text], move |_, args| {
            let path = text_of(&args[0]);
            Ok(match plain {
                "base" => base(path).into(),
                "dir" => dir(path).into(),
                "clean" => clean(path).into(),
                "ext" => ext(path).into(),
                _ => path.starts_with('/').into(),
            })
        });
        functions.alias(os, plain);
    }
    functions.add("urlParse", &[Text], |_, args| parse(text_of(&args[0])));
    functions.add("urlJoin", &[Dict], |_, args| join(args[0].as_map().cloned().unwrap_or_default()));
}

fn parse(url: &str) -> Result<Value, FunctionError> {
    let wrong = |reason: &str| {
        FunctionError::Message(format!("unable to parse url: parse {}: {reason}", crate::render::template::quote(url)))
    };
    if url.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(wrong("net/url: invalid control character in URL"));
    }
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (scheme, rest) = match rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))) {
        Some(0) if rest.starts_with(':') => return Err(wrong("missing protocol scheme")),
        Some(colon) if rest[colon..].starts_with(':') && rest.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            (rest[..colon].to_ascii_lowercase(), &rest[colon + 1..])
        }
        _ => (String::new(), rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut host, mut userinfo, mut path, mut opaque) = ("", "", rest, "");
    if !scheme.is_empty() && !rest.starts_with('/') {
        opaque = rest;
        path = "";
    } else if let Some(behind) = rest.strip_prefix("//") {
        let end = behind.find('/').unwrap_or(behind.len());
        let authority = &behind[..end];
        path = &behind[end..];
        (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if host.starts_with('[') && !host.contains(']') {
            return Err(wrong("missing ']' in host"));
        }
        let port = host.rsplit_once(']').map_or(host, |(_, port)| port).rsplit_once(':').map(|(_, port)| port);
        if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit())) {
            let port = port.unwrap_or_default();
            return Err(wrong(&format!("invalid port \":{port}\" after host")));
        }
        if host.contains(' ') {
            return Err(wrong("invalid character \" \" in host name"));
        }
    }
    let unescaped = |text: &str| {
        unescape(text).ok_or_else(|| {
            let bad = text
                .match_indices('%')
                .map(|(at, _)| &text[at..])
                .find(|rest| unescape(rest.get(..3).unwrap_or(rest)).is_none());
            let bad: String = bad.unwrap_or_default().chars().take(3).collect();
            wrong(&format!("invalid URL escape {}", crate::render::template::quote(&bad)))
        })
    };
    let hostname = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    Ok(Value::map([
        ("scheme", scheme.as_str().into()),
        ("host", unescaped(host)?),
        ("hostname", unescaped(hostname)?),
        ("path", unescaped(path)?),
        ("query", query.into()),
        ("opaque", opaque.into()),
        ("fragment", unescaped(fragment)?),
        ("userinfo", userinfo.into()),
    ]))
}

fn unescape(text: &str) -> Option<Value> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let [a, b, tail @ ..] = tail else { return None };
            out.push(((*a as char).to_digit(16)? * 16 + (*b as char).to_digit(16)?) as u8);
            rest = tail;
        } else {
            out.push(*first);
        }
    }
    Some(Value::String(bytes::text(&out)))
}

fn escape(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in bytes::of(text).iter() {
        let c = *byte as char;
        if c.is_ascii_alphanumeric() || keep.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn join(parts: Map) -> Result<Value, FunctionError> {
    let part = |key: &str| match parts.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(other) => Err(FunctionError::Message(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind()
        ))),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment, userinfo) = (part("query")?, part("opaque")?, part("fragment")?, part("userinfo")?);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                out.push_str("//");
            }
            if !userinfo.is_empty() {
                out.push_str(&userinfo);
                out.push('@');
            }
            out.push_str(&escape(&host, "-_.~!$&'()*+,;=:[]<>\""));
        }
        let path = escape(&path, "-_.~$&+,/:;=@!'()*");
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&path);
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&escape(&fragment, "-_.~$&+,/:;=?@!()*'"));
    }
    Ok(out.into())
}
