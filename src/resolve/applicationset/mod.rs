//! An ApplicationSet in, the Applications that it generates out, each value with its origin.
//!
//! As Argo CD 3 does it: every entry of `generators` is transformed into parameter sets ([`generator`]), its template
//! merged with the set's own ([`template`]), and rendered once for each parameter set ([`interpolate`]), in one of two
//! languages: Go templates or the old substitution of flat names. What needs a server (pull requests, repositories of
//! a host, plugins) comes from [`Fixtures`], or is not judged.
//!
//! A value whose template is one parameter and nothing else has the place of the parameter's value; its trail names
//! the template. Every other value has the template's place; its trail names the parameters.

mod clusters;
mod fixtures;
mod functions;
mod generator;
mod git;
mod inputs;
mod interpolate;
mod json;
mod list;
mod matrix;
mod merge;
mod params;
mod patch;
mod pathspec;
pub mod pattern;
mod reconcile;
mod refusal;
mod remote;
mod rollout;
mod selector;
mod template;
mod typed;

use std::sync::Arc;

use smol_str::SmolStr;

pub use fixtures::Fixtures;
pub(crate) use git::{all_directories, suggestion};
pub use inputs::Inputs;
pub use json::go_json;
pub use reconcile::{Condition, Installation, Reconciled, reconcile};
pub use refusal::refusal;
pub use rollout::{Rollout, Turn, turns};

use super::Application;
use super::cluster::Cluster;
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::Repository;
use crate::origin::{Mark, Origin};
use crate::render::Resource;
use crate::render::template::Map;
use crate::yaml::Node;

/// How many Applications one set may generate, and how many parameter sets its generators may make on the way.
pub const MAX_APPLICATIONS: usize = 10_000;

/// A git repository at a revision.
#[derive(Debug, Clone, Copy)]
pub struct Checkout<'a> {
    /// Its files.
    pub repository: &'a Repository,
    /// The directory that stands for its root.
    pub directory: &'a str,
}

/// Where git generators read.
pub trait Git: Sync {
    /// The repository at `url`, at `revision`; `None` if its files are not at hand.
    fn checkout(&self, url: &str, revision: &str) -> Option<Checkout<'_>>;

    /// The directories of a checkout, those with a dot before their name if `hidden`: in the order in which a walk meets
    /// them. Whoever expands many sets remembers them.
    fn directories(&self, checkout: &Checkout<'_>, hidden: bool) -> Arc<Vec<String>> {
        Arc::new(all_directories(checkout, hidden))
    }
}

/// What generators see.
pub struct Context<'a> {
    /// Git repositories.
    pub git: &'a dyn Git,
    /// The clusters that are registered, in order.
    pub clusters: &'a [Cluster],
    /// Whether no cluster is registered besides those.
    pub all_clusters: bool,
    /// Answers of servers.
    pub fixtures: &'a Fixtures,
    /// The namespace of Argo CD.
    pub namespace: &'a str,
    /// The AppProjects that exist, if all are known.
    pub projects: Option<&'a [String]>,
}

/// What an ApplicationSet expands to.
#[derive(Debug, Clone, Default)]
pub struct Expansion {
    /// The Applications, in the order of generators and their parameters.
    pub applications: Vec<Application>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be expanded.
    pub not_judged: Vec<NotJudged>,
    /// Argo CD's words for the first error, and where it arose. Argo CD then applies nothing.
    pub error: Option<(Reason, String)>,
    /// Whether these are all Applications that Argo CD would generate.
    pub whole: bool,
}

/// The part of generation that failed, as Argo CD's conditions name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A generator gave no parameters.
    Params,
    /// The template could not be rendered.
    Render,
}

impl Reason {
    /// The reason of the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Params => "ApplicationGenerationFromParamsError",
            Reason::Render => "RenderTemplateParamsError",
        }
    }
}

/// The step of a value of which a template took a part from a generator's parameter.
pub(crate) const FROM_PARAMETER: &str = "parameter of the generator";

/// Why a generator or a template gave nothing.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is wrong: the place, and Argo CD's words.
    Wrong(Box<(Origin, String)>),
    /// What it needs is not at hand.
    NotJudged(Box<NotJudged>),
}

impl Fault {
    fn wrong(at: &Node, message: impl Into<String>) -> Fault {
        Fault::Wrong(Box::new((at.origin.clone(), message.into())))
    }

    /// Puts words before the message.
    #[must_use]
    fn within(self, words: &str) -> Fault {
        match self {
            Fault::Wrong(wrong) => Fault::Wrong(Box::new((wrong.0, format!("{words}: {}", wrong.1)))),
            other => other,
        }
    }
}

