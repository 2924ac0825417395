//! `secret-store-not-found`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an ExternalSecret whose store nothing in the repository makes.
    ///
    /// It judges where stores are kept in the repository at all: a SecretStore in the same namespace, of which nothing
    /// is hidden, or a ClusterSecretStore anywhere, when every target could be rendered.
    ///
    /// ## Why it matters
    /// The Secret is never written, and the pods that mount it do not start.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ExternalSecret
    /// spec:
    ///   secretStoreRef: {kind: ClusterSecretStore, name: vualt}   # the store is called vault
    /// ```
    ///
    /// ## Instead
    /// Name a store that is deployed, or deploy it.
    "secret-store-not-found" = {
        summary: "ExternalSecret names a store that nothing makes",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const GROUP: &str = "external-secrets.io";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let whole = world.rendered.iter().all(|rendered| !rendered.output.failed && rendered.output.not_judged.is_empty());
    for placed in inventory.of_kind(GROUP, "ExternalSecret") {
        let Some(store) = placed.resource.node.path(&["spec", "secretStoreRef"]) else { continue };
        let Some((node, name)) = store.get("name").and_then(|node| Some((node, node.text()?))) else { continue };
        let kind = store.str_at(&["kind"]).unwrap_or("SecretStore");
        let known = match kind {
            "SecretStore" if inventory.is_closed(placed, name) => inventory.names_beside(placed, GROUP, kind),
            "ClusterSecretStore" if whole => {
                inventory.of_kind(GROUP, kind).iter().map(|placed| placed.resource.name()).collect()
            }
            _ => continue,
        };
        if name.is_empty() || known.is_empty() || known.contains(&name) {
            continue;
        }
        findings.push(
            placed
                .finding(&RULE, node)
                .message(format!("ExternalSecret reads from {kind} `{name}`, which nothing in the repository makes"))
                .help("name a store that is deployed")
                .help_did_you_mean(name, known),
        );
    }
}
