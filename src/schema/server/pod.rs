//! Pods and pod templates: what belongs to the pod as a whole.

use std::net::IpAddr;

use super::at::{At, Found};
use super::{container, scheduling, selectors, volumes};
use crate::check::syntax;

/// Which restart policies the owner of a template takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    /// `Always`: what runs for ever.
    Always,
    /// `OnFailure` or `Never`: what ends. There is no default then.
    Ends,
    /// Any.
    Any,
}

/// A pod template.
pub(super) fn template<'n>(template: At<'n, '_>, restart: Restart, found: &mut Found<'n>) {
    let Some(spec) = template.get("spec") else {
        found.lacks(template, "needs `spec` with containers");
        return;
    };
    if spec.count("ephemeralContainers") > 0 {
        found.forbidden(spec, "ephemeralContainers", "in a template");
    }
    if let Some(policy) = spec.get("restartPolicy") {
        let allowed: &[&str] = match restart {
            Restart::Always => &["Always"],
            Restart::Ends => &["OnFailure", "Never"],
            Restart::Any => &["Always", "OnFailure", "Never"],
        };
        if let Some(text) = policy.text()
            && !allowed.contains(&text)
            // What is no policy at all is reported by the schema.
            && matches!(text, "Always" | "OnFailure" | "Never")
        {
            found.wrong(policy, format!("must be {}, found `{text}`", allowed.join(" or ")));
        }
    } else if restart == Restart::Ends {
        found.lacks(spec, "needs `restartPolicy`: OnFailure or Never");
    }
    if restart == Restart::Always {
        found.forbidden(spec, "activeDeadlineSeconds", "for pods that run for ever");
    }
    check(spec, found);
}

/// A `PodSpec`.
pub(super) fn check<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    if spec.get("containers").is_some_and(|list| list.node.items().is_empty()) {
        found.lacks(spec, "needs at least one container");
    }
    volumes::check(spec, found);
    container::check(spec, found);
    scheduling::check(spec, found);
    found.within(spec, "activeDeadlineSeconds", 1, i64::from(i32::MAX));
    for (key, syntax) in [
        ("serviceAccountName", syntax::subdomain as fn(&str) -> syntax::Wrong),
        ("priorityClassName", syntax::subdomain),
        ("runtimeClassName", syntax::subdomain),
        ("nodeName", syntax::subdomain),
        ("hostname", syntax::label),
        ("subdomain", syntax::label),
    ] {
        found.syntax(spec, key, syntax);
    }
    for alias in spec.items("hostAliases") {
        found.syntax(alias, "ip", |text| {
            text.parse::<IpAddr>().is_err().then(|| format!("must be an address, found `{text}`"))
        });
        for name in alias.items("hostnames") {
            if let Some(wrong) = name.text().and_then(syntax::subdomain) {
                found.wrong(name, wrong);
            }
        }
    }
    dns(spec, found);
    security(spec, found);
    for gate in spec.items("readinessGates") {
        found.syntax(gate, "conditionType", syntax::qualified_name);
    }
    for gate in spec.items("schedulingGates") {
        found.required(gate, "name");
        found.syntax(gate, "name", syntax::qualified_name);
    }
    if let Some(overhead) = spec.get("overhead") {
        container::quantities(overhead, "podFixed", found);
    }
    if let Some(os) = spec.get("os") {
        found.required(os, "name");
        found.one_of(os, "name", &["linux", "windows"]);
    }
}

fn dns<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    let config = spec.get("dnsConfig");
    let servers = config.map_or(0, |config| config.count("nameservers"));
    if spec.str("dnsPolicy") == Some("None") && servers == 0 {
        found.lacks(spec, "needs `dnsConfig` with a name server with the policy None");
    }
    let Some(config) = config else { return };
    if servers > 3
        && let Some(at) = config.get("nameservers")
    {
        found.wrong(at, format!("may have at most 3 items, found {servers}"));
    }
    for server in config.items("nameservers") {
        if server.text().is_some_and(|text| text.parse::<IpAddr>().is_err()) {
            found.wrong(server, "must be an address");
        }
    }
    if config.count("searches") > 32
        && let Some(at) = config.get("searches")
    {
        found.wrong(at, "may have at most 32 items");
    }
    for option in config.items("options") {
        found.required(option, "name");
    }
}

fn security<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    if spec.truth("hostPID") == Some(true) && spec.truth("shareProcessNamespace") == Some(true) {
        found.forbidden(spec, "shareProcessNamespace", "with hostPID");
    }
    if spec.truth("hostUsers") == Some(false) {
        for key in ["hostPID", "hostIPC"] {
            if spec.truth(key) == Some(true) {
                found.forbidden(spec, key, "when hostUsers is false");
            }
        }
    }
    let Some(context) = spec.get("securityContext") else { return };
    const IDS: &[&str] = &["runAsUser", "runAsGroup", "fsGroup"];
    for key in IDS {
        found.within(context, key, 0, i64::from(i32::MAX));
    }
    for group in context.items("supplementalGroups") {
        if group.int().is_some_and(|id| !(0..=i64::from(i32::MAX)).contains(&id)) {
            found.wrong(group, "must be within 0 to 2147483647");
        }
    }
    profiles(context, found);
    let mut known: Vec<&str> = Vec::new();
    for sysctl in context.items("sysctls") {
        found.required(sysctl, "name");
        let Some(name) = sysctl.str("name") else { continue };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '/' | '-' | '_');
        if !name.chars().all(plain) || name.len() > 253 {
            found.syntax(sysctl, "name", |_| Some("must be the name of a kernel parameter".to_owned()));
        } else if known.contains(&name) {
            found.syntax(sysctl, "name", |name| Some(format!("repeats `{name}`")));
        }
        known.push(name);
    }
}

/// The seccomp and AppArmor profiles of a security context.
pub(super) fn profiles<'n>(context: At<'n, '_>, found: &mut Found<'n>) {
    for key in ["seccompProfile", "appArmorProfile"] {
        let Some(profile) = context.get(key) else { continue };
        found.required(profile, "type");
        match profile.str("type") {
            Some("Localhost") => found.required(profile, "localhostProfile"),
            Some("RuntimeDefault" | "Unconfined") => {
                found.forbidden(profile, "localhostProfile", "unless the type is Localhost");
            }
            _ => {}
        }
    }
}

/// A selector of resources: `fieldRef`, of the fields that a variable or a file may show.
pub(super) fn field_reference<'n>(reference: At<'n, '_>, fields: &[&str], found: &mut Found<'n>) {
    found.required(reference, "fieldPath");
    let Some(at) = reference.get("fieldPath") else { return };
    let Some(path) = at.text() else { return };
    match path.split_once('[') {
        Some((base @ ("metadata.labels" | "metadata.annotations"), key)) if key.ends_with(']') => {
            let key = key.trim_end_matches(']').trim_matches(['\'', '"']);
            let key = if base == "metadata.annotations" { key.to_lowercase() } else { key.to_owned() };
            if let Some(wrong) = syntax::qualified_name(&key) {
                found.wrong(at, format!("names a key that {wrong}"));
            }
        }
        _ if fields.contains(&path) => {}
        _ => found.wrong(at, format!("must be one of {}, found `{path}`", fields.join(", "))),
    }
}

/// A label selector that is part of a pod's constraints.
pub(super) fn selector<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    selectors::labels_in(at, key, found);
}
