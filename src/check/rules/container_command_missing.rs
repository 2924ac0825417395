//! `container-command-missing`

use crate::check::ResourceContext;
use crate::check::images::{NEEDS_COMMAND, is};
use crate::check::workload::{Image, containers, is_long_running};
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports a container of an image that does nothing without a command, where none is given. The images are listed
    /// in a table.
    ///
    /// ## Why it matters
    /// The container ends at once and is started again for ever.
    ///
    /// ## Example
    /// ```yaml
    /// - name: argocd-server
    ///   image: quay.io/argoproj/argocd:v3.5.0
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// - name: argocd-server
    ///   image: quay.io/argoproj/argocd:v3.5.0
    ///   args: [/usr/local/bin/argocd-server]
    /// ```
    "container-command-missing" = {
        summary: "the image needs a command",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if !is_long_running(resource) {
        return;
    }
    for container in containers(resource) {
        let given = |key: &str| container.node.get(key).is_some();
        // A terminal or an open input keeps a shell alive.
        if given("command") || given("args") || given("tty") || given("stdin") {
            continue;
        }
        let Some(image) = container.node.get("image").and_then(Node::text) else { continue };
        let Some(known) = NEEDS_COMMAND.iter().find(|known| is(known.image, Image::parse(image).name)) else {
            continue;
        };
        findings.push(
            Finding::at(&RULE, container.node)
                .message(format!("container {} gives no command to {image}: {}", container.name(), known.note))
                .help(known.help)
                .pointer(container.pointer),
        );
    }
}
