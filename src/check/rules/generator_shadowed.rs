//! `generator-shadowed`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::yaml::Node;

declare_rule! {
    /// Reports a generator that a later one of the same kustomization replaces as a whole.
    ///
    /// ## Why it matters
    /// Nothing of what it says is deployed. Who changes a value there changes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// configMapGenerator:
    /// - name: settings
    ///   literals: [LEVEL=info]
    /// - name: settings
    ///   behavior: replace
    ///   literals: [LEVEL=debug]
    /// ```
    ///
    /// ## Instead
    /// Keep one of them, or let the later one merge: `behavior: merge`.
    "generator-shadowed" = {
        summary: "another generator replaces all that this one makes",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for id in repository.files_of(Class::Kustomization) {
        let documents = repository.yaml(id).map_or(&[][..], |yaml| &yaml.documents);
        for root in documents.iter().map(|document| &document.root) {
            for field in ["configMapGenerator", "secretGenerator"] {
                shadowed(root.get(field).map_or(&[][..], Node::items), findings);
            }
        }
    }
}

fn shadowed(generators: &[Node], findings: &mut Vec<Finding>) {
    for (index, earlier) in generators.iter().enumerate() {
        let Some(name) = earlier.get("name") else { continue };
        let same = |later: &&Node| {
            later.str_at(&["behavior"]) == Some("replace")
                && later.str_at(&["name"]) == name.text()
                && later.str_at(&["namespace"]) == earlier.str_at(&["namespace"])
        };
        if let Some(later) = generators.iter().skip(index + 1).find(same) {
            findings.push(
                Finding::at(&RULE, name)
                    .message(format!(
                        "`{}` is replaced as a whole by a later generator",
                        name.text().unwrap_or_default()
                    ))
                    .help("keep one of them, or let the later one merge")
                    .related(later.mark(), "it replaces all that is there"),
            );
        }
    }
}
