//! `appproject-not-found`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an Application whose AppProject the repository does not declare.
    ///
    /// It is silent in a repository that declares no AppProject at all: there they are declared elsewhere.
    ///
    /// ## Why it matters
    /// Argo CD refuses the Application (`InvalidSpecError`) and syncs nothing of it.
    ///
    /// ## Example
    /// ```yaml
    /// spec:
    ///   project: '{{.env}}-project'    # there are only the projects platform and shop
    /// ```
    ///
    /// ## Instead
    /// Name a project that exists, or declare the AppProject.
    "appproject-not-found" = {
        summary: "AppProject is not declared",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let projects = &context.world.resolved.projects;
    let Some(node) = context.application.spec(&["project"]) else { return };
    let name = node.text().unwrap_or_default();
    // Argo CD makes `default` itself, and takes no project for it.
    if projects.is_empty() || matches!(name, "" | "default") || name.contains("{{") {
        return;
    }
    if projects.iter().any(|project| project.name() == name) {
        return;
    }
    findings.push(
        Finding::at(&RULE, node)
            .message(format!("no AppProject is called {name}"))
            .pointer("/spec/project")
            .help("name a project that exists, or declare it")
            .help_did_you_mean(name, projects.iter().map(|project| project.name())),
    );
}
