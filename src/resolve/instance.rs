//! How Argo CD itself is configured, where the repository holds its ConfigMaps.
//!
//! Rules that compare Applications with the configuration speak only where it is known for sure: where what is rendered
//! holds one ConfigMap of the name, however many targets render it.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::Rendered;
use crate::load::{Class, Repository};
use crate::render::Resource;
use crate::render::kustomize::Options;
use crate::source::Content;
use crate::yaml::{Entry, Node};

/// The ConfigMap with most settings.
pub const SETTINGS: &str = "argocd-cm";
/// The ConfigMap with what each user may do.
pub const RBAC: &str = "argocd-rbac-cm";
/// The ConfigMap with the flags of the components.
pub const PARAMETERS: &str = "argocd-cmd-params-cm";
/// The ConfigMap with triggers, templates and services.
pub const NOTIFICATIONS: &str = "argocd-notifications-cm";

/// The ConfigMaps of one installation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instance<'a> {
    /// `argocd-cm`
    pub settings: Option<&'a Resource>,
    /// `argocd-cmd-params-cm`
    pub parameters: Option<&'a Resource>,
}

impl<'a> Instance<'a> {
    /// The configuration among what is rendered.
    pub fn of(rendered: &'a [Rendered]) -> Instance<'a> {
        let only = |name: &'static str| {
            let mut found = config_maps(rendered, name);
            let first = found.next()?;
            found.all(|other| other.node.says_same(&first.node)).then_some(first)
        };
        Instance { settings: only(SETTINGS), parameters: only(PARAMETERS) }
    }

    /// A key of `argocd-cm`.
    pub fn setting(&self, key: &str) -> Option<&'a Node> {
        self.settings?.node.path(&["data", key])
    }
}

fn config_maps<'a>(rendered: &'a [Rendered], name: &'a str) -> impl Iterator<Item = &'a Resource> {
    let resources = rendered.iter().flat_map(|rendered| &rendered.output.resources);
    resources.filter(move |resource| {
        resource.kind() == "ConfigMap" && resource.group().is_empty() && resource.name() == name
    })
}

/// The triggers, templates and services that notifications may name, by name; the entries of the ConfigMap define them.
#[derive(Debug, Clone, Default)]
pub struct Notifications<'a> {
    /// Triggers.
    pub triggers: BTreeMap<&'a str, &'a Entry>,
    /// Templates.
    pub templates: BTreeMap<&'a str, &'a Entry>,
    /// Services; one of a name of its own stands under that name.
    pub services: BTreeMap<&'a str, &'a Entry>,
    /// Services that have default triggers.
    default_triggers: BTreeSet<&'a str>,
    /// Whether there are default triggers for every service.
    default_for_all: bool,
}

