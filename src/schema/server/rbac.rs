//! Roles and their bindings.

use super::at::{At, Found};
use super::selectors::labels;
use crate::check::syntax;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    match kind {
        "Role" | "ClusterRole" => {
            for rule in root.items("rules") {
                grant(rule, kind == "Role", found);
            }
            if let Some(aggregation) = root.get("aggregationRule") {
                found.required(aggregation, "clusterRoleSelectors");
                for selector in aggregation.items("clusterRoleSelectors") {
                    labels(selector, found);
                }
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            if let Some(role) = root.get("roleRef") {
                found.one_of(role, "apiGroup", &[GROUP]);
                let kinds: &[&str] = if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
                found.one_of(role, "kind", kinds);
                found.required(role, "name");
                found.syntax(role, "name", syntax::path_segment);
            }
            for subject in root.items("subjects") {
                bind(subject, kind == "RoleBinding", found);
            }
        }
        _ => {}
    }
}

fn grant<'n>(rule: At<'n, '_>, namespaced: bool, found: &mut Found<'n>) {
    found.required(rule, "verbs");
    if rule.count("nonResourceURLs") > 0 {
        if namespaced {
            found.forbidden(rule, "nonResourceURLs", "in a Role: URLs have no namespace");
        } else if rule.count("apiGroups") + rule.count("resources") + rule.count("resourceNames") > 0 {
            found.forbidden(rule, "nonResourceURLs", "beside resources");
        }
        return;
    }
    found.required(rule, "apiGroups");
    found.required(rule, "resources");
}

fn bind<'n>(subject: At<'n, '_>, namespaced: bool, found: &mut Found<'n>) {
    found.required(subject, "name");
    match subject.str("kind") {
        Some("ServiceAccount") => {
            found.syntax(subject, "name", syntax::subdomain);
            found.one_of(subject, "apiGroup", &[]);
            if !namespaced {
                found.required(subject, "namespace");
            }
        }
        Some("User" | "Group") => found.one_of(subject, "apiGroup", &[GROUP]),
        _ => found.one_of(subject, "kind", &["ServiceAccount", "User", "Group"]),
    }
}
