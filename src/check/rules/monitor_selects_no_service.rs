//! `monitor-selects-no-service`

use crate::check::World;
use crate::check::inventory::is_deployed_or_slip;
use crate::check::monitors::services;
use crate::check::selector::first_mismatch;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a ServiceMonitor whose selector matches no Service in the namespaces that it looks into.
    ///
    /// It is silent where more may lie in these namespaces than the repository shows, and where they hold no Service.
    ///
    /// ## Why it matters
    /// Prometheus scrapes nothing and says nothing: alerts on these metrics never fire.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ServiceMonitor
    /// spec:
    ///   selector: {matchLabels: {app: wbe}}   # the Service is labelled app: web
    /// ```
    ///
    /// ## Instead
    /// Select labels of the Service itself: not those that the Service selects pods by.
    "monitor-selects-no-service" = {
        summary: "monitor selects no Service",
        severity: Info,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.of_kind("monitoring.coreos.com", "ServiceMonitor") {
        let Some(selector) = placed.resource.node.path(&["spec", "selector"]) else { continue };
        let Some(near) = services(inventory, placed) else { continue };
        let misses: Option<Vec<_>> =
            near.iter().map(|service| first_mismatch(selector, |key| service.resource.label(key))).collect();
        // The Service that comes nearest fails at the last part of the selector.
        let Some(miss) = misses.into_iter().flatten().max_by_key(|miss| miss.node.mark().start) else { continue };
        let key = miss.node.text().unwrap_or_default();
        let word = selector.path(&["matchLabels", key]).and_then(Node::text).unwrap_or_default();
        let values: Vec<&str> = near.iter().filter_map(|service| service.resource.label(key)).collect();
        if !is_deployed_or_slip(placed, word, &values) {
            continue;
        }
        findings.push(
            placed
                .finding(&RULE, miss.node)
                .message(format!(
                    "ServiceMonitor selects no Service: none has all labels asked for, such as {}",
                    miss.wanted
                ))
                .help("select labels of a Service in the namespace")
                .help_did_you_mean(word, values)
                .pointer(format!("/spec/selector{}", miss.pointer)),
        );
    }
}
