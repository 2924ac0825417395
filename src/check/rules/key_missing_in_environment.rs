//! `key-missing-in-environment`

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::check::World;
use crate::check::engine::head;
use crate::check::fingerprint::stem;
use crate::check::inventory::Placed;
use crate::check::select::select;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Entry;

declare_rule! {
    /// Reports a ConfigMap, Secret or ExternalSecret that lacks a key which the same object has in all other environments,
    /// where there are at least two others.
    ///
    /// The environments of one service are told by the paths of their sources, which differ in the environment alone.
    ///
    /// ## Why it matters
    /// A setting that was added everywhere but in one place is mostly forgotten there: the pod starts with a default, or not
    /// at all.
    ///
    /// ## Example
    /// `LOG_LEVEL` is in the settings of `overlays/dev` and `overlays/staging`, and not in those of `overlays/production`.
    ///
    /// ## Instead
    /// Add the key, be it with an empty value.
    "key-missing-in-environment" = {
        summary: "a key that the other environments have",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// An object of one environment, and its keys.
struct Variant<'a> {
    environment: SmolStr,
    placed: &'a Placed<'a>,
    keys: BTreeSet<&'a str>,
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let mut families: BTreeMap<(String, &str, String), Vec<Variant<'_>>> = BTreeMap::new();
    for placed in inventory.everything() {
        let Some(application) = placed.rendered.application().filter(|_| !placed.rendered.output.failed) else {
            continue;
        };
        let Some(environment) = world.environment(application) else { continue };
        let Some(keys) = keys(placed) else { continue };
        let mut sources = application.sources().into_iter().filter_map(|source| source.node.str_at(&["path"]));
        let (Some(path), None) = (sources.next(), sources.next()) else { continue };
        let parts: Vec<&str> = path.split('/').map(|part| if part == environment { "*" } else { part }).collect();
        if !parts.contains(&"*") {
            continue;
        }
        let name = stem(placed.resource.name()).replace(environment, "*");
        let family = families.entry((parts.join("/"), placed.resource.kind(), name)).or_default();
        // One environment may be deployed to several clusters.
        if !family.iter().any(|variant| variant.environment == environment) {
            family.push(Variant { environment: SmolStr::new(environment), placed, keys });
        }
    }
    for family in families.values().filter(|family| family.len() > 2) {
        for variant in family {
            let others = || family.iter().filter(|other| other.environment != variant.environment);
            let Some(first) = others().next() else { continue };
            let missing = first
                .keys
                .iter()
                .filter(|key| !variant.keys.contains(*key) && others().all(|other| other.keys.contains(*key)));
            for key in missing {
                let resource = variant.placed.resource;
                let place = resource.node.get("data").map(crate::yaml::Node::mark).filter(|mark| mark.is_some());
                let mut finding = Finding::new(&RULE, place.unwrap_or_else(|| head(&resource.node)))
                    .message(format!(
                        "{} {} has no key `{key}` in {}, and has it in all other environments",
                        resource.kind(),
                        stem(resource.name()),
                        variant.environment
                    ))
                    .help("add the key")
                    .resource(resource.reference());
                if let Some(application) = variant.placed.rendered.application() {
                    finding = finding.application(application.id());
                }
                if let Some(entry) = entry(first.placed, key) {
                    finding = finding.related(entry.key.mark(), format!("the key in {}", first.environment));
                }
                findings.push(finding);
            }
        }
    }
}

/// The keys of an object that has some.
fn keys<'a>(placed: &'a Placed<'a>) -> Option<BTreeSet<&'a str>> {
    let node = &placed.resource.node;
    let keys: BTreeSet<&str> = match (placed.resource.group(), placed.resource.kind()) {
        ("", "ConfigMap" | "Secret") => {
            let maps = ["data", "stringData"].into_iter().filter_map(|field| node.get(field));
            maps.flat_map(|map| map.entries().iter().map(Entry::key_text)).collect()
        }
        ("external-secrets.io", "ExternalSecret") => {
            let items = select(node, "spec.data.*");
            items.iter().filter_map(|item| item.node.str_at(&["secretKey"])).collect()
        }
        _ => return None,
    };
    (!keys.is_empty()).then_some(keys)
}

fn entry<'a>(placed: &'a Placed<'a>, key: &str) -> Option<&'a Entry> {
    placed.resource.node.get("data")?.as_mapping()?.entry(key)
}
