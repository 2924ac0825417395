//! What several rules ask of an Application, and of what Argo CD reads on any object.

pub(crate) mod annotation;
pub(crate) mod build_option;
pub(crate) mod embedded;
pub(crate) mod jq;
pub(crate) mod label_selector;
pub(crate) mod parameter;
pub(crate) mod permission;
pub(crate) mod setting;
pub(crate) mod subscription;
pub(crate) mod window;

use globset::GlobBuilder;
use smol_str::SmolStr;

use crate::check::World;
use crate::check::engine::head;
use crate::finding::{Finding, Rule};
use crate::render::Resource;
use crate::resolve::Application;
use crate::yaml::Node;

/// An object that Argo CD sees: one that is rendered, or an Application that an ApplicationSet generates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    /// The object.
    pub(crate) resource: &'a Resource,
    /// The Application that deploys it.
    pub(crate) deployed_by: Option<&'a Application>,
}

/// Every object: those that are rendered, in the order of the targets, then the generated Applications.
pub(crate) fn objects<'w>(world: &World<'w>) -> impl Iterator<Item = Object<'w>> {
    let rendered = world.rendered.iter().flat_map(|rendered| {
        let deployed_by = rendered.application().map(|application| &**application);
        rendered.output.resources.iter().map(move |resource| Object { resource, deployed_by })
    });
    let generated = world.resolved.applications.iter().filter(|application| application.generated_by.is_some());
    rendered.chain(generated.map(|application| Object { resource: &application.resource, deployed_by: None }))
}

impl<'a> Object<'a> {
    /// `metadata.annotations`
    pub(crate) fn annotations(&self) -> &'a [crate::yaml::Entry] {
        self.resource.node.path(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default()
    }

    /// Whether it is of this kind of Argo CD's.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.resource.group() == "argoproj.io" && self.resource.kind() == kind
    }

    /// A finding about a value of the object.
    pub(crate) fn finding(&self, rule: &Rule, node: &Node) -> Finding {
        let mut finding = Finding::at(rule, node).resource(self.resource.reference());
        if !finding.mark.is_some() {
            finding.mark = head(&self.resource.node);
        }
        if let Some(application) = self.deployed_by {
            finding.application = Some(application.id());
            finding.cluster = Some(SmolStr::new(application.destination_cluster())).filter(|text| !text.is_empty());
        }
        finding
    }

    /// Whether Argo CD takes the object for a hook.
    pub(crate) fn is_hook(&self) -> bool {
        let of_helm = self.resource.annotation("helm.sh/hook").is_some_and(|hook| hook != "crd-install");
        of_helm || self.resource.annotation("argocd.argoproj.io/hook").is_some()
    }
}

/// Whether a glob that knows no separators agrees with `text`. Most patterns are plain text or `*`: those cost nothing.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if !pattern.contains(['*', '?', '[', '{', '\\']) {
        return pattern == text;
    }
    GlobBuilder::new(pattern).build().is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

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
