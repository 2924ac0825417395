//! `go-template-syntax-without-gotemplate`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports Go template syntax in an ApplicationSet that does not set `goTemplate: true`.
    ///
    /// ## Why it matters
    /// The old template language looks tags up by their literal text: `{{.name}}` asks for a parameter called `.name`, finds
    /// none, and stays in the Application as it is.
    ///
    /// ## Example
    /// ```yaml
    /// kind: ApplicationSet
    /// spec:
    ///   template:
    ///     metadata:
    ///       name: 'web-{{.cluster}}'
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// spec:
    ///   goTemplate: true
    ///   goTemplateOptions: [missingkey=error]
    /// ```
    "go-template-syntax-without-gotemplate" = {
        summary: "Go template syntax in the old template language",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        if set.node.path(&["spec", "goTemplate"]).and_then(Node::as_bool) == Some(true) {
            continue;
        }
        let Some(template) = set.node.path(&["spec", "template"]) else { continue };
        let mut places = Vec::new();
        collect(template, &mut places);
        let Some((first, rest)) = places.split_first() else { continue };
        let mut finding = Finding::at(&RULE, first.1)
            .message(format!("{{{{{}}}}} is Go template syntax, and goTemplate is not set: it stays as it is", first.0))
            .help("set goTemplate: true, with goTemplateOptions: [missingkey=error]");
        for (tag, node) in rest {
            finding = finding.related(node.mark(), format!("{{{{{tag}}}}}"));
        }
        findings.push(finding);
    }
}

/// The scalars with a tag that only Go templates understand: one that begins with a dot or calls a function.
fn collect<'n>(node: &'n Node, places: &mut Vec<(&'n str, &'n Node)>) {
    match &node.value {
        Value::Scalar(scalar) => {
            let tag = tags(&scalar.text).find(|tag| {
                let word = tag.trim().trim_start_matches('-').trim_start();
                word.starts_with('.') || word.contains(" .")
            });
            places.extend(tag.map(|tag| (tag, node)));
        }
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| collect(item, places)),
        Value::Mapping(mapping) => mapping.entries.iter().for_each(|entry| {
            collect(&entry.key, places);
            collect(&entry.value, places);
        }),
    }
}

fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(tag, _)| tag))
}
