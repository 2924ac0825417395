//! The pod templates of an inventory, found by their namespace and by their labels.

use std::collections::HashMap;

use super::{Inventory, Placed};
use crate::yaml::Node;

/// What pods are made by.
const KINDS: [(&str, &str); 9] = [
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("", "Pod"),
    ("", "ReplicationController"),
    ("argoproj.io", "Rollout"),
];

/// A place in the inventory, and the pod template there.
type Pod<'a> = (usize, &'a Node);

/// A namespace, and a label with its value.
type Label<'a> = (Option<&'a str>, &'a str, &'a str);

/// All pod templates.
#[derive(Debug, Default)]
pub(super) struct Pods<'a> {
    all: Vec<Pod<'a>>,
    by_namespace: HashMap<Option<&'a str>, Vec<Pod<'a>>>,
    by_label: HashMap<Label<'a>, Vec<Pod<'a>>>,
}

impl<'a> Pods<'a> {
    /// Those of `inventory`.
    pub(super) fn of(inventory: &Inventory<'a>) -> Pods<'a> {
        let mut pods = Pods::default();
        let places = KINDS.iter().filter_map(|kind| inventory.by_kind.get(kind)).flat_map(|by| by.values().flatten());
        for place in places {
            let Some(Placed { resource, namespace, .. }) = inventory.everything.get(*place) else { continue };
            let Some((template, _)) = resource.pod_template() else { continue };
            let pod = (*place, template);
            pods.all.push(pod);
            pods.by_namespace.entry(*namespace).or_default().push(pod);
            for label in template.path(&["metadata", "labels"]).map(Node::entries).unwrap_or_default() {
                let Some(value) = label.value.text() else { continue };
                pods.by_label.entry((*namespace, label.key_text(), value)).or_default().push(pod);
            }
        }
        pods
    }

    /// Those of a namespace and those that may land in any; all of them where it is not known.
    pub(super) fn near<'p>(&'p self, namespace: Option<&'p str>) -> impl Iterator<Item = Pod<'a>> + use<'p, 'a> {
        let (own, others): (&[Pod<'a>], &[Pod<'a>]) = match namespace {
            None => (&self.all, &[]),
            namespace => (slice(self.by_namespace.get(&namespace)), slice(self.by_namespace.get(&None))),
        };
        own.iter().chain(others).copied()
    }

    /// Those of them that have a label with that value.
    pub(super) fn labelled<'p>(
        &'p self,
        namespace: Option<&'p str>,
        key: &'p str,
        value: &'p str,
    ) -> impl Iterator<Item = Pod<'a>> + use<'p, 'a> {
        let (own, others) = (self.by_label.get(&(namespace, key, value)), self.by_label.get(&(None, key, value)));
        slice(own).iter().chain(slice(others)).copied()
    }
}

fn slice<'p, 'a>(pods: Option<&'p Vec<Pod<'a>>>) -> &'p [Pod<'a>] {
    pods.map_or(&[], Vec::as_slice)
}
