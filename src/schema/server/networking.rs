//! Ingresses, their classes, and NetworkPolicies.

use std::net::IpAddr;

use super::at::{At, Found};
use super::selectors::labels_in;
use crate::check::syntax;

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    match kind {
        "Ingress" => ingress(root, found),
        "IngressClass" => {
            let Some(spec) = root.get("spec") else { return };
            found.required(spec, "controller");
            found.syntax(spec, "controller", |text| match text.split_once('/') {
                Some((domain, path)) if !path.is_empty() && text.len() <= 250 => syntax::subdomain(domain),
                _ => Some(format!("must be a domain and a path like `example.com/controller`, found `{text}`")),
            });
            let Some(parameters) = spec.get("parameters") else { return };
            found.required(parameters, "kind");
            found.required(parameters, "name");
            match parameters.str("scope") {
                Some("Namespace") => found.required(parameters, "namespace"),
                _ => found.forbidden(parameters, "namespace", "unless the scope is Namespace"),
            }
        }
        "NetworkPolicy" => policy(root, found),
        _ => {}
    }
}

/// A host of an Ingress: a name, whose first label may be `*`.
fn host(text: &str) -> Option<String> {
    if text.parse::<IpAddr>().is_ok() {
        return Some(format!("must be a name, found the address `{text}`"));
    }
    match text.strip_prefix("*.") {
        Some(rest) => syntax::subdomain(rest),
        None if text.contains('*') => Some(format!("may have `*` only as its first label, found `{text}`")),
        None => syntax::subdomain(text),
    }
}

fn ingress<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        found.lacks(root, "needs `spec` with rules or a defaultBackend");
        return;
    };
    if spec.count("rules") == 0 && !spec.has("defaultBackend") {
        found.lacks(spec, "needs `rules` or `defaultBackend`");
    }
    if let Some(name) = spec.get("ingressClassName") {
        if name.node.is_null() || name.node.as_str() == Some("") {
            found.wrong(name, "must not be empty");
        }
        found.syntax(spec, "ingressClassName", syntax::subdomain);
        let annotated = root
            .get("metadata")
            .and_then(|metadata| metadata.node.path(&["annotations", "kubernetes.io/ingress.class"]))
            .and_then(|node| node.text());
        if let Some(annotated) = annotated
            && name.text().is_some_and(|text| text != annotated)
        {
            found.wrong(name, format!("is not `{annotated}`, as the annotation kubernetes.io/ingress.class says"));
        }
    }
    if let Some(backend) = spec.get("defaultBackend") {
        serve(backend, found);
    }
    for tls in spec.items("tls") {
        for name in tls.items("hosts") {
            if name.node.is_null() || name.node.as_str() == Some("") {
                found.wrong(name, "must not be empty");
            } else if let Some(wrong) = name.text().and_then(host) {
                found.wrong(name, wrong);
            }
        }
        found.syntax(tls, "secretName", syntax::subdomain);
    }
    for rule in spec.items("rules") {
        found.syntax(rule, "host", host);
        let Some(http) = rule.get("http") else { continue };
        found.required(http, "paths");
        for item in http.items("paths") {
            path(item, found);
            match item.get("backend") {
                Some(backend) => serve(backend, found),
                None => found.lacks(item, "needs `backend`"),
            }
        }
    }
}

fn path<'n>(item: At<'n, '_>, found: &mut Found<'n>) {
    let kind = item.str("pathType");
    match (item.get("path"), kind) {
        (None, Some(kind @ ("Exact" | "Prefix"))) => found.lacks(item, format!("needs `path` for the type {kind}")),
        (Some(at), Some(kind)) => {
            let Some(text) = at.text() else { return };
            if !text.starts_with('/') {
                found.wrong(at, format!("must begin with `/`, found `{text}`"));
            } else if matches!(kind, "Exact" | "Prefix") {
                let inside = ["//", "/./", "/../", "%2f", "%2F"].into_iter().find(|part| text.contains(part));
                let behind = ["/..", "/."].into_iter().find(|part| text.ends_with(part));
                if let Some(part) = inside.or(behind) {
                    found.wrong(at, format!("must not have `{part}`"));
                }
            }
        }
        _ => {}
    }
}

