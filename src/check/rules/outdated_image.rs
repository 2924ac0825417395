//! `outdated-image`

use crate::check::ResourceContext;
use crate::check::images::{MAINTAINED, is, version};
use crate::check::workload::{Image, all_containers};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an image of a release line that its makers no longer mend. The lines are listed in a table; images that
    /// are not in it are not judged.
    ///
    /// ## Why it matters
    /// What is found wrong with it, holes included, stays wrong.
    ///
    /// ## Example
    /// ```yaml
    /// image: quay.io/argoproj/argocd:v2.10.0
    /// ```
    ///
    /// ## Instead
    /// Move to a release that is maintained.
    "outdated-image" = {
        summary: "the image's release is no longer maintained",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    for container in all_containers(context.resource) {
        let Some(node) = container.node.get("image") else { continue };
        let Some(text) = node.text() else { continue };
        let image = Image::parse(text);
        let Some(known) = MAINTAINED.iter().find(|known| is(known.image, image.name)) else { continue };
        let Some(found) = image.tag.and_then(version) else { continue };
        if found < known.oldest {
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("{text} is no longer maintained: {}", known.note))
                    .help(format!("move to {}.{} or newer", known.oldest.0, known.oldest.1))
                    .pointer(format!("{}/image", container.pointer)),
            );
        }
    }
}
