//! `idle-values-file`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::source::normalize;
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a values file of an Application that says nothing: it is empty, or every value in it is the chart's
    /// default.
    ///
    /// It is silent where an earlier file of the list could have changed the default back.
    ///
    /// ## Why it matters
    /// Who reads the Application believes that the file makes a difference.
    ///
    /// ## Example
    /// ```yaml
    /// valueFiles: [values-staging.yaml]   # replicas: 1, as in the chart's own values.yaml
    /// ```
    ///
    /// ## Instead
    /// Remove the file, or the values that are the defaults.
    "idle-values-file" = {
        summary: "values file changes nothing",
        severity: Info,
        profile: Strict,
        since: "0.2.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for application in &world.resolved.applications {
        for source in application.sources() {
            let Some(directory) = source.node.str_at(&["path"]).and_then(|path| normalize("", path)) else { continue };
            if !repository.charts.contains_key(&directory) {
                continue;
            }
            let files = source.node.path(&["helm", "valueFiles"]).map(Node::items).unwrap_or_default();
            let [file] = files else { continue };
            let Some(path) = file.text().filter(|path| !path.contains(['$', '*', '?', '[', '{'])) else { continue };
            let Some(path) = normalize(&directory, path) else { continue };
            let own = format!("{directory}/values.yaml");
            let document = |path: &str| Some(&repository.yaml_at(path)?.documents.first()?.root);
            let Some(yaml) = repository.yaml_at(&path).filter(|yaml| yaml.problems.is_empty()) else { continue };
            let idle = match (yaml.documents.as_slice(), document(&own)) {
                _ if path == own => true,
                ([], _) => true,
                ([only], Some(defaults)) => within(&only.root, defaults),
                ([only], None) => {
                    only.root.is_null() || only.root.as_mapping().is_some_and(|map| map.entries.is_empty())
                }
                _ => false,
            };
            if idle {
                findings.push(
                    Finding::at(&RULE, file)
                        .message(format!("{path} changes nothing: all that it says is the chart's default"))
                        .help("remove it from the list, or give it the values that it was meant to set")
                        .application(application.id()),
                );
            }
        }
    }
}

/// Whether `defaults` says all that `values` says.
fn within(values: &Node, defaults: &Node) -> bool {
    match (&values.value, &defaults.value) {
        (Value::Mapping(own), Value::Mapping(_)) => own
            .entries
            .iter()
            .all(|entry| defaults.get(entry.key_text()).is_some_and(|default| within(&entry.value, default))),
        _ => values.says_same(defaults) && !values.is_null(),
    }
}
