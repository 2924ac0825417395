//! Which Services objects send to: Ingresses, routes, webhooks, and others that name a Service and a port of it.

use super::inventory::{Inventory, Placed};
use super::select::{Named, Selected, select};
use crate::yaml::Node;

/// A Service that something sends to.
#[derive(Debug, Clone)]
pub(crate) struct Backend<'a> {
    /// What sends, seen from the Service's namespace.
    pub(crate) from: Placed<'a>,
    /// The Service's name.
    pub(crate) service: Named<'a>,
    /// The port, by number or by name.
    pub(crate) port: Option<Named<'a>>,
}

/// Where a kind names Services.
struct Row {
    group: &'static str,
    kinds: &'static [&'static str],
    /// The way to what names the Service.
    at: &'static str,
    /// The field with the name.
    name: &'static str,
    /// The field with the port, if it has one. A port may be a mapping of `name` or `number`.
    port: &'static str,
}

const fn row(
    group: &'static str,
    kinds: &'static [&'static str],
    at: &'static str,
    name: &'static str,
    port: &'static str,
) -> Row {
    Row { group, kinds, at, name, port }
}

const ROUTES: &[&str] = &["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"];
const WEBHOOKS: &[&str] = &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];

/// Sources: the API reference of Kubernetes, and the CustomResourceDefinitions of the projects.
const TABLE: &[Row] = &[
    row("networking.k8s.io", &["Ingress"], "spec.defaultBackend.service", "name", "port"),
    row("networking.k8s.io", &["Ingress"], "spec.rules.*.http.paths.*.backend.service", "name", "port"),
    row("gateway.networking.k8s.io", ROUTES, "spec.rules.*.backendRefs.*", "name", "port"),
    row("gateway.networking.k8s.io", ROUTES, "spec.rules.*.filters.*.requestMirror.backendRef", "name", "port"),
    row("admissionregistration.k8s.io", WEBHOOKS, "webhooks.*.clientConfig.service", "name", "port"),
    row("apiregistration.k8s.io", &["APIService"], "spec.service", "name", "port"),
    row(
        "apiextensions.k8s.io",
        &["CustomResourceDefinition"],
        "spec.conversion.webhook.clientConfig.service",
        "name",
        "port",
    ),
    row("apps", &["StatefulSet"], "spec", "serviceName", ""),
    row("traefik.io", &["IngressRoute"], "spec.routes.*.services.*", "name", "port"),
    row("traefik.io", &["IngressRouteTCP", "IngressRouteUDP"], "spec.routes.*.services.*", "name", "port"),
    row("route.openshift.io", &["Route"], "spec.to", "name", ""),
    row("argoproj.io", &["Rollout"], "spec.strategy.canary", "canaryService", ""),
    row("argoproj.io", &["Rollout"], "spec.strategy.canary", "stableService", ""),
    row("argoproj.io", &["Rollout"], "spec.strategy.blueGreen", "activeService", ""),
    row("argoproj.io", &["Rollout"], "spec.strategy.blueGreen", "previewService", ""),
    row("networking.istio.io", &["VirtualService"], "spec.http.*.route.*.destination", "host", "port"),
    row("networking.istio.io", &["VirtualService"], "spec.http.*.mirror", "host", "port"),
    row("networking.istio.io", &["VirtualService"], "spec.tcp.*.route.*.destination", "host", "port"),
    row("networking.istio.io", &["VirtualService"], "spec.tls.*.route.*.destination", "host", "port"),
    row("networking.istio.io", &["DestinationRule"], "spec", "host", ""),
];

/// What everything in `inventory` sends to.
pub(crate) fn backends<'a>(inventory: &Inventory<'a>) -> Vec<Backend<'a>> {
    let mut found = Vec::new();
    for row in TABLE {
        for kind in row.kinds {
            for placed in inventory.of_kind(row.group, kind) {
                let ways = select(&placed.resource.node, row.at);
                found.extend(ways.into_iter().filter_map(|way| backend(placed, row, &way)));
            }
        }
    }
    found
}

fn backend<'a>(placed: &Placed<'a>, row: &Row, way: &Selected<'a>) -> Option<Backend<'a>> {
    let other = |field: &str, own: &[&str]| way.node.str_at(&[field]).is_some_and(|text| !own.contains(&text));
    if row.name != "serviceName" && (other("kind", &["Service"]) || other("group", &["", "core"])) {
        return None;
    }
    let mut service = way.text(row.name)?;
    let mut from = match way.node.str_at(&["namespace"]) {
        Some(namespace) if row.at != "spec" && !namespace.is_empty() => placed.within(namespace),
        _ => *placed,
    };
    if row.name == "host" {
        let (name, namespace) = internal(service.text)?;
        service.text = name;
        if let Some(namespace) = namespace {
            from = from.within(namespace);
        }
    }
    let port = way.text(row.port).or_else(|| {
        let port = way.node.get(row.port)?;
        let port = Selected { node: port, pointer: format!("{}/{}", way.pointer, row.port) };
        port.text("name").or_else(|| port.text("number"))
    });
    Some(Backend { from, service, port })
}

/// The Service and the namespace of a host within the mesh: `web`, or `web.shop.svc` with or without the domain of the
/// cluster. Any other host may be one that the mesh learns of otherwise.
pub(crate) fn internal(host: &str) -> Option<(&str, Option<&str>)> {
    if host.contains('*') {
        return None;
    }
    let mut parts = host.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => Some((name, None)),
        (Some(name), Some(namespace), Some("svc")) => Some((name, Some(namespace))),
        _ => None,
    }
}

/// The ports of a Service, by number and by name; empty if it has none.
pub(crate) fn ports(service: &Node) -> Vec<&str> {
    let ports = service.path(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    ports.iter().flat_map(|port| ["port", "name"].into_iter().filter_map(|key| port.get(key)?.text())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_the_mesh_is_a_service_and_its_namespace() {
        assert_eq!(internal("web"), Some(("web", None)));
        assert_eq!(internal("web.shop.svc.cluster.local"), Some(("web", Some("shop"))));
        assert_eq!(internal("web.shop.svc"), Some(("web", Some("shop"))));
        assert_eq!(internal("example.com"), None);
        assert_eq!(internal("*.shop.svc.cluster.local"), None);
    }
}
