//! `invalid-appproject`

use std::collections::BTreeSet;

use regex::Regex;

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports what Argo CD refuses in an AppProject: entries that are there twice, patterns that deny everything, roles
    /// whose names, policies or groups are malformed, sync windows that apply to nothing, and service accounts that are
    /// none.
    ///
    /// Schedules and durations of sync windows have rules of their own.
    ///
    /// ## Why it matters
    /// A project with one such entry is invalid as a whole: every Application of it stops with `InvalidSpecError`.
    ///
    /// ## Example
    /// ```yaml
    /// kind: AppProject
    /// metadata: {name: shop}
    /// spec:
    ///   roles:
    ///   - name: dev
    ///     policies:
    ///     - p, proj:web:dev, applications, sync, shop/*, allow     # the subject is of another project
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    ///     - p, proj:shop:dev, applications, sync, shop/*, allow
    /// ```
    "invalid-appproject" = {
        summary: "AppProject that Argo CD refuses",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// What a policy of a project may be about.
const RESOURCES: [&str; 6] = ["applications", "applicationsets", "clusters", "exec", "logs", "repositories"];

/// What a policy may allow; beyond these, `action/`, `update/` and `delete/` with more behind.
const ACTIONS: [&str; 8] = ["*", "create", "delete", "get", "override", "rollback", "sync", "update"];

/// What no name of a service account may hold.
const NO_ACCOUNT: &str = "!*[]{}\\/";

/// The length that the description of a sync window may have, in bytes.
const DESCRIPTION: usize = 255;

struct Project<'c, 'w, 'f> {
    context: &'c ResourceContext<'w>,
    name: &'c str,
    findings: &'f mut Vec<Finding>,
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.group() != "argoproj.io" || resource.kind() != "AppProject" {
        return;
    }
    let mut project = Project { context, name: resource.name(), findings };
    project.destinations();
    project.each_once(project.items("sourceNamespaces"), "sourceNamespaces", "source namespace", |_| None);
    project.each_once(project.items("sourceRepos"), "sourceRepos", "source repository", |repo| {
        (repo == "!*").then(|| "denies everything".to_owned())
    });
    project.roles();
    project.windows();
    project.accounts();
    project.keys();
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

impl<'c> Project<'c, '_, '_> {
    fn items(&self, field: &str) -> &'c [Node] {
        self.context.resource.node.path(&["spec", field]).map_or(&[][..], Node::items)
    }

    fn wrong(&mut self, node: &Node, pointer: &str, message: String) {
        self.findings.push(self.context.finding(&RULE, node, &format!("/spec/{pointer}")).message(message));
    }

    fn destinations(&mut self) {
        let mut known = BTreeSet::new();
        for (index, item) in self.items("destinations").iter().enumerate() {
            for field in ["name", "server", "namespace"] {
                if let Some(node) = item.get(field).filter(|node| node.as_str() == Some("!*")) {
                    let message = format!("the {field} `!*` denies everything");
                    self.wrong(node, &format!("destinations/{index}/{field}"), message);
                }
            }
            let cluster = Some(text(item, "server")).filter(|server| !server.is_empty());
            let key = (cluster.unwrap_or(text(item, "name")), text(item, "namespace"));
            if !known.insert(key) {
                let message = format!("the destination {}/{} is there twice", key.0, key.1);
                self.wrong(item, &format!("destinations/{index}"), message);
            }
        }
    }

    /// A list at `pointer` of texts of which each may be there once; `wrong` says what else is wrong with one.
    fn each_once(&mut self, items: &[Node], pointer: &str, what: &str, wrong: impl Fn(&str) -> Option<String>) {
        let mut known = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let Some(value) = item.as_str() else { continue };
            let why = if known.insert(value) { wrong(value) } else { Some("is there twice".to_owned()) };
            if let Some(why) = why {
                self.wrong(item, &format!("{pointer}/{index}"), format!("the {what} `{value}` {why}"));
            }
        }
    }

    fn roles(&mut self) {
        let mut known = BTreeSet::new();
        for (index, role) in self.items("roles").iter().enumerate() {
            let name = text(role, "name");
            let at = role.get("name").unwrap_or(role);
            if !known.insert(name) {
                self.wrong(at, &format!("roles/{index}/name"), format!("the role {name} is there twice"));
            }
            if !is_role_name(name) {
                let message = format!(
                    "the role name `{name}` is not made of letters, digits, `-` and `_` with a letter or digit at both ends"
                );
                self.wrong(at, &format!("roles/{index}/name"), message);
            }
            let list = |field: &str| role.get(field).map_or(&[][..], Node::items);
            let project = self.name;
            self.each_once(list("policies"), &format!("roles/{index}/policies"), "policy", |policy| {
                wrong_policy(project, name, policy)
            });
            self.each_once(list("groups"), &format!("roles/{index}/groups"), "group", |group| {
                wrong_group(group).map(str::to_owned)
            });
        }
    }

    fn windows(&mut self) {
        // Two windows are one if all is equal but whether syncs by hand are allowed, and the description.
        let mut known = BTreeSet::new();
        for (index, window) in self.items("syncWindows").iter().enumerate() {
            let pointer = format!("syncWindows/{index}");
            let identity: String = window
                .entries()
                .iter()
                .filter(|entry| !matches!(entry.key_text(), "manualSync" | "description"))
                .map(|entry| (entry.key_text(), entry.value.to_json().to_string()))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|(key, value)| format!("{key}={value};"))
                .collect();
            if !known.insert(identity) {
                self.wrong(window, &pointer, "the sync window is there twice".to_owned());
            }
            if let Some(kind) = window.get("kind").filter(|kind| !matches!(kind.as_str(), Some("allow" | "deny"))) {
                let message = format!("the kind of a sync window is `allow` or `deny`, not `{}`", text(window, "kind"));
                self.wrong(kind, &format!("{pointer}/kind"), message);
            }
            if let Some(node) = window.get("description").filter(|node| node.as_str().unwrap_or("").len() > DESCRIPTION)
            {
                let message = format!("the description is longer than {DESCRIPTION} bytes");
                self.wrong(node, &format!("{pointer}/description"), message);
            }
            // What is written and cannot be read, other rules report.
            for (field, form) in [("schedule", "0 22 * * *"), ("duration", "1h30m")] {
                if text(window, field).is_empty() {
                    let at = window.get(field).unwrap_or(window);
                    self.wrong(at, &pointer, format!("the sync window has no {field}, such as `{form}`"));
                }
            }
            let names = |field: &str| window.get(field).is_some_and(|list| !list.items().is_empty());
            if !["applications", "namespaces", "clusters"].into_iter().any(names) {
                let message = "the sync window is for no `applications`, `namespaces` or `clusters`".to_owned();
                self.wrong(window, &pointer, message);
            }
        }
    }

    fn keys(&mut self) {
        for (index, item) in self.items("signatureKeys").iter().enumerate() {
            let pointer = format!("signatureKeys/{index}/keyID");
            let id = text(item, "keyID");
            // An id, or the whole fingerprint.
            let known = matches!(id.len(), 16 | 40) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !known && !id.contains("{{") {
                let node = item.get("keyID").unwrap_or(item);
                let message = format!("`{id}` is no id of a GnuPG key: it has 16 hexadecimal digits");
                self.wrong(node, &pointer, message);
            }
        }
    }

    fn accounts(&mut self) {
        let mut known = BTreeSet::new();
        for (index, item) in self.items("destinationServiceAccounts").iter().enumerate() {
            let pointer = format!("destinationServiceAccounts/{index}");
            for field in ["server", "namespace"] {
                let pattern = text(item, field);
                let unclosed = pattern.matches('[').count() != pattern.matches(']').count()
                    || pattern.matches('{').count() != pattern.matches('}').count();
                if let Some(node) = item.get(field).filter(|_| pattern.contains('!') || unclosed) {
                    let message = format!("the {field} `{pattern}` is no pattern without denial");
                    self.wrong(node, &format!("{pointer}/{field}"), message);
                }
            }
            let account = text(item, "defaultServiceAccount");
            if account.trim_matches(' ').is_empty() || account.contains(|c| NO_ACCOUNT.contains(c)) {
                let node = item.get("defaultServiceAccount").unwrap_or(item);
                let message = format!("`{account}` is no service account");
                self.wrong(node, &format!("{pointer}/defaultServiceAccount"), message);
            }
            let key = (text(item, "server"), text(item, "namespace"));
            if !known.insert(key) {
                let message = format!("{}/{} has a service account already", key.0, key.1);
                self.wrong(item, &pointer, message);
            }
        }
    }
}

