//! `duplicate-mapping-key`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::ProblemKind;

declare_rule! {
    /// Reports a key that occurs twice in one mapping.
    ///
    /// ## Why it matters
    /// YAML forbids it. Strict readers, kustomize among them, refuse the file; others keep one of the two values silently.
    ///
    /// ## Example
    /// ```yaml
    /// data:
    ///   level: info
    ///   level: debug
    /// ```
    ///
    /// ## Instead
    /// Remove one of the two, or give it a name of its own.
    "duplicate-mapping-key" = {
        summary: "key occurs twice in one mapping",
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
            let ProblemKind::DuplicateKey { key, first } = &problem.kind else { continue };
            findings.push(
                Finding::new(&RULE, problem.mark)
                    .message(format!("key `{key}` is already set in this mapping, in line {}", first.line))
                    .help("remove one of the two, or give it a name of its own")
                    .related(*first, "set here first"),
            );
        }
    }
}
