//! `unreferenced-chart`

use std::collections::BTreeSet;

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::Class;
use crate::origin::Mark;
use crate::resolve::TargetKind;
use crate::source::normalize;
use crate::yaml::Node;

declare_rule! {
    /// Reports a chart of a repository with Applications that no Application, kustomization or other chart uses.
    ///
    /// ## Why it matters
    /// Who changes it changes nothing, and does not learn that.
    ///
    /// ## Example
    /// `charts/web`, and no Application with `path: charts/web`.
    ///
    /// ## Instead
    /// Use it, or remove it.
    "unreferenced-chart" = {
        summary: "nothing deploys the chart",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    if world.resolved.applications.is_empty() {
        return;
    }
    let repository = world.repository;
    let paths = world.resolved.applications.iter().flat_map(|application| {
        application.sources().into_iter().filter_map(|source| normalize("", source.node.str_at(&["path"])?))
    });
    let dependencies = repository.charts.iter().flat_map(|(directory, file)| {
        let chart = repository.yaml(*file).and_then(|yaml| yaml.documents.first());
        let list = chart.and_then(|chart| chart.root.get("dependencies")).map(Node::items).unwrap_or_default();
        list.iter().filter_map(|one| normalize(directory, one.str_at(&["repository"])?.strip_prefix("file://")?))
    });
    let used: BTreeSet<String> = paths.chain(dependencies).collect();
    for rendered in world.rendered {
        let TargetKind::Chart(directory) = &rendered.target.kind else { continue };
        if used.contains(directory) {
            continue;
        }
        let Some(file) = repository.charts.get(directory) else { continue };
        if repository.class(*file) != Class::Chart {
            continue;
        }
        let name = repository
            .yaml(*file)
            .and_then(|yaml| yaml.documents.first())
            .and_then(|document| document.root.as_mapping()?.entry("name"));
        let mark = name.map_or_else(|| Mark::file(*file), |entry| entry.key.mark());
        findings.push(
            Finding::new(&RULE, mark)
                .message(format!("no Application has the chart {directory} as its source"))
                .help("use it, or remove it"),
        );
    }
}
