//! `unreferenced-kustomization`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::render::Resource;
use crate::resolve::TargetKind;

declare_rule! {
    /// Reports a kustomization of a repository with Applications that no Application and no other kustomization names.
    /// What installs Argo CD itself, or declares the first Applications, is applied by hand and is not reported.
    ///
    /// ## Why it matters
    /// It looks deployed and is not; who changes it changes nothing.
    ///
    /// ## Example
    /// `infrastructure/prometheus/kustomization.yaml`, and no Application with `path: infrastructure/prometheus`.
    ///
    /// ## Instead
    /// Add an Application for it, or remove it.
    "unreferenced-kustomization" = {
        summary: "nothing deploys the kustomization",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    if world.resolved.applications.is_empty() {
        return;
    }
    for rendered in world.rendered {
        let TargetKind::Kustomization(directory) = &rendered.target.kind else { continue };
        let Some(file) = world.repository.kustomization(directory) else { continue };
        if rendered.output.resources.iter().any(starts_argo) {
            continue;
        }
        let shown = if directory.is_empty() { "." } else { directory };
        findings.push(
            Finding::new(&RULE, Mark::file(file))
                .message(format!("no Application has the kustomization {shown} as its source"))
                .help("add an Application for it, or remove it"),
        );
    }
}

/// Whether the resource belongs to Argo CD or is one of its objects: that is applied before there are Applications.
fn starts_argo(resource: &Resource) -> bool {
    resource.group() == "argoproj.io" && matches!(resource.kind(), "Application" | "ApplicationSet" | "AppProject")
        || resource.kind() == "ConfigMap" && resource.name() == "argocd-cm"
        || resource.name() == "applications.argoproj.io"
}
