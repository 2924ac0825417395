//! Runs every rule and policy over everything that is rendered, and makes [`Checked`] of what they and the stages
//! before report.
//!
//! Work is spread over the threads by target and by rule; each returns its own list, and the lists are put together in
//! the order of the work, so that the result is the same at any number of threads.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;
use rayon::prelude::*;
use smol_str::SmolStr;

use super::collect::{Checked, Judgement, Raw, Summary, merge};
use super::rego::PolicySet;
use super::unfilled::unfilled;
use super::{ApplicationContext, ResourceContext, World, elements, fingerprint, rules};
use crate::config::Config;
use crate::finding::{Check, Finding, NotJudged, Profile, Rule, Severity};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::render::Resource;
use crate::resolve::{Rendered, Resolved};
use crate::schema::Catalogues;
use crate::waiver;
use crate::yaml::{Node, Value};

/// Everything that `check` looks at.
#[derive(Debug, Clone)]
pub struct CheckInput {
    /// The files.
    pub repository: Arc<Repository>,
    /// Applications, ApplicationSets and projects.
    pub resolved: Arc<Resolved>,
    /// What each target renders to, findings of the renderers included.
    pub rendered: Arc<Vec<Rendered>>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The kinds that each cluster knows.
    pub schemas: Arc<Catalogues>,
    /// The policies.
    pub policies: Arc<PolicySet>,
    /// The choice of rules.
    pub profile: Profile,
    /// The day against which waivers expire.
    pub today: NaiveDate,
    /// What the stages before reported, besides what is in `rendered`.
    pub findings: Vec<Finding>,
    /// What the stages before could not evaluate, besides what is in `rendered`.
    pub not_judged: Vec<NotJudged>,
}

/// Judges the repository.
pub fn check(input: CheckInput) -> Checked {
    let CheckInput { repository, resolved, rendered, config, schemas, policies, profile, today, findings, not_judged } =
        input;
    let stock = OnceLock::new();
    let (texts, judged) = without_templates(&rendered);
    let all = Arc::clone(&rendered);
    let rendered = judged.map_or(rendered, Arc::new);
    let world = World {
        repository: &repository,
        resolved: &resolved,
        rendered: &rendered,
        schemas: &schemas,
        config: &config,
        profile,
        stock: &stock,
    };
    let selection = Selection::new(&config, &policies, profile);
    let mut raw: Vec<Raw> = findings.into_iter().map(|finding| Raw { finding, target: Mark::NONE }).collect();
    let mut not_judged = not_judged;
    for part in targets(&world, &selection) {
        raw.extend(part);
    }
    for part in applications(&world, &selection) {
        raw.extend(part);
    }
    let places: BTreeMap<SmolStr, Mark> =
        by_id(&world).into_iter().map(|(id, found)| (id, found.target.mark)).collect();
    for mut part in worlds(&world, &selection) {
        for raw in &mut part {
            let application = raw.finding.application.as_ref();
            raw.target = application.and_then(|id| places.get(id)).copied().unwrap_or(Mark::NONE);
        }
        raw.extend(part);
    }
    let (found, unjudged) = policies.evaluate(&world, &|id| selection.is_on(id));
    raw.extend(found.into_iter().map(|(finding, target)| Raw { finding, target }));
    not_judged.extend(unjudged);
    not_judged.extend(all.iter().flat_map(|rendered| rendered.output.not_judged.iter().cloned()));
    for (index, unfilled) in texts {
        let Some(Rendered { target, output, .. }) = all.get(index) else { continue };
        raw.extend(output.findings.iter().cloned().map(|finding| Raw { finding, target: target.mark }));
        not_judged.push(unfilled);
    }
    not_judged.extend(super::schema::not_judged(&world));
    raw.extend(selection.unknown(&config).into_iter().map(|finding| Raw { finding, target: Mark::NONE }));

    let snapshot = &repository.snapshot;
    raw.retain_mut(|raw| {
        locate(raw);
        selection.apply(&mut raw.finding) && !config.is_excluded(snapshot.path(raw.finding.mark.file))
    });
    elements::blame(&mut raw, &resolved.applications);
    let findings = merge(snapshot, raw);
    let judgements = judgements(&repository, &config, not_judged);
    let mut checked = Checked {
        findings,
        waived: Vec::new(),
        not_judged: judgements,
        rule_set: format!(
            "tiphys {} profile {} policies {}",
            env!("CARGO_PKG_VERSION"),
            profile.as_str(),
            policies.fingerprint()
        ),
        summary: Summary::default(),
        resolved,
        rendered: all,
        config,
        schemas,
        repository,
    };
    fingerprint::assign(&checked.repository.snapshot, &mut checked.findings);
    let waived =
        waiver::apply(&checked.repository, &checked.config, &checked.rendered, today, &selection, checked.findings);
    checked.findings = waived.findings;
    checked.waived = waived.waived;
    checked.count();
    checked
}

