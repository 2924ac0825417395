//! Services.

use std::net::IpAddr;

use super::at::{At, Found};
use crate::check::syntax;

pub(super) fn check<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        found.lacks(root, "needs `spec` with ports");
        return;
    };
    let kind = spec.str("type").unwrap_or("ClusterIP");
    let headless = spec.get("clusterIP").is_some_and(|at| at.node.as_str() == Some("None"));
    let external = kind == "ExternalName";
    if spec.count("ports") == 0 && !headless && !external {
        found.lacks(spec, "needs `ports`");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            found.syntax(spec, "clusterIP", |_| Some(format!("must not be None for the type {kind}")));
        }
        "ExternalName" => {
            for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                let empty = spec.get(key).is_some_and(|at| at.node.as_str() == Some(""));
                if !empty {
                    found.forbidden(spec, key, "for the type ExternalName");
                }
            }
            found.required(spec, "externalName");
            found.syntax(spec, "externalName", |text| syntax::subdomain(text.strip_suffix('.').unwrap_or(text)));
        }
        _ => {}
    }
    addresses(spec, headless, found);
    ports(spec, kind, found);
    affinity(spec, found);
    if kind != "LoadBalancer" {
        if spec.count("loadBalancerSourceRanges") > 0 {
            found.forbidden(spec, "loadBalancerSourceRanges", "unless the type is LoadBalancer");
        }
        found.forbidden(spec, "allocateLoadBalancerNodePorts", "unless the type is LoadBalancer");
        if spec.str("loadBalancerClass").is_some() {
            found.forbidden(spec, "loadBalancerClass", "unless the type is LoadBalancer");
        }
    }
    found.syntax(spec, "loadBalancerClass", syntax::qualified_name);
    for range in spec.items("loadBalancerSourceRanges") {
        if let Some(text) = range.text()
            && crate::schema::wrong_format("cidr", text.trim()).is_some()
        {
            found.wrong(range, format!("must be a block of addresses, found `{text}`"));
        }
    }
    let reachable = matches!(kind, "LoadBalancer" | "NodePort") || spec.count("externalIPs") > 0;
    if !reachable && spec.str("externalTrafficPolicy").is_some() {
        found.forbidden(spec, "externalTrafficPolicy", "for a Service that is not reachable from outside");
    }
    let checked = kind == "LoadBalancer" && spec.str("externalTrafficPolicy") == Some("Local");
    if !checked && spec.number("healthCheckNodePort").is_some_and(|port| port != 0) {
        found.forbidden(spec, "healthCheckNodePort", "unless the type is LoadBalancer and the traffic policy Local");
    }
    found.one_of(spec, "trafficDistribution", &["PreferClose", "PreferSameZone", "PreferSameNode"]);
}

fn addresses<'n>(spec: At<'n, '_>, headless: bool, found: &mut Found<'n>) {
    let address = |text: &str| {
        (text != "None" && text.parse::<IpAddr>().is_err()).then(|| format!("must be an address, found `{text}`"))
    };
    found.syntax(spec, "clusterIP", address);
    for (index, at) in spec.items("clusterIPs").into_iter().enumerate() {
        if let Some(wrong) = at.text().and_then(address) {
            found.wrong(at, wrong);
        }
        if index == 0
            && let (Some(first), Some(one)) = (at.text(), spec.str("clusterIP"))
            && first != one
        {
            found.wrong(at, format!("must be the clusterIP, {one}"));
        }
        if index > 0 && headless {
            found.wrong(at, "may not stand beside None");
        }
    }
    if spec.count("clusterIPs") > 2
        && let Some(at) = spec.get("clusterIPs")
    {
        found.wrong(at, "may have at most two items");
    }
    for at in spec.items("externalIPs") {
        let Some(text) = at.text() else { continue };
        match text.parse::<IpAddr>() {
            Err(_) => found.wrong(at, format!("must be an address, found `{text}`")),
            Ok(address) if address.is_loopback() || address.is_unspecified() || is_link_local(address) => {
                found.wrong(at, format!("must be an address that others can reach, found `{text}`"));
            }
            Ok(_) => {}
        }
    }
    let mut families: Vec<&str> = Vec::new();
    for at in spec.items("ipFamilies") {
        let Some(text) = at.text() else { continue };
        if !matches!(text, "IPv4" | "IPv6") || families.contains(&text) {
            found.wrong(at, format!("must be IPv4 and IPv6, each at most once, found `{text}`"));
        }
        families.push(text);
    }
    if families.len() == 2 && spec.str("ipFamilyPolicy") == Some("SingleStack") {
        found.syntax(spec, "ipFamilyPolicy", |_| Some("must not be SingleStack with two families".to_owned()));
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn ports<'n>(spec: At<'n, '_>, kind: &str, found: &mut Found<'n>) {
    let mut taken: Vec<(i64, &str)> = Vec::new();
    let mut nodes: Vec<(i64, &str)> = Vec::new();
    for port in spec.items("ports") {
        let protocol = port.str("protocol").unwrap_or("TCP");
        found.syntax(port, "targetPort", syntax::port_name);
        found.syntax(port, "appProtocol", syntax::qualified_name);
        if let Some(number) = port.number("port") {
            if taken.contains(&(number, protocol)) {
                found.wrong(port, format!("repeats the port {number} for {protocol}"));
            }
            taken.push((number, protocol));
        }
        let Some(number) = port.number("nodePort").filter(|number| *number != 0) else { continue };
        if kind == "ClusterIP" {
            found.forbidden(port, "nodePort", "for the type ClusterIP");
        }
        let Some(at) = port.get("nodePort") else { continue };
        // The range is a flag of the server; few move it, and none below a port's limits.
        if !(1..=65535).contains(&number) {
            found.wrong(at, format!("must be within 1 to 65535, found {number}"));
        }
        if nodes.contains(&(number, protocol)) {
            found.wrong(at, format!("repeats the port {number}"));
        }
        nodes.push((number, protocol));
    }
}

fn affinity<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    found.one_of(spec, "sessionAffinity", &["None", "ClientIP"]);
    // Without the affinity the server drops its configuration.
    if spec.str("sessionAffinity") == Some("ClientIP")
        && let Some(config) = spec.get("sessionAffinityConfig")
        && !config.get("clientIP").is_some_and(|client| client.has("timeoutSeconds"))
    {
        found.lacks(config, "needs `clientIP` with timeoutSeconds");
    }
}
