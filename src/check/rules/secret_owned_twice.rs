//! `secret-owned-twice`

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::check::World;
use crate::check::workload::{Place, about, place, resources};
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::resolve::Rendered;
use crate::yaml::Node;

declare_rule! {
    /// Reports a Secret that two objects of one cluster and namespace make: a Secret, a SealedSecret, an
    /// ExternalSecret that owns its target, a Certificate.
    ///
    /// ## Why it matters
    /// Whichever controller comes second is refused, or overwrites what the other made, again and again.
    ///
    /// ## Example
    /// ```yaml
    /// kind: SealedSecret
    /// metadata: {name: credentials}
    /// ---
    /// kind: ExternalSecret
    /// spec: {target: {name: credentials, creationPolicy: Owner}}
    /// ```
    ///
    /// ## Instead
    /// Keep one of them, give the two different names, or let the ExternalSecret add to the other's with
    /// `creationPolicy: Merge`.
    "secret-owned-twice" = {
        summary: "two objects make one Secret",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What makes a Secret, and the field that names it.
#[derive(Clone, Copy)]
struct Maker<'a> {
    rendered: &'a Rendered,
    resource: &'a Resource,
    name: &'a Node,
    pointer: &'static str,
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut made: BTreeMap<(Place, SmolStr), Vec<Maker<'_>>> = BTreeMap::new();
    for (rendered, resource) in resources(world) {
        let Some(maker) = maker(rendered, resource) else { continue };
        let Some(name) = maker.name.text().filter(|name| !name.is_empty()) else { continue };
        let makers = made.entry((place(world, rendered, resource), SmolStr::new(name))).or_default();
        // One object that two Applications deploy is another rule's finding.
        let same =
            |other: &Maker<'_>| (other.resource.kind(), other.resource.name()) == (resource.kind(), resource.name());
        if !makers.iter().any(same) {
            makers.push(maker);
        }
    }
    for ((_, name), mut makers) in made {
        // The finding stands at the ExternalSecret, whose target can be renamed most easily.
        makers.sort_by_key(|maker| maker.resource.kind() != "ExternalSecret");
        let Some((first, others)) = makers.split_first() else { continue };
        let Some(other) = others.first() else { continue };
        let mut finding = Finding::at(&RULE, first.name)
            .message(format!(
                "Secret {name} is made by {} {} and by {} {}",
                first.resource.kind(),
                first.resource.name(),
                other.resource.kind(),
                other.resource.name()
            ))
            .help("keep one of them, or use two names")
            .pointer(first.pointer);
        for other in others {
            let what = format!("{} {} makes it too", other.resource.kind(), other.resource.name());
            finding = finding.related(other.name.mark(), what);
        }
        findings.push(about(finding, first.resource, first.rendered));
    }
}

fn maker<'a>(rendered: &'a Rendered, resource: &'a Resource) -> Option<Maker<'a>> {
    let own = resource.node.path(&["metadata", "name"]);
    let (name, pointer) = match (resource.group(), resource.kind()) {
        ("", "Secret") => (own?, "/metadata/name"),
        ("bitnami.com", "SealedSecret") => {
            // The controller takes such a Secret over, or adds to it.
            let shared = ["managed", "patch"].iter().any(|key| {
                let key = format!("sealedsecrets.bitnami.com/{key}");
                resource.node.path(&["spec", "template", "metadata", "annotations", &key]).is_some()
                    || resource.annotation(&key).is_some()
            });
            (own.filter(|_| !shared)?, "/metadata/name")
        }
        ("external-secrets.io", "ExternalSecret") => {
            let target = resource.node.path(&["spec", "target"]);
            let policy = target.and_then(|target| target.str_at(&["creationPolicy"]));
            if matches!(policy, Some("Merge" | "None")) {
                return None;
            }
            match target.and_then(|target| target.get("name")) {
                Some(name) => (name, "/spec/target/name"),
                None => (own?, "/metadata/name"),
            }
        }
        ("cert-manager.io", "Certificate") => (resource.node.path(&["spec", "secretName"])?, "/spec/secretName"),
        _ => return None,
    };
    Some(Maker { rendered, resource, name, pointer })
}
