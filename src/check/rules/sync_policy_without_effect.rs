//! `sync-policy-without-effect`

use crate::check::World;
use crate::check::argo::{Object, SyncOption, objects, sync_option, sync_options};
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::resolve::sync_option::SYNC_OPTIONS;
use crate::yaml::Node;

declare_rule! {
    /// Reports what a sync policy says and Argo CD does not do, because something else of the same policy prevents it:
    /// metadata for a namespace that is not created, a namespace to create without a name, server-side apply beside
    /// `Replace=true`, one option with two values.
    ///
    /// ## Why it matters
    /// The policy reads as if it held. Labels that network policies or admission rely on never reach the namespace.
    ///
    /// ## Example
    /// ```yaml
    /// syncPolicy:
    ///   managedNamespaceMetadata:
    ///     labels: {pod-security.kubernetes.io/enforce: restricted}
    ///   syncOptions: [ServerSideApply=true, Replace=true]
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// syncPolicy:
    ///   managedNamespaceMetadata:
    ///     labels: {pod-security.kubernetes.io/enforce: restricted}
    ///   syncOptions: [ServerSideApply=true, CreateNamespace=true]
    /// ```
    "sync-policy-without-effect" = {
        summary: "part of the sync policy has no effect",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for application in &world.resolved.applications {
        policy(application, findings);
        let options: Vec<SyncOption<'_>> = sync_options(application).collect();
        contradictions(&options, &mut |node, message| {
            findings.push(of(application, node).message(message).help("keep one of the two"));
        });
    }
    for object in objects(world) {
        let node = object.resource.node.path(&["metadata", "annotations", "argocd.argoproj.io/sync-options"]);
        let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { continue };
        annotated(&object, node, text, findings);
    }
}

fn of(application: &Application, node: &Node) -> Finding {
    Finding::at(&RULE, node).application(application.id()).resource(application.resource.reference())
}

fn policy(application: &Application, findings: &mut Vec<Finding>) {
    let creates = sync_option(application, "CreateNamespace", "true");
    if let Some(metadata) = application.spec(&["syncPolicy", "managedNamespaceMetadata"])
        && !metadata.entries().is_empty()
        && creates.is_none()
    {
        findings.push(
            of(application, metadata)
                .message("managedNamespaceMetadata has no effect without CreateNamespace=true")
                .help("add CreateNamespace=true to syncOptions"),
        );
    }
    let nowhere = application.destination_namespace().is_empty();
    if let Some(creates) = creates.filter(|_| nowhere) {
        findings.push(
            of(application, creates.node)
                .message("CreateNamespace=true has no effect: the destination names no namespace")
                .help("set spec.destination.namespace"),
        );
    }
    if let Some(replace) = sync_option(application, "Replace", "true")
        && let Some(server_side) = sync_option(application, "ServerSideApply", "true")
    {
        findings.push(
            of(application, server_side.node)
                .message("ServerSideApply=true has no effect beside Replace=true, which wins")
                .help("remove one of the two")
                .related(replace.node.mark(), "objects are replaced, not applied"),
        );
    }
}

fn annotated(object: &Object<'_>, node: &Node, text: &str, findings: &mut Vec<Finding>) {
    let options: Vec<SyncOption<'_>> = text
        .split(',')
        .filter_map(|option| {
            let (key, value) = option.trim().split_once('=')?;
            Some(SyncOption { node, key, value })
        })
        .collect();
    let has = |key: &str| options.iter().any(|option| option.key == key && option.value == "true");
    if has("Replace") && has("ServerSideApply") {
        findings.push(
            object
                .finding(&RULE, node)
                .message("ServerSideApply=true has no effect beside Replace=true, which wins")
                .help("remove one of the two"),
        );
    }
    contradictions(&options, &mut |node, message| {
        findings.push(object.finding(&RULE, node).message(message).help("keep one of the two"));
    });
}

/// Options that are there with two values that exist.
fn contradictions(options: &[SyncOption<'_>], report: &mut dyn FnMut(&Node, String)) {
    for (index, option) in options.iter().enumerate() {
        let Some(known) = SYNC_OPTIONS.iter().find(|known| known.key == option.key) else { continue };
        let first = options[..index].iter().find(|other| {
            other.key == option.key && other.value != option.value && known.values.contains(&other.value)
        });
        let Some(first) = first.filter(|_| known.values.contains(&option.value)) else { continue };
        let key = option.key;
        report(option.node, format!("{key} is there with two values: `{}` and `{}`", first.value, option.value));
    }
}
