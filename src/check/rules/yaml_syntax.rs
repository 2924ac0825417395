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
    for (id, _) in repository.snapshot.files().filter(|(id, _)| repository.is_yaml(*id)) {
        let Some(yaml) = repository.yaml(id) else { continue };
        for problem in &yaml.problems {
            let message = match &problem.kind {
                ProblemKind::Syntax(what) => format!("not valid YAML: {what}"),
                ProblemKind::TooDeep(limit) => format!("nested deeper than {limit} levels"),
                ProblemKind::AliasExpansion(limit) => format!("aliases expand to more than {limit} values"),
                ProblemKind::BadMerge => "`<<` needs a mapping or a list of mappings".to_owned(),
                ProblemKind::DuplicateKey { .. } => continue,
            };
            findings.push(Finding::new(&RULE, problem.mark).message(message));
        }
    }
}
