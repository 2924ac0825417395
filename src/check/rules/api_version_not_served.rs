//! `api-version-not-served`

use crate::check::ResourceContext;
use crate::finding::{Applicability, Check, Finding, declare_rule};
use crate::schema::{Lookup, lifecycle};

declare_rule! {
    /// Reports an object in a version that the cluster does not serve: one that Kubernetes removed, or one that the
    /// repository's own CustomResourceDefinition does not serve.
    ///
    /// ## Why it matters
    /// The sync fails: `no matches for kind`.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: policy/v1beta1
    /// kind: PodDisruptionBudget
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// ```
    "api-version-not-served" = {
        summary: "the cluster does not serve this version",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (api_version, kind) = (resource.api_version(), resource.kind());
    let Lookup::NotServed { served, crd } = context.catalogue().lookup(api_version, kind) else { return };
    let node = resource.node.get("apiVersion").unwrap_or(&resource.node);
    let end = lifecycle(resource.group(), resource.version(), kind);
    let message = match (end, crd) {
        (Some(end), None) => format!("{kind} {api_version} was removed in Kubernetes 1.{}", end.removed),
        (None, None) => format!("Kubernetes {} does not serve {kind} {api_version}", context.catalogue().version()),
        (_, Some(_)) => format!("the CustomResourceDefinition in this repository does not serve {kind} {api_version}"),
    };
    let mut finding = context.finding(&RULE, node, "/apiVersion").message(message);
    if let Some(first) = served.first() {
        finding = finding.help(format!("use {first}"));
        // The fields may differ from version to version.
        if served.len() == 1 {
            finding = finding.fix(Applicability::Unsafe, node, first.clone());
        }
    }
    if let Some(crd) = crd {
        finding = finding.related(crd, "the CustomResourceDefinition says so here");
    }
    findings.push(finding);
}
