//! `volume-not-defined`

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container that mounts a volume which its pod does not define.
    ///
    /// ## Why it matters
    /// The API server refuses the pod.
    ///
    /// ## Example
    /// ```yaml
    /// containers:
    /// - volumeMounts:
    ///   - {name: cache, mountPath: /cache}
    /// volumes:
    /// - {name: chache, emptyDir: {}}
    /// ```
    ///
    /// ## Instead
    /// Mount a volume of the pod, or define it.
    "volume-not-defined" = {
        summary: "volume is mounted and not defined",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource) else { return };
    let text = |node: &'_ Node| node.text().unwrap_or_default().to_owned();
    let volumes = pod.spec.get("volumes").map_or(&[][..], Node::items).iter();
    let mut known: Vec<String> = volumes.filter_map(|volume| volume.get("name")).map(text).collect();
    // A StatefulSet makes its pods' volumes of its claims.
    let claims = context.resource.node.path(&["spec", "volumeClaimTemplates"]).map_or(&[][..], Node::items).iter();
    known.extend(claims.filter_map(|claim| claim.path(&["metadata", "name"])).map(text));
    for container in pod.containers() {
        for list in ["volumeMounts", "volumeDevices"] {
            for (mount, pointer) in container.items(list) {
                let Some(name) = mount.get("name").filter(|name| name.text().is_some_and(|text| !text.is_empty()))
                else {
                    continue;
                };
                let wanted = text(name);
                if known.contains(&wanted) || wanted.contains("${") {
                    continue;
                }
                findings.push(
                    context
                        .finding(&RULE, name, &format!("{pointer}/name"))
                        .message(format!(
                            "container {} mounts the volume `{wanted}`, which its pod does not define",
                            container.name()
                        ))
                        .help_did_you_mean(&wanted, known.iter().map(String::as_str)),
                );
            }
        }
    }
}
