//! `source-type-mismatch`

use crate::check::ApplicationContext;
use crate::check::argo::key_mark;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
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
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let (application, world) = (context.application, context.world);
    for source in application.sources() {
        let detected = detect(world.repository, &world.resolved.identity, application, source);
        let Detection::Source(found) = detected else { continue };
        if found.renderer != Renderer::Helm || world.repository.charts.contains_key(&found.directory) {
            continue;
        }
        let mark = key_mark(source.node, &["helm"]).unwrap_or(source.node.mark());
        let mut finding = Finding::new(&RULE, mark)
            .message(format!("`helm` makes a chart of {}, which has no Chart.yaml", found.directory))
            .help("name the path of a chart, or remove the block");
        if let Some(id) = world.repository.kustomization(&found.directory) {
            finding = finding
                .related(Mark::file(id), "the path is a kustomization")
                .help("replace `helm` by `kustomize`, or name the path of a chart");
        }
        findings.push(finding);
    }
}
