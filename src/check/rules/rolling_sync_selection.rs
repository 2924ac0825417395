//! `rolling-sync-selection`

use std::collections::BTreeMap;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports a step of `strategy: RollingSync` that selects none of the generated Applications, an Application that two
    /// steps select, and Applications that no step selects.
    ///
    /// It is silent where not all Applications of the set are known.
    ///
    /// ## Why it matters
    /// A step that selects nothing waits for nothing: what follows is synced at once. An Application that no step selects is
    /// never synced by the controller, and its automated sync is switched off.
    ///
    /// ## Example
    /// ```yaml
    /// rollingSync:
    ///   steps:
    ///   - matchExpressions: [{key: env, operator: In, values: [developement]}]   # the label says development
    /// ```
    ///
    /// ## Instead
    /// Select by labels of `template.metadata.labels`, every Application in one step.
    "rolling-sync-selection" = {
        summary: "the steps do not select each Application once",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut generated: BTreeMap<(&str, &str), Vec<&Application>> = BTreeMap::new();
    for application in &world.resolved.applications {
        if let Some(set) = &application.generated_by {
            generated.entry((application.namespace(), set)).or_default().push(application);
        }
    }
    for set in &world.resolved.application_sets {
        let namespace = if set.namespace().is_empty() { "argocd" } else { set.namespace() };
        let rolling = set.node.str_at(&["spec", "strategy", "type"]) == Some("RollingSync");
        let steps = set.node.path(&["spec", "strategy", "rollingSync", "steps"]).map(Node::items).unwrap_or_default();
        let Some(applications) = generated.get(&(namespace, set.name())).filter(|_| rolling && !steps.is_empty())
        else {
            continue;
        };
        let twins = world
            .resolved
            .application_sets
            .iter()
            .filter(|other| other.name() == set.name() && (other.namespace() == set.namespace()));
        // Of a set that could not be expanded whole, what a step selects is not known.
        if twins.count() == 1 && world.resolved.expanded.contains(&set.node.mark()) {
            judge(set, steps, applications, findings);
        }
    }
}

fn judge(set: &Resource, steps: &[Node], applications: &[&Application], findings: &mut Vec<Finding>) {
    let selected: Vec<Vec<bool>> =
        steps.iter().map(|step| applications.iter().map(|application| selects(step, application)).collect()).collect();
    let finding = |node: &Node, message: String| Finding::at(&RULE, node).message(message).resource(set.reference());
    for (index, (step, of_step)) in steps.iter().zip(&selected).enumerate() {
        // A step with a condition that Argo CD does not understand has a finding of its own.
        if !understood(step) {
            continue;
        }
        if !of_step.contains(&true) {
            let place = step.get("matchExpressions").and_then(|all| all.items().first()).unwrap_or(step);
            let label = place.str_at(&["key"]).unwrap_or_default();
            let values = label_values(label, applications);
            let finding = finding(place, format!("step {} selects none of the generated Applications", index + 1));
            findings.push(match values.is_empty() {
                true => {
                    finding.help(format!("no Application has the label {label}: set it in template.metadata.labels"))
                }
                false => finding.help(format!("the label {label} is {} on the Applications", values.join(", "))),
            });
        }
        let twice = applications
            .iter()
            .zip(of_step)
            .enumerate()
            .find(|(number, (_, chosen))| **chosen && selected[..index].iter().any(|before| before[*number]));
        if let Some((_, (application, _))) = twice {
            let message = format!(
                "step {} selects Application {} too, which belongs to an earlier step",
                index + 1,
                application.name()
            );
            findings.push(finding(step, message).help("select each Application in one step"));
        }
    }
    let left: Vec<&str> = applications
        .iter()
        .enumerate()
        .filter(|(number, _)| !selected.iter().any(|of_step| of_step[*number]))
        .map(|(_, application)| application.name())
        .collect();
    let whole = steps.iter().all(understood);
    if let Some(first) = left.first().filter(|_| whole && left.len() < applications.len()) {
        let place = set.node.path(&["spec", "strategy", "rollingSync", "steps"]).unwrap_or(&set.node);
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        findings.push(
            finding(place, format!("no step selects Application {first}{more}: the controller never syncs it"))
                .help("add a step that selects it"),
        );
    }
}

fn understood(step: &Node) -> bool {
    let expressions = step.get("matchExpressions").map(Node::items).unwrap_or_default();
    expressions.iter().all(|expression| matches!(expression.str_at(&["operator"]), Some("In" | "NotIn")))
}

/// Whether the labels of `application` agree with every expression. A label that is not there is in no list.
fn selects(step: &Node, application: &Application) -> bool {
    let expressions = step.get("matchExpressions").map(Node::items).unwrap_or_default();
    expressions.iter().all(|expression| {
        let label = expression.str_at(&["key"]).and_then(|key| application.resource.label(key));
        let mut values = expression.get("values").map(Node::items).unwrap_or_default().iter();
        let among = label.is_some() && values.any(|value| value.text() == label);
        among == (expression.str_at(&["operator"]) == Some("In"))
    })
}

fn label_values<'a>(label: &str, applications: &[&'a Application]) -> Vec<&'a str> {
    let mut values: Vec<&str> =
        applications.iter().filter_map(|application| application.resource.label(label)).collect();
    values.sort_unstable();
    values.dedup();
    values.truncate(8);
    values
}
