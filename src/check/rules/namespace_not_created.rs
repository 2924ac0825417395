//! `namespace-not-created`

use std::collections::BTreeSet;

use crate::check::World;
use crate::check::argo::sync_option;
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::resolve::cluster::{IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
use crate::schema::Scope;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application whose destination namespace nothing creates.
    ///
    /// It speaks only where the repository creates namespaces of other Applications, by `CreateNamespace=true` or as objects:
    /// elsewhere they may come from outside.
    ///
    /// ## Why it matters
    /// On a fresh cluster every namespaced object of the Application fails: `namespaces "web" not found`.
    ///
    /// ## Example
    /// ```yaml
    /// destination: {namespace: web}
    /// syncPolicy:
    ///   automated: {}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// destination: {namespace: web}
    /// syncPolicy:
    ///   automated: {}
    ///   syncOptions: [CreateNamespace=true]
    /// ```
    "namespace-not-created" = {
        summary: "destination namespace is not created",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Namespaces that every cluster has.
const GIVEN: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut created: BTreeSet<&str> = BTreeSet::new();
    for rendered in world.rendered {
        let namespaces = rendered.output.resources.iter().filter(|resource| resource.kind() == "Namespace");
        created.extend(namespaces.map(|resource| resource.name()));
    }
    for application in &world.resolved.applications {
        if sync_option(application, "CreateNamespace", "true").is_some() {
            created.insert(application.destination_namespace());
        }
    }
    let someone_creates = created.iter().any(|namespace| !namespace.is_empty());
    if !someone_creates {
        return;
    }
    for rendered in world.rendered {
        let Some(application) = rendered.application() else { continue };
        let Some(node) = application.spec(&["destination", "namespace"]) else { continue };
        let namespace = node.text().unwrap_or_default();
        if namespace.is_empty() || GIVEN.contains(&namespace) || created.contains(namespace) || namespace.contains("{{")
        {
            continue;
        }
        // Argo CD runs in it: without the namespace there would be no such Application.
        let in_cluster = [IN_CLUSTER_SERVER, IN_CLUSTER_NAME].contains(&application.destination_cluster());
        if in_cluster && namespace == application.namespace() {
            continue;
        }
        // What could not be rendered may hold the namespace.
        if rendered.output.failed || !rendered.output.not_judged.is_empty() {
            continue;
        }
        let schemas = world.schemas.for_cluster(application.destination_cluster());
        let lands_there = rendered.output.resources.iter().any(|resource| {
            (resource.namespace().is_empty() || resource.namespace() == namespace)
                && schemas.scope(resource.api_version(), resource.kind()) == Some(Scope::Namespaced)
        });
        if lands_there {
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("nothing creates namespace {namespace}"))
                    .help("add CreateNamespace=true to syncOptions, or render the Namespace")
                    .application(application.id())
                    .resource(application.resource.reference()),
            );
        }
    }
    templates(world, &created, findings);
}

/// Templates of sets that generate nothing as yet, for a namespace of their own making.
fn templates(world: &World<'_>, created: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        let applications = &world.resolved.applications;
        if applications.iter().any(|application| application.generated_by.as_deref() == Some(set.name())) {
            continue;
        }
        let Some(spec) = set.node.path(&["spec", "template", "spec"]) else { continue };
        let Some(node) = spec.path(&["destination", "namespace"]) else { continue };
        let options = spec.path(&["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
        let creates = options.iter().any(|option| option.text() == Some("CreateNamespace=true"));
        let patched = set.node.path(&["spec", "templatePatch"]).is_some();
        let text = node.text().unwrap_or_default();
        if creates || patched || text.is_empty() || GIVEN.contains(&text) || created.contains(text) {
            continue;
        }
        findings.push(
            Finding::at(&RULE, node)
                .severity(Severity::Warning)
                .message(format!("nothing creates the namespaces {text}"))
                .help("add CreateNamespace=true to syncOptions, or render the Namespace")
                .resource(set.reference()),
        );
    }
}
