//! `rbac-wildcard`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a Role or ClusterRole that permits every verb on every resource of a group, or of all groups. Those of Argo
    /// CD itself are left out: it has to apply whatever the repository holds.
    ///
    /// ## Why it matters
    /// Such a role may do what nobody thought of: read every Secret, bind itself to `cluster-admin`, and all that the next
    /// version of the group brings.
    ///
    /// ## Example
    /// ```yaml
    /// rules:
    /// - {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
    /// ```
    ///
    /// ## Instead
    /// Name the verbs and resources that are needed.
    "rbac-wildcard" = {
        summary: "role permits everything",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "rbac.authorization.k8s.io" || !matches!(resource.kind(), "Role" | "ClusterRole") {
        return;
    }
    // Argo CD's controller applies whatever the repository holds.
    if resource.label("app.kubernetes.io/part-of") == Some("argocd") {
        return;
    }
    for (index, rule) in resource.node.get("rules").map(Node::items).unwrap_or_default().iter().enumerate() {
        let all = |key: &str| rule.get(key)?.items().iter().find(|item| item.text() == Some("*"));
        let (Some(verbs), Some(_)) = (all("verbs"), all("resources")) else { continue };
        let groups: Vec<&str> =
            rule.get("apiGroups").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
        let of = match groups.as_slice() {
            _ if groups.contains(&"*") => "of every group".to_owned(),
            [""] => "of the core group".to_owned(),
            groups => format!("of {}", groups.join(", ")),
        };
        findings.push(
            context
                .finding(&RULE, verbs, &format!("/rules/{index}/verbs"))
                .message(format!("{} {} permits every verb on every resource {of}", resource.kind(), resource.name()))
                .help("name the verbs and resources that are needed"),
        );
    }
}
