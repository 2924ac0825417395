//! `application-namespace-not-allowed`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::resolve::instance::Instance;
use crate::resolve::project::{Project, namespace_matches};
use crate::resolve::{Application, Rendered};
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application or ApplicationSet outside of Argo CD's own namespace where the controller or the AppProject does not allow it.
    ///
    /// The project is looked at where the repository declares it, the controller where the repository holds the ConfigMap
    /// `argocd-cmd-params-cm`.
    ///
    /// ## Why it matters
    /// The controller does not see the Application, or refuses it (`InvalidSpecError`): nothing of it is synced.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Application
    /// metadata: {name: web, namespace: team-a}
    /// spec: {project: shop}    # AppProject shop has no sourceNamespaces
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// kind: AppProject
    /// metadata: {name: shop, namespace: argocd}
    /// spec: {sourceNamespaces: [team-a]}
    /// ```
    "application-namespace-not-allowed" = {
        summary: "no Application may be declared in this namespace",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let parameters = Instance::of(world.rendered).parameters.filter(|parameters| !is_of_another(world, parameters));
    sets(world, parameters, findings);
    for application in &world.resolved.applications {
        let Some(node) = application.resource.node.path(&["metadata", "namespace"]) else { continue };
        let namespace = node.text().unwrap_or_default();
        if namespace.is_empty() || namespace.contains("{{") {
            continue;
        }
        // What a set generates lies where the set lies, which is said of the set.
        let generated = application.generated_by.is_some();
        let controller = by_controller(parameters, node, "Application", "application.namespaces");
        let found = by_project(world, application, node).into_iter().chain(controller.filter(|_| !generated));
        findings.extend(found.map(|finding| {
            finding
                .pointer("/metadata/namespace")
                .application(application.id())
                .resource(application.resource.reference())
        }));
    }
}

/// ApplicationSets have a list of their own.
fn sets(world: &World<'_>, parameters: Option<&Resource>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        let Some(node) = set.node.path(&["metadata", "namespace"]) else { continue };
        if node.text().is_some_and(|namespace| !namespace.is_empty()) {
            let found = by_controller(parameters, node, "ApplicationSet", "applicationsetcontroller.namespaces");
            findings.extend(found.map(|finding| finding.resource(set.reference())));
        }
    }
}

fn by_project(world: &World<'_>, application: &Application, node: &Node) -> Option<Finding> {
    let namespace = node.text()?;
    let name = application.spec(&["project"]).and_then(Node::text).filter(|name| !name.is_empty()).unwrap_or("default");
    // Two of one name belong to two installations.
    let mut named = world.resolved.projects.iter().filter(|project| project.name() == name);
    let (Some(resource), None) = (named.next(), named.next()) else { return None };
    let home = resource.namespace();
    if home.is_empty() || home == namespace || Project::of(resource).permits_application_namespace(namespace, home) {
        return None;
    }
    let list = resource.node.path(&["spec", "sourceNamespaces"]).or(resource.node.get("spec"));
    Some(
        Finding::at(&RULE, node)
            .message(format!("AppProject {name} does not allow Applications in namespace {namespace}"))
            .help("add the namespace to the project's sourceNamespaces, or declare the Application beside it")
            .related(list.unwrap_or(&resource.node).mark(), format!("what AppProject {name} allows")),
    )
}

fn by_controller(parameters: Option<&Resource>, node: &Node, what: &str, key: &str) -> Option<Finding> {
    let (parameters, namespace) = (parameters?, node.text()?);
    if namespace == parameters.namespace() || parameters.namespace().is_empty() {
        return None;
    }
    let allowed = parameters.node.path(&["data", key]);
    let patterns = allowed.and_then(Node::text).unwrap_or_default();
    if patterns.split(',').map(str::trim).any(|pattern| namespace_matches(pattern, namespace)) {
        return None;
    }
    let place = allowed.or(parameters.node.get("data")).unwrap_or(&parameters.node);
    Some(
        Finding::at(&RULE, node)
            .message(format!("the controller does not look for {what}s in namespace {namespace}"))
            .help(format!("add the namespace to {key} in ConfigMap argocd-cmd-params-cm"))
            .related(place.mark(), "where it looks besides its own namespace"),
    )
}

/// Whether the installation that `parameters` configures is deployed by an Application that it does not look at itself:
/// there is another one, and the repository need not say which Applications are whose.
fn is_of_another(world: &World<'_>, parameters: &Resource) -> bool {
    let holds = |rendered: &&Rendered| rendered.output.resources.iter().any(|found| std::ptr::eq(found, parameters));
    let deployed_by = world.rendered.iter().find(holds).and_then(|rendered| rendered.application());
    deployed_by
        .and_then(|application| application.resource.node.path(&["metadata", "namespace"]))
        .is_some_and(|node| by_controller(Some(parameters), node, "Application", "application.namespaces").is_some())
}
