//! What templates did that their output does not show, and what an error does not say.

use std::collections::BTreeSet;

use super::dependencies::Instance;
use super::provenance::Sources;
use super::release::Release;
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::Repository;
use crate::origin::Mark;
use crate::render::Output;
use crate::render::template::{Map, Note, NoteKind, Value};

/// What is known of a release when it fails.
#[derive(Default)]
pub(super) struct Seen {
    pub sources: Sources,
    /// The values of the release, merged.
    pub values: Option<Map>,
}

/// Reports what `notes` tell of a release.
pub(super) fn report(
    notes: &BTreeSet<Note>,
    chart: &Instance,
    release: &Release,
    sources: &Sources,
    output: &mut Output,
) {
    for note in notes {
        let Some(file) = sources.get(&note.template) else { continue };
        // Notes are printed for a person, and deployed to no cluster.
        if file.name.ends_with("NOTES.txt") && !matches!(note.kind, NoteKind::Asked(_)) {
            continue;
        }
        let mark = file.mark(note.offset, note.offset + 1);
        match &note.kind {
            NoteKind::Chance(function) => output.findings.push(
                Finding::new(&rules::nondeterministic_template::RULE, mark)
                    .message(format!("`{function}` gives another result at every rendering"))
                    .help("give the value, or keep it in a Secret that no template makes")
                    .related(release.mark, "rendered for this release"),
            ),
            // A default of null says that nothing is meant.
            NoteKind::Unset(expression) if has_null(chart, &note.template, expression) => {}
            NoteKind::Unset(expression) => output.findings.push(
                Finding::new(&rules::unset_helm_value::RULE, mark)
                    .message(format!("{expression} is not set, and is printed as nothing"))
                    .help("set the value in values.yaml, or give the template a default")
                    .related(release.mark, "rendered for this release"),
            ),
            NoteKind::Exponent(text, number) => output.findings.push(
                Finding::new(&rules::number_printed_with_exponent::RULE, *number)
                    .message(format!("the number is printed as `{text}`"))
                    .help("quote it here, or write `| int64` in the template")
                    .related(mark, "printed here"),
            ),
            NoteKind::Truthy(expression, value) => output.findings.push(
                Finding::new(&rules::quoted_boolean::RULE, *value)
                    .message(format!("the text \"false\" is not empty: `if {expression}` takes it for true"))
                    .help("write false without quotes")
                    .related(mark, "asked here"),
            ),
            NoteKind::Asked(object) => output.not_judged.push(NotJudged {
                mark,
                what: format!("lookup of {object} by the chart {}", chart.name),
                reason: "it is in the cluster, if anywhere: it was judged as absent; declare it under `lookup` in \
                         tiphys.yaml"
                    .to_owned(),
            }),
            NoteKind::Unserved(version) => {
                if let Some(given) = release.api_versions_mark {
                    output.unserved.push((given, version.clone(), mark));
                }
            }
        }
    }
}

/// Whether the defaults of the chart that `template` belongs to have the key that `expression` ends with.
fn has_null(chart: &Instance, template: &str, expression: &str) -> bool {
    let path = template.split("/templates/").next().unwrap_or_default();
    let mut chart = chart;
    for name in path.split('/').skip(1).filter(|name| *name != "charts") {
        match chart.children.iter().find(|child| child.name == name) {
            Some(child) => chart = child,
            None => break,
        }
    }
    let Some(path) = expression.trim_start_matches('$').strip_prefix(".Values.") else { return false };
    let mut value = Some(Value::Map(chart.values.clone()));
    for key in path.split('.') {
        value = value.and_then(|value| value.get(key));
    }
    value.is_some()
}

impl Seen {
    /// Says of a value that an error stumbled over that it is not set, and where its like are.
    pub(super) fn explain(&self, repository: &Repository, release: &Release, output: &mut Output) {
        let Some(values) = &self.values else { return };
        for finding in &mut output.findings {
            let Some((expression, chart)) = self.expression(finding.mark) else { continue };
            let Some(path) = expression.strip_prefix('$').unwrap_or(&expression).strip_prefix(".Values.") else {
                continue;
            };
            let nil = finding.message.starts_with("nil pointer evaluating")
                || finding.message.contains("got interface {}")
                || finding.message.contains("expected string; got <nil>");
            if !nil {
                continue;
            }
            // The values of a subchart lie below its name.
            let subcharts = chart.split('/').skip(1).filter(|name| *name != "charts");
            let mut table = values.clone();
            for name in subcharts {
                let Some(Value::Map(inner)) = table.get(name) else { break };
                table = inner;
            }
            let (missing, near) = missing(&table, path);
            let read = near.filter(|mark| mark.is_some()).or_else(|| release.value_files.last().map(|(_, mark)| *mark));
            let place = read.filter(|mark| mark.is_some()).map(|mark| {
                format!("; values are read from {}:{}", repository.snapshot.path(mark.file), mark.line.max(1))
            });
            finding.message = format!(".Values.{missing} is not set{}", place.unwrap_or_default());
            finding.help = Some(format!("set `{missing}`, or give the template a default"));
        }
    }

    /// The expression at `mark`, and the path of the chart whose template it stands in.
    fn expression(&self, mark: Mark) -> Option<(String, String)> {
        let (name, file) = self.sources.iter().find(|(_, file)| file.id == mark.file)?;
        let text = file.text();
        // The place of a chain of fields is that of its last one.
        let start = text.get(..mark.start as usize)?.rfind(|c: char| !(c.is_alphanumeric() || "._$".contains(c)));
        let rest = text.get(start.map_or(0, |at| at + 1)..)?;
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "._$".contains(c))).unwrap_or(rest.len());
        let chart = name.split("/templates/").next().unwrap_or_default();
        Some((rest[..end].to_owned(), chart.to_owned()))
    }
}

/// How far a path of keys leads: the first keys that are not there, and where the last table that is there was written.
fn missing(values: &Map, path: &str) -> (String, Option<Mark>) {
    let mut table = values.clone();
    let mut known = Vec::new();
    let mut near = None;
    for key in path.split('.') {
        known.push(key);
        match table.get_with_origin(key) {
            Some((Value::Map(inner), origin)) => {
                near = Some(origin.mark);
                table = inner;
            }
            Some((Value::Nil, origin)) => return (known.join("."), Some(origin.mark)),
            _ => break,
        }
    }
    let other = table.entries_with_origins().into_iter().map(|(_, _, origin)| origin.mark).find(|mark| mark.is_some());
    (known.join("."), near.filter(|mark| mark.is_some()).or(other))
}
