//! `unreadable-file`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::source::Content;

declare_rule! {
    /// Reports a manifest, template or policy that the system does not let us read: no permission, or no regular file.
    ///
    /// ## Why it matters
    /// What it holds was not judged, and whatever renders the repository in its place may not be able to read it either.
    ///
    /// ## Example
    /// A file with mode 0000, or a named pipe called `web.yaml`.
    ///
    /// ## Instead
    /// A regular file that everyone who renders the repository may read.
    "unreadable-file" = {
        summary: "cannot be read",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (id, file) in world.repository.snapshot.files() {
        let Content::Unreadable(reason) = &file.content else { continue };
        if world.repository.is_read(id) {
            findings.push(Finding::new(&RULE, Mark::file(id)).message(format!("the file cannot be read: {reason}")));
        }
    }
}
