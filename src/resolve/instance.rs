//! How Argo CD itself is configured, where the repository holds its ConfigMaps.
//!
//! Rules that compare Applications with the configuration speak only where it is known for sure: where what is rendered
//! holds one ConfigMap of the name, however many targets render it.

use std::collections::{BTreeMap, BTreeSet};

use super::Rendered;
use crate::render::Resource;
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
            found.all(|other| other.node.to_json() == first.node.to_json()).then_some(first)
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
