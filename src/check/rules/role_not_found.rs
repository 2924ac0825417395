//! `role-not-found`

use crate::check::World;
use crate::check::select::select;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a RoleBinding or ClusterRoleBinding whose role nothing in the repository makes.
    ///
    /// Roles that come with Kubernetes are known. It is silent where more may lie in the namespace than the repository
    /// shows, and for a ClusterRole also where the repository makes none.
    ///
    /// ## Why it matters
    /// The binding is accepted and grants nothing: what runs as its subjects is refused, request by request.
    ///
    /// ## Example
    /// ```yaml
    /// kind: RoleBinding
    /// roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: wbe}   # the Role is called web
    /// ```
    ///
    /// ## Instead
    /// Name a role that is deployed. A `roleRef` cannot be changed later: the binding has to be made anew.
    "role-not-found" = {
        summary: "nothing makes the role",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

const GROUP: &str = "rbac.authorization.k8s.io";

/// ClusterRoles for users that the API server makes.
const GIVEN: [&str; 4] = ["cluster-admin", "admin", "edit", "view"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in ["RoleBinding", "ClusterRoleBinding"].iter().flat_map(|kind| inventory.of_kind(GROUP, kind)) {
        for reference in select(&placed.resource.node, "roleRef") {
            let Some(name) = reference.text("name") else { continue };
            // What begins so is made by Kubernetes, and so is more than that in its own namespaces.
            let is_given = GIVEN.contains(&name.text) || name.text.starts_with("system:");
            if is_given || placed.namespace.is_some_and(|namespace| namespace.starts_with("kube-")) {
                continue;
            }
            let (kind, known, is_missing) = match reference.node.str_at(&["kind"]) {
                Some("Role") => {
                    let known = inventory.names_beside(placed, GROUP, "Role");
                    let is_missing = inventory.is_missing(placed, name.text, &known);
                    ("Role", known, is_missing)
                }
                Some("ClusterRole") => {
                    let known = inventory.on_cluster(placed, GROUP, "ClusterRole");
                    let known: Vec<&str> = known.iter().map(|placed| placed.resource.name()).collect();
                    let is_missing = inventory.is_missing_everywhere(placed, name.text, &known);
                    ("ClusterRole", known, is_missing)
                }
                _ => continue,
            };
            if !is_missing {
                continue;
            }
            findings.push(
                placed
                    .finding(&RULE, name.node)
                    .message(format!("{} grants {kind} `{}`, which nothing makes", placed.resource.kind(), name.text))
                    .help("name a role that is deployed")
                    .help_did_you_mean(name.text, known)
                    .pointer(name.pointer),
            );
        }
    }
}
