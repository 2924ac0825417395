//! Pods, ConfigMaps, Secrets, quotas and other kinds of the core group.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::at::{At, Found};
use super::pod::{self, Restart};
use super::selectors;
use crate::schema::Quantity;

/// What a ConfigMap or Secret may hold.
const MAX_SIZE: usize = 1024 * 1024;

pub(super) fn check<'n>(kind: &str, root: At<'n, '_>, found: &mut Found<'n>) {
    match kind {
        "Pod" => match root.get("spec") {
            Some(spec) => {
                pod::check(spec, found);
                if spec.count("ephemeralContainers") > 0 {
                    found.forbidden(spec, "ephemeralContainers", "when a Pod is created");
                }
            }
            None => found.lacks(root, "needs `spec` with containers"),
        },
        "PodTemplate" => {
            if let Some(template) = root.get("template") {
                pod::template(template, Restart::Any, found);
            }
        }
        "ReplicationController" => {
            let Some(spec) = root.get("spec") else {
                found.lacks(root, "needs `spec` with a template");
                return;
            };
            for label in spec.entries("selector") {
                selectors::pair(&label, found);
                let labels = spec.node.path(&["template", "metadata", "labels"]);
                let given = labels.and_then(|labels| labels.get(label.key())).and_then(|node| node.text());
                if labels.is_some() && given != label.node.text() {
                    found.wrong_entry(&label, "is no label of the template");
                }
            }
            match spec.get("template") {
                Some(template) => pod::template(template, Restart::Always, found),
                None => found.lacks(spec, "needs `template`"),
            }
        }
        "ConfigMap" => config_map(root, found),
        "Secret" => secret(root, found),
        "ResourceQuota" => quota(root, found),
        "LimitRange" => limits(root, found),
        "Endpoints" => endpoints(root, found),
        _ => {}
    }
}

fn config_map<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let data = root.entries("data");
    let binary = root.entries("binaryData");
    for entry in &binary {
        if data.iter().any(|other| other.key() == entry.key()) {
            found.wrong_entry(entry, "is a key of data too");
        }
    }
    let size: usize = data.iter().map(|entry| entry.node.text().map_or(0, str::len)).sum::<usize>()
        + binary.iter().map(|entry| entry.node.text().map_or(0, |text| text.len() / 4 * 3)).sum::<usize>();
    if size > MAX_SIZE {
        found.wrong(root, format!("holds {size} bytes, at most {MAX_SIZE} are allowed"));
    }
}

/// The types of Secrets that ask for keys.
const TYPES: &[(&str, &[&str])] = &[
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

fn secret<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let data = root.entries("data");
    let text = root.entries("stringData");
    let size: usize = data.iter().map(|entry| entry.node.text().map_or(0, |text| text.len() / 4 * 3)).sum::<usize>()
        + text.iter().map(|entry| entry.node.text().map_or(0, str::len)).sum::<usize>();
    if size > MAX_SIZE {
        found.wrong(root, format!("holds {size} bytes, at most {MAX_SIZE} are allowed"));
    }
    let has = |key: &str| data.iter().chain(&text).any(|entry| entry.key() == key);
    let of = root.str("type").unwrap_or("Opaque");
    for key in TYPES.iter().filter(|(kind, _)| *kind == of).flat_map(|(_, keys)| *keys) {
        if !has(key) {
            found.lacks(root, format!("needs the key `{key}` for the type {of}"));
            continue;
        }
        if !key.starts_with(".docker") {
            continue;
        }
        // What stands in stringData wins.
        let plain = text.iter().find(|entry| entry.key() == *key);
        let encoded = data.iter().find(|entry| entry.key() == *key);
        let (entry, content) = match (plain, encoded) {
            (Some(entry), _) => (entry, entry.node.as_str().map(|text| text.as_bytes().to_vec())),
            (None, Some(entry)) => (entry, entry.node.as_str().and_then(|text| STANDARD.decode(text.trim()).ok())),
            (None, None) => continue,
        };
        let open = entry
            .node
            .text()
            .is_some_and(|text| text.contains("${") || text.contains("{{") || text.trim_start().starts_with("<path:"));
        if let Some(content) = content
            && !open
            && !serde_json::from_slice::<Json>(&content).is_ok_and(|json| json.is_object())
        {
            found.wrong_entry(entry, "must be an object of JSON");
        }
    }
    match of {
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            found.lacks(root, "needs the key `username` or `password` for the type kubernetes.io/basic-auth");
        }
        "kubernetes.io/service-account-token" => {
            let account = root
                .get("metadata")
                .and_then(|metadata| metadata.node.path(&["annotations", "kubernetes.io/service-account.name"]))
                .and_then(|node| node.text());
            if account.is_none_or(str::is_empty) {
                found.lacks(root, "needs the annotation `kubernetes.io/service-account.name` for its type");
            }
        }
        _ => {}
    }
}

fn quota<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else { return };
    for entry in spec.entries("hard") {
        if entry.node.text().and_then(Quantity::parse).is_some_and(|quantity| quantity.value() < 0.0) {
            found.wrong_entry(&entry, "must not be negative");
        }
        if let Some(wrong) = crate::check::syntax::qualified_name(entry.key()) {
            found.wrong_entry(&entry, format!("is no name of a resource: it {wrong}"));
        } else if !entry.key().contains('/') && !is_quota(entry.key()) {
            found.wrong_entry(&entry, "is nothing that a quota counts");
        }
    }
}

fn is_quota(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "storage",
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    NAMES.contains(&name) || name.contains("hugepages-")
}

fn limits<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    let Some(spec) = root.get("spec") else { return };
    let mut kinds: Vec<&str> = Vec::new();
    for limit in spec.items("limits") {
        let Some(kind) = limit.str("type") else { continue };
        if kinds.contains(&kind) {
            found.syntax(limit, "type", |kind| Some(format!("repeats `{kind}`")));
        }
        kinds.push(kind);
        if kind == "Pod" {
            found.forbidden(limit, "default", "for the type Pod");
            found.forbidden(limit, "defaultRequest", "for the type Pod");
        }
        if kind == "PersistentVolumeClaim" && !limit.has("min") && !limit.has("max") {
            found.lacks(limit, "needs `min` or `max` for the type PersistentVolumeClaim");
        }
        const ORDER: &[(&str, &str)] = &[
            ("min", "max"),
            ("min", "defaultRequest"),
            ("min", "default"),
            ("defaultRequest", "default"),
            ("defaultRequest", "max"),
            ("default", "max"),
        ];
        for (lower, upper) in ORDER {
            for entry in limit.entries(lower) {
                let other = limit.node.get(upper).and_then(|upper| upper.get(entry.key()));
                let quantity = |node: &crate::yaml::Node| node.text().and_then(Quantity::parse).map(Quantity::value);
                if let (Some(low), Some(high)) = (quantity(entry.node), other.and_then(quantity))
                    && low > high
                {
                    found.wrong_entry(&entry, format!("is above {upper}"));
                }
            }
        }
    }
}

fn endpoints<'n>(root: At<'n, '_>, found: &mut Found<'n>) {
    for subset in root.items("subsets") {
        for list in ["addresses", "notReadyAddresses"] {
            for address in subset.items(list) {
                found.required(address, "ip");
                found.syntax(address, "ip", |text| {
                    text.parse::<std::net::IpAddr>().is_err().then(|| format!("must be an address, found `{text}`"))
                });
            }
        }
        if subset.count("addresses") == 0 && subset.count("notReadyAddresses") == 0 {
            found.lacks(subset, "needs `addresses` or `notReadyAddresses`");
        }
    }
}
