//! `strategy: RollingSync`: steps and Applications in, the rounds in which they are synced out.
//!
//! A round moves Applications to Pending: those of the steps that are open, as many of each step as its `maxUpdate` lets
//! through. A step opens when every Application of the steps before it is healthy. Here all that is synced becomes
//! healthy, so a rollout ends when nothing more may move.

use std::collections::{BTreeMap, BTreeSet};

use super::reconcile::Condition;
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

/// One of `rollingSync.steps`.
#[derive(Debug, Clone)]
pub(super) struct Step {
    expressions: Vec<Expression>,
    /// As it is written; text where it is no number.
    limit: Option<Limit>,
}

#[derive(Debug, Clone)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

#[derive(Debug, Clone)]
enum Limit {
    Number(i64),
    Text(String),
}

/// What a rollout does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The Applications of each step, counted from 1; those of no step under -1.
    pub steps: BTreeMap<i64, Vec<String>>,
    /// The Applications that move together, round after round.
    pub rounds: Vec<Vec<String>>,
    /// `Healthy` or `Waiting`, by Application.
    pub end: BTreeMap<String, &'static str>,
}

/// The steps of a set that rolls out; `None` for one that does not.
pub(super) fn steps(set: &Resource) -> Option<Vec<Step>> {
    let strategy = set.node.path(&["spec", "strategy"])?;
    let rolling = strategy.get("rollingSync").filter(|rolling| !rolling.is_null())?;
    (strategy.str_at(&["type"]) == Some("RollingSync"))
        .then(|| rolling.get("steps").map(Node::items).unwrap_or_default().iter().map(Step::of).collect())
}

impl Step {
    fn of(node: &Node) -> Step {
        let expression = |node: &Node| Expression {
            key: node.str_at(&["key"]).unwrap_or_default().to_owned(),
            operator: node.str_at(&["operator"]).unwrap_or_default().to_owned(),
            values: node
                .get("values")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(Node::text)
                .map(str::to_owned)
                .collect(),
        };
        let limit =
            node.get("maxUpdate").filter(|limit| !limit.is_null()).map(|limit| match limit.to_json().as_i64() {
                Some(number) => Limit::Number(number),
                None => Limit::Text(limit.text().unwrap_or_default().to_owned()),
            });
        let expressions = node.get("matchExpressions").map(Node::items).unwrap_or_default();
        Step { expressions: expressions.iter().map(expression).collect(), limit }
    }

    /// Whether the step selects an Application; `unknown` collects operators that there are not. A label that is missing
    /// is in no list, and what an unknown operator says of it does not matter.
    fn selects<'s>(&'s self, application: &Application, unknown: &mut Vec<&'s str>) -> bool {
        for Expression { key, operator, values } in &self.expressions {
            let Some(label) = application.resource.label(key) else {
                if operator == "In" {
                    return false;
                }
                continue;
            };
            let among = values.iter().any(|value| value == label);
            let agrees = match operator.as_str() {
                "In" => among,
                "NotIn" => !among,
                other => {
                    if !unknown.contains(&other) {
                        unknown.push(other);
                    }
                    false
                }
            };
            if !agrees {
                return false;
            }
        }
        true
    }
}

impl Limit {
    /// How many of `all` may move at once. A share is rounded down, but lets one through unless it is `0%`; what is no
    /// share counts as one.
    fn of(&self, all: usize) -> i64 {
        match self {
            Limit::Number(number) => *number,
            Limit::Text(text) => {
                let share = self.share().unwrap_or(0).saturating_mul(i64::try_from(all).unwrap_or(i64::MAX)) / 100;
                if text == "0%" { share } else { share.max(1) }
            }
        }
    }

    fn share(&self) -> Option<i64> {
        match self {
            Limit::Number(_) => None,
            Limit::Text(text) => text.strip_suffix('%')?.parse().ok(),
        }
    }
}

/// Where an Application stands in the rollout of its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its step, counted from 0; `None` for an Application that no step selects: it is synced by hand.
    pub step: Option<usize>,
    /// How many Applications of the step may be under way at once; all of them where there is no limit.
    pub limit: Option<usize>,
}

