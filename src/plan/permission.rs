//! A plan held against the AppProjects of the repository, once more before it is carried out: what the check found may
//! have been waived, and what is pruned is in no manifest.

use super::{Action, ClusterPlan, Deployment, PlanError, Task};
use crate::check::Checked;
use crate::resolve::project::Project;
use crate::schema::Scope;

/// Verifies that every task of `part` is permitted by the project of its Application. A project that the repository does
/// not hold, or holds twice, says nothing.
///
/// # Errors
/// When one is not; the first is named.
pub fn verify(checked: &Checked, part: &ClusterPlan, deployment: &Deployment) -> Result<(), PlanError> {
    let projects: Vec<Project> = checked.resolved().projects.iter().map(Project::of).collect();
    part.tasks.iter().try_for_each(|task| {
        let Some(unit) = deployment.applications.get(&task.application) else { return Ok(()) };
        let name = unit.application.spec(&["project"]).and_then(crate::yaml::Node::text).unwrap_or("default");
        let mut named = projects.iter().filter(|project| project.name() == name);
        let (Some(project), None) = (named.next(), named.next()) else { return Ok(()) };
        judge(checked, part, project, task)
    })
}

fn judge(checked: &Checked, part: &ClusterPlan, project: &Project, task: &Task) -> Result<(), PlanError> {
    let object = &task.object;
    let clusters = &checked.resolved().clusters;
    let (server, cluster) = clusters.names_of(&part.cluster).unwrap_or((&part.cluster, ""));
    let scope = checked.schemas().for_cluster(&part.cluster).scope(&object.api_version, &object.kind);
    let namespaced = scope.map_or(!object.namespace.is_empty(), |scope| scope == Scope::Namespaced);
    let refused = |what: String| {
        Err(PlanError::NotPermitted {
            object: object.to_string(),
            application: task.application.clone(),
            project: project.name().to_owned(),
            what,
        })
    };
    // A namespace that is there already is not made for the Application.
    let is_made = object.kind != "Namespace" || task.action != Action::Unchanged;
    if is_made && !project.permits_resource(object.group(), &object.kind, &object.name, namespaced) {
        return refused(format!("kind {}", object.kind));
    }
    if namespaced && !project.permits_destination(server, cluster, &object.namespace) {
        return refused(format!("namespace {} on {}", object.namespace, part.cluster));
    }
    Ok(())
}
