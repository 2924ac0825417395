//! Containers.

use super::at::{At, Found};
use super::pod;
use crate::check::syntax;
use crate::schema::Quantity;

/// The containers of a `PodSpec`.
pub(super) fn check<'n>(spec: At<'n, '_>, found: &mut Found<'n>) {
    let host_network = spec.truth("hostNetwork") == Some(true);
    let mut names: Vec<&str> = spec.items("containers").iter().filter_map(|at| at.str("name")).collect();
    let mut host_ports: Vec<(i64, &str, &str)> = Vec::new();
    for container in spec.items("containers") {
        common(container, host_network, found);
        active(container, found);
        for port in container.items("ports") {
            let Some(number) = port.number("hostPort").filter(|number| *number != 0) else { continue };
            let key = (number, port.str("protocol").unwrap_or("TCP"), port.str("hostIP").unwrap_or_default());
            if host_ports.contains(&key)
                && let Some(at) = port.get("hostPort")
            {
                found.wrong(at, format!("is taken by another container's port: {number}"));
            }
            host_ports.push(key);
        }
    }
    for container in spec.items("initContainers") {
        common(container, host_network, found);
        if let Some(name) = container.get("name")
            && let Some(text) = name.text()
        {
            let repeated = spec.items("containers").iter().any(|other| other.str("name") == Some(text));
            if repeated {
                found.wrong(name, format!("is the name of another container: `{text}`"));
            }
            names.push(text);
        }
        let sidecar = container.str("restartPolicy") == Some("Always");
        if sidecar {
            active(container, found);
        } else {
            for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                found.forbidden(container, key, "for an init container unless its restartPolicy is Always");
            }
        }
    }
}

/// What only a container that stays has.
fn active<'n>(container: At<'n, '_>, found: &mut Found<'n>) {
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(key) else { continue };
        handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], found);
        for number in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            found.within(probe, number, 0, i64::MAX);
        }
        found.within(probe, "terminationGracePeriodSeconds", 1, i64::MAX);
        match key {
            "readinessProbe" => found.forbidden(probe, "terminationGracePeriodSeconds", "for readiness probes"),
            _ => {
                if let Some(threshold) = probe.get("successThreshold")
                    && threshold.int().is_some_and(|number| number > 1)
                {
                    found.wrong(threshold, "must be 1: one success is enough for this probe");
                }
            }
        }
    }
    if let Some(lifecycle) = container.get("lifecycle") {
        for key in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.get(key) {
                handler(hook, &["exec", "httpGet", "tcpSocket", "sleep"], found);
            }
        }
    }
}

/// Exactly one action, and what it needs. That there is only one is a rule of its own.
fn handler<'n>(at: At<'n, '_>, actions: &[&str], found: &mut Found<'n>) {
    if !actions.iter().any(|action| at.has(action)) {
        found.lacks(at, format!("needs one of {}", actions.join(", ")));
    }
    if let Some(exec) = at.get("exec") {
        found.required(exec, "command");
    }
    for key in ["httpGet", "tcpSocket"] {
        let Some(action) = at.get(key) else { continue };
        found.syntax(action, "port", syntax::port_name);
        for header in action.items("httpHeaders") {
            let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            found.syntax(header, "name", |text| {
                (!text.chars().all(token)).then(|| format!("must be the name of a header, found `{text}`"))
            });
        }
    }
    if let Some(sleep) = at.get("sleep") {
        found.within(sleep, "seconds", 0, i64::MAX);
    }
}

fn common<'n>(container: At<'n, '_>, host_network: bool, found: &mut Found<'n>) {
    found.required(container, "image");
    for port in container.items("ports") {
        if host_network
            && let (Some(inner), Some(host)) = (port.number("containerPort"), port.number("hostPort"))
            && inner != host
            && host != 0
            && let Some(at) = port.get("hostPort")
        {
            found.wrong(at, format!("must be the containerPort, {inner}, with hostNetwork"));
        }
        found.syntax(port, "hostIP", |text| {
            text.parse::<std::net::IpAddr>().is_err().then(|| format!("must be an address, found `{text}`"))
        });
    }
    environment(container, found);
    mounts(container, found);
    if let Some(requirements) = container.get("resources") {
        resources(requirements, found);
    }
    if let Some(context) = container.get("securityContext") {
        security(context, found);
    }
}

const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn environment<'n>(container: At<'n, '_>, found: &mut Found<'n>) {
    for variable in container.items("env") {
        let Some(from) = variable.get("valueFrom") else { continue };
        if from.fields().is_empty() {
            found.lacks(from, "needs one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef");
        }
        if let Some(reference) = from.get("fieldRef") {
            pod::field_reference(reference, FIELDS, found);
        }
        if let Some(reference) = from.get("resourceFieldRef") {
            resource_reference(reference, found);
        }
        for (key, syntax) in
            [("configMapKeyRef", syntax::data_key as fn(&str) -> _), ("secretKeyRef", syntax::data_key)]
        {
            if let Some(reference) = from.get(key) {
                found.required(reference, "name");
                found.required(reference, "key");
                found.syntax(reference, "key", syntax);
                found.syntax(reference, "name", syntax::subdomain);
            }
        }
    }
    for source in container.items("envFrom") {
        found.exactly_one(source, &["configMapRef", "secretRef"]);
        found.syntax(source, "prefix", syntax::env_name);
        for key in ["configMapRef", "secretRef"] {
            if let Some(reference) = source.get(key) {
                found.required(reference, "name");
                found.syntax(reference, "name", syntax::subdomain);
            }
        }
    }
}

