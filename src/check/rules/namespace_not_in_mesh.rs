//! `namespace-not-in-mesh`

use std::collections::BTreeMap;

use crate::check::World;
use crate::check::workload::resources;
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application that lets Argo CD create its namespace without the label for sidecars, when Istio's
    /// routes and policies are declared for that namespace.
    ///
    /// ## Why it matters
    /// Without sidecars a DestinationRule or a PeerAuthentication has nothing to act on: there is no mutual TLS and no
    /// outlier detection, and nothing says so.
    ///
    /// ## Example
    /// ```yaml
    /// syncOptions:
    /// - CreateNamespace=true
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// managedNamespaceMetadata:
    ///   labels: {istio-injection: enabled}
    /// syncOptions:
    /// - CreateNamespace=true
    /// ```
    "namespace-not-in-mesh" = {
        summary: "namespace has mesh policies and no sidecars",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// The labels that decide about sidecars or ambient mode.
const LABELS: [&str; 3] = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut meshed: BTreeMap<&str, &Resource> = BTreeMap::new();
    for (_, resource) in resources(world) {
        let acts = matches!(
            (resource.group(), resource.kind()),
            ("networking.istio.io", "DestinationRule" | "Sidecar")
                | ("security.istio.io", "PeerAuthentication" | "AuthorizationPolicy")
        );
        if acts && !resource.namespace().is_empty() {
            meshed.entry(resource.namespace()).or_insert(resource);
        }
    }
    for (namespace, policy) in meshed {
        // A Namespace in Git decides for itself, with or without the label.
        let declared =
            resources(world).any(|(_, resource)| resource.kind() == "Namespace" && resource.name() == namespace);
        if declared {
            continue;
        }
        let mut first: Option<Finding> = None;
        let snapshot = &world.repository.snapshot;
        let mut applications: Vec<_> =
            world.resolved.applications.iter().filter(|a| a.destination_namespace() == namespace).collect();
        applications.sort_by_key(|a| (snapshot.path(a.origin().mark.file), a.origin().mark));
        for application in applications {
            let labels = application.spec(&["syncPolicy", "managedNamespaceMetadata", "labels"]);
            if LABELS.iter().any(|label| labels.is_some_and(|labels| labels.get(label).is_some())) {
                first = None;
                break;
            }
            let options = application.spec(&["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
            let Some(option) = options.iter().find(|option| option.text() == Some("CreateNamespace=true")) else {
                continue;
            };
            first = Some(match first.take() {
                None => Finding::at(&RULE, option)
                    .message(format!(
                        "namespace {namespace} is created without istio-injection, and {} {} is declared for it",
                        policy.kind(),
                        policy.name()
                    ))
                    .help("set syncPolicy.managedNamespaceMetadata.labels.istio-injection: enabled")
                    .related(crate::check::engine::head(&policy.node), "the policy that finds no sidecars")
                    .resource(application.resource.reference())
                    .application(application.id()),
                Some(finding) if finding.mark == option.mark() => finding,
                Some(finding) if finding.related.iter().any(|related| related.mark == option.mark()) => finding,
                Some(finding) => {
                    finding.related(option.mark(), format!("Application {} creates it too", application.id()))
                }
            });
        }
        findings.extend(first);
    }
}
