//! `bootstrap-cycle`

use crate::check::World;
use crate::check::images::is;
use crate::check::workload::{Image, containers, resources};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Mapping, Node};

declare_rule! {
    /// Reports the namespace of Argo CD when it asks for Istio's sidecars while an Application of the same Argo CD
    /// installs Istio.
    ///
    /// ## Why it matters
    /// On a fresh cluster, or when the injector is down, Argo CD's own pods need what only Argo CD brings.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Namespace
    /// metadata:
    ///   name: argocd
    ///   labels: {istio-injection: enabled}
    /// ```
    ///
    /// ## Instead
    /// Leave the namespace out of the mesh, or install Istio before Argo CD and without it.
    "bootstrap-cycle" = {
        summary: "Argo CD depends on what it installs",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    // Istio is what brings the CRDs of its networking group or the control plane.
    let mesh = resources(world).find_map(|(rendered, resource)| {
        let crd = resource.kind() == "CustomResourceDefinition"
            && resource.node.str_at(&["spec", "group"]).is_some_and(|group| group.ends_with("istio.io"));
        let control = resource.kind() == "Deployment" && resource.name() == "istiod";
        rendered.application().filter(|_| crd || control)
    });
    let Some(mesh) = mesh else { return };
    for (_, namespace) in resources(world).filter(|(_, resource)| resource.kind() == "Namespace") {
        let labels = namespace.node.path(&["metadata", "labels"]).and_then(Node::as_mapping);
        let Some(entry) = labels.and_then(injection) else { continue };
        let argo = resources(world).any(|(_, resource)| {
            resource.namespace() == namespace.name()
                && containers(resource).iter().any(|container| {
                    let image = container.node.get("image").and_then(Node::text).unwrap_or_default();
                    is("argoproj/argocd", Image::parse(image).name)
                })
        });
        if argo {
            findings.push(
                Finding::new(&RULE, entry)
                    .message(format!(
                        "namespace {} of Argo CD asks for Istio's sidecars, and Argo CD installs Istio by Application {}",
                        namespace.name(),
                        mesh.id()
                    ))
                    .help("leave it out of the mesh, or install Istio before and outside of Argo CD")
                    .related(crate::check::engine::head(&mesh.resource.node), "the Application that installs Istio")
                    .resource(namespace.reference())
                    .pointer("/metadata/labels"),
            );
        }
    }
}

/// The place of the label that asks for sidecars.
fn injection(labels: &Mapping) -> Option<crate::origin::Mark> {
    let enabled = labels.entry("istio-injection").filter(|entry| entry.value.text() == Some("enabled"));
    Some(enabled.or(labels.entry("istio.io/rev"))?.key.mark())
}
