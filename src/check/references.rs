//! Which Secrets and ConfigMaps workloads ask for, and what makes the Secrets.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::World;
use super::workload::{Place, Pod, all_containers, place};
use crate::render::Resource;
use crate::resolve::Rendered;
use crate::yaml::{Node, Value};

/// A reference of a workload.
#[derive(Debug, Clone)]
pub(crate) struct Reference<'a> {
    /// The name, where it is written.
    pub(crate) node: &'a Node,
    /// Its JSON Pointer in the workload.
    pub(crate) pointer: String,
    /// The name.
    pub(crate) key: &'a str,
}

/// The references of `resource` that must be there when a pod starts.
pub(crate) fn references(resource: &Resource) -> Vec<Reference<'_>> {
    let mut found: Vec<Reference<'_>> = Vec::new();
    for container in all_containers(resource) {
        for (index, variable) in container.node.get("env").map(Node::items).unwrap_or_default().iter().enumerate() {
            let node = variable.path(&["valueFrom", "secretKeyRef"]);
            push(&mut found, node, "name", || format!("{}/env/{index}/valueFrom/secretKeyRef", container.pointer));
        }
        for (index, source) in container.node.get("envFrom").map(Node::items).unwrap_or_default().iter().enumerate() {
            push(&mut found, source.get("secretRef"), "name", || {
                format!("{}/envFrom/{index}/secretRef", container.pointer)
            });
        }
    }
    let Some(Pod { spec, pointer, .. }) = Pod::of(resource) else { return found };
    for (index, one) in spec.get("volumes").map(Node::items).unwrap_or_default().iter().enumerate() {
        push(&mut found, one.get("secret"), "secretName", || format!("{pointer}/volumes/{index}/secret"));
        let sources = one.path(&["projected", "sources"]).map(Node::items).unwrap_or_default();
        for (number, source) in sources.iter().enumerate() {
            push(&mut found, source.get("secret"), "name", || {
                format!("{pointer}/volumes/{index}/projected/sources/{number}/secret")
            });
        }
    }
    found
}

fn push<'a>(found: &mut Vec<Reference<'a>>, node: Option<&'a Node>, key: &str, pointer: impl Fn() -> String) {
    let Some(node) = node.filter(|node| node.get("optional").and_then(Node::as_bool) != Some(true)) else { return };
    if let Some(name) = node.get(key)
        && let Some(text) = name.text().filter(|text| !text.is_empty())
    {
        found.push(Reference { node: name, pointer: format!("{}/{key}", pointer()), key: text });
    }
}

/// The names of the ConfigMaps that the pods cannot start without.
pub(crate) fn config_maps(template: &Node) -> Vec<&Node> {
    let Some(spec) = template.get("spec") else { return Vec::new() };
    let mut found: Vec<&Node> = Vec::new();
    for volume in spec.get("volumes").map(Node::items).unwrap_or_default() {
        found.extend(volume.get("configMap"));
        let projected = volume.path(&["projected", "sources"]).map(Node::items).unwrap_or_default();
        found.extend(projected.iter().filter_map(|source| source.get("configMap")));
    }
    for container in ["initContainers", "containers"].iter().filter_map(|key| spec.get(key)).flat_map(Node::items) {
        let from = container.get("envFrom").map(Node::items).unwrap_or_default();
        found.extend(from.iter().filter_map(|source| source.get("configMapRef")));
        let env = container.get("env").map(Node::items).unwrap_or_default();
        found.extend(env.iter().filter_map(|variable| variable.path(&["valueFrom", "configMapKeyRef"])));
    }
    found
        .into_iter()
        .filter(|reference| reference.get("optional").and_then(Node::as_bool) != Some(true))
        .filter_map(|reference| reference.get("name"))
        .collect()
}

/// Groups whose kinds use Secrets and make none.
const CONSUMERS: [&str; 5] =
    ["argoproj.io", "keda.sh", "monitoring.coreos.com", "networking.istio.io", "security.istio.io"];

/// What is made where.
#[derive(Debug)]
pub(crate) struct Producers {
    made: BTreeMap<Place, BTreeSet<SmolStr>>,
    /// Names that something mentions whose effect is not known, in any place.
    mentioned: BTreeSet<SmolStr>,
    /// Places of which not everything is known.
    uncertain: BTreeSet<Place>,
    /// Clusters of which not everything is known.
    uncertain_clusters: BTreeSet<SmolStr>,
}

