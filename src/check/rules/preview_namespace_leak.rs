//! `preview-namespace-leak`

use crate::check::World;
use crate::check::argo::previews;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports environments for pull requests whose namespaces nobody deletes.
    ///
    /// ## Why it matters
    /// A namespace that `CreateNamespace=true` made is no part of the Application: when the pull request is closed and the
    /// Application goes, the namespace stays.
    ///
    /// ## Example
    /// ```yaml
    /// destination: {namespace: 'preview-{{.number}}'}
    /// syncPolicy:
    ///   syncOptions: [CreateNamespace=true]
    /// ```
    ///
    /// ## Instead
    /// Render the Namespace as an object of the Application.
    "preview-namespace-leak" = {
        summary: "a namespace stays for each pull request",
        severity: Warning,
        profile: Seed,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in previews(world) {
        let spec = |keys: &[&str]| set.node.path(&["spec", "template", "spec"]).and_then(|spec| spec.path(keys));
        let namespace = spec(&["destination", "namespace"]);
        if !namespace.and_then(Node::text).is_some_and(|text| text.contains("{{")) {
            continue;
        }
        let options = spec(&["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
        let Some(option) = options.iter().find(|option| option.text() == Some("CreateNamespace=true")) else {
            continue;
        };
        findings.push(
            Finding::at(&RULE, option)
                .message("a namespace made by CreateNamespace stays when the Application of its pull request goes")
                .help("render the Namespace as an object of the Application")
                .related(namespace.map_or(option.mark(), Node::mark), "a namespace for each pull request"),
        );
    }
}
