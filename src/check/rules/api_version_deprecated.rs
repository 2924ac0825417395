//! `api-version-deprecated`

use crate::check::ResourceContext;
use crate::finding::{Applicability, Check, Finding, Severity, declare_rule};
use crate::schema::{Lookup, Provenance, lifecycle};

declare_rule! {
    /// Reports an object in a version that is deprecated, where the cluster serves a better one. One that the next minor
    /// release of Kubernetes deprecates is for information.
    ///
    /// ## Why it matters
    /// The version disappears with an upgrade of the cluster, and with it the sync.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: resource.k8s.io/v1beta1   # v1 is served since Kubernetes 1.34
    /// kind: ResourceClaimTemplate
    /// ```
    ///
    /// ## Instead
    /// Use the newer version.
    "api-version-deprecated" = {
        summary: "version will be removed",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (api_version, kind) = (resource.api_version(), resource.kind());
    let catalogue = context.catalogue();
    let Lookup::Known(schema) = catalogue.lookup(api_version, kind) else { return };
    let Some(better) = catalogue.preferred(resource.group(), kind).filter(|better| better != api_version) else {
        return;
    };
    let minor = catalogue.version().minor();
    let (message, severity) = match lifecycle(resource.group(), resource.version(), kind) {
        Some(end) if end.deprecated <= minor => (
            format!(
                "{kind} {api_version} is deprecated since Kubernetes 1.{} and ends with 1.{}",
                end.deprecated, end.removed
            ),
            RULE.severity,
        ),
        Some(end) if end.deprecated == minor + 1 => (
            format!(
                "{kind} {api_version} is deprecated from Kubernetes 1.{} on and ends with 1.{}",
                end.deprecated, end.removed
            ),
            Severity::Info,
        ),
        None if schema.deprecated && matches!(schema.provenance, Provenance::Repository(_)) => (
            format!("the CustomResourceDefinition in this repository calls {kind} {api_version} deprecated"),
            RULE.severity,
        ),
        _ => return,
    };
    let node = resource.node.get("apiVersion").unwrap_or(&resource.node);
    findings.push(
        context
            .finding(&RULE, node, "/apiVersion")
            .severity(severity)
            .message(message)
            .help(format!("use {better}"))
            // The fields may differ from version to version.
            .fix(Applicability::Unsafe, node, better),
    );
}