impl Producers {
    /// Finds what makes Secrets in `world`.
    pub(crate) fn of(world: &World<'_>) -> Producers {
        let mut producers = Producers {
            made: BTreeMap::new(),
            mentioned: BTreeSet::new(),
            uncertain: BTreeSet::new(),
            uncertain_clusters: BTreeSet::new(),
        };
        for rendered in world.rendered {
            if rendered.output.failed || !rendered.output.not_judged.is_empty() {
                let cluster = super::workload::cluster(world, rendered);
                match rendered.application().map(|application| application.destination_namespace()) {
                    Some(namespace) if !namespace.is_empty() => {
                        let namespace = SmolStr::new(namespace);
                        producers.uncertain.insert(Place { cluster, namespace });
                    }
                    _ => drop(producers.uncertain_clusters.insert(cluster)),
                }
            }
            for resource in &rendered.output.resources {
                producers.take(world, rendered, resource);
            }
        }
        producers
    }

    fn take(&mut self, world: &World<'_>, rendered: &Rendered, resource: &Resource) {
        let node = &resource.node;
        let text = |keys: &[&str]| node.path(keys).and_then(Node::text);
        let name = match resource.kind() {
            "Secret" | "SealedSecret" => Some(resource.name()),
            "ExternalSecret" => text(&["spec", "target", "name"]).or(Some(resource.name())),
            "Certificate" => text(&["spec", "secretName"]),
            _ => None,
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.made.entry(place(world, rendered, resource)).or_default().insert(SmolStr::new(name));
            return;
        }
        // Core kinds make nothing; what others make is not known, so whatever they name counts.
        let core = matches!(resource.group(), "" | "apps" | "batch" | "policy" | "autoscaling")
            || resource.group().ends_with(".k8s.io") && resource.kind() != "Ingress";
        if !core && !CONSUMERS.contains(&resource.group()) {
            self.mentioned.insert(SmolStr::new(resource.name()));
            mention(node, &mut self.mentioned);
        }
    }

    /// Whether nothing makes `name` where `resource` goes, and that is certain.
    pub(crate) fn is_missing(&self, world: &World<'_>, rendered: &Rendered, resource: &Resource, name: &str) -> bool {
        // Without an Application nobody knows where it goes and what is there.
        if rendered.application().is_none() || name.contains("{{") || name.contains("${") {
            return false;
        }
        let place = place(world, rendered, resource);
        if self.mentioned.contains(name)
            || self.uncertain.contains(&place)
            || self.uncertain_clusters.contains(&place.cluster)
        {
            return false;
        }
        let in_namespace = |other: &Place| other.namespace == place.namespace;
        // One cluster may go by its name here and by its URL there.
        let same = |other: &Place| {
            in_namespace(other)
                && (other.cluster == place.cluster || other.cluster.contains("://") != place.cluster.contains("://"))
        };
        let near: Vec<&BTreeSet<SmolStr>> =
            self.made.iter().filter(|(other, _)| same(other)).map(|(_, names)| names).collect();
        // Secrets are often made by hand; a team that makes none of them in Git is not asked.
        let knows = self.made.keys().any(in_namespace);
        knows && !near.iter().any(|names| names.contains(name))
    }

    /// Whether nothing in any cluster makes `namespace/name`, and the repository makes others there.
    pub(crate) fn is_missing_anywhere(&self, namespace: &str, name: &str) -> bool {
        let mut made = self.made.iter().filter(|(place, _)| place.namespace == namespace).peekable();
        made.peek().is_some() && !self.mentioned.contains(name) && made.all(|(_, names)| !names.contains(name))
    }

    /// The names that are made where `resource` goes.
    pub(crate) fn names<'p>(
        &'p self,
        world: &World<'_>,
        rendered: &Rendered,
        resource: &Resource,
    ) -> impl Iterator<Item = &'p str> {
        self.made.get(&place(world, rendered, resource)).into_iter().flatten().map(SmolStr::as_str)
    }
}

/// Collects what `node` names under keys that speak of Secrets, targets or destinations.
fn mention(node: &Node, names: &mut BTreeSet<SmolStr>) {
    let mut stack = vec![(node, false)];
    while let Some((node, speaks)) = stack.pop() {
        match &node.value {
            Value::Scalar(scalar) if speaks => drop(names.insert(scalar.text.clone())),
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => stack.extend(sequence.items.iter().map(|item| (item, speaks))),
            Value::Mapping(mapping) => stack.extend(mapping.entries.iter().map(|entry| {
                let key = entry.key_text().to_ascii_lowercase();
                let words = ["secret", "configmap", "target", "destination", "output"];
                (&entry.value, speaks || words.iter().any(|word| key.contains(word)))
            })),
        }
    }
}
