//! `repeated-resource`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::schema::Scope;
use crate::yaml::Node;

declare_rule! {
    /// Reports two manifests of one Application that describe the same object.
    ///
    /// ## Why it matters
    /// Argo CD takes the last and drops the others (`RepeatedResourceWarning`). Which is the last depends on the names of
    /// files, so renaming one changes what is deployed.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ConfigMap
    /// metadata: {name: web}
    /// data: {a: "1"}
    /// ---
    /// kind: ConfigMap
    /// metadata: {name: web}
    /// data: {a: "2"}
    /// ```
    ///
    /// ## Instead
    /// Keep one of them.
    "repeated-resource" = {
        summary: "one object has two manifests",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Group, kind, namespace and name.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for rendered in world.rendered {
        let Some(application) = rendered.application() else { continue };
        let schemas = world.schemas.for_cluster(application.destination_cluster());
        let mut last: BTreeMap<Key<'_>, &Resource> = BTreeMap::new();
        for resource in &rendered.output.resources {
            if resource.name().is_empty() {
                continue;
            }
            let namespace = match schemas.scope(resource.api_version(), resource.kind()) {
                Some(Scope::Cluster) => "",
                _ if resource.namespace().is_empty() => application.destination_namespace(),
                _ => resource.namespace(),
            };
            let key = (resource.group(), resource.kind(), namespace, resource.name());
            let Some(before) = last.insert(key, resource) else { continue };
            let name = |resource: &Resource| {
                resource
                    .node
                    .path(&["metadata", "name"])
                    .filter(|name| name.mark().is_some())
                    .map_or(resource.node.mark(), Node::mark)
            };
            findings.push(
                Finding::new(&RULE, name(before))
                    .trail(&before.node.origin)
                    .message(format!("{} `{}` has another manifest, which is used", resource.kind(), resource.name()))
                    .help("keep one of them")
                    .application(application.id())
                    .resource(before.reference())
                    .related(name(resource), "the manifest that is used"),
            );
        }
    }
}