/// Expands `set`.
pub fn expand(set: &Resource, context: &Context<'_>) -> Expansion {
    let mut expansion = Expansion::default();
    let Some(spec) = set.node.get("spec") else { return expansion };
    let scope = generator::Scope::new(set, spec, context);
    let mut uncertain = false;
    if let Some(fault) = scope.language.refused(spec) {
        expansion.fault(set, Reason::Render, fault);
        // These name what there is instead.
        let unknown = unknown_options(set, spec);
        if !unknown.is_empty() {
            expansion.findings = unknown;
        }
        return expansion;
    }
    for generator in spec.get("generators").map(Node::items).unwrap_or_default() {
        expansion.findings.extend(unrecognised(set, generator));
        match generator::transform(&scope, generator, None) {
            Err(fault) => expansion.fault(set, Reason::Params, fault),
            Ok(results) => {
                for result in results {
                    uncertain |= result.uncertain;
                    if result.params.is_empty() && !result.uncertain {
                        expansion.findings.extend(nothing(set, &result));
                    }
                    expansion.generate(set, &scope, &result);
                }
            }
        }
    }
    expansion.not_judged.extend(scope.notes.take());
    expansion.findings.extend(duplicates(set, &expansion.applications));
    expansion.findings.extend(nameless(set, &expansion.applications));
    expansion.whole = !uncertain && expansion.not_judged.is_empty() && expansion.error.is_none();
    expansion
}

/// The options that Go's templates do not have: the controller stops at the first of them.
fn unknown_options(set: &Resource, spec: &Node) -> Vec<Finding> {
    const KNOWN: [&str; 4] = ["missingkey=default", "missingkey=invalid", "missingkey=zero", "missingkey=error"];
    if spec.get("goTemplate").and_then(Node::as_bool) != Some(true) {
        return Vec::new();
    }
    let options = spec.get("goTemplateOptions").map(Node::items).unwrap_or_default().iter();
    let unknown = options.filter_map(|node| Some((node, node.as_str().filter(|text| !KNOWN.contains(text))?)));
    unknown
        .map(|(node, text)| {
            Finding::at(&rules::applicationset_error::RULE, node)
                .message(format!("Go's templates have no option `{text}`"))
                .help(format!("one of {}", KNOWN.join(", ")))
                .help_did_you_mean(text, KNOWN)
                .resource(set.reference())
        })
        .collect()
}

impl Expansion {
    fn generate(&mut self, set: &Resource, scope: &generator::Scope<'_>, result: &generator::Transformed<'_>) {
        let template = typed::known(&template::merged(result.template, scope.spec.get("template")));
        let template = template::prepared(scope, &template);
        for params in &result.params {
            if self.applications.len() >= MAX_APPLICATIONS {
                let at = result.body;
                let message = format!("the ApplicationSet generates more than {MAX_APPLICATIONS} Applications");
                self.findings.push(
                    Finding::at(&rules::applicationset_error::RULE, at).message(message).resource(set.reference()),
                );
                return;
            }
            match template::application(set, scope, &template, params) {
                Ok(node) => self
                    .applications
                    .push(Application { resource: Resource { node }, generated_by: Some(SmolStr::new(set.name())) }),
                Err(fault) => {
                    self.fault(set, Reason::Render, fault);
                    self.suggest(params, &result.params);
                }
            }
        }
    }

