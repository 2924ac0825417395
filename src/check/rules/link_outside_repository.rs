//! `link-outside-repository`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::source::Content;

declare_rule! {
    /// Reports a symbolic link that leaves the repository, or that names its target from the root of the file system.
    /// Such a link is not followed.
    ///
    /// ## Why it matters
    /// Argo CD refuses to render anything from a repository with such a link, wherever in it the link is, unless
    /// `reposerver.allow.oob.symlinks` is set: the link could show the files of its own server.
    ///
    /// ## Example
    /// `base/shared.yaml -> /etc/shared.yaml`, or `base/shared.yaml -> ../../../shared.yaml` two levels deep.
    ///
    /// ## Instead
    /// A relative link within the repository, or a copy.
    "link-outside-repository" = {
        summary: "link out of the repository",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (id, file) in world.repository.snapshot.files() {
        let Content::Outside(target) = &file.content else { continue };
        let what = if target.starts_with('/') { "is absolute" } else { "leaves the repository" };
        findings.push(
            Finding::new(&RULE, Mark::file(id))
                .message(format!("the link to {target} {what}; Argo CD refuses the repository"))
                .help("link within the repository by a relative path, or copy the file"),
        );
    }
}
