//! `sync-option-without-effect`

use crate::check::ApplicationContext;
use crate::check::argo::sync_option;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports `ServerSideApply=true` on an Application that renders nothing large or shared, while Applications that
    /// render CustomResourceDefinitions lack it.
    ///
    /// ## Why it matters
    /// The option was meant for the definitions, whose annotations outgrow client-side apply; it stands at the wrong
    /// Application.
    ///
    /// ## Example
    /// The Application of a worker has `ServerSideApply=true # For CRDs`; that of Istio, with its CRDs, has not.
    ///
    /// ## Instead
    /// Move the option to the Application that renders the CRDs.
    "sync-option-without-effect" = {
        summary: "the option stands at the wrong Application",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    let Some(option) = sync_option(application, "ServerSideApply", "true") else { return };
    let is_definition = |rendered: &crate::resolve::Rendered| {
        rendered.output.resources.iter().any(|resource| resource.kind() == "CustomResourceDefinition")
    };
    // Everything is rendered and nothing of it needs the option.
    let needless = context.rendered.is_some_and(|rendered| {
        !rendered.output.failed && !rendered.output.resources.is_empty() && !is_definition(rendered)
    });
    if !needless {
        return;
    }
    let lacking: Vec<_> = context
        .world
        .rendered
        .iter()
        .filter(|rendered| is_definition(rendered))
        .filter_map(|rendered| rendered.application())
        .filter(|other| sync_option(other, "ServerSideApply", "true").is_none())
        .collect();
    if lacking.is_empty() {
        return;
    }
    let mut finding = Finding::at(&RULE, option.node)
        .message("ServerSideApply=true stands at an Application without CustomResourceDefinitions")
        .help("move it to the Applications that render definitions");
    for other in lacking {
        let place = other.spec(&["syncPolicy"]).map_or(other.origin().mark, |policy| policy.mark());
        finding = finding.related(place, format!("{} renders definitions without it", other.id()));
    }
    findings.push(finding);
}