impl Turn {
    /// Whether nobody but a person syncs it.
    pub fn is_by_hand(&self) -> bool {
        self.step.is_none() || self.limit == Some(0)
    }
}

/// The turns of the Applications of a set that rolls out, by name; `None` for a set that does not.
pub fn turns(set: &Resource, applications: &[&Application]) -> Option<BTreeMap<String, Turn>> {
    let steps = steps(set)?;
    let selection = Selection::of(&steps, applications.iter().copied());
    let turn = |application: &&Application| {
        let step = selection.first.get(application.name()).copied();
        let limit = step.and_then(|step| {
            let of = selection.first.values().filter(|other| **other == step).count();
            steps.get(step)?.limit.as_ref().map(|limit| usize::try_from(limit.of(of)).unwrap_or(0))
        });
        (application.name().to_owned(), Turn { step, limit })
    };
    Some(applications.iter().map(turn).collect())
}

/// Rolls out `applications`, of which those named by `created` exist.
pub(super) fn roll_out(
    steps: &[Step],
    applications: &[Application],
    created: &BTreeSet<String>,
) -> (Rollout, Vec<Condition>) {
    let selection = Selection::of(steps, applications);
    let mut healthy: BTreeSet<&str> = BTreeSet::new();
    let mut rounds: Vec<Vec<String>> = Vec::new();
    // An Application of no step counts with the first one.
    let place = |name: &str| selection.first.get(name).copied().unwrap_or(0);
    let mut totals = vec![0usize; steps.len()];
    for name in created {
        if let Some(total) = totals.get_mut(place(name)) {
            *total += 1;
        }
    }
    loop {
        let open = selection.open(&healthy, created);
        let mut moving = vec![0i64; steps.len()];
        let mut round = Vec::new();
        for name in created.iter().map(String::as_str).filter(|name| open.contains(name) && !healthy.contains(name)) {
            let step = place(name);
            let limit = steps.get(step).and_then(|step| step.limit.as_ref());
            let allowed = limit.is_none_or(|limit| moving[step] < limit.of(totals[step]));
            if allowed {
                moving[step] += 1;
                round.push(name);
            }
        }
        if round.is_empty() {
            break;
        }
        healthy.extend(&round);
        rounds.push(round.into_iter().map(str::to_owned).collect());
    }
    let mut told: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for name in created {
        let step = selection.first.get(name.as_str()).map_or(-1, |step| i64::try_from(*step).unwrap_or(i64::MAX) + 1);
        told.entry(step).or_default().push(name.clone());
    }
    let end =
        created.iter().map(|name| (name.clone(), if healthy.contains(name.as_str()) { "Healthy" } else { "Waiting" }));
    let rollout = Rollout { end: end.collect(), rounds, steps: told };
    let conditions = vec![selection.judged(steps), progress(steps, &rollout)];
    (rollout, conditions)
}

/// Which steps select which Applications.
struct Selection<'a> {
    /// The Applications of each step.
    steps: Vec<Vec<&'a str>>,
    /// The first step of each Application.
    first: BTreeMap<&'a str, usize>,
    /// The steps of Applications that have more than one.
    several: BTreeMap<&'a str, Vec<usize>>,
    /// Steps with operators that there are not.
    unknown: Vec<(usize, &'a str)>,
}

