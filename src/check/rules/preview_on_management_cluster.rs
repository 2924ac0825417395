//! `preview-on-management-cluster`

use crate::check::World;
use crate::check::argo::previews;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports environments for pull requests on the cluster that Argo CD itself runs in.
    ///
    /// ## Why it matters
    /// Manifests that nobody has reviewed reach the cluster from which every other cluster is managed.
    ///
    /// ## Example
    /// ```yaml
    /// generators: [{pullRequest: {github: {owner: example, repo: platform}}}]
    /// template:
    ///   spec:
    ///     destination: {server: https://kubernetes.default.svc}
    /// ```
    ///
    /// ## Instead
    /// Send previews to a cluster of their own, or to that of development.
    "preview-on-management-cluster" = {
        summary: "pull requests reach the management cluster",
        severity: Error,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in previews(world) {
        let destination = |key: &str| set.node.path(&["spec", "template", "spec", "destination", key]);
        let here = [("server", "https://kubernetes.default.svc"), ("name", "in-cluster")]
            .into_iter()
            .filter_map(|(key, value)| destination(key).filter(|node| node.text() == Some(value)))
            .next();
        if let Some(node) = here {
            findings.push(
                Finding::at(&RULE, node)
                    .message("pull requests that nobody has reviewed are deployed to the cluster that runs Argo CD")
                    .help("send previews to a cluster of their own, or to that of development"),
            );
        }
    }
}
