//! `unknown-argocd-parameter`

use crate::check::ResourceContext;
use crate::check::argo::parameter::PARAMETERS;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::resolve::instance::PARAMETERS as CONFIG_MAP;
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports keys of the ConfigMap `argocd-cmd-params-cm` that are nearly those that the components of Argo CD read,
    /// values that a parameter does not have, and patterns of namespaces that are broken.
    ///
    /// ## Why it matters
    /// A misspelt key is read by no component: the default holds. With a value that it cannot read a component falls back
    /// to the default or does not start.
    ///
    /// ## Example
    /// ```yaml
    /// data:
    ///   applicationsetcontroller.enable.progressive.sync: "true"
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// data:
    ///   applicationsetcontroller.enable.progressive.syncs: "true"
    /// ```
    "unknown-argocd-parameter" = {
        summary: "no component of Argo CD understands the parameter",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// Parameters that are `true` or `false`, besides those with `enable` or `disable` in their names.
const BOOLEANS: [&str; 8] = [
    "server.insecure",
    "controller.diff.server.side",
    "controller.repo.server.plaintext",
    "controller.repo.server.strict.tls",
    "server.repo.server.plaintext",
    "server.repo.server.strict.tls",
    "server.dex.server.plaintext",
    "server.sync.replace.allowed",
];

/// How the parameters end that are whole numbers.
const NUMBERS: [&str; 7] = [
    ".processors",
    ".processors.count",
    ".parallelism.limit",
    ".timeout.seconds",
    ".cap.seconds",
    ".cooldown.seconds",
    ".reconciliations.max",
];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "ConfigMap" || !resource.group().is_empty() || resource.name() != CONFIG_MAP {
        return;
    }
    for entry in resource.node.get("data").map(Node::entries).unwrap_or_default() {
        one(context, entry, findings);
    }
}

fn one(context: &ResourceContext<'_>, entry: &Entry, findings: &mut Vec<Finding>) {
    let key = entry.key_text();
    let pointer = format!("/data/{key}");
    if !PARAMETERS.contains(&key) {
        let near = nearest(key, PARAMETERS.iter().copied());
        if let Some(near) = near.filter(|near| strsim::osa_distance(key, near) <= 3) {
            findings.push(
                context
                    .finding(&RULE, &entry.key, &pointer)
                    .message(format!("no component of Argo CD reads {key}"))
                    .help(format!("did you mean `{near}`?")),
            );
        }
        return;
    }
    let text = entry.value.text().unwrap_or_default().trim();
    if key.ends_with(".namespaces") {
        for pattern in text.split(',').map(str::trim) {
            if let Some(what) = broken_pattern(pattern) {
                let message = format!("{key}: `{pattern}` {what}: it matches no namespace");
                findings.push(context.finding(&RULE, &entry.value, &pointer).message(message));
            }
        }
        return;
    }
    if NUMBERS.iter().any(|end| key.ends_with(end)) && !text.is_empty() && text.parse::<i64>().is_err() {
        let message = format!("{key} is a whole number, not `{text}`: Argo CD takes its default");
        findings.push(context.finding(&RULE, &entry.value, &pointer).message(message));
        return;
    }
    let Some(words) = words(key).filter(|words| !text.is_empty() && !words.contains(&text)) else { return };
    let shown: Vec<&str> = words.iter().copied().take(7).collect();
    let finding = context
        .finding(&RULE, &entry.value, &pointer)
        .message(format!("{key} has no value `{text}`: it is one of {}", shown.join(", ")));
    findings.push(finding.help_did_you_mean(text, words.iter().copied()));
}

/// Why a pattern of namespaces matches none: between slashes it is a regular expression, else a glob.
fn broken_pattern(pattern: &str) -> Option<&'static str> {
    if let Some(rest) = pattern.strip_prefix('/') {
        let Some(expression) = rest.strip_suffix('/') else {
            return Some("begins like a regular expression and lacks the last `/`");
        };
        // The controller knows more forms of groups than are read here.
        let broken = !expression.contains("(?") && !expression.contains('\\') && regex::Regex::new(expression).is_err();
        return broken.then_some("is no regular expression");
    }
    let open = |opened: char, closed: char| {
        pattern.chars().fold(0_i32, |depth, c| depth + i32::from(c == opened) - i32::from(c == closed)) > 0
    };
    (!pattern.contains('\\') && (open('[', ']') || open('{', '}'))).then_some("is no glob: a bracket is not closed")
}

/// The values of a parameter, where they are few.
fn words(key: &str) -> Option<&'static [&'static str]> {
    // Go reads the short forms too.
    const BOOLEAN: &[&str] = &["true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"];
    let parts = || key.split('.');
    match key {
        "controller.sharding.algorithm" => Some(&["legacy", "round-robin", "consistent-hashing"]),
        "applicationsetcontroller.policy" => Some(&["sync", "create-only", "create-update", "create-delete"]),
        "redis.compression" => Some(&["gzip", "none"]),
        _ if key.ends_with(".log.level") => {
            Some(&["debug", "info", "warn", "error", "trace", "fatal", "panic", "warning"])
        }
        _ if key.ends_with(".log.format") => Some(&["text", "json"]),
        _ if BOOLEANS.contains(&key) || parts().any(|part| part == "enable" || part == "enabled") => Some(BOOLEAN),
        _ => None,
    }
}
