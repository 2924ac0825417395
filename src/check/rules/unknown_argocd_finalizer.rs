//! `unknown-argocd-finalizer`

use crate::check::World;
use crate::check::argo::annotation::FINALIZERS;
use crate::check::argo::{Object, objects};
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::yaml::Node;

declare_rule! {
    /// Reports a finalizer of Argo CD that it does not know, or does not remove from that kind of object.
    ///
    /// ## Why it matters
    /// Kubernetes waits until somebody removes each finalizer. Nobody removes one that is misspelt: the object can be deleted
    /// no more, and what it deployed stays.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Application
    /// metadata:
    ///   finalizers: [resources-finalizer.argoproj.io]
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: Application
    /// metadata:
    ///   finalizers: [resources-finalizer.argocd.argoproj.io]
    /// ```
    "unknown-argocd-finalizer" = {
        summary: "nobody removes the finalizer",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for object in objects(world) {
        for node in object.resource.node.path(&["metadata", "finalizers"]).map(Node::items).unwrap_or_default() {
            one(&object, node, findings);
        }
    }
}

fn one(object: &Object<'_>, node: &Node, findings: &mut Vec<Finding>) {
    let Some(name) = node.text().filter(|name| !name.contains("{{")) else { return };
    let kind = object.resource.kind();
    let own = ["Application", "ApplicationSet", "AppProject"].into_iter().any(|own| object.is(own));
    if let Some(known) = FINALIZERS.iter().find(|known| known.name == name) {
        let removed = if known.kinds.is_empty() { object.is_hook() } else { own && known.kinds.contains(&kind) };
        if !removed {
            findings.push(
                object
                    .finding(&RULE, node)
                    .message(format!("Argo CD does not remove the finalizer {name} from a {kind}"))
                    .help("remove it: the object could be deleted no more"),
            );
        }
        return;
    }
    let near = nearest(name, FINALIZERS.iter().map(|known| known.name));
    let meant = name.contains("argocd.argoproj.io") || near.is_some() && own;
    if meant {
        let finding =
            object.finding(&RULE, node).message(format!("Argo CD knows no finalizer {name}: nobody removes it"));
        findings.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("remove it: the object could be deleted no more"),
        });
    }
}
