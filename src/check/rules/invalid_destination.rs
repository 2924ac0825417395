//! `invalid-destination`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a destination that names no cluster, one by server and by name at once, or by a name that two clusters have.
    ///
    /// ## Why it matters
    /// The Application is in the state InvalidSpecError and nothing of it is synced.
    ///
    /// ## Example
    /// ```yaml
    /// destination:
    ///   server: https://kubernetes.default.svc
    ///   name: in-cluster
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// destination:
    ///   name: in-cluster
    /// ```
    "invalid-destination" = {
        summary: "the destination is not one cluster",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    let Some(destination) = application.spec(&["destination"]) else {
        let spec = application.resource.node.get("spec").unwrap_or(&application.resource.node);
        findings.push(missing(spec));
        return;
    };
    let field = |key: &str| destination.get(key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    match (field("server"), field("name")) {
        (None, None) => findings.push(missing(destination)),
        (Some(server), Some(name)) => findings.push(
            Finding::at(&RULE, name)
                .message("the destination has both server and name")
                .pointer("/spec/destination/name")
                .help("keep one of the two")
                .related(server.mark(), "the server"),
        ),
        (None, Some(name)) => ambiguous(context, name, findings),
        (Some(_), None) => {}
    }
}

fn missing(at: &Node) -> Finding {
    Finding::at(&RULE, at)
        .message("the destination names no cluster")
        .pointer("/spec/destination")
        .help("set destination.server or destination.name; the cluster of Argo CD itself is `in-cluster`")
}

fn ambiguous(context: &ApplicationContext<'_>, node: &Node, findings: &mut Vec<Finding>) {
    let name = node.text().unwrap_or_default();
    let clusters = &context.world.resolved.clusters.registered;
    let mut named = clusters.iter().filter(|cluster| cluster.name.text == name);
    let Some((first, second)) = named.next().zip(named.next()) else { return };
    findings.push(
        Finding::at(&RULE, node)
            .message(format!("two clusters are called {name}: {} and {}", first.server.text, second.server.text))
            .pointer("/spec/destination/name")
            .help("name the server, or give the clusters names of their own")
            .related(first.name.origin.mark, "one of them")
            .related(second.name.origin.mark, "the other one"),
    );
}
