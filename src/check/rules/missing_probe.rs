//! `missing-probe`

use crate::check::ResourceContext;
use crate::check::workload::{containers, is_long_running};
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a container of a Deployment, StatefulSet, DaemonSet or Rollout that has no probe at all.
    ///
    /// ## Why it matters
    /// A pod that is starting counts as ready at once: a rolling update goes on before the new version serves, and
    /// `maxUnavailable: 0` protects nothing. A process that hangs is never restarted.
    ///
    /// ## Example
    /// ```yaml
    /// containers:
    /// - name: web
    ///   image: example.com/web:v1
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// containers:
    /// - name: web
    ///   image: example.com/web:v1
    ///   readinessProbe:
    ///     httpGet: {path: /healthz, port: 8080}
    /// ```
    "missing-probe" = {
        summary: "container has no probe",
        severity: Warning,
        profile: Strict,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if !is_long_running(resource) {
        return;
    }
    let containers = containers(resource);
    let probed = |probe: &str| containers.iter().any(|container| container.node.get(probe).is_some());
    // A sidecar beside a container that is probed does not make the pod blind.
    if probed("readinessProbe") || probed("livenessProbe") || probed("startupProbe") {
        return;
    }
    for container in containers {
        findings.push(
            Finding::at(&RULE, container.node)
                .message(format!(
                    "container {} of {} {} has no readinessProbe and no livenessProbe",
                    container.name(),
                    resource.kind(),
                    resource.name()
                ))
                .help("add a readinessProbe, and a livenessProbe where a restart helps")
                .pointer(container.pointer),
        );
    }
}
