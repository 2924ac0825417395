//! What several rules ask of an Application.

use crate::check::World;
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

/// One of `spec.syncPolicy.syncOptions`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SyncOption<'a> {
    /// The entry.
    pub(crate) node: &'a Node,
    /// `Replace` of `Replace=true`.
    pub(crate) key: &'a str,
    /// `true` of `Replace=true`.
    pub(crate) value: &'a str,
}

/// The sync options of `application`; an entry without `=` has an empty value.
pub(crate) fn sync_options(application: &Application) -> impl Iterator<Item = SyncOption<'_>> {
    let nodes = application.spec(&["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
    nodes.iter().filter_map(|node| {
        let text = node.text()?;
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Some(SyncOption { node, key: key.trim(), value: value.trim() })
    })
}

/// The entry that sets an option to a value.
pub(crate) fn sync_option<'a>(application: &'a Application, key: &str, value: &str) -> Option<SyncOption<'a>> {
    sync_options(application).find(|option| option.key == key && option.value == value)
}

/// `spec.syncPolicy.automated`, unless it is switched off by `enabled: false`.
pub(crate) fn automated(application: &Application) -> Option<&Node> {
    let automated = application.spec(&["syncPolicy", "automated"])?;
    let enabled = automated.get("enabled").and_then(Node::as_bool).unwrap_or(true);
    (enabled && !automated.is_null()).then_some(automated)
}

/// Where a field stands: the mark of its key in the mapping at `path` of the Application's `spec`.
pub(crate) fn key_mark(node: &Node, path: &[&str]) -> Option<crate::origin::Mark> {
    let (last, before) = path.split_last()?;
    let mapping = node.path(before)?.as_mapping()?;
    Some(mapping.entry(last)?.key.mark())
}

/// The ApplicationSets that make an environment for each pull request.
pub(crate) fn previews<'w>(world: &World<'w>) -> impl Iterator<Item = &'w Resource> {
    world.resolved.application_sets.iter().map(|set| &**set).filter(|set| {
        let generators = set.node.path(&["spec", "generators"]).map(Node::items).unwrap_or_default();
        generators.iter().any(is_pull_request)
    })
}

/// Depth is bounded by the reader.
fn is_pull_request(generator: &Node) -> bool {
    let nested = || ["matrix", "merge"].iter().filter_map(|kind| generator.path(&[kind, "generators"]));
    generator.get("pullRequest").is_some() || nested().any(|nested| nested.items().iter().any(is_pull_request))
}
