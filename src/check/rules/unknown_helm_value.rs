//! `unknown-helm-value`

use std::collections::{BTreeMap, BTreeSet};

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::load::{Class, Repository};
use crate::origin::FileId;
use crate::source::normalize;
use crate::yaml::{Entry, Node, Value};

declare_rule! {
    /// Reports a value that an Application gives to a chart and that neither the chart's own values nor its templates
    /// know.
    ///
    /// It is silent where that cannot be told from the templates: where one of them takes `.Values` as a whole, or where
    /// a dependency of the chart is not in the repository. A file that several charts read must be known to one of them.
    ///
    /// ## Why it matters
    /// Helm ignores such a value without a word: the replicas, the limit or the host that it carries stays as it was.
    ///
    /// ## Example
    /// ```yaml
    /// # values for a chart that reads .Values.replicaCount
    /// replicasCount: 3
    /// ```
    ///
    /// ## Instead
    /// Use the chart's word for it. A `values.schema.json` with `additionalProperties: false` makes Helm refuse others.
    "unknown-helm-value" = {
        summary: "the chart knows no such value",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// What a chart knows of values.
struct Chart<'a> {
    defaults: Option<&'a Node>,
    /// Top-level keys of the schema.
    schema: BTreeSet<&'a str>,
    /// Paths that templates read.
    read: BTreeSet<Vec<&'a str>>,
    /// Names under which dependencies get their values.
    dependencies: BTreeSet<&'a str>,
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    let charts: BTreeMap<&str, Option<Chart<'_>>> =
        repository.charts.keys().map(|directory| (directory.as_str(), Chart::read(repository, directory))).collect();
    // `None` stands for a reader of which nothing is known.
    let mut readers: BTreeMap<FileId, Vec<Option<&Chart<'_>>>> = BTreeMap::new();
    for rendered in world.rendered {
        let Some(application) = rendered.application() else { continue };
        for source in application.sources() {
            let Some(helm) = source.node.get("helm") else { continue };
            let path = source.node.str_at(&["path"]).unwrap_or_default();
            let directory = normalize("", path);
            let chart = directory.as_deref().and_then(|directory| charts.get(directory)?.as_ref());
            let usable = chart.filter(|_| !rendered.output.failed);
            let files = helm.get("valueFiles").map(Node::items).unwrap_or_default();
            for file in files.iter().filter_map(Node::text) {
                let path = match (file.strip_prefix('$'), &directory) {
                    (Some(reference), _) => reference.split_once('/').and_then(|(_, rest)| normalize("", rest)),
                    (None, Some(directory)) => normalize(directory, file),
                    (None, None) => None,
                };
                if let Some(id) = path.and_then(|path| repository.snapshot.find(&path)) {
                    readers.entry(id).or_default().push(usable);
                }
            }
            if let (Some(chart), Some(inline)) = (usable, helm.get("valuesObject")) {
                report(&[chart], inline, findings);
            }
        }
    }
    for (id, charts) in readers {
        let known: Option<Vec<&Chart<'_>>> = charts.into_iter().collect();
        let values = repository.yaml(id).and_then(|yaml| yaml.documents.first());
        if let (Some(charts), Some(values)) = (known, values) {
            report(&charts, &values.root, findings);
        }
    }
}

fn report(charts: &[&Chart<'_>], values: &Node, findings: &mut Vec<Finding>) {
    let mut unknown: Option<BTreeMap<String, &Entry>> = None;
    for chart in charts {
        let mut found = BTreeMap::new();
        chart.unknown(values, chart.defaults, &mut Vec::new(), &mut found);
        unknown = Some(match unknown {
            None => found,
            Some(mut before) => {
                before.retain(|path, _| found.contains_key(path));
                before
            }
        });
    }
    for (path, entry) in unknown.unwrap_or_default() {
        let words = charts.iter().flat_map(|chart| chart.words(&path));
        findings.push(
            Finding::new(&RULE, entry.key.mark())
                .message(format!("the chart knows no value `{path}`"))
                .help("Helm ignores it: use the chart's word for it, or remove it")
                .help_did_you_mean(entry.key_text(), words),
        );
    }
}

impl<'a> Chart<'a> {
    /// What the chart in `directory` knows; `None` if that cannot be told.
    fn read(repository: &'a Repository, directory: &str) -> Option<Chart<'a>> {
        let document = |path: &str| Some(&repository.yaml_at(path)?.documents.first()?.root);
        let mut read = BTreeSet::new();
        collect(repository, directory, &mut read)?;
        let mut dependencies = BTreeSet::new();
        let chart = document(&format!("{directory}/Chart.yaml"))?;
        for dependency in chart.get("dependencies").map(Node::items).unwrap_or_default() {
            let name = dependency.str_at(&["name"])?;
            dependencies.insert(dependency.str_at(&["alias"]).unwrap_or(name));
            let local = dependency.str_at(&["repository"]).and_then(|url| url.strip_prefix("file://"));
            let local = local.and_then(|path| normalize(directory, path));
            let vendored = Some(format!("{directory}/charts/{name}"));
            let found = [vendored, local].into_iter().flatten().find(|path| repository.charts.contains_key(path))?;
            // What a library defines reads the values of the chart that includes it.
            collect(repository, &found, &mut read)?;
        }
        let schema = document(&format!("{directory}/values.schema.json")).and_then(|schema| schema.get("properties"));
        let schema = schema.map(Node::entries).unwrap_or_default().iter().map(Entry::key_text).collect();
        Some(Chart { defaults: document(&format!("{directory}/values.yaml")), schema, read, dependencies })
    }

    /// The keys of `values` that nothing knows, by path.
    fn unknown<'v>(
        &self,
        values: &'v Node,
        defaults: Option<&Node>,
        path: &mut Vec<&'v str>,
        found: &mut BTreeMap<String, &'v Entry>,
    ) {
        // Deeper values do not occur in charts that people write.
        if path.len() > 32 {
            return;
        }
        for entry in values.entries() {
            let key = entry.key_text();
            let top = path.is_empty();
            let aside = key == "global" || key.starts_with("x-") || key.starts_with('_');
            if top && (aside || self.dependencies.contains(key) || self.schema.contains(key)) || entry.value.is_null() {
                continue;
            }
            path.push(key);
            let default = defaults.and_then(|defaults| defaults.get(key));
            let whole = self.read.iter().any(|read| path.starts_with(read));
            let part = self.read.iter().any(|read| read.starts_with(path));
            if default.is_none() && !whole && !part {
                found.insert(path.join("."), entry);
            } else if let Some(default) = default
                && !whole
                && !default.entries().is_empty()
                && matches!(entry.value.value, Value::Mapping(_))
            {
                self.unknown(&entry.value, Some(default), path, found);
            }
            path.pop();
        }
    }

    /// The keys that the chart knows beside the one at `path`.
    fn words(&self, path: &str) -> Vec<&str> {
        let parents: Vec<&str> = path.split('.').collect();
        let parents = &parents[..parents.len().saturating_sub(1)];
        let siblings = self.defaults.and_then(|defaults| defaults.path(parents)).map(Node::entries).unwrap_or_default();
        let read = self.read.iter().filter(|read| read.starts_with(parents));
        siblings.iter().map(Entry::key_text).chain(read.filter_map(|read| read.get(parents.len()).copied())).collect()
    }
}

/// Adds the values that the templates in `directory` read; `None` if one of them takes all of them at once.
fn collect<'a>(repository: &'a Repository, directory: &str, read: &mut BTreeSet<Vec<&'a str>>) -> Option<()> {
    let below = format!("{directory}/");
    for id in repository.files_of(Class::Template) {
        if !repository.snapshot.path(id).starts_with(&below) {
            continue;
        }
        let text = repository.snapshot.text(id)?;
        for (at, word) in text.match_indices(".Values") {
            let mut rest = &text[at + word.len()..];
            let mut path = Vec::new();
            while let Some(tail) = rest.strip_prefix('.') {
                let end = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
                if end == 0 {
                    break;
                }
                path.push(&tail[..end]);
                rest = &tail[end..];
            }
            if path.is_empty() {
                return None;
            }
            read.insert(path);
        }
    }
    Some(())
}
