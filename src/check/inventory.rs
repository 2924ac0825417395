//! Rendered targets in, what lies in each namespace out: for rules that follow references between objects.
//!
//! A reference is followed within its namespace and its cluster. A cluster may be written by name in one place and by
//! URL in another: where the two cannot be told to differ, they are taken for one. What is rendered without a namespace
//! and without an Application may land anywhere, so it answers every reference.

mod pods;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use pods::Pods;

use super::World;
use super::open::{Openness, Partial};
use crate::finding::{Finding, Rule, nearest};
use crate::render::Resource;
use crate::resolve::Rendered;
use crate::yaml::Node;

/// A resource and the target that renders it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) rendered: &'a Rendered,
    /// The namespace it lands in; `None` where that is not known.
    pub(crate) namespace: Option<&'a str>,
    /// The cluster it goes to, by its server's URL if that is known; `None` where nothing is known.
    pub(crate) cluster: Option<&'a str>,
}

impl<'a> Placed<'a> {
    /// The same object, seen from another namespace of its cluster.
    pub(crate) fn within(&self, namespace: &'a str) -> Placed<'a> {
        Placed { namespace: Some(namespace), ..*self }
    }

    /// Whether both may be on one cluster.
    pub(crate) fn may_meet(&self, other: &Placed<'_>) -> bool {
        let (Some(own), Some(other)) = (self.cluster, other.cluster) else { return true };
        own == other || own.contains("://") != other.contains("://")
    }

    /// A finding about `node`, a value of the resource.
    pub(crate) fn finding(&self, rule: &Rule, node: &Node) -> Finding {
        let finding = Finding::at(rule, node).resource(self.resource.reference());
        match self.rendered.application() {
            Some(application) => finding.application(application.id()).cluster(application.destination_cluster()),
            None => finding,
        }
    }
}

/// Places in [`Inventory::everything`], by namespace.
type Namespaces<'a> = BTreeMap<Option<&'a str>, Vec<usize>>;

/// What lies in each namespace.
#[derive(Debug)]
pub(crate) struct Inventory<'a> {
    everything: Vec<Placed<'a>>,
    by_kind: BTreeMap<(&'a str, &'a str), Namespaces<'a>>,
    /// The namespaces in which something lies.
    namespaces: BTreeSet<&'a str>,
    /// Namespaces in which more may lie than what is rendered; `None` means all of them.
    open: BTreeSet<Option<&'a str>>,
    /// Targets that are rendered in part, by the namespace they go to.
    partial: BTreeMap<Option<&'a str>, Vec<Partial<'a>>>,
    pods: OnceLock<Pods<'a>>,
}

impl<'a> Inventory<'a> {
    /// Takes stock of `world`.
    pub(crate) fn new(world: &World<'a>) -> Inventory<'a> {
        let mut inventory = Inventory {
            everything: Vec::new(),
            by_kind: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            open: BTreeSet::new(),
            partial: BTreeMap::new(),
            pods: OnceLock::new(),
        };
        for rendered in world.rendered {
            let destination = rendered.application().map(|application| application.destination_namespace());
            let destination = destination.filter(|namespace| !namespace.is_empty());
            let cluster = rendered.application().map(|application| application.destination_cluster());
            let cluster = cluster.filter(|cluster| !cluster.is_empty() && !cluster.contains("{{"));
            let cluster = cluster.map(|cluster| world.resolved.clusters.server(cluster));
            match Partial::of(world, rendered) {
                Openness::Whole => {}
                Openness::Unknown => drop(inventory.open.insert(destination)),
                Openness::Partial(partial) => inventory.partial.entry(destination).or_default().push(partial),
            }
            for resource in &rendered.output.resources {
                let namespace = match resource.namespace() {
                    "" => destination,
                    namespace => Some(namespace),
                };
                if may_create_others(world, resource) {
                    inventory.open.insert(namespace);
                }
                inventory.namespaces.extend(namespace);
                let index = inventory.everything.len();
                let of_kind = inventory.by_kind.entry((resource.group(), resource.kind())).or_default();
                of_kind.entry(namespace).or_default().push(index);
                inventory.everything.push(Placed { resource, rendered, namespace, cluster });
            }
        }
        inventory
    }

    /// Everything, in the order of the targets.
    pub(crate) fn everything(&self) -> impl Iterator<Item = &Placed<'a>> {
        self.everything.iter()
    }

