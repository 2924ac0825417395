//! `invalid-argocd-notification`

use std::sync::{Arc, LazyLock};

use crate::check::ResourceContext;
use crate::check::argo::embedded::Embedded;
use crate::check::argo::label_selector;
use crate::check::argo::subscription::SERVICES;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::origin::Mark;
use crate::render::template::{Functions, Templates, sprig};
use crate::resolve::instance::{NOTIFICATIONS, Notifications};
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports what the notifications controller does not understand in its ConfigMap `argocd-notifications-cm`: keys that
    /// it does not read, services of an unknown kind, broken YAML, templates and conditions that end too early, fields that
    /// a template or a condition does not have, triggers that send templates that do not exist, and subscriptions to
    /// triggers or services that do not exist or with a selector that is none.
    ///
    /// ## Why it matters
    /// Nobody is told of a failed sync. One broken entry makes the controller refuse the whole configuration.
    ///
    /// ## Example
    /// ```yaml
    /// data:
    ///   trigger.on-sync-failed: |
    ///     - when: app.status.operationState.phase in ['Failed']
    ///       send: [sync-failed]
    ///   template.app-sync-failed: |
    ///     message: it failed
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    ///       send: [app-sync-failed]
    /// ```
    "invalid-argocd-notification" = {
        summary: "the notifications controller does not understand the entry",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

const KEYS: [&str; 7] = [
    "trigger.NAME",
    "template.NAME",
    "service.KIND",
    "defaultTriggers",
    "subscriptions",
    "context",
    "defaultTriggers.SERVICE",
];
const TRIGGER: [&str; 5] = ["when", "oncePer", "send", "description", "on"];
const SUBSCRIPTION: [&str; 3] = ["recipients", "triggers", "selector"];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "ConfigMap" || !resource.group().is_empty() || resource.name() != NOTIFICATIONS {
        return;
    }
    let known = Notifications::of_one(resource);
    let mut all = All { context, known: &known, findings };
    for entry in resource.node.get("data").map(Node::entries).unwrap_or_default() {
        all.entry(entry);
    }
}

struct All<'c, 'w, 'f> {
    context: &'c ResourceContext<'w>,
    known: &'c Notifications<'c>,
    findings: &'f mut Vec<Finding>,
}

