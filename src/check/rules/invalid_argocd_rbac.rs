//! `invalid-argocd-rbac`

use std::collections::BTreeSet;

use crate::check::ResourceContext;
use crate::check::argo::embedded::Embedded;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::origin::Mark;
use crate::resolve::instance::RBAC;
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports what Argo CD does not understand in its ConfigMap `argocd-rbac-cm`: lines of a policy that are malformed or
    /// name resources, actions, effects or roles that do not exist, and a default role that nobody defines.
    ///
    /// ## Why it matters
    /// One malformed line makes Argo CD refuse the whole policy: the one before stays in force until the next restart, and
    /// then none. A line with an unknown action grants nothing, or denies nothing.
    ///
    /// ## Example
    /// ```yaml
    /// data:
    ///   policy.csv: |
    ///     p, role:dev, application, sync, shop/*, allow
    ///     g, developers, role:devs
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// data:
    ///   policy.csv: |
    ///     p, role:dev, applications, sync, shop/*, allow
    ///     g, developers, role:dev
    /// ```
    "invalid-argocd-rbac" = {
        summary: "Argo CD does not understand the policy",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

const RESOURCES: [&str; 12] = [
    "clusters",
    "projects",
    "applications",
    "applicationsets",
    "repositories",
    "write-repositories",
    "certificates",
    "accounts",
    "gpgkeys",
    "logs",
    "exec",
    "extensions",
];
/// Resources whose objects are written `PROJECT/NAME`, and cannot match otherwise.
const IN_PROJECTS: [&str; 4] = ["applications", "applicationsets", "logs", "exec"];
const ACTIONS: [&str; 9] = ["get", "create", "update", "delete", "sync", "rollback", "override", "action", "invoke"];
const BUILT_IN: [&str; 2] = ["role:readonly", "role:admin"];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "ConfigMap" || !resource.group().is_empty() || resource.name() != RBAC {
        return;
    }
    let data = resource.node.get("data").map(Node::entries).unwrap_or_default();
    let is_policy = |entry: &&Entry| {
        let key = entry.key_text();
        key == "policy.csv" || key.starts_with("policy.") && key.ends_with(".csv")
    };
    let mut known: BTreeSet<&str> = BTreeSet::from(BUILT_IN);
    for entry in data.iter().filter(is_policy) {
        for line in entry.value.text().unwrap_or_default().lines() {
            let mut parts = line.split(',').map(str::trim);
            if matches!(parts.next(), Some("p" | "g")) {
                known.extend(parts.next());
            }
        }
    }
    let regex = resource.node.str_at(&["data", "policy.matchMode"]) == Some("regex");
    let mut policy = Policy { context, known, regex, findings };
    for entry in data {
        let value = entry.value.text().unwrap_or_default();
        match entry.key_text() {
            "policy.default" => policy.role(entry, Mark::NONE, value.trim()),
            "policy.matchMode" if !matches!(value, "glob" | "regex" | "") => {
                policy.wrong(entry, Mark::NONE, format!("policy.matchMode is `glob` or `regex`, not `{value}`"), None);
            }
            "scopes" => policy.scopes(entry),
            "policy.matchMode" => {}
            _ if is_policy(&entry) => policy.lines(entry),
            key => {
                let near = nearest(key, ["policy.csv", "policy.default", "policy.matchMode", "scopes"]);
                if let Some(near) = near {
                    let help = Some(format!("did you mean `{near}`?"));
                    policy.wrong(entry, entry.key.mark(), format!("Argo CD does not read {key}"), help);
                }
            }
        }
    }
}

struct Policy<'c, 'w, 'f> {
    context: &'c ResourceContext<'w>,
    /// Every subject and role that a policy names on its left.
    known: BTreeSet<&'c str>,
    /// Whether policies are regular expressions.
    regex: bool,
    findings: &'f mut Vec<Finding>,
}