    /// The resources of a kind, by namespace.
    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Vec<&Placed<'a>> {
        let namespaces = self.by_kind.get(&(group, kind)).into_iter().flat_map(BTreeMap::values);
        namespaces.flatten().filter_map(|index| self.everything.get(*index)).collect()
    }

    /// The resources of a kind on the cluster of `from`, in any namespace.
    pub(crate) fn on_cluster(&self, from: &Placed<'a>, group: &str, kind: &str) -> Vec<&Placed<'a>> {
        let mut found = self.of_kind(group, kind);
        found.retain(|placed| placed.may_meet(from));
        found
    }

    /// The resources of a kind that something in the namespace of `from` can mean.
    pub(crate) fn beside(&self, from: &Placed<'a>, group: &str, kind: &str) -> Vec<&Placed<'a>> {
        let mut found = self.in_namespace(from, group, kind);
        found.retain(|placed| placed.may_meet(from));
        found
    }

    /// The resources of a kind in the namespace of `from`, on any cluster.
    pub(crate) fn in_namespace(&self, from: &Placed<'a>, group: &str, kind: &str) -> Vec<&Placed<'a>> {
        if from.namespace.is_none() {
            return self.of_kind(group, kind);
        }
        let Some(namespaces) = self.by_kind.get(&(group, kind)) else { return Vec::new() };
        let near = [from.namespace, None].into_iter().filter_map(|namespace| namespaces.get(&namespace));
        near.flatten().filter_map(|index| self.everything.get(*index)).collect()
    }

    /// The names of what [`Inventory::beside`] gives.
    pub(crate) fn names_beside(&self, from: &Placed<'a>, group: &str, kind: &str) -> Vec<&'a str> {
        self.beside(from, group, kind).iter().map(|placed| placed.resource.name()).collect()
    }

    /// Whether nothing called or labelled `word` can lie in the namespace of `placed` besides what is rendered.
    ///
    /// A target that failed opens its namespace only for what it could have made: for everything where `placed` is its
    /// own, else for the words that its files speak of.
    pub(crate) fn is_closed(&self, placed: &Placed<'a>, word: &str) -> bool {
        let open = match placed.namespace {
            None => !self.open.is_empty(),
            namespace => self.open.contains(&namespace) || self.open.contains(&None),
        };
        let near: Vec<&Partial<'a>> = match placed.namespace {
            None => self.partial.values().flatten().collect(),
            namespace => [namespace, None].iter().filter_map(|key| self.partial.get(key)).flatten().collect(),
        };
        !open && !near.iter().any(|partial| partial.is(placed.rendered) || partial.may_make(word))
    }

    /// Whether the repository deploys anything to the namespace.
    pub(crate) fn knows(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// Whether what `placed` calls `word` is missing for sure: nothing besides what is rendered can be called so, and
    /// what lies beside it is known. Next to what no Application deploys anything may be installed; there it must be a
    /// slip of one of the `known` names.
    pub(crate) fn is_missing(&self, placed: &Placed<'a>, word: &str, known: &[&str]) -> bool {
        !known.contains(&word) && self.is_closed(placed, word) && is_deployed_or_slip(placed, word, known)
    }

    /// The same for an object without namespace. A repository that makes none of the kind leaves that to others.
    pub(crate) fn is_missing_everywhere(&self, placed: &Placed<'a>, word: &str, known: &[&str]) -> bool {
        !known.is_empty() && self.is_missing(&Placed { namespace: None, ..*placed }, word, known)
    }

    /// The pod templates that something in the namespace of `from` can select, with what holds them.
    pub(crate) fn pods_beside<'p>(&'p self, from: &'p Placed<'a>) -> Vec<(&'p Placed<'a>, &'a Node)> {
        self.met(from, self.pods().near(from.namespace)).collect()
    }

    /// Those of them that have all labels of `selector` (a mapping).
    pub(crate) fn pods_selected<'p>(
        &'p self,
        from: &'p Placed<'a>,
        selector: &'p Node,
    ) -> Vec<(&'p Placed<'a>, &'a Node)> {
        let first = selector.entries().first().and_then(|entry| Some((entry.key_text(), entry.value.text()?)));
        let mut pods = match (first, from.namespace) {
            (Some((key, value)), Some(_)) => self.met(from, self.pods().labelled(from.namespace, key, value)).collect(),
            _ => self.pods_beside(from),
        };
        pods.retain(|(_, template)| selects(selector, template));
        pods
    }

    fn pods(&self) -> &Pods<'a> {
        self.pods.get_or_init(|| Pods::of(self))
    }

    fn met<'p>(
        &'p self,
        from: &'p Placed<'a>,
        pods: impl Iterator<Item = (usize, &'a Node)> + 'p,
    ) -> impl Iterator<Item = (&'p Placed<'a>, &'a Node)> {
        let placed = pods.filter_map(|(place, template)| Some((self.everything.get(place)?, template)));
        placed.filter(move |(placed, _)| placed.may_meet(from))
    }
}

