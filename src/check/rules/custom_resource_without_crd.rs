//! `custom-resource-without-crd`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::resolve::repository::Identity;
use crate::schema::{Lookup, Provenance};
use crate::yaml::Node;

declare_rule! {
    /// Reports a custom resource of a well-known project whose CustomResourceDefinition and controller nothing in the
    /// repository deploys, where everything that Argo CD deploys comes from the repository.
    ///
    /// ## Why it matters
    /// On a new cluster the sync fails (`no matches for kind`), and nothing acts on the object.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: bitnami.com/v1alpha1
    /// kind: SealedSecret      # no sealed-secrets controller is deployed
    /// ```
    ///
    /// ## Instead
    /// Deploy the project's CustomResourceDefinitions and controller from the repository.
    "custom-resource-without-crd" = {
        summary: "nothing deploys the CustomResourceDefinition",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    // Without Applications, what else a cluster has is anyone's guess.
    if world.resolved.applications.is_empty() || deploys_from_elsewhere(world) {
        return;
    }
    let catalogue = world.schemas.default_catalogue();
    let mut kinds: BTreeMap<(&str, &str), Vec<(&crate::render::Resource, &Node)>> = BTreeMap::new();
    for resource in world.rendered.iter().flat_map(|rendered| &rendered.output.resources) {
        let (group, kind) = (resource.group(), resource.kind());
        // Argo CD's own kinds are there before anything is deployed.
        if group == "argoproj.io" && matches!(kind, "Application" | "ApplicationSet" | "AppProject") {
            continue;
        }
        let Lookup::Known(schema) = catalogue.lookup(resource.api_version(), kind) else { continue };
        if schema.provenance != Provenance::Builtin {
            continue;
        }
        let Some(node) = resource.node.get("apiVersion").filter(|node| node.mark().is_some()) else { continue };
        kinds.entry((group, kind)).or_default().push((resource, node));
    }
    for ((group, kind), mut uses) in kinds {
        if is_mentioned(world, group, kind) {
            continue;
        }
        uses.sort_by_key(|(_, node)| node.mark());
        uses.dedup_by_key(|(_, node)| node.mark());
        let Some(((resource, node), others)) = uses.split_first() else { continue };
        let mut finding = Finding::at(&RULE, node)
            .message(format!(
                "nothing in the repository deploys the CustomResourceDefinition of {kind} ({group}) or its controller"
            ))
            .help("deploy them from the repository, before the objects that need them")
            .resource(resource.reference())
            .pointer("/apiVersion");
        for (_, other) in others.iter().take(10) {
            finding = finding.related(other.mark(), format!("another {kind}"));
        }
        findings.push(finding);
    }
}

/// Whether an Application or ApplicationSet deploys a chart or another repository: that may bring anything.
fn deploys_from_elsewhere(world: &World<'_>) -> bool {
    let identity = Identity::of(world.repository, world.config);
    let elsewhere = |source: &Node| {
        let url = source.get("repoURL").and_then(Node::text).unwrap_or_default();
        source.get("chart").is_some() || !identity.is_own(url)
    };
    let applications = world.resolved.applications.iter();
    let mut sources = applications.flat_map(|application| application.sources());
    sources.any(|source| elsewhere(source.node))
        || world.resolved.application_sets.iter().any(|set| {
            let spec = set.node.path(&["spec", "template", "spec"]);
            let single = spec.and_then(|spec| spec.get("source")).into_iter();
            let several = spec.and_then(|spec| spec.get("sources")).map_or(&[][..], Node::items);
            single.chain(several).any(elsewhere)
        })
}

/// Whether a CRD of the kind, or a workload with the project's name, is anywhere in the repository.
fn is_mentioned(world: &World<'_>, group: &str, kind: &str) -> bool {
    if world.schemas.default_catalogue().has_own_crd(group, kind) {
        return true;
    }
    let repository = world.repository;
    let yaml = repository.snapshot.files().map(|(id, _)| id).filter(|id| repository.is_yaml(*id));
    let mut documents = yaml.filter_map(|id| repository.yaml(id)).flat_map(|yaml| &yaml.documents);
    let defines = |node: &Node| {
        node.str_at(&["kind"]) == Some("CustomResourceDefinition")
            && node.str_at(&["spec", "group"]) == Some(group)
            && node.str_at(&["spec", "names", "kind"]) == Some(kind)
    };
    if documents.any(|document| defines(&document.root)) {
        return true;
    }
    // `keda` of `keda.sh`, `cert-manager` of `cert-manager.io`: the project's name is in its images.
    let project = group.split('.').next().unwrap_or(group);
    let mut templates = repository.files_of(Class::Template).filter_map(|id| repository.snapshot.text(id));
    if templates.any(|text| text.contains("CustomResourceDefinition") && text.contains(group)) {
        return true;
    }
    let mut resources = world.rendered.iter().flat_map(|rendered| &rendered.output.resources);
    resources.any(|resource| {
        let Some(pod) = crate::check::pod::Pod::of(resource) else { return false };
        let images = pod.containers().into_iter().filter_map(|container| container.node.get("image"));
        let mut images = images.filter_map(Node::text);
        images.any(|image| image.contains(project)) || resource.name().contains(project)
    })
}
