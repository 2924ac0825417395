//! `mutually-exclusive-fields`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports fields of which only one may be set, or of which one must be: `value` and `valueFrom` of a variable, the sources
    /// of a volume, the actions of a probe, the bounds of a disruption budget, the backends of an Ingress's path.
    ///
    /// ## Why it matters
    /// The API server refuses the object. A patch that adds one and keeps the other is the usual cause.
    ///
    /// ## Example
    /// ```yaml
    /// volumes:
    /// - name: cache
    ///   emptyDir: {}
    ///   persistentVolumeClaim: {claimName: cache}   # added by a patch
    /// ```
    ///
    /// ## Instead
    /// Keep one. A patch removes the other by setting it to null.
    "mutually-exclusive-fields" = {
        summary: "only one of these may be set",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// The actions of a probe.
const ACTIONS: &[&str] = &["httpGet", "tcpSocket", "exec", "grpc"];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let mut among = Among { context, findings };
    let root = &resource.node;
    match (resource.group(), resource.kind()) {
        ("policy", "PodDisruptionBudget") => {
            among.at_most_one(root.get("spec"), "/spec", &["minAvailable", "maxUnavailable"]);
        }
        ("apps", "Deployment") if root.str_at(&["spec", "strategy", "type"]) == Some("Recreate") => {
            among.at_most_one(root.path(&["spec", "strategy"]), "/spec/strategy", &["rollingUpdate", "type"]);
        }
        ("networking.k8s.io", "Ingress") => {
            for (index, rule) in root.path(&["spec", "rules"]).map_or(&[][..], Node::items).iter().enumerate() {
                for (path, item) in rule.path(&["http", "paths"]).map_or(&[][..], Node::items).iter().enumerate() {
                    let pointer = format!("/spec/rules/{index}/http/paths/{path}/backend");
                    among.at_most_one(item.get("backend"), &pointer, &["service", "resource"]);
                }
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
                let rules = root.path(&["spec", direction]).map_or(&[][..], Node::items);
                for (index, rule) in rules.iter().enumerate() {
                    for (place, peer) in rule.get(peers).map_or(&[][..], Node::items).iter().enumerate() {
                        let pointer = format!("/spec/{direction}/{index}/{peers}/{place}");
                        among.at_most_one(Some(peer), &pointer, &["ipBlock", "podSelector"]);
                        among.at_most_one(Some(peer), &pointer, &["ipBlock", "namespaceSelector"]);
                    }
                }
            }
        }
        _ => {}
    }
    let Some(pod) = Pod::of(resource) else { return };
    for (index, volume) in pod.spec.get("volumes").map_or(&[][..], Node::items).iter().enumerate() {
        let sources: Vec<&str> = set(volume).into_iter().filter(|key| *key != "name").collect();
        among.at_most_one(Some(volume), &format!("{}/volumes/{index}", pod.pointer), &sources);
    }
    for container in pod.containers() {
        for (variable, pointer) in container.items("env") {
            let empty = variable.get("value").and_then(Node::text) == Some("");
            if !empty {
                among.at_most_one(Some(variable), &pointer, &["value", "valueFrom"]);
            }
            if let Some(from) = variable.get("valueFrom").filter(|from| from.as_mapping().is_some()) {
                among.at_most_one(Some(from), &format!("{pointer}/valueFrom"), &set(from));
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"] {
            let pointer = format!("{}/{probe}", container.pointer);
            among.at_most_one(container.node.pointer(&format!("/{probe}")), &pointer, ACTIONS);
        }
    }
}

/// The fields that are set to something.
fn set(node: &Node) -> Vec<&str> {
    let entries = node.entries().iter().filter(|entry| !entry.value.is_null());
    entries.map(|entry| entry.key_text()).collect()
}

struct Among<'a, 'c, 'f> {
    context: &'a ResourceContext<'c>,
    findings: &'f mut Vec<Finding>,
}

impl Among<'_, '_, '_> {
    fn at_most_one(&mut self, node: Option<&Node>, pointer: &str, fields: &[&str]) {
        let Some(mapping) = node.and_then(Node::as_mapping) else { return };
        let entry = |field: &&str| mapping.entry(field).filter(|entry| !entry.value.is_null());
        let entries: Vec<_> = fields.iter().filter_map(entry).collect();
        let [first, second, ..] = entries.as_slice() else { return };
        let names: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.key_text())).collect();
        // `type: Recreate` stands for itself in the message.
        let message = match fields {
            ["rollingUpdate", "type"] => "`rollingUpdate` may not be set with the type Recreate".to_owned(),
            _ => format!("only one of {} may be set", names.join(", ")),
        };
        let place = if fields.first() == Some(&"rollingUpdate") { first } else { second };
        let other = if std::ptr::eq(place, first) { second } else { first };
        let finding = self
            .context
            .finding(&RULE, &place.key, &format!("{pointer}/{}", place.key_text()))
            .message(message)
            .related(other.key.mark(), format!("`{}` is set here", other.key_text()));
        self.findings.push(finding);
    }
}