/// What of `rendered` is the text of a template, by its index, and the rest; `None` where that is everything.
fn without_templates(rendered: &[Rendered]) -> (Vec<(usize, NotJudged)>, Option<Vec<Rendered>>) {
    let texts: Vec<(usize, NotJudged)> =
        rendered.iter().map(unfilled).enumerate().filter_map(|(index, found)| Some((index, found?))).collect();
    let is_text = |index: &usize| texts.iter().any(|(text, _)| text == index);
    let rest =
        || rendered.iter().enumerate().filter(|(index, _)| !is_text(index)).map(|(_, rendered)| rendered.clone());
    let rest = (!texts.is_empty()).then(|| rest().collect());
    (texts, rest)
}

/// What is known of a rule, whether it is written in Rust or in Rego.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setting {
    /// `None`: off. `Some(None)`: as the rule says.
    severity: Option<Option<Severity>>,
}

/// Which rules are on, and with what severity.
#[derive(Debug)]
pub(crate) struct Selection {
    settings: BTreeMap<SmolStr, Setting>,
}

impl Selection {
    pub(super) fn new(config: &Config, policies: &PolicySet, profile: Profile) -> Selection {
        let rust = rules::all().iter().map(|rule| (SmolStr::new_static(rule.id), rule.profile));
        let rego = policies.rules().map(|rule| (rule.id.clone(), rule.profile));
        let mut settings = BTreeMap::new();
        for (id, of) in rust.chain(rego) {
            let severity = match config.rules.get(&id) {
                Some(set) => set.severity.map(Some),
                None => (of <= profile).then_some(None),
            };
            settings.insert(id, Setting { severity });
        }
        Selection { settings }
    }

    /// The same with the rules of these ids off.
    pub(super) fn without(mut self, ids: &[&str]) -> Selection {
        for id in ids {
            self.settings.insert(SmolStr::new(id), Setting { severity: None });
        }
        self
    }

    /// Whether a rule of that id exists.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.settings.contains_key(id)
    }

    /// Whether the rule runs. What is not in the registry cannot be switched off.
    pub(crate) fn is_on(&self, id: &str) -> bool {
        self.settings.get(id).is_none_or(|setting| setting.severity.is_some())
    }

    /// The ids of all rules.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(SmolStr::as_str)
    }

    /// Sets the severity that is configured; `false` if the rule is off.
    pub(crate) fn apply(&self, finding: &mut Finding) -> bool {
        match self.settings.get(&finding.rule).map(|setting| setting.severity) {
            Some(None) => false,
            Some(Some(Some(severity))) => {
                finding.severity = severity;
                true
            }
            Some(Some(None)) | None => true,
        }
    }

    /// Rules that the configuration names and that do not exist.
    fn unknown(&self, config: &Config) -> Vec<Finding> {
        let named = config.rules.iter().filter(|(id, _)| !self.knows(id));
        named
            .map(|(id, set)| {
                Finding::new(&rules::invalid_configuration::RULE, set.mark)
                    .message(format!("rules: there is no rule `{id}`"))
                    .help("`tiphys rules` lists them")
                    .help_did_you_mean(id, self.ids())
            })
            .collect()
    }

    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        rules::all().iter().copied().filter(|rule| self.is_on(rule.id))
    }
}

/// The findings of the renderers and of the rules that look at one resource, a list a target.
pub(super) fn targets<'w>(world: &'w World<'w>, selection: &Selection) -> Vec<Vec<Raw>> {
    let looks: Vec<fn(&ResourceContext<'_>, &mut Vec<Finding>)> = selection
        .rules()
        .filter_map(|rule| match rule.check {
            Check::Resource(look) => Some(look),
            _ => None,
        })
        .collect();
    world
        .rendered
        .par_iter()
        .map(|rendered| {
            let application = rendered.application();
            let mut raw = Vec::new();
            let mut take = |found: &mut Vec<Finding>, resource: Option<&Resource>| {
                for mut finding in found.drain(..) {
                    if let Some(resource) = resource {
                        finding.resource.get_or_insert_with(|| resource.reference());
                        if !finding.mark.is_some() {
                            finding.mark = head(&resource.node);
                        }
                    }
                    if let Some(application) = application {
                        finding.application.get_or_insert_with(|| application.id());
                        let cluster = application.destination_cluster();
                        if finding.cluster.is_none() && !cluster.is_empty() {
                            finding.cluster = Some(SmolStr::new(cluster));
                        }
                    }
                    raw.push(Raw { finding, target: rendered.target.mark });
                }
            };
            let mut found = rendered.output.findings.clone();
            take(&mut found, None);
            for resource in &rendered.output.resources {
                let context = ResourceContext { resource, rendered, world };
                for look in &looks {
                    look(&context, &mut found);
                }
                take(&mut found, Some(resource));
            }
            raw
        })
        .collect()
}

