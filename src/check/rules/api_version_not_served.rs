//! `api-version-not-served`

use crate::check::ResourceContext;
use crate::config::KubernetesVersion;
use crate::finding::{Applicability, Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::schema::{Lookup, lifecycle};

declare_rule! {
    /// Reports an object in a version that the cluster does not serve: one that Kubernetes removed, or one that the
    /// repository's own CustomResourceDefinition does not serve.
    ///
    /// ## Why it matters
    /// The sync fails: `no matches for kind`.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: policy/v1beta1
    /// kind: PodDisruptionBudget
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// ```
    "api-version-not-served" = {
        summary: "the cluster does not serve this version",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (api_version, kind) = (resource.api_version(), resource.kind());
    let Lookup::NotServed { served, crd } = context.catalogue().lookup(api_version, kind) else { return };
    let node = resource.node.get("apiVersion").unwrap_or(&resource.node);
    if crd.is_some_and(|crd| is_of_another_project(context, crd)) {
        return;
    }
    let end = lifecycle(resource.group(), resource.version(), kind);
    if end.is_some_and(|end| is_for_older_cluster(context, end.removed)) {
        return;
    }
    let message = match (end, crd) {
        (Some(end), None) => format!("{kind} {api_version} was removed in Kubernetes 1.{}", end.removed),
        (None, None) => format!("Kubernetes {} does not serve {kind} {api_version}", context.catalogue().version()),
        (_, Some(_)) => format!("the CustomResourceDefinition in this repository does not serve {kind} {api_version}"),
    };
    let mut finding = context.finding(&RULE, node, "/apiVersion").message(message);
    if let Some(first) = served.first() {
        finding = finding.help(format!("use {first}"));
        // The fields may differ from version to version.
        if served.len() == 1 {
            finding = finding.fix(Applicability::Unsafe, node, first.clone());
        }
    }
    if let Some(crd) = crd {
        finding = finding.related(crd, "the CustomResourceDefinition says so here");
    }
    findings.push(finding);
}

/// Whether the CRD at `crd` has to do with an object that no Application deploys: of several projects in one
/// repository, each has its own, and they need not meet in a cluster. One project keeps both below one directory.
fn is_of_another_project(context: &ResourceContext<'_>, crd: Mark) -> bool {
    if context.rendered.application().is_some() {
        return false;
    }
    let snapshot = &context.world.repository.snapshot;
    let above = |path: &str| path.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned());
    let directory = above(snapshot.path(context.rendered.target.mark.file));
    let project = above(&above(&directory));
    !project.is_empty() && !snapshot.path(crd.file).starts_with(&format!("{project}/"))
}

/// Whether the Application says that its cluster is of a version before `removed`.
fn is_for_older_cluster(context: &ResourceContext<'_>, removed: u16) -> bool {
    let Some(application) = context.rendered.application() else { return false };
    application.sources().iter().any(|source| {
        ["helm", "kustomize"].iter().any(|tool| {
            let version = source.node.str_at(&[tool, "kubeVersion"]).and_then(KubernetesVersion::parse);
            version.is_some_and(|version| version.minor < removed)
        })
    })
}
