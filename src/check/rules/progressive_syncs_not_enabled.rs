//! `progressive-syncs-not-enabled`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::resolve::instance::Instance;
use crate::source::Content;

declare_rule! {
    /// Reports an ApplicationSet with `strategy: RollingSync` where the repository installs Argo CD without enabling progressive
    /// syncs.
    ///
    /// It is silent where the repository does not hold the installation of Argo CD.
    ///
    /// ## Why it matters
    /// The controller ignores the strategy: all Applications sync at once, production included.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ConfigMap
    /// metadata: {name: argocd-cmd-params-cm}
    /// data: {}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: ConfigMap
    /// metadata: {name: argocd-cmd-params-cm}
    /// data:
    ///   applicationsetcontroller.enable.progressive.syncs: "true"
    /// ```
    "progressive-syncs-not-enabled" = {
        summary: "progressive syncs are not enabled",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// The ways in which the switch is written: ConfigMap key, flag, environment variable.
const SWITCHES: [&str; 3] = [
    "applicationsetcontroller.enable.progressive.syncs",
    "--enable-progressive-syncs",
    "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS",
];

/// Objects that make up an installation of Argo CD.
const INSTALLATION: [&str; 4] =
    ["argocd-cm", "argocd-cmd-params-cm", "argocd-server", "argocd-applicationset-controller"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let rolling: Vec<_> = world
        .resolved
        .application_sets
        .iter()
        .filter_map(|set| Some((set, set.node.path(&["spec", "strategy", "type"])?)))
        .filter(|(_, kind)| kind.text() == Some("RollingSync"))
        .collect();
    if rolling.is_empty() {
        return;
    }
    let resources = || world.rendered.iter().flat_map(|rendered| &rendered.output.resources);
    let Some(installed) = resources().find(|resource| {
        matches!(resource.kind(), "ConfigMap" | "Deployment") && INSTALLATION.contains(&resource.name())
    }) else {
        return;
    };
    // Values of the chart name the switch too, so any file may.
    let switched = world.repository.snapshot.files().any(|(_, file)| match &file.content {
        Content::Text(text) => SWITCHES.iter().any(|switch| text.contains(switch)),
        _ => false,
    });
    // The switch that is off is no switch.
    let instance = Instance::of(world.rendered);
    let value = instance.parameters.and_then(|parameters| parameters.node.path(&["data", SWITCHES[0]]));
    let off = value
        .and_then(crate::yaml::Node::text)
        .is_some_and(|text| matches!(text, "false" | "0" | "f" | "F" | "FALSE" | "False"));
    if switched && !off {
        return;
    }
    let place = installed.node.path(&["metadata", "name"]).map_or(Mark::NONE, crate::yaml::Node::mark);
    for (set, kind) in rolling {
        findings.push(
            Finding::at(&RULE, kind)
                .message("RollingSync has no effect: nothing enables progressive syncs in the controller")
                .help(
                    "set applicationsetcontroller.enable.progressive.syncs: \"true\" in ConfigMap argocd-cmd-params-cm",
                )
                .resource(set.reference())
                .related(place, "Argo CD is configured here"),
        );
    }
}
