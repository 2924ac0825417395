//! Webhooks, admission policies and aggregated APIs.

use super::at::{At, Found};
use super::selectors::labels_in;
use crate::check::syntax;

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    match kind {
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            let mut names: Vec<&str> = Vec::new();
            for hook in root.items("webhooks") {
                webhook(hook, found);
                if let Some(name) = hook.str("name") {
                    if names.contains(&name) {
                        found.syntax(hook, "name", |name| Some(format!("repeats `{name}`")));
                    }
                    names.push(name);
                }
            }
        }
        "ValidatingAdmissionPolicy" => {
            let Some(spec) = root.get("spec") else { return };
            match spec.get("matchConstraints") {
                None => found.lacks(spec, "needs `matchConstraints`"),
                Some(constraints) => {
                    found.required(constraints, "resourceRules");
                    rules(constraints, "resourceRules", found);
                    labels_in(constraints, "namespaceSelector", found);
                    labels_in(constraints, "objectSelector", found);
                }
            }
            if spec.count("validations") + spec.count("auditAnnotations") == 0 {
                found.lacks(spec, "needs `validations` or `auditAnnotations`");
            }
            conditions(spec, found);
        }
        "ValidatingAdmissionPolicyBinding" => {
            let Some(spec) = root.get("spec") else { return };
            found.required(spec, "policyName");
            found.required(spec, "validationActions");
            let actions: Vec<&str> = spec.items("validationActions").iter().filter_map(|at| at.text()).collect();
            for (index, action) in spec.items("validationActions").into_iter().enumerate() {
                let Some(text) = action.text() else { continue };
                if !matches!(text, "Deny" | "Warn" | "Audit") {
                    found.wrong(action, format!("must be one of Deny, Warn, Audit, found `{text}`"));
                } else if actions.iter().take(index).any(|known| *known == text) {
                    found.wrong(action, format!("repeats `{text}`"));
                }
            }
            if actions.contains(&"Deny")
                && actions.contains(&"Warn")
                && let Some(at) = spec.get("validationActions")
            {
                found.wrong(at, "must not have both Deny and Warn");
            }
        }
        "APIService" => api_service(root, found),
        _ => {}
    }
}

fn webhook<'n>(hook: At<'n, '_>, found: &mut Found<'n>) {
    found.syntax(hook, "name", |name| {
        let long = name.matches('.').count() >= 2;
        syntax::subdomain(name)
            .or_else(|| (!long).then(|| format!("must be a name with at least three parts, found `{name}`")))
    });
    match hook.str("sideEffects") {
        None => found.required(hook, "sideEffects"),
        Some(_) => found.one_of(hook, "sideEffects", &["None", "NoneOnDryRun"]),
    }
    found.required(hook, "admissionReviewVersions");
    let versions = hook.items("admissionReviewVersions");
    let known = versions.iter().any(|at| at.text().is_none_or(|text| matches!(text, "v1" | "v1beta1")));
    if !versions.is_empty()
        && !known
        && let Some(at) = hook.get("admissionReviewVersions")
    {
        found.wrong(at, "must have v1 or v1beta1");
    }
    match hook.get("clientConfig") {
        None => found.lacks(hook, "needs `clientConfig`"),
        Some(client) => client_config(client, found),
    }
    labels_in(hook, "namespaceSelector", found);
    labels_in(hook, "objectSelector", found);
    rules(hook, "rules", found);
    conditions(hook, found);
}

fn conditions<'n>(at: At<'n, '_>, found: &mut Found<'n>) {
    let mut names: Vec<&str> = Vec::new();
    for condition in at.items("matchConditions") {
        found.required(condition, "name");
        found.required(condition, "expression");
        found.syntax(condition, "name", syntax::qualified_name);
        if let Some(name) = condition.str("name") {
            if names.contains(&name) {
                found.syntax(condition, "name", |name| Some(format!("repeats `{name}`")));
            }
            names.push(name);
        }
    }
}

