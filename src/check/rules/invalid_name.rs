//! `invalid-name`

use crate::check::pod::Pod;
use crate::check::{ResourceContext, syntax};
use crate::finding::{Check, Finding, declare_rule};
use crate::schema::Lookup;
use crate::yaml::Node;

declare_rule! {
    /// Reports an object without a name, and names of objects, namespaces, containers, volumes, ports, environment variables and
    /// keys of ConfigMaps and Secrets with characters or lengths that the API server refuses.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// metadata:
    ///   name: Web_Server
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// metadata:
    ///   name: web-server
    /// ```
    "invalid-name" = {
        summary: "name that the API server refuses",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    name(context, findings);
    if let Some(namespace) = resource.node.path(&["metadata", "namespace"]) {
        report(context, findings, namespace, "/metadata/namespace", "namespace", syntax::label);
    }
    if resource.group().is_empty() && matches!(resource.kind(), "ConfigMap" | "Secret") {
        for list in ["data", "binaryData", "stringData"] {
            for entry in resource.node.get(list).map_or(&[][..], Node::entries) {
                let key = entry.key_text();
                if let Some(wrong) = syntax::data_key(key).filter(|_| !is_filled_in(key)) {
                    let pointer = format!("/{list}/{}", key.replace('~', "~0").replace('/', "~1"));
                    findings.push(
                        context.finding(&RULE, &entry.key, &pointer).message(format!("key `{key}` of {list} {wrong}")),
                    );
                }
            }
        }
    }
    if resource.group().is_empty() && resource.kind() == "Service" {
        for (index, port) in resource.node.path(&["spec", "ports"]).map_or(&[][..], Node::items).iter().enumerate() {
            if let Some(name) = port.get("name").filter(|name| !name.text().unwrap_or_default().is_empty()) {
                report(context, findings, name, &format!("/spec/ports/{index}/name"), "port name", syntax::label);
            }
        }
    }
    let Some(pod) = Pod::of(resource) else { return };
    for (index, volume) in pod.spec.get("volumes").map_or(&[][..], Node::items).iter().enumerate() {
        if let Some(name) = volume.get("name") {
            report(
                context,
                findings,
                name,
                &format!("{}/volumes/{index}/name", pod.pointer),
                "volume name",
                syntax::label,
            );
        }
    }
    for container in pod.containers() {
        if let Some(name) = container.node.get("name") {
            report(context, findings, name, &format!("{}/name", container.pointer), "container name", syntax::label);
        }
        for (port, pointer) in container.items("ports") {
            if let Some(name) = port.get("name").filter(|name| !name.text().unwrap_or_default().is_empty()) {
                report(context, findings, name, &format!("{pointer}/name"), "port name", syntax::port_name);
            }
        }
        for (variable, pointer) in container.items("env") {
            if let Some(name) = variable.get("name") {
                report(context, findings, name, &format!("{pointer}/name"), "name of a variable", syntax::env_name);
            }
        }
    }
}

fn name(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let metadata = resource.node.as_mapping().and_then(|mapping| mapping.entry("metadata"));
    let given = |key: &str| {
        let value = resource.node.path(&["metadata", key])?;
        value.text().filter(|text| !text.is_empty()).map(|_| value)
    };
    match (given("name"), given("generateName")) {
        (Some(node), _) => {
            let limit = longest(resource.group(), resource.kind());
            let syntax = syntax_of(resource.group(), resource.kind());
            report(context, findings, node, "/metadata/name", "name", |text| {
                syntax(text).or_else(|| {
                    (text.len() > limit).then(|| format!("must have at most {limit} characters, found {}", text.len()))
                })
            });
        }
        (None, Some(_)) => {}
        // Configuration of programs has kinds and no names; it is not for the API server.
        (None, None)
            if !matches!(context.catalogue().lookup(resource.api_version(), resource.kind()), Lookup::Known(_)) => {}
        (None, None) => {
            let place = metadata.map_or(&resource.node, |entry| &entry.key);
            findings.push(context.finding(&RULE, place, "/metadata").message("the object has no name"));
        }
    }
}

/// The syntax of a kind's names. Source: the `NameFn`s of `k8s.io/kubernetes/pkg/apis/*/validation`.
fn syntax_of(group: &str, kind: &str) -> fn(&str) -> syntax::Wrong {
    match (group, kind) {
        ("", "Namespace" | "Service") => syntax::label,
        ("rbac.authorization.k8s.io", _) => syntax::path_segment,
        // Names of these are addresses, host names and the like.
        ("networking.k8s.io", "IPAddress") | ("", "Event") | ("events.k8s.io", _) => |_| None,
        // Names of these have a colon behind their signer's.
        ("certificates.k8s.io", "ClusterTrustBundle") => |_| None,
        ("flowcontrol.apiserver.k8s.io" | "apiregistration.k8s.io", _) => syntax::path_segment,
        _ => syntax::subdomain,
    }
}

/// The longest name that a kind may have: pods are named after these, with a suffix.
fn longest(group: &str, kind: &str) -> usize {
    match (group, kind) {
        ("batch", "CronJob") => 52,
        ("batch", "Job") => 63,
        _ => 253,
    }
}

/// Whether a template or a substitution is left in the text: what it will be is not known here.
fn is_filled_in(text: &str) -> bool {
    text.contains("${") || text.contains("$(") || text.contains("{{")
}

fn report(
    context: &ResourceContext<'_>,
    findings: &mut Vec<Finding>,
    node: &Node,
    pointer: &str,
    what: &str,
    syntax: impl Fn(&str) -> syntax::Wrong,
) {
    // A name that is no text is reported by the schema.
    let Some(text) = node.as_str().filter(|text| !is_filled_in(text)) else { return };
    let Some(wrong) = syntax(text) else { return };
    findings.push(context.finding(&RULE, node, pointer).message(format!("{what} `{text}` {wrong}")));
}