/// What each Application renders to.
fn by_id<'a>(world: &World<'a>) -> BTreeMap<SmolStr, &'a Rendered> {
    world.rendered.iter().filter_map(|rendered| Some((rendered.application()?.id(), rendered))).collect()
}

/// The findings of the rules that look at one Application.
fn applications<'w>(world: &'w World<'w>, selection: &Selection) -> Vec<Vec<Raw>> {
    let looks: Vec<fn(&ApplicationContext<'_>, &mut Vec<Finding>)> = selection
        .rules()
        .filter_map(|rule| match rule.check {
            Check::Application(look) => Some(look),
            _ => None,
        })
        .collect();
    let by_id = by_id(world);
    world
        .resolved
        .applications
        .par_iter()
        .map(|application| {
            let rendered = by_id.get(&application.id()).copied();
            let context = ApplicationContext { application, rendered, world };
            let mut found = Vec::new();
            for look in &looks {
                look(&context, &mut found);
            }
            let target = rendered.map_or_else(|| head(&application.resource.node), |rendered| rendered.target.mark);
            found
                .into_iter()
                .map(|mut finding| {
                    finding.resource.get_or_insert_with(|| application.resource.reference());
                    finding.application.get_or_insert_with(|| application.id());
                    if !finding.mark.is_some() {
                        finding.mark = head(&application.resource.node);
                    }
                    Raw { finding, target }
                })
                .collect()
        })
        .collect()
}

/// The findings of the rules that look at everything.
fn worlds(world: &World<'_>, selection: &Selection) -> Vec<Vec<Raw>> {
    let looks: Vec<fn(&World<'_>, &mut Vec<Finding>)> = selection
        .rules()
        .filter_map(|rule| match rule.check {
            Check::World(look) => Some(look),
            _ => None,
        })
        .collect();
    looks
        .par_iter()
        .map(|look| {
            let mut found = Vec::new();
            look(world, &mut found);
            found.into_iter().map(|finding| Raw { finding, target: Mark::NONE }).collect()
        })
        .collect()
}

/// The place that stands for a whole object: its name, else its kind, else its first value that has a place.
pub(crate) fn head(node: &Node) -> Mark {
    let named = [node.path(&["metadata", "name"]), node.get("kind"), Some(node)];
    named.into_iter().flatten().map(Node::mark).find(Mark::is_some).unwrap_or_else(|| first_mark(node))
}

fn first_mark(node: &Node) -> Mark {
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        if node.mark().is_some() {
            return node.mark();
        }
        match &node.value {
            Value::Mapping(mapping) => stack.extend(mapping.entries.iter().rev().flat_map(|e| [&e.value, &e.key])),
            Value::Sequence(sequence) => stack.extend(sequence.items.iter().rev()),
            Value::Scalar(_) => {}
        }
    }
    Mark::NONE
}

/// A finding without a place takes that of its newest step, of a related place, or of its target. What has none of
/// these is about the repository as a whole: its first file stands for it.
fn locate(raw: &mut Raw) {
    if raw.finding.mark.is_some() {
        return;
    }
    let steps = raw.finding.trail.iter().rev().map(|step| step.mark);
    let related = raw.finding.related.iter().map(|related| related.mark);
    raw.finding.mark =
        steps.chain(related).chain([raw.target]).find(Mark::is_some).unwrap_or_else(|| Mark::file(FileId(0)));
}

/// The findings of `raw`, each with a place.
pub(super) fn located(raw: impl Iterator<Item = Raw>) -> Vec<Finding> {
    raw.map(|mut raw| {
        locate(&mut raw);
        raw.finding
    })
    .collect()
}

/// What could not be evaluated: once each, in order, with what the configuration accepts.
fn judgements(repository: &Repository, config: &Config, mut not_judged: Vec<NotJudged>) -> Vec<Judgement> {
    let snapshot = &repository.snapshot;
    not_judged.sort_by(|a, b| (snapshot.path(a.mark.file), a).cmp(&(snapshot.path(b.mark.file), b)));
    not_judged.dedup();
    not_judged
        .into_iter()
        .map(|not_judged| {
            let path = snapshot.path(not_judged.mark.file);
            let accepted = config
                .accepts(&not_judged.what, path)
                .map(|entry| super::Accepted { reason: entry.reason.clone(), mark: entry.mark });
            Judgement { not_judged, accepted }
        })
        .collect()
}

#[cfg(test)]
mod tests;
