//! `invalid-argocd-setting`

use crate::check::ResourceContext;
use crate::check::argo::embedded::Embedded;
use crate::check::argo::setting::{CUSTOMIZATIONS, Form, PATTERNS, SETTINGS};
use crate::check::argo::{build_option, jq};
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::health::lua::syntax_error;
use crate::origin::Mark;
use crate::resolve::instance::SETTINGS as CONFIG_MAP;
use crate::schema::go_duration;
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports what Argo CD does not understand in its ConfigMap `argocd-cm`: keys that are nearly those it knows, values
    /// that a setting does not have, options that kustomize does not have, embedded YAML that is broken or has unknown keys,
    /// health checks that are no Lua and expressions that are no jq.
    ///
    /// ## Why it matters
    /// A misspelt key is ignored. A broken value of `resource.exclusions` or of a customization stops the controllers, and
    /// with them every sync.
    ///
    /// ## Example
    /// ```yaml
    /// data:
    ///   application.resourceTrackingMethod: annotations
    ///   resource.exclusions: |
    ///     - apiGroup: ['cilium.io']
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// data:
    ///   application.resourceTrackingMethod: annotation
    ///   resource.exclusions: |
    ///     - apiGroups: ['cilium.io']
    /// ```
    "invalid-argocd-setting" = {
        summary: "Argo CD does not understand the setting",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "ConfigMap" || !resource.group().is_empty() || resource.name() != CONFIG_MAP {
        return;
    }
    for entry in resource.node.get("data").map(Node::entries).unwrap_or_default() {
        let mut setting = Setting { context, entry, findings };
        setting.judge();
    }
}

/// One entry of `data`.
struct Setting<'c, 'w, 'f> {
    context: &'c ResourceContext<'w>,
    entry: &'c Entry,
    findings: &'f mut Vec<Finding>,
}

