//! The containers, volumes and ports of a pod template, each with its JSON Pointer.

use crate::render::Resource;
use crate::yaml::Node;

/// A pod template of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Pod<'n> {
    /// The template: what holds `metadata` and `spec`.
    pub(crate) template: &'n Node,
    /// Its `spec`.
    pub(crate) spec: &'n Node,
    /// JSON Pointer to the spec.
    pub(crate) pointer: String,
}

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct Container<'n> {
    /// The container.
    pub(crate) node: &'n Node,
    /// JSON Pointer to it.
    pub(crate) pointer: String,
}

impl<'n> Pod<'n> {
    /// The pod of a workload, or the Pod itself.
    pub(crate) fn of(resource: &'n Resource) -> Option<Pod<'n>> {
        let (template, pointer) = resource.pod_template()?;
        Some(Pod { template, spec: template.get("spec")?, pointer: format!("{pointer}/spec") })
    }

    /// The containers of one list: `containers`, `initContainers` or `ephemeralContainers`.
    pub(crate) fn list(&self, list: &str) -> Vec<Container<'n>> {
        let items = self.spec.get(list).map_or(&[][..], Node::items);
        let pointer = |index: usize| format!("{}/{list}/{index}", self.pointer);
        items.iter().enumerate().map(|(index, node)| Container { node, pointer: pointer(index) }).collect()
    }

    /// All containers, in the order of the three lists.
    pub(crate) fn containers(&self) -> Vec<Container<'n>> {
        ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(|list| self.list(list)).collect()
    }
}

impl<'n> Container<'n> {
    /// The name; empty if there is none.
    pub(crate) fn name(&self) -> &'n str {
        self.node.get("name").and_then(Node::text).unwrap_or_default()
    }

    /// The items of a list of the container, with their pointers.
    pub(crate) fn items(&self, list: &str) -> impl Iterator<Item = (&'n Node, String)> + use<'n> {
        let base = format!("{}/{list}", self.pointer);
        let items = self.node.get(list).map_or(&[][..], Node::items);
        items.iter().enumerate().map(move |(index, item)| (item, format!("{base}/{index}")))
    }
}
