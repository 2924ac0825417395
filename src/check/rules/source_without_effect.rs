//! `source-without-effect`

use crate::check::World;
use crate::check::argo::key_mark;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports a source of an Application that Argo CD ignores because another field of the same Application takes its
    /// place: `sources` over `source`, `sourceHydrator` over both.
    ///
    /// ## Why it matters
    /// Whoever changes the ignored field changes nothing of what is deployed.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   source: {repoURL: 'https://example.com/r', path: web}
    ///   sources:
    ///   - {repoURL: 'https://example.com/r', path: api}
    /// ```
    ///
    /// ## Instead
    /// Keep the field that is meant.
    "source-without-effect" = {
        summary: "the source is ignored",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for application in &world.resolved.applications {
        let hydrator = application.spec(&["sourceHydrator"]).is_some_and(|node| !node.is_null());
        let sources = application.spec(&["sources"]).is_some_and(|node| !node.items().is_empty());
        let source = application.spec(&["source"]).is_some_and(|node| !node.entries().is_empty());
        if hydrator && sources {
            findings.push(ignored(application, "sources", "sourceHydrator"));
        }
        if source && (hydrator || sources) {
            findings.push(ignored(application, "source", if hydrator { "sourceHydrator" } else { "sources" }));
        }
    }
}

fn ignored(application: &Application, what: &str, wins: &str) -> Finding {
    let node = &application.resource.node;
    let mark = |key: &str| {
        let value = application.spec(&[key]).map(Node::mark);
        key_mark(node, &["spec", key]).filter(|mark| mark.is_some()).or(value).unwrap_or(node.mark())
    };
    Finding::new(&RULE, mark(what))
        .message(format!("spec.{what} is ignored: spec.{wins} takes its place"))
        .help(format!("remove spec.{what} or spec.{wins}"))
        .application(application.id())
        .resource(application.resource.reference())
        .related(mark(wins), "this one is used")
}