impl<'a> Selection<'a> {
    fn of(steps: &'a [Step], applications: impl IntoIterator<Item = &'a Application>) -> Selection<'a> {
        let mut selection = Selection {
            steps: vec![Vec::new(); steps.len()],
            first: BTreeMap::new(),
            several: BTreeMap::new(),
            unknown: Vec::new(),
        };
        for application in applications {
            for (index, step) in steps.iter().enumerate() {
                let mut unknown = Vec::new();
                let selected = step.selects(application, &mut unknown);
                for operator in unknown {
                    if !selection.unknown.contains(&(index, operator)) {
                        selection.unknown.push((index, operator));
                    }
                }
                if !selected {
                    continue;
                }
                let name = application.name();
                selection.steps[index].push(name);
                match selection.first.get(name) {
                    Some(first) => {
                        let first = *first;
                        selection.several.entry(name).or_insert_with(|| vec![first]).push(index);
                    }
                    None => drop(selection.first.insert(name, index)),
                }
            }
        }
        selection
    }

    /// The Applications of the steps that are open.
    fn open(&self, healthy: &BTreeSet<&str>, created: &BTreeSet<String>) -> BTreeSet<&'a str> {
        let mut open = BTreeSet::new();
        for step in &self.steps {
            open.extend(step);
            if !step.iter().all(|name| created.contains(*name) && healthy.contains(name)) {
                break;
            }
        }
        open
    }

    /// Whether the steps make sense; the first thing that does not is told.
    fn judged(&self, steps: &[Step]) -> Condition {
        let plural = |count: usize| if count == 1 { ("Step", "has") } else { ("Steps", "have") };
        let numbers = |all: &[usize]| all.iter().map(|index| (index + 1).to_string()).collect::<Vec<_>>().join(", ");
        let wrong = |message: String| {
            Condition::new("InvalidRolloutConfig", true, "ApplicationSetInvalidRolloutConfig", message)
        };
        if !self.unknown.is_empty() {
            let (indices, operators): (Vec<usize>, Vec<&str>) = self.unknown.iter().copied().unzip();
            let (step, has) = plural(indices.len());
            let (numbers, operators) = (numbers(&indices), operators.join(", "));
            let known = "Supported Operators are 'In' and 'NotIn'";
            return wrong(format!("{step} {numbers} {has} invalid matchExpression operators: {operators}. {known}"));
        }
        if !self.several.is_empty() {
            let names: Vec<&str> = self.several.keys().copied().collect();
            let of = |all: &Vec<usize>| all.iter().map(|index| (index + 1).to_string()).collect::<Vec<_>>().join("-");
            let steps: Vec<String> = self.several.values().map(of).collect();
            return wrong(match names.as_slice() {
                [one] => format!("Application '{one}' is selected by multiple steps: ({})", steps.join(", ")),
                all => {
                    let (names, steps) = (all.join("', '"), steps.join("), ("));
                    format!("Applications '{names}' are selected by multiple steps: [({steps})]")
                }
            });
        }
        let used: BTreeSet<usize> = self.first.values().copied().chain((!steps.is_empty()).then_some(0)).collect();
        let limits: Vec<(usize, &str)> = steps
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match step.limit.as_ref()? {
                limit @ Limit::Text(text) if limit.share().is_none() => Some((index, text.as_str())),
                _ => None,
            })
            .filter(|(index, _)| used.contains(index))
            .collect();
        if let [(index, text)] = limits.as_slice() {
            return wrong(format!("Step {} has an invalid maxUpdate value: {text}", index + 1));
        }
        if !limits.is_empty() {
            let (indices, texts): (Vec<usize>, Vec<&str>) = limits.into_iter().unzip();
            return wrong(format!("Steps {} have invalid maxUpdate values: [{}]", numbers(&indices), texts.join(", ")));
        }
        let empty: Vec<usize> = (0..self.steps.len()).filter(|index| self.steps[*index].is_empty()).collect();
        if !empty.is_empty() {
            let all: Vec<String> = empty.iter().map(|index| (index + 1).to_string()).collect();
            return wrong(format!("Steps [{}] have no applications matching their criteria", all.join(" ")));
        }
        let message = "Rolling Sync Configured correctly";
        Condition::new("InvalidRolloutConfig", false, "ApplicationSetValidRolloutConfig", message)
    }
}

/// Which step the rollout stands at.
fn progress(steps: &[Step], rollout: &Rollout) -> Condition {
    let waits = |step: &i64| {
        let names = rollout.steps.get(step).into_iter().flatten();
        names.into_iter().any(|name| rollout.end.get(name) != Some(&"Healthy"))
    };
    match (1..=i64::try_from(steps.len()).unwrap_or(i64::MAX)).find(waits) {
        Some(step) => {
            let message = format!("ApplicationSet is performing rollout of step {step}");
            Condition::new("RolloutProgressing", true, "ApplicationSetModified", message)
        }
        None => {
            let message = "ApplicationSet Rollout has completed";
            Condition::new("RolloutProgressing", false, "ApplicationSetRolloutComplete", message)
        }
    }
}