impl All<'_, '_, '_> {
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

    fn root(&mut self, entry: &Entry) -> Option<Node> {
        let embedded = Embedded::new(&self.context.world.repository.snapshot, &entry.value);
        let file = embedded.yaml();
        if let Some(problem) = file.problems.first() {
            let message = format!("{}: {}", entry.key_text(), problem.kind);
            self.wrong(entry, embedded.place(problem.mark.line), message, None);
            return None;
        }
        file.documents.into_iter().next().map(|document| document.root).filter(|root| !root.is_null())
    }

    fn place(&self, entry: &Entry, node: &Node) -> Mark {
        Embedded::new(&self.context.world.repository.snapshot, &entry.value).place(node.mark().line)
    }

    fn entry(&mut self, entry: &Entry) {
        let key = entry.key_text();
        let start = key.split('.').next().unwrap_or_default();
        match (start, key.split_once('.')) {
            ("trigger", Some(_)) => self.trigger(entry),
            ("template", Some(_)) => self.template(entry),
            ("service", Some((_, name))) => self.service(entry, name),
            ("subscriptions", None) => self.subscriptions(entry),
            ("defaultTriggers", _) => {
                let Some(root) = self.root(entry) else { return };
                self.each(entry, root.items(), "trigger");
            }
            ("context", None) => drop(self.root(entry)),
            _ => {
                let near =
                    nearest(start, ["trigger", "template", "service", "subscriptions", "defaultTriggers", "context"]);
                let help = match near.filter(|near| *near != start) {
                    Some(near) => format!("did you mean `{}`?", key.replacen(start, near, 1)),
                    None => format!("there are {}", KEYS.join(", ")),
                };
                self.wrong(
                    entry,
                    entry.key.mark(),
                    format!("the notifications controller does not read {key}"),
                    Some(help),
                );
            }
        }
    }

    /// Reports the names that do not exist.
    fn each(&mut self, entry: &Entry, names: &[Node], what: &str) {
        for node in names {
            let Some(name) = node.text() else { continue };
            let among: Vec<&str> = match what {
                "trigger" => self.known.triggers.keys().copied().collect(),
                _ => self.known.templates.keys().copied().collect(),
            };
            if !among.contains(&name) {
                let help = nearest(name, among).map(|near| format!("did you mean `{near}`?"));
                self.wrong(entry, self.place(entry, node), format!("there is no {what} {name}"), help);
            }
        }
    }

    fn trigger(&mut self, entry: &Entry) {
        let Some(root) = self.root(entry) else { return };
        if root.as_sequence().is_none() {
            let help = Some("begin each condition with `- when:`".to_owned());
            self.wrong(entry, Mark::NONE, format!("{} is no list of conditions", entry.key_text()), help);
            return;
        }
        for item in root.items() {
            for unknown in item.entries().iter().filter(|field| !TRIGGER.contains(&field.key_text())) {
                let key = unknown.key_text();
                let help = nearest(key, TRIGGER).map(|near| format!("did you mean `{near}`?"));
                self.wrong(entry, self.place(entry, &unknown.key), format!("a condition has no `{key}`"), help);
            }
            match item.get("when") {
                None => self.wrong(entry, self.place(entry, item), "a condition without `when`".to_owned(), None),
                Some(when) => {
                    if let Some(open) = when.text().and_then(unbalanced) {
                        let message = format!("`when` is no expression: `{open}` has no counterpart");
                        self.wrong(entry, self.place(entry, when), message, None);
                    }
                }
            }
            self.each(entry, item.get("send").map(Node::items).unwrap_or_default(), "template");
        }
    }

    fn template(&mut self, entry: &Entry) {
        let Some(root) = self.root(entry) else { return };
        if root.as_mapping().is_none() {
            let help = Some("begin with `message: |`".to_owned());
            self.wrong(entry, Mark::NONE, format!("{} is no mapping", entry.key_text()), help);
            return;
        }
        for field in root.entries() {
            let key = field.key_text();
            // Later controllers may know more services: only what is nearly a known one is wrong for sure.
            let known = || SERVICES.iter().copied().chain(["message"]);
            if known().all(|known| known != key)
                && let Some(near) = nearest(key, known()).filter(|near| strsim::osa_distance(key, near) <= 2)
            {
                let help = Some(format!("did you mean `{near}`?"));
                self.wrong(entry, self.place(entry, &field.key), format!("a template has no `{key}`"), help);
            }
        }
        self.texts(entry, &root);
    }

    /// Reports the Go templates in `node` that cannot be parsed. Depth is bounded by the reader.
    fn texts(&mut self, entry: &Entry, node: &Node) {
        node.items().iter().for_each(|item| self.texts(entry, item));
        node.entries().iter().for_each(|field| self.texts(entry, &field.value));
        let Some(text) = node.text().filter(|text| text.contains("{{")) else { return };
        let error = Templates::new(Arc::clone(&FUNCTIONS)).parse("text", text).err();
        // The controller may have functions that are not known here.
        if let Some(error) = error.filter(|error| !error.message.contains("not defined")) {
            let message = format!("{} is no Go template: {}", entry.key_text(), error.message);
            self.wrong(entry, self.place(entry, node), message, None);
        }
    }

    fn service(&mut self, entry: &Entry, name: &str) {
        let kind = name.split('.').next().unwrap_or_default();
        if !SERVICES.contains(&kind) {
            let help = nearest(kind, SERVICES.iter().copied()).map(|near| format!("did you mean `service.{near}`?"));
            self.wrong(entry, entry.key.mark(), format!("there is no kind of service `{kind}`"), help);
        }
        drop(self.root(entry));
    }

    fn subscriptions(&mut self, entry: &Entry) {
        let Some(root) = self.root(entry) else { return };
        for item in root.items() {
            for unknown in item.entries().iter().filter(|field| !SUBSCRIPTION.contains(&field.key_text())) {
                let key = unknown.key_text();
                let help = nearest(key, SUBSCRIPTION).map(|near| format!("did you mean `{near}`?"));
                self.wrong(entry, self.place(entry, &unknown.key), format!("a subscription has no `{key}`"), help);
            }
            if let Some(selector) = item.get("selector")
                && let Some(what) = selector.text().and_then(label_selector::mistake)
            {
                self.wrong(entry, self.place(entry, selector), what, Some("write `key=value`".to_owned()));
            }
            self.each(entry, item.get("triggers").map(Node::items).unwrap_or_default(), "trigger");
            for node in item.get("recipients").map(Node::items).unwrap_or_default() {
                let service = node.text().unwrap_or_default().split(':').next().unwrap_or_default().trim();
                if !service.is_empty() && !self.known.services.contains_key(service) {
                    let help = nearest(service, self.known.services.keys().copied());
                    let help = help.map(|near| format!("did you mean `{near}`?"));
                    self.wrong(entry, self.place(entry, node), format!("there is no service {service}"), help);
                }
            }
        }
    }
}

/// The functions that templates of notifications have for sure.
static FUNCTIONS: LazyLock<Arc<Functions>> = LazyLock::new(|| {
    let mut functions = Functions::builtins();
    sprig::register(&mut functions);
    Arc::new(functions)
});

/// A bracket or quote of `expression` that is not closed, or was never opened.
fn unbalanced(expression: &str) -> Option<char> {
    let mut open: Vec<(char, char)> = Vec::new();
    let mut chars = expression.chars();
    while let Some(char) = chars.next() {
        match char {
            '(' => open.push((char, ')')),
            '[' => open.push((char, ']')),
            '{' => open.push((char, '}')),
            ')' | ']' | '}' => match open.pop() {
                Some((_, close)) if close == char => {}
                _ => return Some(char),
            },
            '"' | '\'' | '`' => loop {
                match chars.next() {
                    None => return Some(char),
                    Some('\\') if char != '`' => drop(chars.next()),
                    Some(next) if next == char => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    open.pop().map(|(opened, _)| opened)
}
