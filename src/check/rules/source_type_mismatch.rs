//! `source-type-mismatch`

use std::sync::Arc;

use crate::check::World;
use crate::check::argo::key_mark;
use crate::check::rules::kustomization_not_found;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::render::Resource;
use crate::resolve::Application;
use crate::resolve::source::{Detection, Renderer, detect};

declare_rule! {
    /// Reports a source that is told to be a chart while its directory holds none.
    ///
    /// ## Why it matters
    /// A `helm` block makes Argo CD render the path as a chart, whatever lies there; without `Chart.yaml` rendering fails and
    /// nothing is synced.
    ///
    /// ## Example
    /// ```yaml
    /// path: services/web/overlays/production   # a kustomization
    /// helm:
    ///   parameters: [{name: image.tag, value: v2}]
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// path: services/web/overlays/production
    /// kustomize:
    ///   images: [web:v2]
    /// ```
    "source-type-mismatch" = {
        summary: "source is no chart",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for application in &world.resolved.applications {
        charts(world, application, findings);
    }
    // Templates that say it all without parameters, of sets of which nothing was generated here.
    for set in &world.resolved.application_sets {
        let generates = |application: &Arc<Application>| application.generated_by.as_deref() == Some(set.name());
        let Some(template) = set.node.path(&["spec", "template"]) else { continue };
        if !world.resolved.applications.iter().any(generates) {
            let pretended = Application { resource: Resource { node: template.clone() }, generated_by: None };
            let before = findings.len();
            charts(world, &pretended, findings);
            kustomizations(world, &pretended, findings);
            for finding in &mut findings[before..] {
                finding.resource = Some(set.reference());
                finding.application = None;
            }
        }
    }
}

fn charts(world: &World<'_>, application: &Application, findings: &mut Vec<Finding>) {
    for source in application.sources() {
        let detected = detect(world.repository, &world.resolved.identity, application, source);
        let Detection::Source(found) = detected else { continue };
        if found.renderer != Renderer::Helm || world.repository.charts.contains_key(&found.directory) {
            continue;
        }
        let mark = key_mark(source.node, &["helm"]).unwrap_or(source.node.mark());
        let mut finding = Finding::new(&RULE, mark)
            .message(format!("`helm` makes a chart of {}, which has no Chart.yaml", found.directory))
            .help("name the path of a chart, or remove the block")
            .application(application.id())
            .resource(application.resource.reference());
        if let Some(id) = world.repository.kustomization(&found.directory) {
            finding = finding
                .related(Mark::file(id), "the path is a kustomization")
                .help("replace `helm` by `kustomize`, or name the path of a chart");
        }
        findings.push(finding);
    }
}

/// Where something is rendered, kustomize says so itself.
fn kustomizations(world: &World<'_>, application: &Application, findings: &mut Vec<Finding>) {
    for source in application.sources() {
        let detected = detect(world.repository, &world.resolved.identity, application, source);
        let Detection::Source(found) = detected else { continue };
        if found.renderer != Renderer::Kustomize || world.repository.kustomization(&found.directory).is_some() {
            continue;
        }
        let path = source.node.get("path").unwrap_or(source.node);
        findings.push(
            Finding::at(&kustomization_not_found::RULE, path)
                .message(format!(
                    "`kustomize` makes a kustomization of {}, which has no kustomization file",
                    found.directory
                ))
                .help("name the path of an overlay"),
        );
    }
}
