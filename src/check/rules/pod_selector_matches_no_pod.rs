//! `pod-selector-matches-no-pod`

use crate::check::World;
use crate::check::inventory::{Inventory, Placed, selects};
use crate::check::selector::{Mismatch, first_mismatch};
use crate::finding::{Check, Finding, Severity, declare_rule, nearest};
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports a PodDisruptionBudget, NetworkPolicy, PodMonitor or Gateway of Istio whose selector matches the pods of no
    /// workload in its namespace.
    ///
    /// It is silent where more may lie in the namespace than the repository shows, where the namespace holds no
    /// workload at all, and for a PodMonitor that looks into other namespaces. A Gateway of Istio may select pods of any
    /// namespace: it is held against all of them, and is for information where its label resembles none of theirs.
    ///
    /// ## Why it matters
    /// Nothing complains, and nothing is protected: a drain takes every replica at once, traffic that was to be denied
    /// is let through, and the metrics never arrive.
    ///
    /// ## Example
    /// ```yaml
    /// kind: PodDisruptionBudget
    /// spec:
    ///   selector: {matchLabels: {app: wbe}}   # the pods are labelled app: web
    /// ```
    ///
    /// ## Instead
    /// Select labels of the pod template (not of the Deployment).
    "pod-selector-matches-no-pod" = {
        summary: "selector matches no pod",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What selects pods: group, kind, and the field that does.
const SELECTING: [(&str, &str, &str); 3] = [
    ("policy", "PodDisruptionBudget", "selector"),
    ("networking.k8s.io", "NetworkPolicy", "podSelector"),
    ("monitoring.coreos.com", "PodMonitor", "selector"),
];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    gateways(inventory, findings);
    for (group, kind, field) in SELECTING {
        for placed in inventory.of_kind(group, kind) {
            let spec = |key: &str| placed.resource.node.path(&["spec", key]);
            let Some(selector) = spec(field) else { continue };
            let elsewhere = kind == "PodMonitor" && spec("namespaceSelector").is_some();
            // One label that no other pod can have is enough.
            let words = wanted(selector);
            if elsewhere || !words.iter().any(|word| inventory.is_closed(placed, word)) {
                continue;
            }
            let pods = inventory.pods_beside(placed);
            let misses: Option<Vec<Mismatch<'_>>> = pods
                .iter()
                .map(|(_, template)| {
                    let own = template.path(&["metadata", "labels"]).map_or(&[][..], Node::entries);
                    first_mismatch(selector, |key| own.iter().find(|label| label.key_text() == key)?.value.text())
                })
                .collect();
            // The workload that comes nearest fails at the last part of the selector.
            let Some(nearest) = misses.into_iter().flatten().max_by_key(|miss| miss.node.mark().start) else {
                continue;
            };
            let key = nearest.node.text().unwrap_or_default();
            let word = selector.path(&["matchLabels", key]).and_then(Node::text).unwrap_or_default();
            let values = pods.iter().filter_map(|(_, template)| template.path(&["metadata", "labels", key])?.text());
            findings.push(report(placed, kind, nearest.node, &nearest.wanted).help_did_you_mean(word, values));
        }
    }
}

/// Gateways of Istio, which select pods in any namespace by labels alone.
fn gateways(inventory: &Inventory<'_>, findings: &mut Vec<Finding>) {
    for placed in inventory.of_kind("networking.istio.io", "Gateway") {
        let Some(selector) = placed.resource.node.path(&["spec", "selector"]) else { continue };
        let everywhere = Placed { namespace: None, ..*placed };
        let pods = inventory.pods_beside(&everywhere);
        let labels = selector.entries();
        let known = |entry: &Entry| -> Vec<&str> {
            let key = entry.key_text();
            pods.iter().filter_map(|(_, template)| template.path(&["metadata", "labels", key])?.text()).collect()
        };
        if pods.is_empty() || labels.is_empty() || pods.iter().any(|(_, template)| selects(selector, template)) {
            continue;
        }
        // One label that no pod has, where no pod is out of sight.
        let missing = labels.iter().find(|entry| {
            let word = entry.value.text().unwrap_or_default();
            inventory.is_missing(&everywhere, word, &known(entry))
        });
        let Some(entry) = missing else { continue };
        let word = entry.value.text().unwrap_or_default();
        let wanted = format!("`{}: {word}`", entry.key_text());
        // Its pods may come from a chart that is not known: only what looks like a slip is more than a word.
        let severity = if nearest(word, known(entry)).is_some() { RULE.severity } else { Severity::Info };
        findings.push(
            placed
                .finding(&RULE, &entry.value)
                .message(format!("Gateway selects no pod: none is labelled {wanted}"))
                .severity(severity)
                .help("select labels of the gateway's pods")
                .help_did_you_mean(word, known(entry)),
        );
    }
}

fn report(placed: &Placed<'_>, kind: &str, node: &Node, wanted: &str) -> Finding {
    placed
        .finding(&RULE, node)
        .message(format!("{kind} selects no pod: none of its namespace has all labels asked for, such as {wanted}"))
        .help("select labels of a pod template in the namespace")
}

/// The values that a selector asks for.
fn wanted(selector: &Node) -> Vec<&str> {
    let labels = selector.get("matchLabels").map_or(&[][..], Node::entries);
    let expressions = selector.get("matchExpressions").map_or(&[][..], Node::items);
    let single = expressions.iter().filter(|expression| expression.str_at(&["operator"]) == Some("In"));
    let single = single.filter_map(|expression| match expression.get("values")?.items() {
        [value] => value.text(),
        _ => None,
    });
    labels.iter().filter_map(|entry| entry.value.text()).chain(single).collect()
}
