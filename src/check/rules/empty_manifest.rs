//! `empty-manifest`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::origin::Mark;

declare_rule! {
    /// Reports a YAML file with nothing in it. One with a comment is meant to be empty, and so are the values of a
    /// chart.
    ///
    /// ## Why it matters
    /// Everything that reads the file passes over it in silence. Most often it held something: an Application whose
    /// file was emptied by mistake is pruned by the next sync.
    ///
    /// ## Example
    /// A file of zero bytes, or with `---` only.
    ///
    /// ## Instead
    /// Bring back what it held, remove the file and what names it, or leave a comment that says why it is empty.
    "empty-manifest" = {
        summary: "the file is empty",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for id in repository.files_of(Class::Yaml) {
        let Some(text) = repository.snapshot.text(id) else { continue };
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        if lines.all(|line| line.is_empty() || line == "---") {
            findings.push(
                Finding::new(&RULE, Mark::file(id))
                    .message("the file is empty: what reads it passes over it in silence")
                    .help("bring back what it held, or remove it; a comment says that it is meant to be empty"),
            );
        }
    }
}
