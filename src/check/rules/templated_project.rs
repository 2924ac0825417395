//! `templated-project`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an ApplicationSet whose template takes the project from a parameter.
    ///
    /// ## Why it matters
    /// The API server of Argo CD and `argocd appset create` refuse it; only what is applied to the cluster is accepted. And
    /// whoever can change the generator's data chooses the project, and with it what the Applications may do.
    ///
    /// ## Example
    /// ```yaml
    /// template:
    ///   spec:
    ///     project: '{{.team}}'
    /// ```
    ///
    /// ## Instead
    /// Write one ApplicationSet for each project.
    "templated-project" = {
        summary: "the project is a parameter",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

const POINTER: &str = "/spec/template/spec/project";

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "argoproj.io" || resource.kind() != "ApplicationSet" {
        return;
    }
    let Some(project) = resource.node.pointer(POINTER) else { return };
    let Some(text) = project.text().filter(|text| text.contains("{{")) else { return };
    findings.push(
        context
            .finding(&RULE, project, POINTER)
            .message(format!("the project is the parameter `{text}`: the API of Argo CD refuses such a set"))
            .help("write one ApplicationSet for each project"),
    );
}
