//! Findings about generated Applications in, the same findings at the elements that are to blame out.
//!
//! What a template makes is found at the template. Where that is wrong for every Application of one parameter and right
//! for another Application of the set, the template is fine: the mistake is the parameter's value, and its place is the
//! element that a person wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smol_str::SmolStr;

use super::collect::Raw;
use crate::finding::Finding;
use crate::origin::Mark;
use crate::resolve::Application;
use crate::resolve::applicationset::FROM_PARAMETER;
use crate::yaml::{Node, Value};

/// Moves the findings of `raw`.
pub(super) fn blame(raw: &mut [Raw], applications: &[Arc<Application>]) {
    let mut sets: BTreeMap<(&str, &str), Vec<(SmolStr, &Application)>> = BTreeMap::new();
    let mut set_of: BTreeMap<SmolStr, (&str, &str)> = BTreeMap::new();
    for application in applications {
        if let Some(set) = &application.generated_by {
            let set = (application.namespace(), set.as_str());
            set_of.insert(application.id(), set);
            sets.entry(set).or_default().push((application.id(), application));
        }
    }
    // The Applications that are wrong at one place by one rule, and the parameter that each has there.
    let mut wrong: BTreeMap<(SmolStr, Mark), BTreeMap<SmolStr, Mark>> = BTreeMap::new();
    for raw in raw.iter() {
        let Some((application, parameter)) = raw.finding.application.clone().zip(parameter(&raw.finding)) else {
            continue;
        };
        if set_of.contains_key(&application) {
            let found = wrong.entry((raw.finding.rule.clone(), raw.finding.mark)).or_default();
            found.insert(application, parameter);
        }
    }
    let mut judged: BTreeMap<(SmolStr, Mark, Mark), bool> = BTreeMap::new();
    for raw in raw {
        let finding = &mut raw.finding;
        let set = finding.application.as_ref().and_then(|id| set_of.get(id)).and_then(|set| sets.get(set));
        let (Some(set), Some(parameter)) = (set, parameter(finding)) else { continue };
        let place = (finding.rule.clone(), finding.mark);
        let Some(found) = wrong.get(&place) else { continue };
        let to_blame = *judged.entry((place.0, place.1, parameter)).or_insert_with(|| {
            let spared = set.iter().any(|(id, _)| !found.contains_key(id));
            let mut of_parameter = set.iter().filter(|(_, application)| uses(&application.resource.node, parameter));
            spared && of_parameter.all(|(id, _)| found.get(id) == Some(&parameter))
        });
        if to_blame {
            let template = std::mem::replace(&mut finding.mark, parameter);
            *finding = finding.clone().related(template, "the template that uses it");
        }
    }
}

/// The one parameter that the value of a finding comes from.
fn parameter(finding: &Finding) -> Option<Mark> {
    let steps = finding.trail.iter().filter(|step| step.step == FROM_PARAMETER && step.mark.is_some());
    let marks: BTreeSet<Mark> = steps.map(|step| step.mark).filter(|mark| *mark != finding.mark).collect();
    (marks.len() == 1).then(|| marks.into_iter().next()).flatten()
}

/// Whether a value in `node` comes from `parameter`.
fn uses(node: &Node, parameter: Mark) -> bool {
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        if node.origin.steps().iter().any(|step| step.mark == parameter) {
            return true;
        }
        match &node.value {
            Value::Mapping(mapping) => stack.extend(mapping.entries.iter().map(|entry| &entry.value)),
            Value::Sequence(sequence) => stack.extend(&sequence.items),
            Value::Scalar(_) => {}
        }
    }
    false
}
