//! `key-not-found`

use std::collections::BTreeSet;

use crate::check::World;
use crate::check::inventory::{Inventory, Placed, is_deployed_or_slip};
use crate::check::pod::Pod;
use crate::check::select::{Selected, select};
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports a pod that reads a key which its ConfigMap or Secret does not have.
    ///
    /// All objects of that name count, the data of an ExternalSecret and of a SealedSecret too. It is silent where something
    /// else may add keys: for an object without any data, an ExternalSecret with `dataFrom`, an object that another one
    /// merges into.
    ///
    /// ## Why it matters
    /// The container does not start: `CreateContainerConfigError`, or `FailedMount` for a volume.
    ///
    /// ## Example
    /// ```yaml
    /// env:
    /// - name: LOG_LEVEL
    ///   valueFrom: {configMapKeyRef: {name: web, key: LOGLEVEL}}   # the key is LOG_LEVEL
    /// ```
    ///
    /// ## Instead
    /// Name a key of the object, or say `optional: true`.
    "key-not-found" = {
        summary: "the ConfigMap or Secret has no such key",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.everything() {
        let Some(pod) = Pod::of(placed.resource) else { continue };
        for Reading { kind, from, key } in readings(pod.spec) {
            if from.node.get("optional").and_then(Node::as_bool) == Some(true) {
                continue;
            }
            let name = from.text("name").or_else(|| from.text("secretName"));
            let (Some(name), Some(key)) = (name, key.text("key")) else { continue };
            let Some(keys) = keys(inventory, placed, kind, name.text).filter(|keys| !keys.is_empty()) else { continue };
            let known: Vec<&str> = keys.into_iter().collect();
            // What no Application deploys gets more keys where it is put together.
            if known.contains(&key.text) || !is_deployed_or_slip(placed, key.text, &known) {
                continue;
            }
            findings.push(
                placed
                    .finding(&RULE, key.node)
                    .message(format!("{kind} {} has no key `{}`", name.text, key.text))
                    .help("name a key of it, or say `optional: true`")
                    .help_did_you_mean(key.text, known)
                    .pointer(format!("{}{}", pod.pointer, key.pointer)),
            );
        }
    }
}

/// A key that a pod reads, and what it reads it from.
struct Reading<'n> {
    kind: &'static str,
    from: Selected<'n>,
    key: Selected<'n>,
}

fn readings(spec: &Node) -> Vec<Reading<'_>> {
    let mut found = Vec::new();
    for list in ["containers", "initContainers"] {
        for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
            for from in select(spec, &format!("{list}.*.env.*.valueFrom.{field}")) {
                found.push(Reading { kind, key: from.clone(), from });
            }
        }
    }
    for at in ["volumes.*", "volumes.*.projected.sources.*"] {
        for (kind, field) in [("ConfigMap", "configMap"), ("Secret", "secret")] {
            for from in select(spec, &format!("{at}.{field}")) {
                for item in select(from.node, "items.*") {
                    let key = Selected { pointer: format!("{}{}", from.pointer, item.pointer), ..item };
                    found.push(Reading { kind, from: from.clone(), key });
                }
            }
        }
    }
    found
}

/// The keys of the object; `None` where it is not there, or where they are not all known.
fn keys<'a>(inventory: &Inventory<'a>, placed: &Placed<'a>, kind: &str, name: &str) -> Option<BTreeSet<&'a str>> {
    let mut keys = BTreeSet::new();
    if kind == "ConfigMap" {
        for found in inventory.beside(placed, "", "ConfigMap").into_iter().filter(|it| it.resource.name() == name) {
            if found.rendered.output.failed || is_filled_in(found.resource) {
                return None;
            }
            take(&found.resource.node, &["data", "binaryData"], &mut keys);
        }
        return Some(keys);
    }
    for found in inventory.beside(placed, "", "Secret").into_iter().filter(|it| it.resource.name() == name) {
        // What a controller fills in is declared without data, or by its type.
        let of_its_own =
            found.resource.node.str_at(&["type"]).is_some_and(|kind| kind.ends_with("service-account-token"));
        if found.rendered.output.failed || of_its_own {
            return None;
        }
        take(&found.resource.node, &["data", "stringData"], &mut keys);
    }
    for found in inventory.beside(placed, "bitnami.com", "SealedSecret") {
        if found.resource.name() == name {
            take(&found.resource.node, &["spec.encryptedData", "spec.template.data"], &mut keys);
        }
    }
    for found in inventory.beside(placed, "external-secrets.io", "ExternalSecret") {
        let spec = found.resource.node.get("spec")?;
        if spec.str_at(&["target", "name"]).unwrap_or(found.resource.name()) != name {
            continue;
        }
        if spec.get("dataFrom").is_some() || spec.path(&["target", "template", "templateFrom"]).is_some() {
            return None;
        }
        let template = spec.path(&["target", "template", "data"]);
        let merges = spec.str_at(&["target", "template", "mergePolicy"]) == Some("Merge");
        if template.is_none() || merges {
            keys.extend(select(spec, "data.*").iter().filter_map(|item| item.node.str_at(&["secretKey"])));
        }
        take(spec, &["target.template.data"], &mut keys);
    }
    // A Certificate has keys of its own.
    let certificates = inventory.beside(placed, "cert-manager.io", "Certificate");
    let certified = certificates.iter().any(|it| it.resource.node.str_at(&["spec", "secretName"]) == Some(name));
    (!certified).then_some(keys)
}

fn take<'a>(node: &'a Node, ways: &[&str], keys: &mut BTreeSet<&'a str>) {
    let found = ways.iter().flat_map(|way| select(node, way));
    keys.extend(found.flat_map(|data| data.node.entries().iter().map(Entry::key_text)));
}

/// Whether a controller puts keys into the ConfigMap: certificates of an authority, mostly.
fn is_filled_in(resource: &Resource) -> bool {
    let meta = ["labels", "annotations"].into_iter().filter_map(|key| resource.node.path(&["metadata", key]));
    meta.flat_map(Node::entries).any(|entry| entry.key_text().contains("inject"))
}
