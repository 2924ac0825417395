//! `service-selects-no-pod`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Entry;

declare_rule! {
    /// Reports a Service whose selector matches the pods of no workload in its namespace.
    ///
    /// It is silent where more may lie in the namespace than the repository shows, and where the namespace holds no
    /// workload at all: then the pods come from elsewhere.
    ///
    /// ## Why it matters
    /// The Service has no endpoints: every call to it is refused.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Service
    /// spec:
    ///   selector: {app: wbe}   # the pods are labelled app: web
    /// ```
    ///
    /// ## Instead
    /// Select labels of the pod template (not of the Deployment).
    "service-selects-no-pod" = {
        summary: "selector matches no pod",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.of_kind("", "Service") {
        let Some(selector) = placed.resource.node.path(&["spec", "selector"]) else { continue };
        let external = placed.resource.node.str_at(&["spec", "type"]) == Some("ExternalName");
        // One label that no other pod can have is enough.
        let closed = |entry: &Entry| inventory.is_closed(placed, entry.value.text().unwrap_or_default());
        if selector.entries().is_empty() || external || !selector.entries().iter().any(closed) {
            continue;
        }
        if !inventory.pods_selected(placed, selector).is_empty() {
            continue;
        }
        let pods = inventory.pods_beside(placed);
        if pods.is_empty() {
            continue;
        }
        // The label at fault is the one that no pod has, if there is just one such.
        let labels = selector.entries();
        let missing: Vec<_> = labels
            .iter()
            .filter(|entry| {
                !pods.iter().any(|(_, template)| {
                    let label = template.path(&["metadata", "labels"]).and_then(|labels| labels.get(entry.key_text()));
                    label.and_then(|label| label.text()) == entry.value.text()
                })
            })
            .collect();
        let text = |entry: &&Entry| format!("{}={}", entry.key_text(), entry.value.text().unwrap_or_default());
        let (node, what) = match missing.as_slice() {
            [entry] => (&entry.value, text(entry)),
            _ => (selector, labels.iter().map(|entry| text(&entry)).collect::<Vec<_>>().join(", ")),
        };
        let values = missing.iter().flat_map(|entry| {
            pods.iter().filter_map(|(_, template)| template.path(&["metadata", "labels", entry.key_text()])?.text())
        });
        let word = missing.first().and_then(|entry| entry.value.text()).unwrap_or_default();
        findings.push(
            placed
                .finding(&RULE, node)
                .message(format!("Service selects {what}, and no pod of its namespace is labelled so"))
                .help("select labels of a pod template in the namespace")
                .help_did_you_mean(word, values),
        );
    }
}
