//! `plaintext-credential`

use crate::check::World;
use crate::check::workload::{about, all_containers, resources};
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a credential that stands in the repository as it is: the token or password of a cluster's
    /// configuration, and environment variables of containers that are called a password, token or key and have a
    /// literal value. The value is not printed.
    ///
    /// ## Why it matters
    /// Who may read the repository, or ever could, has the credential; it stays in the history.
    ///
    /// ## Example
    /// ```yaml
    /// env:
    /// - name: DATABASE_PASSWORD
    ///   value: hunter2
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// env:
    /// - name: DATABASE_PASSWORD
    ///   valueFrom: {secretKeyRef: {name: database, key: password}}
    /// ```
    "plaintext-credential" = {
        summary: "a credential in plain text",
        severity: Error,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for id in repository.files_of(Class::Yaml) {
        for document in repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents) {
            clusters(&document.root, findings);
        }
    }
    for (rendered, resource) in resources(world) {
        for container in all_containers(resource) {
            for variable in container.node.get("env").map(Node::items).unwrap_or_default() {
                let name = variable.str_at(&["name"]).unwrap_or_default();
                let Some(value) = variable.get("value") else { continue };
                if !names_credential(name) || !is_literal(value.text().unwrap_or_default()) {
                    continue;
                }
                let finding = Finding::at(&RULE, value)
                    .message(format!("container {} has {name} in plain text", container.name()))
                    .help("take it from a Secret by valueFrom.secretKeyRef")
                    .pointer(format!("{}/env", container.pointer));
                findings.push(about(finding, resource, rendered));
            }
        }
    }
}

/// The configurations of clusters: mappings with `server` and `config`, wherever they stand.
fn clusters(root: &Node, findings: &mut Vec<Finding>) {
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        match &node.value {
            Value::Mapping(mapping) => {
                let server = mapping.get("server").and_then(Node::text);
                if let (Some(server), Some(config)) = (server, mapping.get("config").and_then(Node::as_mapping)) {
                    for key in ["bearerToken", "password"] {
                        let Some(entry) = config.entry(key) else { continue };
                        let text = entry.value.text().unwrap_or_default();
                        if text.is_empty() || is_template(text) {
                            continue;
                        }
                        findings.push(
                            Finding::new(&RULE, entry.key.mark())
                                .message(format!("{key} of the cluster {server} stands in the repository"))
                                .help("keep it in a secret store, and make the cluster's Secret from there"),
                        );
                    }
                }
                stack.extend(mapping.entries.iter().rev().map(|entry| &entry.value));
            }
            Value::Sequence(sequence) => stack.extend(sequence.items.iter().rev()),
            Value::Scalar(_) => {}
        }
    }
}

/// Whether a variable of that name holds a credential by custom, and not the way to one.
fn names_credential(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let ends =
        ["PASSWORD", "PASSWD", "_TOKEN", "API_KEY", "APIKEY", "SECRET_KEY", "ACCESS_KEY", "PRIVATE_KEY", "_SECRET"];
    ends.iter().any(|end| upper.ends_with(end)) && !upper.contains("ALLOW_EMPTY") && !upper.contains("PUBLIC")
}

/// Whether the text is filled in elsewhere.
fn is_template(text: &str) -> bool {
    text.contains("{{")
        || text.contains("${")
        || text.contains("$(")
        || text.starts_with("<path:")
        || text.starts_with("ref+")
}

/// Whether the text can be a credential: not empty, not filled in elsewhere, no path, no switch, no marked gap.
fn is_literal(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !(text.is_empty()
        || is_template(text)
        || text.starts_with('/')
        || text.starts_with('<') && text.ends_with('>')
        || ["true", "false", "yes", "no", "none", "null"].contains(&lower.as_str())
        || text.chars().all(|c| matches!(c, '*' | 'x' | 'X')))
}
