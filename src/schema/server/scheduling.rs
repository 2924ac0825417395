//! Where a pod may run: tolerations, affinities, topology spread.

use super::at::{At, Found};
use super::pod;
use super::selectors::{node_term, nodes};
use crate::check::syntax;

pub(super) fn check<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    for toleration in spec.items("tolerations") {
        tolerate(toleration, found);
    }
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for constraint in spec.items("topologySpreadConstraints") {
        found.within(constraint, "maxSkew", 1, i64::MAX);
        found.within(constraint, "minDomains", 1, i64::MAX);
        found.required(constraint, "topologyKey");
        found.syntax(constraint, "topologyKey", syntax::qualified_name);
        pod::selector(constraint, "labelSelector", found);
        let when = constraint.str("whenUnsatisfiable").unwrap_or_default();
        if when != "DoNotSchedule" {
            found.forbidden(constraint, "minDomains", "unless whenUnsatisfiable is DoNotSchedule");
        }
        if let Some(key) = constraint.str("topologyKey") {
            if pairs.contains(&(key, when)) {
                found.syntax(constraint, "topologyKey", |key| Some(format!("repeats `{key}` with {when}")));
            }
            pairs.push((key, when));
        }
        for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            found.one_of(constraint, field, &["Honor", "Ignore"]);
        }
    }
    let Some(affinity) = spec.get("affinity") else { return };
    if let Some(node) = affinity.get("nodeAffinity") {
        nodes(node, "requiredDuringSchedulingIgnoredDuringExecution", found);
        for preferred in node.items("preferredDuringSchedulingIgnoredDuringExecution") {
            found.within(preferred, "weight", 1, 100);
            if let Some(term) = preferred.get("preference") {
                node_term(term, found);
            }
        }
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = affinity.get(key) else { continue };
        for term in pods.items("requiredDuringSchedulingIgnoredDuringExecution") {
            pod_term(term, found);
        }
        for preferred in pods.items("preferredDuringSchedulingIgnoredDuringExecution") {
            found.within(preferred, "weight", 1, 100);
            if let Some(term) = preferred.get("podAffinityTerm") {
                pod_term(term, found);
            }
        }
    }
}

fn pod_term<'n>(term: At<'n, '_>, found: &mut Found<'n>) {
    found.required(term, "topologyKey");
    found.syntax(term, "topologyKey", syntax::qualified_name);
    pod::selector(term, "labelSelector", found);
    pod::selector(term, "namespaceSelector", found);
    for namespace in term.items("namespaces") {
        if let Some(wrong) = namespace.text().and_then(syntax::label) {
            found.wrong(namespace, wrong);
        }
    }
}

fn tolerate<'n>(toleration: At<'n, '_>, found: &mut Found<'n>) {
    let key = toleration.str("key");
    let operator = toleration.str("operator").unwrap_or("Equal");
    found.syntax(toleration, "key", syntax::qualified_name);
    if !toleration.has("key") && operator != "Exists" {
        found.lacks(toleration, "needs `key`, or the operator Exists for all taints");
    }
    match operator {
        "Exists" if toleration.str("value").is_some() => {
            found.forbidden(toleration, "value", "with the operator Exists");
        }
        "Equal" => found.syntax(toleration, "value", syntax::label_value),
        _ => {}
    }
    let effect = toleration.str("effect");
    if toleration.has("tolerationSeconds") && effect != Some("NoExecute") {
        found.forbidden(toleration, "tolerationSeconds", "unless the effect is NoExecute");
    }
    if key.is_some() || operator == "Exists" {
        found.one_of(toleration, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    }
}
