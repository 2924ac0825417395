//! `mutable-image-tag`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container whose image has no tag or the tag `latest`, and no digest.
    ///
    /// ## Why it matters
    /// What runs is decided by the registry at the moment in which a pod starts: two replicas may run different
    /// versions, and a rollback in Git changes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// image: registry.example.com/web:latest
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// image: registry.example.com/web:1.4.2
    /// ```
    "mutable-image-tag" = {
        summary: "image is not pinned",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some((template, pointer)) = context.resource.pod_template() else { return };
    for key in ["initContainers", "containers"] {
        let containers = template.path(&["spec", key]).map(Node::items).unwrap_or_default();
        for (index, container) in containers.iter().enumerate() {
            let Some((node, image)) = container.get("image").and_then(|node| Some((node, node.as_str()?))) else {
                continue;
            };
            let Some(what) = mutable(image) else { continue };
            findings.push(
                Finding::at(&RULE, node)
                    .message(format!("image `{image}` {what}"))
                    .help("name a version, or a digest")
                    .pointer(format!("{pointer}/spec/{key}/{index}/image")),
            );
        }
    }
}

/// Why `image` may mean something else tomorrow, if it may.
fn mutable(image: &str) -> Option<&'static str> {
    // Without a name there is nothing to pin; the schema or an injector has a say in that.
    if image.is_empty() || image == "auto" || image.contains('@') {
        return None;
    }
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    match name.split_once(':') {
        None => Some("has no tag, which means `latest`"),
        Some((_, "latest")) => Some("follows `latest`"),
        Some(_) => None,
    }
}
