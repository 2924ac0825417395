//! `secret-not-found`

use crate::check::World;
use crate::check::references::{Producers, Reference, references};
use crate::check::workload::{about, resources};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a reference to a Secret that nothing in the repository makes for that cluster and namespace: no Secret,
    /// no ExternalSecret, no SealedSecret, no Certificate, nor any other object that names it. Where the repository
    /// makes no Secret at all for the namespace, or does not know all that is deployed there, it is silent.
    ///
    /// ## Why it matters
    /// The pod waits for ever with `CreateContainerConfigError`.
    ///
    /// ## Example
    /// ```yaml
    /// secretKeyRef: {name: databse, key: password}    # the ExternalSecret makes `database`
    /// ```
    ///
    /// ## Instead
    /// Name the Secret that is made, or add an ExternalSecret for it.
    "secret-not-found" = {
        summary: "nothing makes the Secret",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let producers = Producers::of(world);
    for (rendered, resource) in resources(world) {
        for Reference { node, pointer, key } in references(resource) {
            let Some(name) = node.text().filter(|_| producers.is_missing(world, rendered, resource, key)) else {
                continue;
            };
            let finding = Finding::at(&RULE, node)
                .message(format!("no manifest, ExternalSecret or SealedSecret makes Secret {name}"))
                .help_did_you_mean(name, producers.names(world, rendered, resource))
                .pointer(pointer);
            findings.push(about(finding, resource, rendered));
        }
    }
    for set in &world.resolved.application_sets {
        let namespace = if set.namespace().is_empty() { "argocd" } else { set.namespace() };
        for node in tokens(&set.node) {
            let Some(name) = node.text().filter(|name| producers.is_missing_anywhere(namespace, name)) else {
                continue;
            };
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("no manifest, ExternalSecret or SealedSecret makes Secret {namespace}/{name}"))
                    .help("add an ExternalSecret for it")
                    .resource(set.reference()),
            );
        }
    }
}

/// The Secrets that generators take their credentials from.
fn tokens(set: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut stack: Vec<&Node> = set.path(&["spec", "generators"]).into_iter().collect();
    while let Some(node) = stack.pop() {
        match &node.value {
            Value::Mapping(mapping) => {
                for entry in &mapping.entries {
                    match entry.key_text() {
                        "tokenRef" | "passwordRef" => found.extend(entry.value.get("secretName")),
                        // A list's elements are the author's own.
                        "elements" | "template" | "values" => {}
                        _ => stack.push(&entry.value),
                    }
                }
            }
            Value::Sequence(sequence) => stack.extend(&sequence.items),
            Value::Scalar(_) => {}
        }
    }
    found.retain(|node| node.text().is_some_and(|text| !text.contains("{{")));
    found
}
