//! `kustomize-deprecated-field`

use crate::check::World;
use crate::finding::{Applicability, Check, Finding, Fix, declare_rule};
use crate::load::Class;
use crate::render::kustomize::{deprecated, vars_as_replacements};
use crate::source::{normalize, parent};

declare_rule! {
    /// Reports a field of a kustomization that kustomize deprecates.
    ///
    /// ## Why it matters
    /// kustomize warns of these fields with each build, and a later version may read them no more. What takes their place
    /// can say more: a patch with a target, a label without selectors.
    ///
    /// ## Example
    /// ```yaml
    /// bases:
    /// - ../base
    /// patchesStrategicMerge:
    /// - replicas.yaml
    /// commonLabels:
    ///   team: shop
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// resources:
    /// - ../base
    /// patches:
    /// - path: replicas.yaml
    /// labels:
    /// - pairs:
    ///     team: shop
    ///   includeSelectors: true
    /// ```
    /// `tiphys fix` writes it so where everything renders as before, and keeps comments and format.
    "kustomize-deprecated-field" = {
        summary: "kustomize deprecates the field",
        severity: Info,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for id in repository.files_of(Class::Kustomization) {
        let (Some(yaml), Some(text)) = (repository.yaml(id), repository.snapshot.text(id)) else { continue };
        let [document] = &yaml.documents[..] else { continue };
        if !yaml.problems.is_empty() {
            continue;
        }
        let directory = parent(repository.snapshot.path(id));
        let is_file =
            |path: &str| normalize(directory, path).is_some_and(|path| repository.snapshot.find(&path).is_some());
        for found in deprecated(&document.root, text, &is_file) {
            let mut finding = Finding::new(&RULE, found.mark)
                .message(format!("kustomize deprecates `{}` in favour of `{}`", found.field, found.instead))
                .help(format!("say it with `{}`", found.instead));
            let replacements = || (found.field == "vars").then(|| vars_as_replacements(repository, id)).flatten();
            if let Some(edits) = found.edits.or_else(replacements) {
                finding.fix = Some(Fix { applicability: Applicability::Safe, keeps_output: true, edits });
            }
            findings.push(finding);
        }
    }
}
