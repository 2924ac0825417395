//! `probe-port-not-found`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a probe or a hook that names a port which its container does not have.
    ///
    /// ## Why it matters
    /// The probe never succeeds: the container is restarted for ever, or never ready.
    ///
    /// ## Example
    /// ```yaml
    /// ports:
    /// - {name: http, containerPort: 8080}
    /// readinessProbe:
    ///   httpGet: {path: /, port: web}
    /// ```
    ///
    /// ## Instead
    /// Name a port of the container, or give its number.
    "probe-port-not-found" = {
        summary: "probe names a port that the container lacks",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource) else { return };
    for container in pod.containers() {
        let named: Vec<&str> = container.items("ports").filter_map(|(port, _)| port.get("name")?.text()).collect();
        for probe in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"] {
            for action in ["httpGet", "tcpSocket"] {
                let inner = format!("/{probe}/{action}/port");
                let Some(port) = container.node.pointer(&inner) else { continue };
                let Some(name) = port.as_str().filter(|name| !named.contains(name) && !name.contains("${")) else {
                    continue;
                };
                let pointer = format!("{}{inner}", container.pointer);
                // Digits in quotes are no name, and no number either.
                if name.bytes().all(|byte| byte.is_ascii_digit()) {
                    findings.push(
                        context
                            .finding(&RULE, port, &pointer)
                            .message(format!("the port of {probe} is the text \"{name}\", which names no port"))
                            .help(format!("write it without quotes: {name}")),
                    );
                    continue;
                }
                findings.push(
                    context
                        .finding(&RULE, port, &pointer)
                        .message(format!("container {} has no port `{name}` for its {probe}", container.name()))
                        .help_did_you_mean(name, named.iter().copied()),
                );
            }
        }
    }
}