impl Setting<'_, '_, '_> {
    fn wrong(&mut self, at: Mark, message: String, help: Option<String>) {
        let pointer = format!("/data/{}", self.entry.key_text());
        let mut finding = self.context.finding(&RULE, &self.entry.value, &pointer).message(message);
        if at.is_some() {
            finding.mark = at;
        }
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn judge(&mut self) {
        let key = self.entry.key_text();
        if let Some((_, form)) = SETTINGS.iter().find(|(known, _)| *known == key) {
            self.value(*form);
        } else if let Some(rest) = key.strip_prefix("resource.customizations.") {
            self.customization(rest);
        } else if let Some(rest) = key.strip_prefix("accounts.") {
            self.account(rest);
        } else if !PATTERNS.iter().any(|pattern| key.starts_with(pattern)) {
            let names = SETTINGS.iter().map(|(known, _)| *known);
            let near =
                nearest(key, names).filter(|near| strsim::osa_distance(&key.to_lowercase(), &near.to_lowercase()) <= 3);
            let pattern = PATTERNS.iter().find_map(|pattern| {
                let rest = key.get(pattern.len().saturating_sub(1)..)?;
                let start = key.get(..pattern.len().saturating_sub(1))?;
                let close = strsim::osa_distance(start, pattern.trim_end_matches('.')) == 1 && rest.starts_with('.');
                close.then(|| format!("{}{rest}", pattern.trim_end_matches('.')))
            });
            if let Some(near) = near.map(str::to_owned).or(pattern) {
                let message = format!("Argo CD knows no setting {key}: it is ignored");
                self.wrong(self.entry.key.mark(), message, Some(format!("did you mean `{near}`?")));
            }
        }
    }

    fn value(&mut self, form: Form) {
        let key = self.entry.key_text();
        let text = self.entry.value.text().unwrap_or_default().trim();
        // Argo CD resolves `$name` from its Secret.
        if text.is_empty() || text.starts_with('$') || text.contains("{{") && form != Form::Yaml {
            return;
        }
        let none = Mark::NONE;
        match form {
            Form::Text => {}
            Form::Boolean if !matches!(text, "true" | "false") => {
                self.wrong(none, format!("{key} is `true` or `false`, not `{text}`"), None);
            }
            Form::Number if text.parse::<f64>().is_err() => {
                self.wrong(none, format!("{key} is a number, not `{text}`"), None);
            }
            Form::Duration if !is_duration(text) => {
                let help = "write numbers with the units h, m and s: `3m`, `180s`".to_owned();
                self.wrong(none, format!("{key} is a duration, not `{text}`"), Some(help));
            }
            Form::Word(words) if !words.contains(&text) => {
                let listed: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
                let near = nearest(text, listed.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                self.wrong(none, format!("{key} has no value `{text}`: it is one of {}", listed.join(", ")), near);
            }
            Form::Url if !text.starts_with("http://") && !text.starts_with("https://") => {
                self.wrong(none, format!("{key} `{text}` is no http or https URL"), None);
            }
            Form::Yaml => drop(self.root()),
            Form::BuildOptions => {
                for (message, near) in build_option::mistakes(text) {
                    self.wrong(none, message, near.map(|near| format!("did you mean `{near}`?")));
                }
            }
            Form::Kinds => self.kinds(),
            Form::Compare => self.fields(
                "",
                &["ignoreAggregatedRoles", "ignoreResourceStatusField", "ignoreDifferencesOnResourceUpdates"],
            ),
            Form::Customizations => self.customizations(),
            Form::Boolean | Form::Number | Form::Duration | Form::Word(_) | Form::Url => {}
        }
    }

    /// The embedded YAML; reports it where it is none.
    fn root(&mut self) -> Option<Node> {
        let embedded = Embedded::new(&self.context.world.repository.snapshot, &self.entry.value);
        let file = embedded.yaml();
        if let Some(problem) = file.problems.first() {
            let message = format!("{}: {}", self.entry.key_text(), problem.kind);
            self.wrong(embedded.place(problem.mark.line), message, None);
            return None;
        }
        file.documents.into_iter().next().map(|document| document.root).filter(|root| !root.is_null())
    }

    fn place(&self, node: &Node) -> Mark {
        Embedded::new(&self.context.world.repository.snapshot, &self.entry.value).place(node.mark().line)
    }

    /// Reports the keys of a mapping that are not among `known`.
    fn keys(&mut self, node: &Node, what: &str, known: &[&str]) {
        for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key_text())) {
            let key = entry.key_text();
            let near = nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| format!("there are {}", known.join(", ")));
            self.wrong(self.place(&entry.key), format!("{what} has no `{key}`"), Some(help));
        }
    }

    fn fields(&mut self, what: &str, known: &[&str]) {
        let what = if what.is_empty() { self.entry.key_text().to_owned() } else { what.to_owned() };
        let Some(root) = self.root() else { return };
        if root.as_mapping().is_none() {
            self.wrong(Mark::NONE, format!("{what} is no mapping"), None);
            return;
        }
        self.keys(&root, &what, known);
    }

    fn kinds(&mut self) {
        let Some(root) = self.root() else { return };
        let key = self.entry.key_text();
        if root.as_sequence().is_none() {
            self.wrong(
                Mark::NONE,
                format!("{key} is no list"),
                Some("begin each entry with `- apiGroups:`".to_owned()),
            );
            return;
        }
        for item in root.items() {
            self.keys(item, &format!("an entry of {key}"), &["apiGroups", "kinds", "clusters", "selector"]);
            for field in ["apiGroups", "kinds", "clusters"] {
                if let Some(node) = item.get(field).filter(|node| node.as_sequence().is_none() && !node.is_null()) {
                    self.wrong(self.place(node), format!("{field} in {key} is no list"), None);
                }
            }
        }
    }

    /// `TYPE.GROUP_KIND`
    fn customization(&mut self, rest: &str) {
        // Fewer parts than that are not read.
        let Some((of, target)) = rest.split_once('.') else {
            let message = format!("{} is not read: it names no kind", self.entry.key_text());
            let help = "write resource.customizations.TYPE.GROUP_KIND".to_owned();
            self.wrong(self.entry.key.mark(), message, Some(help));
            return;
        };
        if !CUSTOMIZATIONS.contains(&of) {
            let near = nearest(of, CUSTOMIZATIONS.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| format!("there are {}", CUSTOMIZATIONS.join(", ")));
            let message = format!("there is no customization `{of}`: Argo CD refuses its settings");
            self.wrong(self.entry.key.mark(), message, Some(help));
            return;
        }
        if target.matches('_').count() > 1 {
            let message = format!("`{target}` is no GROUP_KIND: Argo CD refuses its settings");
            self.wrong(self.entry.key.mark(), message, None);
        } else if target.contains('.') && !target.contains('_') {
            let message = format!("`{target}` is a group without a kind");
            self.wrong(self.entry.key.mark(), message, Some(format!("write {target}_KIND")));
        }
        match of {
            "ignoreDifferences" | "ignoreResourceUpdates" => {
                self.fields("", &["jsonPointers", "jqPathExpressions", "managedFieldsManagers"]);
                self.pointers();
            }
            "actions" => self.fields("", &["discovery.lua", "definitions", "mergeBuiltinActions"]),
            "knownTypeFields" => {
                if let Some(root) = self.root() {
                    for item in root.items() {
                        self.keys(item, "an entry of knownTypeFields", &["field", "type"]);
                    }
                }
            }
            "useOpenLibs" => self.value(Form::Boolean),
            "health" => {
                let text = self.entry.value.text().unwrap_or_default();
                self.script(text, None);
            }
            _ => {}
        }
    }

    fn pointers(&mut self) {
        let embedded = Embedded::new(&self.context.world.repository.snapshot, &self.entry.value).yaml();
        let Some(document) = embedded.documents.first().filter(|_| embedded.problems.is_empty()) else { return };
        for node in document.root.get("jsonPointers").map(Node::items).unwrap_or_default() {
            let text = node.text().unwrap_or_default();
            if !text.starts_with('/') {
                let message = format!("`{text}` is no JSON pointer: it begins with `/`");
                self.wrong(self.place(node), message, None);
            }
        }
        for node in document.root.get("jqPathExpressions").map(Node::items).unwrap_or_default() {
            let text = node.text().unwrap_or_default();
            if jq::is_broken(text) {
                self.wrong(self.place(node), format!("`{text}` is no jq expression"), None);
            }
        }
    }

    fn customizations(&mut self) {
        const KNOWN: [&str; 6] = [
            "health.lua",
            "health.lua.useOpenLibs",
            "actions",
            "ignoreDifferences",
            "ignoreResourceUpdates",
            "knownTypeFields",
        ];
        let Some(root) = self.root() else { return };
        if root.as_mapping().is_none() {
            self.wrong(Mark::NONE, "resource.customizations is no mapping of kinds".to_owned(), None);
            return;
        }
        for entry in root.entries() {
            self.keys(&entry.value, &format!("the customization of {}", entry.key_text()), &KNOWN);
            if let Some(script) = entry.value.get("health.lua") {
                self.script(script.text().unwrap_or_default(), Some(self.place(script)));
            }
        }
    }

    /// A check in Lua that cannot be read; it stands at `at`, or is the whole value.
    fn script(&mut self, text: &str, at: Option<Mark>) {
        let Some((line, error)) = syntax_error(text) else { return };
        let embedded = Embedded::new(&self.context.world.repository.snapshot, &self.entry.value);
        let at = at.unwrap_or_else(|| embedded.place(line));
        let message = format!("the health check is no Lua: {error}");
        let help = "Argo CD then calls the health of every object of the kind Unknown".to_owned();
        self.wrong(at, message, Some(help));
    }

    fn account(&mut self, rest: &str) {
        let text = self.entry.value.text().unwrap_or_default();
        match rest.split_once('.') {
            None => {
                for word in text.split(',').map(str::trim).filter(|word| !matches!(*word, "apiKey" | "login" | "")) {
                    let near = nearest(word, ["apiKey", "login"]).map(|near| format!("did you mean `{near}`?"));
                    let message = format!("an account has no capability `{word}`: there are apiKey and login");
                    self.wrong(Mark::NONE, message, near);
                }
            }
            Some((_, "enabled")) => self.value(Form::Boolean),
            Some((name, other)) => {
                let near = nearest(other, ["enabled"]).map(|near| format!("did you mean `accounts.{name}.{near}`?"));
                self.wrong(self.entry.key.mark(), format!("an account has no setting `{other}`"), near);
            }
        }
    }
}

/// Go's durations, and days as Argo CD reads them.
fn is_duration(text: &str) -> bool {
    let days =
        text.strip_suffix('d').is_some_and(|days| !days.is_empty() && days.bytes().all(|byte| byte.is_ascii_digit()));
    go_duration(text) || days
}
