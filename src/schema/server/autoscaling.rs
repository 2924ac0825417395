//! HorizontalPodAutoscalers and PodDisruptionBudgets.

use super::at::{At, Found};
use super::selectors::{count_or_percentage, labels_in};
use crate::check::syntax;
use crate::schema::Quantity;

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        if kind == "HorizontalPodAutoscaler" {
            found.lacks(root, "needs `spec` with scaleTargetRef");
        }
        return;
    };
    match kind {
        "PodDisruptionBudget" => {
            count_or_percentage(spec, "minAvailable", Some(100), found);
            count_or_percentage(spec, "maxUnavailable", Some(100), found);
            labels_in(spec, "selector", found);
            found.one_of(spec, "unhealthyPodEvictionPolicy", &["IfHealthyBudget", "AlwaysAllow"]);
        }
        "HorizontalPodAutoscaler" => autoscaler(spec, found),
        _ => {}
    }
}

fn autoscaler<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    let least = spec.number("minReplicas").unwrap_or(1);
    if let Some(most) = spec.get("maxReplicas")
        && most.int().is_some_and(|number| number >= 1 && number < least)
    {
        found.wrong(most, format!("must be at least minReplicas, {least}"));
    }
    if let Some(target) = spec.get("scaleTargetRef") {
        for key in ["kind", "name"] {
            found.required(target, key);
            found.syntax(target, key, syntax::path_segment);
        }
        found.syntax(target, "apiVersion", |text| {
            (text.matches('/').count() > 1).then(|| format!("must be a group and a version, found `{text}`"))
        });
    }
    for metric in spec.items("metrics") {
        measure(metric, found);
    }
    let Some(behavior) = spec.get("behavior") else { return };
    for direction in ["scaleUp", "scaleDown"] {
        let Some(rules) = behavior.get(direction) else { continue };
        found.one_of(rules, "selectPolicy", &["Max", "Min", "Disabled"]);
        if rules.get("policies").is_some_and(|list| list.node.items().is_empty()) {
            found.lacks(rules, "needs at least one policy");
        }
        for policy in rules.items("policies") {
            found.one_of(policy, "type", &["Pods", "Percent"]);
        }
    }
}

/// The types of metrics, and the field of each.
const SOURCES: &[(&str, &str)] = &[
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("External", "external"),
    ("ContainerResource", "containerResource"),
];

fn measure<'n>(metric: At<'n, '_>, found: &mut Found<'n>) {
    let kinds: Vec<&str> = SOURCES.iter().map(|(kind, _)| *kind).collect();
    found.one_of(metric, "type", &kinds);
    let Some(kind) = metric.str("type") else { return };
    let Some((_, own)) = SOURCES.iter().find(|(known, _)| *known == kind) else { return };
    if !metric.has(own) {
        found.lacks(metric, format!("needs `{own}` for the type {kind}"));
    }
    for (_, field) in SOURCES.iter().filter(|(_, field)| field != own) {
        found.forbidden(metric, field, &format!("for the type {kind}"));
    }
    let Some(source) = metric.get(own) else { return };
    let Some(target) = source.get("target") else { return };
    found.one_of(target, "type", &["Utilization", "Value", "AverageValue"]);
    found.within(target, "averageUtilization", 1, i64::MAX);
    for key in ["value", "averageValue"] {
        if let Some(at) = target.get(key)
            && at.node.text().and_then(Quantity::parse).is_some_and(|quantity| quantity.value() <= 0.0)
        {
            found.wrong(at, "must be above zero");
        }
    }
    let pair = match kind {
        "Resource" | "ContainerResource" => ["averageUtilization", "averageValue"],
        "Pods" => ["averageValue", "averageValue"],
        _ => ["value", "averageValue"],
    };
    if !pair.iter().any(|key| target.has(key)) {
        found.lacks(
            target,
            format!("needs `{}`", if pair[0] == pair[1] { pair[0].to_owned() } else { pair.join("` or `") }),
        );
    }
    if pair[0] != pair[1] && pair.iter().all(|key| target.has(key)) && kind != "Object" {
        found.forbidden(target, pair[1], &format!("beside {}", pair[0]));
    }
    if let Some(metric) = source.get("metric") {
        found.required(metric, "name");
        labels_in(metric, "selector", found);
    }
}