impl Policy<'_, '_, '_> {
    fn wrong(&mut self, entry: &Entry, at: Mark, message: String, help: Option<String>) {
        let pointer = format!("/data/{}", entry.key_text());
        let mut finding = self.context.finding(&RULE, &entry.value, &pointer).message(message);
        if at.is_some() {
            finding.mark = at;
        }
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn role(&mut self, entry: &Entry, at: Mark, role: &str) {
        // Roles of projects are defined there; groups and users are known to the identity provider only.
        if !role.starts_with("role:") || self.known.contains(role) {
            return;
        }
        let near = nearest(role, self.known.iter().copied().filter(|known| known.starts_with("role:")));
        let near = near.map(|near| format!("did you mean `{near}`?"));
        self.wrong(entry, at, format!("no policy defines {role}: whoever has it may do nothing"), near);
    }

    fn scopes(&mut self, entry: &Entry) {
        let embedded = Embedded::new(&self.context.world.repository.snapshot, &entry.value);
        let file = embedded.yaml();
        let root = file.documents.first().map(|document| &document.root);
        let right = root.is_none_or(|root| {
            root.is_null() || root.items().iter().all(|item| item.text().is_some()) && root.as_sequence().is_some()
        });
        if !right || !file.problems.is_empty() {
            let help = Some("write `'[groups, email]'`".to_owned());
            self.wrong(entry, Mark::NONE, "scopes is no list of names".to_owned(), help);
        }
    }

    fn lines(&mut self, entry: &Entry) {
        let snapshot = &self.context.world.repository.snapshot;
        for (index, line) in entry.value.text().unwrap_or_default().lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let at = Embedded::new(snapshot, &entry.value).place(index as u32 + 1);
            self.line(entry, at, text);
        }
    }

    fn line(&mut self, entry: &Entry, at: Mark, line: &str) {
        let parts: Vec<&str> = line.split(',').map(|part| part.trim().trim_matches('"')).collect();
        match parts.as_slice() {
            ["p", _, resource, action, object, effect] => {
                self.permission(entry, at, [resource, action, object, effect])
            }
            ["g", _, role] => self.role(entry, at, role),
            ["p", ..] => {
                let message = format!("a policy has six parts, this one {}", parts.len());
                self.wrong(entry, at, message, Some("write `p, role, resource, action, object, effect`".to_owned()));
            }
            ["g", ..] => {
                let message = format!("a group has three parts, this one {}", parts.len());
                self.wrong(entry, at, message, Some("write `g, group, role`".to_owned()));
            }
            [kind, ..] => {
                let help = Some("Argo CD refuses the whole policy; lines begin with `p` or `g`".to_owned());
                self.wrong(entry, at, format!("a policy begins with `p` or `g`, not `{kind}`"), help);
            }
            [] => {}
        }
    }

    fn permission(&mut self, entry: &Entry, at: Mark, [resource, action, object, effect]: [&str; 4]) {
        let open = |text: &str| self.regex || text.contains(['*', '?', '[', '{']);
        let near = |word: &str, known: &[&'static str]| {
            nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
        };
        let (open_resource, open_action) = (open(resource), open(action));
        if !open_resource && !RESOURCES.contains(&resource) {
            self.wrong(entry, at, format!("Argo CD has no resource `{resource}`"), near(resource, &RESOURCES));
        }
        let verb = action.split('/').next().unwrap_or_default();
        if !open_action && !ACTIONS.contains(&verb) {
            self.wrong(entry, at, format!("Argo CD has no action `{action}`"), near(action, &ACTIONS));
        }
        if !self.regex && IN_PROJECTS.contains(&resource) && !object.contains('/') && !object.contains('*') {
            let help = Some(format!("write `{object}/*` for the project, `PROJECT/{object}` for the object"));
            self.wrong(entry, at, format!("`{object}` matches nothing: {resource} are named PROJECT/NAME"), help);
        }
        if !matches!(effect, "allow" | "deny") {
            self.wrong(
                entry,
                at,
                format!("the effect is `allow` or `deny`, not `{effect}`"),
                near(effect, &["allow", "deny"]),
            );
        }
    }
}
