//! What the controller does with generated Applications: which of them reach the cluster, in which rounds they are
//! synced, and what the ApplicationSet says of itself afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::Expansion;
use super::rollout::{self, Rollout};
use crate::render::Resource;
use crate::resolve::Application;
use crate::resolve::cluster::Cluster;
use crate::resolve::permission;
use crate::yaml::Node;

/// A condition in the status of an ApplicationSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `ErrorOccurred` and so on.
    pub kind: &'static str,
    /// `True` or `False`.
    pub holds: bool,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

impl Condition {
    pub(super) fn new(kind: &'static str, holds: bool, reason: &'static str, message: impl Into<String>) -> Condition {
        Condition { kind, holds, reason, message: message.into() }
    }
}

/// An ApplicationSet after the controller has worked through it.
#[derive(Debug, Clone, Default)]
pub struct Reconciled {
    /// The names of the Applications that are created, sorted.
    pub created: Vec<String>,
    /// The conditions, sorted by kind.
    pub conditions: Vec<Condition>,
    /// What a rollout does, where progressive syncs are enabled.
    pub rollout: Option<Rollout>,
}

impl Reconciled {
    /// As JSON: `created`, `conditions`, and `rollout` where there is one.
    pub fn to_json(&self) -> Map<String, Json> {
        let condition = |condition: &Condition| {
            let status = if condition.holds { "True" } else { "False" };
            json!({"type": condition.kind, "status": status, "reason": condition.reason, "message": condition.message})
        };
        let mut object = Map::new();
        object.insert("created".to_owned(), json!(self.created));
        object.insert("conditions".to_owned(), self.conditions.iter().map(condition).collect());
        if let Some(Rollout { steps, rounds, end }) = &self.rollout {
            let steps: Map<String, Json> = steps.iter().map(|(step, names)| (step.to_string(), json!(names))).collect();
            object.insert("rollout".to_owned(), json!({"steps": steps, "rounds": rounds, "final": end}));
        }
        object
    }
}

/// What the controller knows beside the ApplicationSet.
#[derive(Debug, Clone, Copy)]
pub struct Installation<'a> {
    /// The clusters that are registered.
    pub clusters: &'a [Cluster],
    /// The AppProjects that exist; `None` for those that the ApplicationSet names in plain words, and `default`.
    pub projects: Option<&'a [String]>,
    /// Whether progressive syncs are enabled.
    pub progressive: bool,
}

const UP_TO_DATE: &str = "All applications have been generated successfully";

/// Works through `set`, which expanded to `expansion`.
pub fn reconcile(set: &Resource, expansion: &Expansion, installation: Installation<'_>) -> Reconciled {
    if let Some((reason, message)) = &expansion.error {
        let mut conditions = failed(reason.as_str(), message, false);
        conditions.sort_by_key(|condition| condition.kind);
        return Reconciled { created: Vec::new(), conditions, rollout: None };
    }
    let refused = refused(set, &expansion.applications, installation);
    let steps = rollout::steps(set).filter(|_| installation.progressive);
    let none = || installation.progressive.then(Rollout::default);
    if steps.as_ref().is_some_and(Vec::is_empty) {
        let mut conditions = failed("ApplicationSetRolloutError", "No steps defined for rollout", true);
        conditions.sort_by_key(|condition| condition.kind);
        return Reconciled { created: Vec::new(), conditions, rollout: none() };
    }
    let key = |application: &Application| (application.namespace().to_owned(), application.name().to_owned());
    let valid = expansion.applications.iter().filter(|application| !refused.contains_key(&key(application)));
    let created: Vec<String> = valid.map(|application| application.name().to_owned()).collect();
    let created: BTreeSet<String> = created.into_iter().collect();
    let mut conditions = match refused.values().next_back() {
        Some(last) => {
            let more = refused.len() - 1;
            let message = if more == 0 { last.clone() } else { format!("{last} (and {more} more)") };
            failed("ApplicationValidationError", &message, true)
        }
        None => vec![
            Condition::new("ErrorOccurred", false, "ApplicationSetUpToDate", UP_TO_DATE),
            generated(None),
            Condition::new("ResourcesUpToDate", true, "ApplicationSetUpToDate", UP_TO_DATE),
        ],
    };
    let rollout = match steps {
        Some(steps) => {
            let (rollout, told) = rollout::roll_out(&steps, &expansion.applications, &created);
            conditions.extend(told);
            Some(rollout)
        }
        None => none(),
    };
    conditions.sort_by_key(|condition| condition.kind);
    Reconciled { created: created.into_iter().collect(), conditions, rollout }
}

/// Whether parameters were generated, or the error that kept them from it.
fn generated(error: Option<&str>) -> Condition {
    match error {
        None => {
            let message = "All parameters have been generated successfully";
            Condition::new("ParametersGenerated", true, "ParametersGenerated", message)
        }
        Some(message) => Condition::new("ParametersGenerated", false, "ErrorOccurred", message),
    }
}

fn failed(reason: &'static str, message: &str, parameters: bool) -> Vec<Condition> {
    vec![
        Condition::new("ErrorOccurred", true, reason, message),
        generated((!parameters).then_some(message)),
        Condition::new("ResourcesUpToDate", false, "ErrorOccurred", message),
    ]
}

/// Why Applications do not reach the cluster, by their namespaces and names.
fn refused(
    set: &Resource,
    applications: &[Application],
    installation: Installation<'_>,
) -> BTreeMap<(String, String), String> {
    let own = named_projects(set);
    let exists = |project: &str| match installation.projects {
        Some(projects) => projects.iter().any(|known| known == project),
        None => own.contains(project),
    };
    let mut names = BTreeSet::new();
    let mut refused = BTreeMap::new();
    for application in applications {
        let name = application.name();
        let project = application.spec(&["project"]).and_then(Node::text).unwrap_or_default();
        let why = if name.is_empty() {
            format!("ApplicationSet {} contains an application with no name", set.name())
        } else if !names.insert(name) {
            format!("ApplicationSet {} contains applications with duplicate name: {name}", set.name())
        } else if !exists(project) {
            format!("application references project {project} which does not exist")
        } else {
            let spec = application.resource.node.get("spec");
            match spec.map_or(Ok(()), |spec| permission::destination_exists(spec, installation.clusters)) {
                Ok(()) => continue,
                Err(error) => format!("application destination spec is invalid: {error}"),
            }
        };
        refused.insert((application.namespace().to_owned(), name.to_owned()), why);
    }
    refused
}

/// The projects that a set names in its templates, and `default`. Depth is bounded by the reader.
fn named_projects(set: &Resource) -> BTreeSet<String> {
    fn collect(node: &Node, found: &mut BTreeSet<String>) {
        for entry in node.entries() {
            if entry.key_text() == "template" {
                found.extend(entry.value.str_at(&["spec", "project"]).map(str::to_owned));
            }
            collect(&entry.value, found);
        }
        node.items().iter().for_each(|item| collect(item, found));
    }
    let mut found = BTreeSet::from(["default".to_owned()]);
    collect(&set.node, &mut found);
    found
}
