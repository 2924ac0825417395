//! What rules about workloads share: containers, images, label selectors, and where a thing is deployed.

use smol_str::SmolStr;

use super::World;
pub(crate) use super::pod::{Container, Pod};
use super::selector::first_mismatch;
use crate::finding::Finding;
use crate::render::Resource;
use crate::resolve::Rendered;
use crate::yaml::Node;

/// The containers that run, init containers not among them.
pub(crate) fn containers(resource: &Resource) -> Vec<Container<'_>> {
    Pod::of(resource).map(|pod| pod.list("containers")).unwrap_or_default()
}

/// All containers.
pub(crate) fn all_containers(resource: &Resource) -> Vec<Container<'_>> {
    Pod::of(resource).map(|pod| pod.containers()).unwrap_or_default()
}

/// Whether the workload is meant to run for ever.
pub(crate) fn is_long_running(resource: &Resource) -> bool {
    matches!(
        (resource.group(), resource.kind()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("argoproj.io", "Rollout")
    )
}

/// An image reference, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image<'a> {
    /// `quay.io/argoproj/argocd`
    pub(crate) name: &'a str,
    /// `v2.10.0`
    pub(crate) tag: Option<&'a str>,
    /// `sha256:...`
    pub(crate) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Takes `text` apart.
    pub(crate) fn parse(text: &'a str) -> Image<'a> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => Image { name, tag: Some(tag), digest },
            _ => Image { name: rest, tag: None, digest },
        }
    }
}

/// Whether the LabelSelector `selector` selects an object with `labels`. An absent selector selects nothing, an empty
/// one everything.
pub(crate) fn selects(selector: Option<&Node>, labels: Option<&Node>) -> bool {
    let Some(selector) = selector.filter(|selector| !selector.is_null()) else { return false };
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::text);
    first_mismatch(selector, label).is_none()
}

/// Whether the plain selector of a Service selects an object with `labels`. An empty one selects nothing.
pub(crate) fn service_selects(selector: Option<&Node>, labels: Option<&Node>) -> bool {
    let entries = selector.map(Node::entries).unwrap_or_default();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::text);
    !entries.is_empty()
        && entries.iter().all(|entry| label(entry.key_text()).is_some_and(|value| entry.value.text() == Some(value)))
}

/// Where something is deployed: a cluster, or a target that no Application deploys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The server's URL where it is known, else the cluster's name, else the target's id.
    pub(crate) cluster: SmolStr,
    /// The namespace.
    pub(crate) namespace: SmolStr,
}

/// The place of `resource`.
pub(crate) fn place(world: &World<'_>, rendered: &Rendered, resource: &Resource) -> Place {
    let application = rendered.application();
    let namespace = match resource.namespace() {
        "" => application.map_or("", |application| application.destination_namespace()),
        namespace => namespace,
    };
    Place { cluster: cluster(world, rendered), namespace: SmolStr::new(namespace) }
}

/// The cluster that `rendered` goes to, by its server's URL if the configuration knows it.
pub(crate) fn cluster(world: &World<'_>, rendered: &Rendered) -> SmolStr {
    let Some(application) = rendered.application() else { return SmolStr::new(&rendered.target.id) };
    match application.destination_cluster() {
        "in-cluster" => SmolStr::new_static("https://kubernetes.default.svc"),
        name => world.config.cluster(name).map_or_else(|| SmolStr::new(name), |known| known.server.clone()),
    }
}

/// Says which resource of which Application `finding` is about.
pub(crate) fn about(finding: Finding, resource: &Resource, rendered: &Rendered) -> Finding {
    let mut finding = finding.resource(resource.reference());
    if let Some(application) = rendered.application() {
        finding.application = Some(application.id());
        finding.cluster =
            Some(application.destination_cluster()).filter(|cluster| !cluster.is_empty()).map(SmolStr::new);
    }
    finding
}

/// Every rendered resource with its target.
pub(crate) fn resources<'a>(world: &World<'a>) -> impl Iterator<Item = (&'a Rendered, &'a Resource)> {
    world
        .rendered
        .iter()
        .flat_map(|rendered| rendered.output.resources.iter().map(move |resource| (rendered, resource)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_name_tag_and_digest() {
        let parsed = Image::parse("registry:5000/team/web:v1@sha256:ab");
        assert_eq!((parsed.name, parsed.tag, parsed.digest), ("registry:5000/team/web", Some("v1"), Some("sha256:ab")));
        assert_eq!(Image::parse("registry:5000/team/web").tag, None);
    }
}