    /// Names the parameter that was meant where one is missing. Where another of the `all` sets of parameters has it, the
    /// template is right, and what is wrong is the element that lacks it.
    fn suggest(&mut self, params: &Map, all: &[Map]) {
        let Some(mut finding) = self.findings.pop_if(|finding| finding.help.is_none()) else { return };
        let missing =
            finding.message.split("map has no entry for key \"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(missing) = missing.map(str::to_owned) {
            let names = params::names(params);
            finding = finding.help_did_you_mean(&missing, names.iter().map(|name| name.as_str()));
            if let Some(place) = all.iter().find(|other| other.contains(&missing)).and_then(|other| own(params, other))
            {
                let template = std::mem::replace(&mut finding.mark, place);
                finding = finding.related(template, "the template that asks for it");
            }
        }
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn fault(&mut self, set: &Resource, reason: Reason, fault: Fault) {
        match fault {
            Fault::NotJudged(not_judged) => self.not_judged.push(*not_judged),
            Fault::Wrong(wrong) => {
                let (origin, message) = *wrong;
                let finding = Finding::new(&rules::applicationset_error::RULE, origin.mark)
                    .trail(&origin)
                    .message(format!("Argo CD generates no Application of {}: {message}", set.name()))
                    .resource(set.reference());
                // One template fails the same way for each parameter set.
                if !self.findings.contains(&finding) {
                    self.findings.push(finding);
                }
                self.error.get_or_insert((reason, message));
            }
        }
    }
}

/// Where a person wrote what `params` have and `other` has not: a name if there is one, else a value.
fn own(params: &Map, other: &Map) -> Option<Mark> {
    let entries = params.entries_with_origins();
    let named = entries.iter().filter(|(key, ..)| !other.contains(key));
    let valued = entries
        .iter()
        .filter(|(key, _, origin)| other.get_with_origin(key).is_none_or(|(_, theirs)| theirs.mark != origin.mark));
    let first = |marks: &mut dyn Iterator<Item = Mark>| {
        marks.filter(|mark| mark.is_some()).min_by_key(|mark| (mark.file, mark.start))
    };
    first(&mut named.map(|(_, _, origin)| origin.mark)).or_else(|| first(&mut valued.map(|(_, _, origin)| origin.mark)))
}

/// A generator that gives no parameters, though all that it reads is at hand.
fn nothing(set: &Resource, result: &generator::Transformed<'_>) -> Option<Finding> {
    let empty = result.empty.as_ref()?;
    let finding = Finding::new(&rules::generator_matches_nothing::RULE, empty.origin.mark)
        .trail(&empty.origin)
        .message(format!("{}: the generator yields no Application", empty.what))
        .resource(set.reference());
    Some(match empty.suggestion.as_deref() {
        Some(suggestion) => finding.help(format!("did you mean `{suggestion}`?")),
        None => finding,
    })
}

/// An entry of `generators` without a generator: the API refuses it, the controller passes over it.
fn unrecognised(set: &Resource, generator: &Node) -> Option<Finding> {
    let known = generator.entries().iter().any(|entry| generator::KINDS.contains(&entry.key_text()));
    let entry = generator.entries().iter().find(|entry| entry.key_text() != "selector");
    if known || generator.as_mapping().is_none() {
        return None;
    }
    let key = entry.map_or("", |entry| entry.key_text());
    let finding = Finding::at(&rules::applicationset_error::RULE, entry.map_or(generator, |entry| &entry.key))
        .message("the entry has no generator that Argo CD knows: it generates nothing")
        .resource(set.reference());
    Some(finding.help_did_you_mean(key, generator::KINDS))
}

/// Applications without a name, one finding for all.
fn nameless(set: &Resource, applications: &[Application]) -> Option<Finding> {
    let first = applications.iter().find(|application| application.name().is_empty())?;
    let name = set.node.path(&["spec", "template", "metadata", "name"]);
    let at = first.resource.node.path(&["metadata", "name"]).or(name).unwrap_or(&set.node);
    Some(
        Finding::at(&rules::applicationset_error::RULE, at)
            .message("a generated Application has no name: Argo CD leaves it out")
            .help("use a parameter in template.metadata.name that is never empty")
            .resource(set.reference()),
    )
}

/// Applications of one set that have one name: Argo CD applies none of them.
fn duplicates(set: &Resource, applications: &[Application]) -> Vec<Finding> {
    let mut seen: std::collections::BTreeMap<&str, &Application> = std::collections::BTreeMap::new();
    let mut findings: Vec<Finding> = Vec::new();
    for application in applications {
        let Some(first) = seen.get(application.name()) else {
            seen.insert(application.name(), application);
            continue;
        };
        let name = application.resource.node.path(&["metadata", "name"]);
        let template = set.node.path(&["spec", "template", "metadata", "name"]).or(name);
        let Some(at) = template else { continue };
        if findings.iter().any(|finding| finding.mark == at.mark()) {
            continue;
        }
        let mut finding = Finding::at(&rules::duplicate_generated_name::RULE, at)
            .message(format!(
                "more than one generated Application is called {}; Argo CD applies none of them",
                application.name()
            ))
            .help("use parameters in the name that tell the elements apart")
            .resource(set.reference());
        for (which, of) in [("first", first), ("second", &application)] {
            let steps = of.resource.node.path(&["metadata", "name"]).map(|name| name.origin.steps());
            let place = steps.and_then(|steps| steps.first().map(|step| step.mark));
            if let Some(mark) = place.filter(|mark| *mark != at.mark()) {
                finding = finding.related(mark, format!("the {which} of them is made from this"));
            }
        }
        findings.push(finding);
    }
    findings
}

#[cfg(test)]
mod tests;