fn serve<'n>(backend: At<'n, '_>, found: &mut Found<'n>) {
    if !backend.has("service") && !backend.has("resource") {
        found.lacks(backend, "needs `service` or `resource`");
    }
    if let Some(resource) = backend.get("resource") {
        found.required(resource, "kind");
        found.required(resource, "name");
    }
    let Some(service) = backend.get("service") else { return };
    found.required(service, "name");
    found.syntax(service, "name", syntax::label);
    let port = service.get("port");
    let name = port.is_some_and(|port| port.str("name").is_some());
    let number = port.is_some_and(|port| port.number("number").is_some_and(|number| number != 0));
    match (name, number, port) {
        (true, true, Some(port)) => found.forbidden(port, "number", "beside a name"),
        (false, false, port) => {
            let open = port.is_some_and(|port| port.get("number").or(port.get("name")).is_some());
            if !open {
                found.lacks(port.unwrap_or(service), "needs the name or the number of a port");
            }
        }
        _ => {}
    }
    if let Some(port) = port {
        found.syntax(port, "name", syntax::port_name);
    }
}

fn policy<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else { return };
    labels_in(spec, "podSelector", found);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.items(direction) {
            for port in rule.items("ports") {
                policy_port(port, found);
            }
            for peer in rule.items(peers) {
                labels_in(peer, "podSelector", found);
                labels_in(peer, "namespaceSelector", found);
                if let Some(block) = peer.get("ipBlock") {
                    ip_block(block, found);
                } else if !peer.has("podSelector") && !peer.has("namespaceSelector") {
                    found.lacks(peer, "needs one of podSelector, namespaceSelector, ipBlock");
                }
            }
        }
    }
    if spec.count("policyTypes") > 2
        && let Some(types) = spec.get("policyTypes")
    {
        found.wrong(types, "may have at most two items");
    }
    for kind in spec.items("policyTypes") {
        if let Some(text) = kind.text()
            && !matches!(text, "Ingress" | "Egress")
        {
            found.wrong(kind, format!("must be Ingress or Egress, found `{text}`"));
        }
    }
}

fn policy_port<'n>(port: At<'n, '_>, found: &mut Found<'n>) {
    found.one_of(port, "protocol", &["TCP", "UDP", "SCTP"]);
    found.syntax(port, "port", syntax::port_name);
    if !port.has("endPort") {
        return;
    }
    match (port.number("port"), port.number("endPort"), port.get("endPort")) {
        (None, _, Some(_)) => found.forbidden(port, "endPort", "without a number as port"),
        (Some(first), Some(last), Some(at)) if last < first => {
            found.wrong(at, format!("must be at least the port, {first}"));
        }
        _ => {}
    }
}

fn ip_block<'n>(block: At<'n, '_>, found: &mut Found<'n>) {
    found.required(block, "cidr");
    let wrong = |text: &str| {
        crate::schema::wrong_format("cidr", text).map(|_| format!("must be a block of addresses, found `{text}`"))
    };
    found.syntax(block, "cidr", wrong);
    let Some(outer) = block.str("cidr").and_then(parse) else { return };
    for except in block.items("except") {
        let Some(text) = except.text() else { continue };
        match parse(text) {
            None => found.wrong(except, format!("must be a block of addresses, found `{text}`")),
            Some(inner) if !within(inner, outer) => found.wrong(except, "must be a part of the block"),
            Some(_) => {}
        }
    }
}

fn parse(text: &str) -> Option<(u128, u32, bool)> {
    let (address, length) = text.split_once('/')?;
    let (bits, v4) = match address.parse().ok()? {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, true),
        IpAddr::V6(address) => (u128::from(address), false),
    };
    Some((bits, length.parse().ok()?, v4))
}

/// Whether the first block is a true part of the second.
fn within((inner, longer, v4): (u128, u32, bool), (outer, length, other): (u128, u32, bool)) -> bool {
    let mask = if length == 0 { 0 } else { u128::MAX << (128 - length.min(128)) };
    v4 == other && longer > length && inner & mask == outer & mask
}
