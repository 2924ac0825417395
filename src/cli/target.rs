//! What a person names on the command line, as the resources that it deploys.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Failure;
use crate::finding::{Finding, NotJudged, nearest};
use crate::origin::Mark;
use crate::render::Resource;
use crate::resolve::fixpoint::Stages;
use crate::resolve::stages::Renderers;
use crate::resolve::{Application, Rendered, Target, TargetKind};
use crate::run::Analysis;
use crate::source::normalize;

/// What a target came to.
pub(super) struct Selected {
    /// What was selected: one target, or one for each Application of an ApplicationSet.
    pub(super) rendered: Vec<Rendered>,
}

impl Selected {
    /// All objects, in order.
    pub(super) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.rendered.iter().flat_map(|rendered| &rendered.output.resources)
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.rendered.iter().flat_map(|rendered| &rendered.output.findings)
    }

    pub(super) fn not_judged(&self) -> impl Iterator<Item = &NotJudged> {
        self.rendered.iter().flat_map(|rendered| &rendered.output.not_judged)
    }
}

/// Finds `name` in the repository: an Application (`name` or `namespace/name`), an ApplicationSet, or the path of a
/// kustomization, a chart or a manifest.
pub(super) fn select(analysis: &Analysis, name: &str) -> Result<Selected, Failure> {
    let of = |wanted: &dyn Fn(&Application) -> bool| -> Vec<Rendered> {
        let chosen = |rendered: &&Rendered| rendered.application().is_some_and(|application| wanted(application));
        analysis.rendered.iter().filter(chosen).cloned().collect()
    };
    let mut rendered = of(&|application| application.name() == name || application.id() == name);
    if rendered.is_empty() {
        let set = name.rsplit_once('/').map_or(name, |(_, name)| name);
        rendered = of(&|application| application.generated_by.as_deref() == Some(set));
    }
    if !rendered.is_empty() {
        return Ok(Selected { rendered });
    }
    let target = path(analysis, name).ok_or_else(|| unknown(analysis, name))?;
    let known = analysis.rendered.iter().find(|rendered| rendered.target.id == target.id).cloned();
    let rendered = known.unwrap_or_else(|| {
        let output = Renderers::new(&analysis.repository, &analysis.config).render(&target);
        Rendered { target: Arc::new(target), output }
    });
    Ok(Selected { rendered: vec![rendered] })
}

fn path(analysis: &Analysis, name: &str) -> Option<Target> {
    let repository = &analysis.repository;
    let path = normalize("", name)?;
    let shown = if path.is_empty() { "." } else { path.as_str() };
    let target = |what: &str, kind: TargetKind, mark: Mark| Target { id: format!("{what} {shown}"), kind, mark };
    if let Some(directory) = repository.snapshot.directory(&path) {
        if let Some(file) = repository.kustomization(&directory) {
            return Some(target("kustomization", TargetKind::Kustomization(directory), Mark::file(file)));
        }
        if let Some(file) = repository.charts.get(&directory) {
            return Some(target("chart", TargetKind::Chart(directory), Mark::file(*file)));
        }
    }
    let file = repository.snapshot.find(&path)?;
    Some(target("manifest", TargetKind::Manifest(repository.snapshot.path(file).to_owned()), Mark::file(file)))
}

fn unknown(analysis: &Analysis, name: &str) -> Failure {
    let mut known = BTreeSet::new();
    for application in &analysis.resolved.applications {
        known.insert(application.name());
    }
    known.extend(analysis.resolved.application_sets.iter().map(|set| set.name()));
    known.extend(analysis.repository.kustomizations.keys().map(String::as_str));
    known.extend(analysis.repository.charts.keys().map(String::as_str));
    let hint = nearest(name, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    Failure::Usage(format!(
        "there is no Application or ApplicationSet `{name}`, and no kustomization, chart or manifest at that path{hint}"
    ))
}
