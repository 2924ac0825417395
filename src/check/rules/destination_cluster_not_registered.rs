//! `destination-cluster-not-registered`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a destination that is no registered cluster.
    ///
    /// It speaks where the repository shows how clusters are registered: with labelled Secrets, with `clusters` in
    /// `tiphys.yaml`, or where a file describes the cluster without registering it. Elsewhere clusters may be registered by
    /// hand, and it is silent.
    ///
    /// ## Why it matters
    /// Argo CD refuses the Application (`InvalidSpecError: unable to find destination server`) and syncs nothing of it.
    ///
    /// ## Example
    /// ```yaml
    /// destination:
    ///   server: https://prod.example.com    # no Secret labelled argocd.argoproj.io/secret-type: cluster has it
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: Secret
    /// metadata:
    ///   name: prod
    ///   namespace: argocd
    ///   labels: {argocd.argoproj.io/secret-type: cluster}
    /// stringData: {name: prod, server: 'https://prod.example.com', config: '{}'}
    /// ```
    "destination-cluster-not-registered" = {
        summary: "destination cluster is not registered",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let clusters = &context.world.resolved.clusters;
    let application = context.application;
    let destination = application.destination_cluster();
    if destination.is_empty() || destination.contains("{{") || clusters.is_registered(destination) {
        return;
    }
    let described = clusters.find(destination);
    // A Secret whose server is out of sight may be the one.
    let all_known = !clusters.registered.is_empty() && clusters.hidden == 0;
    if !all_known && (described.is_none() || clusters.hidden > 0) {
        return;
    }
    let node = ["server", "name"].into_iter().find_map(|key| {
        let node = application.spec(&["destination", key])?;
        (node.text() == Some(destination)).then_some(node)
    });
    let Some(node) = node else { return };
    let mut finding = Finding::at(&RULE, node)
        .message(format!("no cluster {destination} is registered"))
        .help("declare a Secret labelled argocd.argoproj.io/secret-type: cluster, or name the cluster in tiphys.yaml");
    match described {
        Some(cluster) => {
            finding = finding.related(cluster.server.origin.mark, "this describes the cluster and registers nothing");
        }
        None => {
            let known = clusters.registered.iter();
            let known = known.flat_map(|cluster| [cluster.name.text.as_str(), cluster.server.text.as_str()]);
            finding = finding.help_did_you_mean(destination, known);
        }
    }
    findings.push(finding);
}