/// Whether an Application deploys `placed`, or `word` is nearly one of `known`.
pub(crate) fn is_deployed_or_slip(placed: &Placed<'_>, word: &str, known: &[&str]) -> bool {
    placed.rendered.application().is_some() || nearest(word, known.iter().copied()).is_some()
}

/// Whether every label that `selector` (a mapping) asks for is on the pods of `template`.
pub(crate) fn selects(selector: &Node, template: &Node) -> bool {
    let labels = template.path(&["metadata", "labels"]);
    selector.entries().iter().all(|entry| {
        let label = labels.and_then(|labels| labels.get(entry.key_text())).and_then(Node::text);
        label.is_some() && label == entry.value.text()
    })
}

/// Custom resources whose controllers make neither pods nor ConfigMaps nor accounts: group, and kinds if not all.
const PASSIVE: [(&str, &[&str]); 17] = [
    (
        "argoproj.io",
        &["Application", "ApplicationSet", "AppProject", "Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate"],
    ),
    ("autoscaling.k8s.io", &["VerticalPodAutoscaler"]),
    ("bitnami.com", &["SealedSecret"]),
    ("cert-manager.io", &[]),
    ("cilium.io", &[]),
    (
        "external-secrets.io",
        &["ExternalSecret", "SecretStore", "ClusterSecretStore", "PushSecret", "ClusterExternalSecret"],
    ),
    (
        "gateway.networking.k8s.io",
        &["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute", "ReferenceGrant", "GatewayClass"],
    ),
    ("keda.sh", &["ScaledObject", "TriggerAuthentication", "ClusterTriggerAuthentication"]),
    ("kyverno.io", &[]),
    (
        "monitoring.coreos.com",
        &["ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "ScrapeConfig", "AlertmanagerConfig"],
    ),
    ("networking.istio.io", &[]),
    ("policy.linkerd.io", &[]),
    ("projectcalico.org", &[]),
    ("secrets-store.csi.x-k8s.io", &[]),
    ("security.istio.io", &[]),
    ("telemetry.istio.io", &[]),
    ("traefik.io", &[]),
];

/// Whether a controller may make further objects beside the resource that others refer to.
fn may_create_others(world: &World<'_>, resource: &Resource) -> bool {
    let (group, kind) = (resource.group(), resource.kind());
    if world.schemas.default_catalogue().is_native_group(group) {
        return false;
    }
    !PASSIVE.iter().any(|(known, kinds)| *known == group && (kinds.is_empty() || kinds.contains(&kind)))
}