fn is_role_name(name: &str) -> bool {
    let ends = [name.chars().next(), name.chars().next_back()];
    ends.into_iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// What is wrong with a policy of a role.
fn wrong_policy(project: &str, role: &str, policy: &str) -> Option<String> {
    let parts: Vec<&str> = policy.split(',').map(|part| part.trim_matches(' ')).collect();
    let ["p", subject, resource, action, object, effect] = parts.as_slice() else {
        return Some("is not of the form `p, subject, resource, action, object, effect`".to_owned());
    };
    let expected = format!("proj:{project}:{role}");
    if *subject != expected {
        return Some(format!("has the subject `{subject}`; in this role it is `{expected}`"));
    }
    if !RESOURCES.contains(resource) {
        return Some(format!("is about `{resource}`; a project has {}", RESOURCES.join(", ")));
    }
    let deeper = ["action/", "update/", "delete/"].iter().any(|prefix| action.contains(prefix));
    if !ACTIONS.contains(action) && !deeper {
        return Some(format!("has the action `{action}`; there are {}, `action/...`", ACTIONS.join(", ")));
    }
    let form = format!(r"^{}(/[*\w.-]+)?/[*\w.-]+$", regex::escape(project));
    // A name that is too long for an expression is too long for a name.
    if !Regex::new(&form).is_ok_and(|form| form.is_match(object)) {
        return Some(format!("has the object `{object}`; it is `{project}/NAME` or `{project}/NAMESPACE/NAME`"));
    }
    (!matches!(*effect, "allow" | "deny")).then(|| format!("has the effect `{effect}`; it is `allow` or `deny`"))
}

/// What is wrong with the name of a group.
fn wrong_group(group: &str) -> Option<&'static str> {
    let trimmed = group.trim();
    let quoted = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if quoted.is_none() && trimmed.contains(',') {
        return Some("has a comma: put it in double quotes");
    }
    let name = quoted.unwrap_or(trimmed);
    if name.is_empty() {
        return Some("is empty");
    }
    if name.contains(['"', '\n', '\r', '\t']) {
        return Some("has a quotation mark, a line break or a tab");
    }
    (group != trimmed).then_some("has space around it")
}
