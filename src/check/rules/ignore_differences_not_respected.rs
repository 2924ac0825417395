//! `ignore-differences-not-respected`

use crate::check::ApplicationContext;
use crate::check::argo::{automated, key_mark, sync_option};
use crate::finding::{Check, Finding, declare_rule};
use crate::render::Resource;
use crate::yaml::Node;

declare_rule! {
    /// Reports an Application with automated sync that ignores differences of fields and overwrites those fields at each sync
    /// all the same.
    ///
    /// ## Why it matters
    /// `ignoreDifferences` is about comparing only. Without `RespectIgnoreDifferences=true` a sync that is caused by anything
    /// else sets the ignored fields back to what is in git.
    ///
    /// ## Example
    /// ```yaml
    /// syncPolicy:
    ///   automated: {selfHeal: true}
    /// ignoreDifferences:
    /// - group: apps
    ///   kind: Deployment
    ///   jsonPointers: [/spec/replicas]
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// syncPolicy:
    ///   syncOptions: [RespectIgnoreDifferences=true]
    /// ```
    "ignore-differences-not-respected" = {
        summary: "ignored differences are overwritten by each sync",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    let Some(ignored) = application.spec(&["ignoreDifferences"]).filter(|ignored| !ignored.items().is_empty()) else {
        return;
    };
    if automated(application).is_none() || sync_option(application, "RespectIgnoreDifferences", "true").is_some() {
        return;
    }
    // Only fields that git sets can be overwritten: what the rendered objects leave out stays as it is.
    let sets_one = context.rendered.is_none_or(|rendered| {
        rendered.output.resources.is_empty()
            || rendered.output.resources.iter().any(|resource| sets_ignored(resource, ignored))
    });
    if !sets_one {
        return;
    }
    let mark = key_mark(&application.resource.node, &["spec", "ignoreDifferences"]).unwrap_or(ignored.mark());
    let mut finding = Finding::new(&RULE, mark)
        .message("differences are ignored when comparing, and overwritten by each sync")
        .help("add RespectIgnoreDifferences=true to syncOptions");
    if let Some(replace) = sync_option(application, "Replace", "true") {
        finding = finding.related(replace.node.mark(), "Replace=true overwrites them as well");
    }
    findings.push(finding);
}

fn sets_ignored(resource: &Resource, ignored: &Node) -> bool {
    ignored.items().iter().any(|entry| {
        let is =
            |key: &str, own: &str| entry.get(key).and_then(Node::text).is_none_or(|text| text == own || text == "*");
        let pointers = entry.get("jsonPointers").map(Node::items).unwrap_or_default();
        is("group", resource.group())
            && is("kind", resource.kind())
            && is("name", resource.name())
            && (pointers.is_empty()
                || pointers.iter().filter_map(Node::text).any(|pointer| resource.node.pointer(pointer).is_some()))
    })
}
