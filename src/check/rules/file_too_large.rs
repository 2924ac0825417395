//! `file-too-large`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::Mark;
use crate::source::{Content, MAX_FILE_BYTES};

declare_rule! {
    /// Reports a manifest, template or policy that is larger than 10 MiB. Such a file is not read.
    ///
    /// ## Why it matters
    /// The API server takes objects of about 1.5 MiB at most, and Argo CD's repository server keeps what it renders in
    /// memory: by default it refuses the plain manifests of an Application beyond 10 MiB.
    ///
    /// ## Example
    /// A dump of a cluster that was committed among the manifests.
    ///
    /// ## Instead
    /// Remove the file, or split it.
    "file-too-large" = {
        summary: "larger than 10 MiB; not read",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (id, file) in world.repository.snapshot.files() {
        let Content::TooLarge(bytes) = file.content else { continue };
        if world.repository.is_read(id) {
            let (found, limit) = (bytes.div_ceil(1 << 20), MAX_FILE_BYTES >> 20);
            let message = format!("the file has {found} MiB; more than {limit} MiB are not read");
            findings.push(Finding::new(&RULE, Mark::file(id)).message(message).help("remove the file, or split it"));
        }
    }
}