impl<'a> Notifications<'a> {
    /// What all ConfigMaps `argocd-notifications-cm` define together; `None` where there is none.
    pub fn of(rendered: &'a [Rendered]) -> Option<Notifications<'a>> {
        let mut all: Option<Notifications<'a>> = None;
        for resource in config_maps(rendered, NOTIFICATIONS) {
            all.get_or_insert_default().take(resource);
        }
        all
    }

    /// What one ConfigMap defines.
    pub fn of_one(resource: &'a Resource) -> Notifications<'a> {
        let mut one = Notifications::default();
        one.take(resource);
        one
    }

    fn take(&mut self, resource: &'a Resource) {
        for entry in resource.node.get("data").map(Node::entries).unwrap_or_default() {
            let key = entry.key_text();
            if let Some(name) = key.strip_prefix("trigger.") {
                self.triggers.insert(name, entry);
            } else if let Some(name) = key.strip_prefix("template.") {
                self.templates.insert(name, entry);
            } else if let Some(name) = key.strip_prefix("service.") {
                // `service.webhook.github` is called github, `service.slack` slack.
                self.services.insert(name.split_once('.').map_or(name, |(_, own)| own), entry);
            } else if let Some(service) = key.strip_prefix("defaultTriggers.") {
                self.default_triggers.insert(service);
            } else if key == "defaultTriggers" {
                self.default_for_all = true;
            }
        }
    }

    /// Whether a subscription to `service` may leave its trigger out.
    pub fn has_default_triggers(&self, service: &str) -> bool {
        self.default_for_all || self.default_triggers.contains(service)
    }
}

/// How kustomize is called for Applications: with `kustomize.buildOptions`, wherever the repository sets it, be it in
/// `argocd-cm`, in a patch of it, or in the values of a chart. Where it is set in several ways, the most lenient counts.
/// Charts in kustomizations need an option that a repository with an `argocd-cm` must show; without one, the
/// installation is out of sight.
pub fn build_options(repository: &Repository) -> Options {
    let (settings, options) = (memmem::Finder::new(SETTINGS), memmem::Finder::new(BUILD_OPTIONS));
    let mut given: Vec<&str> = Vec::new();
    let mut installed = false;
    // Values may stand in kustomizations and in templates, which are no manifests.
    let mut elsewhere: Vec<&str> = Vec::new();
    for (id, file) in repository.snapshot.files() {
        let Content::Text(text) = &file.content else { continue };
        let sets = options.find(text.as_bytes()).is_some();
        if sets {
            elsewhere.push(text);
        }
        if repository.class(id) != Class::Yaml || !(sets || settings.find(text.as_bytes()).is_some()) {
            continue;
        }
        for document in repository.yaml(id).map(|yaml| &yaml.documents).into_iter().flatten() {
            let root = &document.root;
            installed |=
                root.str_at(&["kind"]) == Some("ConfigMap") && root.str_at(&["metadata", "name"]) == Some(SETTINGS);
            if sets {
                collect(root, &mut given);
            }
        }
    }
    let has = |texts: &[&str], word: &str| texts.iter().any(|text| text.contains(word));
    Options {
        restrict: !has(&given, "LoadRestrictionsNone"),
        helm: !installed || has(&given, "--enable-helm") || has(&elsewhere, "--enable-helm"),
    }
}

const BUILD_OPTIONS: &str = "kustomize.buildOptions";

/// The values of all keys `kustomize.buildOptions`, those for one version included. Depth is bounded by the reader.
fn collect<'n>(node: &'n Node, given: &mut Vec<&'n str>) {
    for entry in node.entries() {
        if entry.key_text().starts_with(BUILD_OPTIONS) {
            given.extend(entry.value.text());
        }
        collect(&entry.value, given);
    }
    node.items().iter().for_each(|item| collect(item, given));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::load;
    use crate::source::Snapshot;

    fn options(files: &[(&str, &str)]) -> (bool, bool) {
        let options = build_options(&load(Arc::new(Snapshot::from_files(files.iter().copied()))));
        (options.restrict, options.helm)
    }

    #[test]
    fn kustomize_is_called_as_the_installation_says() {
        let map = |data: &str| format!("kind: ConfigMap\nmetadata: {{name: argocd-cm}}\ndata: {{{data}}}\n");
        assert_eq!(options(&[("web.yaml", "kind: ConfigMap\n")]), (true, true));
        assert_eq!(options(&[("cm.yaml", &map("url: 'https://a.example.com'"))]), (true, false));
        let set = map("kustomize.buildOptions: --enable-helm --load-restrictor LoadRestrictionsNone");
        assert_eq!(options(&[("cm.yaml", &set)]), (false, true));
        let versioned = map("kustomize.buildOptions.v5: --enable-helm");
        assert_eq!(options(&[("cm.yaml", &versioned)]), (true, true));
        let values = "configs: {cm: {kustomize.buildOptions: --load-restrictor=LoadRestrictionsNone}}\n";
        assert_eq!(options(&[("values.yaml", values)]), (false, true));
    }
}
