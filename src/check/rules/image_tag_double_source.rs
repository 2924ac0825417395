//! `image-tag-double-source`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports an image that an Application overrides and the kustomization that it renders sets as well.
    ///
    /// ## Why it matters
    /// The Application's value wins. Whoever changes the tag in the kustomization sees nothing happen, and other Applications of
    /// the same path diverge.
    ///
    /// ## Example
    /// ```yaml
    /// source:
    ///   path: services/web/overlays/production   # has images: [{name: web, newTag: v1}]
    ///   kustomize:
    ///     images: [web:v2]
    /// ```
    ///
    /// ## Instead
    /// Keep the tag in the overlay.
    "image-tag-double-source" = {
        summary: "the image is set in two places",
        severity: Info,
        profile: Seed,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    for source in context.application.sources() {
        let images = source.node.path(&["kustomize", "images"]).map(Node::items).unwrap_or_default();
        let Some(path) = source.node.str_at(&["path"]) else { continue };
        let repository = context.world.repository;
        let Some(yaml) = repository.kustomization(path.trim_matches('/')).and_then(|id| repository.yaml(id)) else {
            continue;
        };
        let own = yaml.documents.iter().filter_map(|document| document.root.get("images")).flat_map(Node::items);
        let own: Vec<&Node> = own.collect();
        for image in images {
            let Some(text) = image.text() else { continue };
            let name = name_of(text);
            if let Some(set) = own.iter().find(|set| set.str_at(&["name"]) == Some(name)) {
                findings.push(
                    Finding::at(&RULE, image)
                        .message(format!("{name} is set here and in the kustomization; this value wins"))
                        .help("keep the tag in the kustomization")
                        .related(set.mark(), "set here as well"),
                );
            }
        }
    }
}

/// The image's name in `name=new:tag`, `name:tag` or `name@digest`.
fn name_of(image: &str) -> &str {
    let image = image.split_once('=').map_or(image, |(name, _)| name);
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}