/// Where a webhook listens: a URL, or a Service.
pub(super) fn client_config<'n>(client: At<'n, '_>, found: &mut Found<'n>) {
    found.exactly_one(client, &["url", "service"]);
    found.syntax(client, "url", |text| {
        let Some(rest) = text.strip_prefix("https://") else {
            return Some(format!("must begin with https://, found `{text}`"));
        };
        let host = rest.split('/').next().unwrap_or_default();
        match () {
            () if host.is_empty() => Some("must name a host".to_owned()),
            () if host.contains('@') => Some("must not hold a user".to_owned()),
            () if text.contains(['?', '#']) => Some("must not have a query or a fragment".to_owned()),
            () => None,
        }
    });
    if let Some(service) = client.get("service") {
        found.required(service, "name");
        found.required(service, "namespace");
        found.syntax(service, "path", |path| {
            let body = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            match body {
                None => Some(format!("must begin with `/`, found `{path}`")),
                Some("") => None,
                Some(body) => body.split('/').find_map(|part| match part {
                    "" => Some("must not have an empty part".to_owned()),
                    part => syntax::subdomain(part).map(|wrong| format!("has the part `{part}`, which {wrong}")),
                }),
            }
        });
    }
}

/// Base64 of PEM with a certificate in it. What is no base64 is reported elsewhere.
pub(super) fn certificates(text: &str) -> Option<String> {
    use base64::Engine;
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(plain).ok()?;
    let text = String::from_utf8_lossy(&decoded);
    let whole = text.contains("-----BEGIN CERTIFICATE-----") && text.contains("-----END CERTIFICATE-----");
    (!whole).then(|| "must be certificates in PEM form".to_owned())
}

/// Rules about which requests a webhook or policy sees.
fn rules<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    const OPERATIONS: &[&str] = &["CREATE", "UPDATE", "DELETE", "CONNECT", "*"];
    for rule in at.items(key) {
        for list in ["operations", "apiGroups", "apiVersions", "resources"] {
            found.required(rule, list);
            let items = rule.items(list);
            let all = items.iter().any(|item| item.node.as_str() == Some("*"));
            if all
                && items.len() > 1
                && list != "resources"
                && let Some(at) = rule.get(list)
            {
                found.wrong(at, "must have nothing beside `*`");
            }
            for item in items {
                if list != "apiGroups" && item.node.as_str() == Some("") {
                    found.wrong(item, "must not be empty");
                }
                if list == "operations"
                    && let Some(text) = item.text()
                    && !OPERATIONS.contains(&text)
                {
                    found.wrong(item, format!("must be one of {}, found `{text}`", OPERATIONS.join(", ")));
                }
            }
        }
        let names: Vec<&str> = rule.items("resources").iter().filter_map(|item| item.text()).collect();
        let plain = names.iter().filter(|name| !name.contains('/')).count();
        if (names.contains(&"*/*") && names.len() > 1 || names.contains(&"*") && plain > 1)
            && let Some(at) = rule.get("resources")
        {
            found.wrong(at, "must have nothing beside what means everything");
        }
    }
}

fn api_service<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else {
        found.lacks(root, "needs `spec` with group and version");
        return;
    };
    found.required(spec, "version");
    found.required(spec, "groupPriorityMinimum");
    found.required(spec, "versionPriority");
    let name = format!("{}.{}", spec.str("version").unwrap_or_default(), spec.str("group").unwrap_or_default());
    if let Some(metadata) = root.get("metadata")
        && metadata.str("name").is_some_and(|given| given != name)
    {
        found.syntax(metadata, "name", |_| Some(format!("must be `{name}`")));
    }
    let service = spec.get("service");
    if let Some(service) = service {
        found.required(service, "name");
        found.required(service, "namespace");
    }
    let insecure = spec.truth("insecureSkipTLSVerify") == Some(true);
    let bundle = spec.str("caBundle").is_some();
    if service.is_none() {
        found.forbidden(spec, "caBundle", "without a service");
        if insecure {
            found.forbidden(spec, "insecureSkipTLSVerify", "without a service");
        }
    } else if insecure && bundle {
        found.forbidden(spec, "insecureSkipTLSVerify", "beside caBundle");
    }
}
