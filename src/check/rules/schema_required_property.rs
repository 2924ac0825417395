//! `schema-required-property`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::TargetKind;
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports an object that lacks a property which the kind's schema requires, or which the API server asks for though
    /// the schema does not.
    ///
    /// The place is the key of the object that lacks it.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec:              # needs `selector`
    ///   template: {}
    /// ```
    ///
    /// ## Instead
    /// Give the object the property.
    "schema-required-property" = {
        summary: "required property is missing",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// What the API server asks for beyond the schema. Source: the validation functions of `k8s.io/kubernetes/pkg/apis`.
fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let mut asks = Asks { context, findings };
    match (resource.group(), resource.kind()) {
        ("", "PersistentVolumeClaim") => asks.claim(""),
        ("apps", "StatefulSet") => {
            let claims = resource.node.path(&["spec", "volumeClaimTemplates"]).map_or(0, |claims| claims.items().len());
            for index in 0..claims {
                asks.claim(&format!("/spec/volumeClaimTemplates/{index}"));
            }
        }
        ("", "Service") => asks.service(),
        ("networking.k8s.io", "Ingress") if asks.lacks("/spec", "rules") && asks.lacks("/spec", "defaultBackend") => {
            asks.report("/spec", "`rules` or `defaultBackend`");
        }
        // The namespace of a base's subjects comes with the overlay.
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") if !is_base(context) => {
            for (index, subject) in resource.node.get("subjects").map_or(&[][..], Node::items).iter().enumerate() {
                if subject.str_at(&["kind"]) == Some("ServiceAccount") {
                    asks.need(&format!("/subjects/{index}"), "namespace");
                }
            }
        }
        _ => {}
    }
    let Some(pod) = Pod::of(resource) else { return };
    for container in pod.list("initContainers").into_iter().chain(pod.list("containers")) {
        asks.need(&container.pointer, "image");
    }
    if pod.spec.get("containers").is_some_and(|list| list.as_sequence().is_some_and(|list| list.items.is_empty())) {
        asks.report(&format!("{}/containers", pod.pointer), "at least one container");
    }
    // The default, Always, is not for pods that end.
    if resource.group() == "batch" {
        asks.need(&pod.pointer, "restartPolicy");
    }
}

struct Asks<'a, 'c, 'f> {
    context: &'a ResourceContext<'c>,
    findings: &'f mut Vec<Finding>,
}

impl Asks<'_, '_, '_> {
    /// Whether the object at `pointer`, which is there, lacks `property`.
    fn lacks(&self, pointer: &str, property: &str) -> bool {
        let Some(object) = self.context.resource.node.pointer(pointer).filter(|node| node.as_mapping().is_some())
        else {
            return false;
        };
        match object.get(property) {
            None => true,
            Some(value) => match &value.value {
                Value::Sequence(sequence) => sequence.items.is_empty(),
                Value::Scalar(_) => value.text().is_none_or(str::is_empty),
                Value::Mapping(_) => false,
            },
        }
    }

    fn need(&mut self, pointer: &str, property: &str) {
        if self.lacks(pointer, property) {
            self.report(pointer, &format!("`{property}`"));
        }
    }

    /// Reports at the key of the object that `pointer` names, or at the object where it is an item of a list.
    fn report(&mut self, pointer: &str, what: &str) {
        let root = &self.context.resource.node;
        let (parent, last) = pointer.rsplit_once('/').unwrap_or_default();
        let entry = root.pointer(parent).and_then(Node::as_mapping).and_then(|mapping| mapping.entry(last));
        let place = entry.map_or_else(|| root.nearest(pointer), |entry| &entry.key);
        let field = field(pointer);
        let finding = self.context.finding(&RULE, place, pointer).message(format!("{field} needs {what}"));
        self.findings.push(finding);
    }

    fn claim(&mut self, base: &str) {
        let spec = format!("{base}/spec");
        self.need(&spec, "accessModes");
        let storage = self.context.resource.node.pointer(&format!("{spec}/resources/requests/storage"));
        if storage.is_none() && self.context.resource.node.pointer(&spec).is_some() {
            self.report(&spec, "`resources.requests.storage`");
        }
    }

    fn service(&mut self) {
        let text = |key: &str| self.context.resource.node.path(&["spec", key]).and_then(Node::text).unwrap_or_default();
        if text("type") == "ExternalName" {
            self.need("/spec", "externalName");
        } else if text("clusterIP") != "None" {
            self.need("/spec", "ports");
        }
    }
}

/// Whether the resource comes from a kustomization that no Application deploys: others may build upon it.
fn is_base(context: &ResourceContext<'_>) -> bool {
    matches!(context.rendered.target.kind, TargetKind::Kustomization(_))
}

/// `/spec/containers/0` as people write it: `spec.containers[0]`.
fn field(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            field.push_str(&format!("[{part}]"));
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(part);
        }
    }
    field
}
