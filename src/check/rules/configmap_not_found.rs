//! `configmap-not-found`

use crate::check::World;
use crate::check::references::config_maps;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports a pod that needs a ConfigMap which nothing in the repository makes in its namespace.
    ///
    /// It is silent where more may lie in the namespace than the repository shows: where something could not be
    /// rendered, or where a custom resource may have its controller make a ConfigMap.
    ///
    /// ## Why it matters
    /// The pod waits with `CreateContainerConfigError` or `FailedMount` until the ConfigMap appears.
    ///
    /// ## Example
    /// ```yaml
    /// volumes:
    /// - name: config
    ///   configMap:
    ///     name: web-cofnig   # the ConfigMap is called web-config
    /// ```
    ///
    /// ## Instead
    /// Name a ConfigMap that is deployed to the namespace, or say `optional: true` if the pod can do without it.
    "configmap-not-found" = {
        summary: "ConfigMap does not exist",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// ConfigMaps that clusters put into every namespace.
const INJECTED: [&str; 4] =
    ["kube-root-ca.crt", "istio-ca-root-cert", "openshift-service-ca.crt", "linkerd-identity-trust-roots"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    for placed in inventory.everything() {
        let Some((template, _)) = placed.resource.pod_template() else { continue };
        for reference in config_maps(template) {
            let Some(name) = reference.text().filter(|name| !name.is_empty() && !INJECTED.contains(name)) else {
                continue;
            };
            let config_maps = inventory.names_beside(placed, "", "ConfigMap");
            if !config_maps.contains(&name) && inventory.is_closed(placed, name) {
                let what = format!(
                    "{} needs ConfigMap `{name}`, which nothing makes in its namespace",
                    placed.resource.kind()
                );
                findings.push(
                    placed
                        .finding(&RULE, reference)
                        .message(what)
                        .help("add the ConfigMap, or say `optional: true`")
                        .help_did_you_mean(name, config_maps),
                );
            }
        }
    }
}
