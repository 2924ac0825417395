//! `unknown-sync-option`

use crate::check::World;
use crate::check::argo::objects;
use crate::finding::{Applicability, Check, Finding, declare_rule, nearest};
use crate::resolve::sync_option::SYNC_OPTIONS;
use crate::yaml::Node;

declare_rule! {
    /// Reports a sync option that Argo CD does not know, or a value that an option does not have.
    ///
    /// ## Why it matters
    /// Argo CD compares options letter by letter and ignores the others without a word: the namespace is not created, the
    /// object is pruned all the same.
    ///
    /// ## Example
    /// ```yaml
    /// syncOptions:
    /// - CreateNamespaces=true
    /// - ServerSideApply=True
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// syncOptions:
    /// - CreateNamespace=true
    /// - ServerSideApply=true
    /// ```
    "unknown-sync-option" = {
        summary: "the sync option is ignored",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for application in &world.resolved.applications {
        options(application.spec(&["syncPolicy", "syncOptions"]), findings);
    }
    for set in &world.resolved.application_sets {
        options(set.node.path(&["spec", "template", "spec", "syncPolicy", "syncOptions"]), findings);
    }
    for object in objects(world) {
        let annotation = object.resource.node.path(&["metadata", "annotations", "argocd.argoproj.io/sync-options"]);
        let Some(node) = annotation else { continue };
        for option in node.text().unwrap_or_default().split(',') {
            one(node, option.trim(), false, findings);
        }
    }
}

fn options(list: Option<&Node>, findings: &mut Vec<Finding>) {
    for node in list.map(Node::items).unwrap_or_default() {
        if let Some(text) = node.text() {
            one(node, text, true, findings);
        }
    }
}

fn one(node: &Node, text: &str, application: bool, findings: &mut Vec<Finding>) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if text.is_empty() || text.contains("{{") {
        return;
    }
    let finding = |message: String| Finding::at(&RULE, node).message(message);
    let suggest = |finding: Finding, suggestion: String| {
        let finding = finding.help(format!("did you mean `{suggestion}`?"));
        match node.text() == Some(text) {
            true => finding.fix(Applicability::Unsafe, node, suggestion),
            false => finding,
        }
    };
    let Some(option) = SYNC_OPTIONS.iter().find(|option| option.key == key) else {
        let found = finding(format!("Argo CD knows no sync option {key}: it is ignored"));
        findings.push(match nearest(key, SYNC_OPTIONS.iter().map(|option| option.key)) {
            Some(near) => suggest(found, format!("{near}={value}")),
            None => found,
        });
        return;
    };
    if !option.values.contains(&value) {
        let found = finding(format!("{key} has no value `{value}`: it is one of {}", option.values.join(", ")));
        findings.push(match option.values.iter().find(|known| known.eq_ignore_ascii_case(value)) {
            Some(near) => suggest(found, format!("{key}={near}")),
            None => found,
        });
    } else if application && !option.application {
        findings.push(
            finding(format!("{key} is an option of resources; on an Application it is ignored"))
                .help(format!("annotate the resource: argocd.argoproj.io/sync-options: {text}")),
        );
    } else if !application && !option.resource {
        findings.push(
            finding(format!("{key} is an option of Applications; on a resource it is ignored"))
                .help("set it in spec.syncPolicy.syncOptions of the Application"),
        );
    }
}
