//! `namespace-convention-mismatch`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::{FileId, Mark};
use crate::resolve::Application;
use crate::yaml::{Limits, Node, read};

declare_rule! {
    /// Reports a destination namespace without the prefix that the repository's own map of environments gives it.
    ///
    /// The map is a ConfigMap whose key `environments` holds, for each environment, its `cluster` and its `namespace_prefix`.
    ///
    /// ## Why it matters
    /// Two environments end up in one namespace as soon as they share a cluster, and what reads the map looks in the wrong one.
    ///
    /// ## Example
    /// ```yaml
    /// environments: |
    ///   dev: {cluster: 'https://dev.example.com', namespace_prefix: dev-}
    /// ---
    /// destination: {server: https://dev.example.com, namespace: shop}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// destination: {server: https://dev.example.com, namespace: dev-shop}
    /// ```
    "namespace-convention-mismatch" = {
        summary: "namespace lacks its environment's prefix",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What the map says of one environment.
struct Convention {
    environment: String,
    cluster: String,
    prefix: String,
    mark: Mark,
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let conventions = conventions(world);
    let mut wrong: BTreeMap<Mark, Vec<(&Application, &Node, &Convention)>> = BTreeMap::new();
    for application in &world.resolved.applications {
        let destination = application.destination_cluster().trim_end_matches('/');
        let Some(node) = application.spec(&["destination", "namespace"]) else { continue };
        let of = conventions.iter().find(|convention| convention.cluster.trim_end_matches('/') == destination);
        let Some(convention) = of.filter(|convention| !convention.prefix.is_empty()) else { continue };
        if node.text().is_some_and(|namespace| !namespace.starts_with(&convention.prefix)) {
            // In a set the template is the place where the prefix is lacking.
            let template = application.generated_by.as_ref().and(node.origin.last_step());
            let whole = template.filter(|step| step.what.starts_with("template"));
            let mark = whole.map_or(node.mark(), |step| step.mark);
            wrong.entry(mark).or_default().push((application, node, convention));
        }
    }
    for (mark, all) in wrong {
        let Some((application, node, _)) = all.first() else { continue };
        let mut named: BTreeMap<&str, &Convention> = BTreeMap::new();
        for (_, _, convention) in &all {
            named.insert(&convention.environment, convention);
        }
        let prefixes: Vec<&str> = named.values().map(|convention| convention.prefix.as_str()).collect();
        let mut finding = Finding::at(&RULE, node)
            .message(format!(
                "namespace {} lacks the prefix {} of its environment",
                node.text().unwrap_or_default(),
                prefixes.join(" or ")
            ))
            .help("add the prefix, or correct the map")
            .application(application.id())
            .resource(application.resource.reference());
        finding.mark = mark;
        for convention in named.values() {
            finding = finding.related(convention.mark, format!("the convention for {}", convention.environment));
        }
        findings.push(finding);
    }
}

fn conventions(world: &World<'_>) -> Vec<Convention> {
    let resources = world.rendered.iter().flat_map(|rendered| &rendered.output.resources);
    let maps = resources.filter(|resource| resource.kind() == "ConfigMap");
    let mut found: Vec<Convention> = Vec::new();
    for node in maps.filter_map(|resource| resource.node.path(&["data", "environments"])) {
        let file = read(FileId::NONE, node.text().unwrap_or_default(), Limits::default());
        let Some(document) = file.documents.first() else { continue };
        for entry in document.root.entries() {
            let Some(prefix) = entry.value.get("namespace_prefix") else { continue };
            let mut mark = node.mark();
            if node.as_scalar().is_some_and(crate::yaml::Scalar::is_block) {
                mark.line += prefix.mark().line;
            }
            found.push(Convention {
                environment: entry.key_text().to_owned(),
                cluster: entry.value.get("cluster").and_then(Node::text).unwrap_or_default().to_owned(),
                prefix: prefix.text().unwrap_or_default().to_owned(),
                mark,
            });
        }
    }
    found
}
