//! The Services that a ServiceMonitor chooses from.

use super::inventory::{Inventory, Placed};
use crate::yaml::Node;

/// The Services of the namespaces that `monitor` looks into; `None` where not all of them are known, or there is none.
pub(crate) fn services<'i, 'a>(inventory: &'i Inventory<'a>, monitor: &Placed<'a>) -> Option<Vec<&'i Placed<'a>>> {
    let scope = monitor.resource.node.path(&["spec", "namespaceSelector"]);
    if scope.and_then(|scope| scope.get("any")).and_then(Node::as_bool) == Some(true) {
        return None;
    }
    let names = scope.and_then(|scope| scope.get("matchNames")).map(Node::items).unwrap_or_default();
    let mut places: Vec<Placed<'a>> = names.iter().filter_map(|name| Some(monitor.within(name.text()?))).collect();
    if places.is_empty() {
        places.push(*monitor);
    }
    // The labels of a Service that is out of sight can be any.
    if !places.iter().all(|place| inventory.is_closed(place, monitor.resource.name())) {
        return None;
    }
    let found: Vec<&Placed<'a>> = places.iter().flat_map(|place| inventory.beside(place, "", "Service")).collect();
    (!found.is_empty()).then_some(found)
}
