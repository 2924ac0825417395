//! `api-version-hidden-from-chart`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an Application whose own list of API versions lacks one that its chart asks for and that the repository
    /// itself brings to the cluster.
    ///
    /// ## Why it matters
    /// A list in `apiVersions` takes the place of what the cluster serves. The chart leaves out the objects that need the
    /// version, and nobody says a word: the ServiceMonitor or the Certificate is just not there.
    ///
    /// ## Example
    /// ```yaml
    /// helm:
    ///   apiVersions: [traefik.io/v1alpha1]   # the chart asks for monitoring.coreos.com/v1, too
    /// ```
    ///
    /// ## Instead
    /// Add the version to the list, or remove the list.
    "api-version-hidden-from-chart" = {
        summary: "chart leaves out what the cluster could serve",
        severity: Warning,
        profile: Recommended,
        since: "0.2.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for rendered in world.rendered.iter().filter(|rendered| !rendered.output.unserved.is_empty()) {
        let Some(application) = rendered.application() else { continue };
        let neighbours = world.rendered.iter().filter(|other| {
            other.application().is_none_or(|other| other.destination_cluster() == application.destination_cluster())
        });
        let resources = neighbours.flat_map(|other| &other.output.resources);
        let definitions: Vec<_> = resources.filter(|resource| resource.kind() == "CustomResourceDefinition").collect();
        for (list, version, question) in &rendered.output.unserved {
            let served = definitions.iter().find(|crd| serves(&crd.node, version));
            if let Some(crd) = served {
                findings.push(
                    Finding::new(&RULE, *list)
                        .message(format!(
                            "`{version}` is not in the list, and the repository deploys its definition: the chart leaves \
                             out what needs it"
                        ))
                        .help(format!("add `{version}` to `apiVersions`, or remove the list"))
                        .application(application.id())
                        .related(*question, "the chart asks here")
                        .related(crd.node.mark(), "the definition"),
                );
            }
        }
    }
}

/// Whether a definition serves `group/version` or `group/version/Kind`.
fn serves(crd: &crate::yaml::Node, wanted: &str) -> bool {
    let mut parts = wanted.split('/');
    let (Some(group), Some(version)) = (parts.next(), parts.next()) else { return false };
    let kind = parts.next();
    let text = |keys: &[&str]| crd.str_at(keys).unwrap_or_default();
    let versions = crd.path(&["spec", "versions"]).map(crate::yaml::Node::items).unwrap_or_default();
    text(&["spec", "group"]) == group
        && kind.is_none_or(|kind| text(&["spec", "names", "kind"]) == kind)
        && versions.iter().any(|item| {
            item.str_at(&["name"]) == Some(version)
                && item.get("served").is_none_or(|served| served.as_bool() != Some(false))
        })
}