/// A `resourceFieldRef`.
pub(super) fn resource_reference<'n>(reference: At<'n, '_>, found: &mut Found<'n>) {
    found.required(reference, "resource");
    let Some(at) = reference.get("resource") else { return };
    let Some(text) = at.text() else { return };
    let rest = text.strip_prefix("limits.").or(text.strip_prefix("requests."));
    let known = rest
        .is_some_and(|rest| matches!(rest, "cpu" | "memory" | "ephemeral-storage") || rest.starts_with("hugepages-"));
    if !known {
        found.wrong(at, format!("must be a limit or request like `limits.memory`, found `{text}`"));
    }
}

fn mounts<'n>(container: At<'n, '_>, found: &mut Found<'n>) {
    let mut paths: Vec<&str> = Vec::new();
    for mount in container.items("volumeMounts") {
        found.required(mount, "name");
        found.required(mount, "mountPath");
        if let Some(at) = mount.get("mountPath")
            && let Some(path) = at.text()
        {
            if paths.contains(&path) {
                found.wrong(at, format!("is mounted twice: `{path}`"));
            }
            if path.contains(':') {
                found.wrong(at, "must not contain `:`");
            }
            paths.push(path);
        }
        if mount.str("subPath").is_some() && mount.str("subPathExpr").is_some() {
            found.forbidden(mount, "subPathExpr", "beside subPath");
        }
        for key in ["subPath", "subPathExpr"] {
            found.syntax(mount, key, below);
        }
        found.one_of(mount, "mountPropagation", &["None", "HostToContainer", "Bidirectional"]);
        let privileged = container.get("securityContext").and_then(|context| context.truth("privileged"));
        if mount.str("mountPropagation") == Some("Bidirectional")
            && privileged != Some(true)
            && let Some(at) = mount.get("mountPropagation")
        {
            found.wrong(at, "may be Bidirectional only in a privileged container");
        }
        if mount.has("recursiveReadOnly")
            && mount.truth("readOnly") != Some(true)
            && mount.str("recursiveReadOnly").is_some_and(|text| text != "Disabled")
        {
            found.forbidden(mount, "recursiveReadOnly", "unless readOnly is true");
        }
    }
    for device in container.items("volumeDevices") {
        found.required(device, "devicePath");
    }
}

/// A relative path that does not leave where it starts.
pub(super) fn below(text: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some(format!("must be a relative path, found `{text}`"));
    }
    text.split('/').any(|part| part == "..").then(|| "must not contain `..`".to_owned())
}

/// The quantities of a mapping: none below zero.
pub(super) fn quantities<'n>(at: At<'n, '_>, key: &str, found: &mut Found<'n>) {
    for entry in at.entries(key) {
        if entry.node.text().and_then(Quantity::parse).is_some_and(|quantity| quantity.value() < 0.0) {
            found.wrong_entry(&entry, "must not be negative");
        }
    }
}

fn resources<'n>(requirements: At<'n, '_>, found: &mut Found<'n>) {
    for list in ["limits", "requests"] {
        quantities(requirements, list, found);
        for entry in requirements.entries(list) {
            let name = entry.key();
            let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
            if !standard && !name.contains('/') && !name.contains(['$', '{']) {
                found.wrong_entry(&entry, "is no resource of a container: cpu, memory, or a name with a domain");
                continue;
            }
            if let Some(wrong) = syntax::qualified_name(name).filter(|_| !name.contains(['$', '{'])) {
                found.wrong_entry(&entry, format!("is no name of a resource: it {wrong}"));
                continue;
            }
            let extended = name.contains('/') && !name.contains("kubernetes.io/");
            let value = entry.node.text().and_then(Quantity::parse).map(Quantity::value);
            if extended && value.is_some_and(|value| value.fract() != 0.0) {
                found.wrong_entry(&entry, "must be a whole number");
            }
            if (extended || name.starts_with("hugepages-")) && list == "requests" {
                let limit = requirements.node.get("limits").and_then(|limits| limits.get(name));
                let limit = limit.and_then(|node| node.text()).and_then(Quantity::parse).map(Quantity::value);
                match (value, limit) {
                    (_, None) => found.wrong_entry(&entry, "needs a limit: the resource cannot be overcommitted"),
                    (Some(value), Some(limit)) if value < limit => {
                        found.wrong_entry(&entry, "must equal its limit: the resource cannot be overcommitted");
                    }
                    _ => {}
                }
            }
        }
    }
}

fn security<'n>(context: At<'n, '_>, found: &mut Found<'n>) {
    for key in ["runAsUser", "runAsGroup"] {
        found.within(context, key, 0, i64::from(i32::MAX));
    }
    pod::profiles(context, found);
    if context.truth("allowPrivilegeEscalation") != Some(false) {
        return;
    }
    let Some(at) = context.get("allowPrivilegeEscalation") else { return };
    if context.truth("privileged") == Some(true) {
        found.wrong(at, "must not be false in a privileged container");
    }
    let capabilities = context.get("capabilities");
    let added =
        capabilities.iter().flat_map(|at| at.items("add").into_iter().filter_map(|at| at.text()).collect::<Vec<_>>());
    if added.into_iter().any(|name| name == "CAP_SYS_ADMIN") {
        found.wrong(at, "must not be false with the capability CAP_SYS_ADMIN");
    }
}
