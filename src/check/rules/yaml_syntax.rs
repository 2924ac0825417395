//! `yaml-syntax`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::ProblemKind;

declare_rule! {
    /// Reports text that is not YAML.
    ///
    /// ## Why it matters
    /// Argo CD, kustomize and kubectl refuse the whole file, and with it every Application that reads it.
    ///
    /// ## Example
    /// ```yaml
    /// name: "web
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// name: "web"
    /// ```
    "yaml-syntax" = {
        summary: "not valid YAML",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    let ids = repository.snapshot.files().map(|(id, _)| id);
    for id in ids.filter(|id| repository.is_yaml(*id) && !repository.is_chart_text(*id)) {
        let Some(yaml) = repository.yaml(id) else { continue };
        for problem in &yaml.problems {
            // A repeated key has a rule of its own.
            if !matches!(problem.kind, ProblemKind::DuplicateKey { .. }) {
                findings.push(Finding::new(&RULE, problem.mark).message(problem.kind.to_string()));
            }
        }
    }
}
