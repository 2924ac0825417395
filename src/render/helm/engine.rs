//! Runs the templates of a release: which there are, in which order, on which data.

use std::any::Any;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::capabilities::Capabilities;
use super::chart::ChartFile;
use super::dependencies::Instance;
use super::error::{HelmError, describe, describe_parse};
use super::files::Files;
use super::lookup::Cluster;
use super::manifest::{Documents, documents};
use super::release::Release;
use crate::render::template::{Map, MissingKey, Note, Options, ParsedText, Segment, Templates, Value};
use crate::source::base_name;

/// The Go type of `.Values`.
const VALUES: &str = "common.Values";

/// A template of the release and the data that it runs on.
pub(super) struct Job {
    /// `chart/charts/sub/templates/web.yaml`
    pub name: String,
    base: String,
    pub file: Arc<ChartFile>,
    data: Map,
}

/// What one file of a chart defines.
pub(super) type Parsed = Result<ParsedText, HelmError>;

/// What a template printed.
pub(super) struct Printed {
    pub name: String,
    pub file: Arc<ChartFile>,
    pub text: String,
    pub segments: Vec<Segment>,
    pub documents: Documents,
}

/// The templates of `chart` and its subcharts, in the order in which Helm runs them: the deepest first.
pub(super) fn jobs(chart: &Instance, values: &Map, release: &Release, capabilities: Capabilities) -> Vec<Job> {
    let facts = Value::map([
        ("Name", release.name.as_str().into()),
        ("Namespace", release.namespace.as_str().into()),
        ("IsUpgrade", release.is_upgrade.into()),
        ("IsInstall", (!release.is_upgrade).into()),
        ("Revision", Value::Int(1)),
        ("Service", "Helm".into()),
    ]);
    let mut jobs = Vec::new();
    let capabilities = Value::Object(Rc::new(capabilities));
    collect(chart, &chart.name, true, Value::Map(values.view(VALUES)), &facts, &capabilities, &mut jobs);
    let depth = |name: &str| name.bytes().filter(|b| *b == b'/').count();
    jobs.sort_by(|a, b| depth(&b.name).cmp(&depth(&a.name)).then_with(|| b.name.cmp(&a.name)));
    jobs
}

/// What a file is called among the templates: `chart/charts/sub/templates/web.yaml`
pub(super) fn template_name(chart: &str, file: &str) -> String {
    format!("{chart}/{file}")
}

fn collect(
    chart: &Instance,
    path: &str,
    is_root: bool,
    values: Value,
    facts: &Value,
    capabilities: &Value,
    jobs: &mut Vec<Job>,
) -> Map {
    let subcharts = Map::new();
    let data = Map::new();
    data.insert("Chart", chart.chart.meta.to_value(&chart.name, &chart.dependencies, is_root));
    data.insert("Files", Value::Object(Rc::new(Files::new(&chart.chart.files))));
    data.insert("Release", facts.clone());
    data.insert("Capabilities", capabilities.clone());
    data.insert("Values", values.clone());
    data.insert("Subcharts", Value::Map(subcharts.clone()));
    for child in &chart.children {
        let own = match values.get(&child.name) {
            Some(Value::Map(own)) => Value::Map(own.view(VALUES)),
            _ => Value::Map(Map::typed(VALUES)),
        };
        let path = format!("{path}/charts/{}", child.name);
        let inner = collect(child, &path, false, own, facts, capabilities, jobs);
        subcharts.insert(child.name.as_str(), Value::Map(inner));
    }
    for file in &chart.chart.templates {
        if chart.chart.meta.is_library() && !base_name(&file.name).starts_with('_') {
            continue;
        }
        jobs.push(Job {
            name: template_name(path, &file.name),
            base: format!("{path}/templates"),
            file: file.clone(),
            data: data.clone(),
        });
    }
    data
}

/// Whether this thread may wait for work that it gives to others. A worker that waits takes up other work meanwhile, and
/// that may want what is being made further down its own stack: a base of a kustomization whose chart this is.
pub(super) fn may_wait() -> bool {
    rayon::current_thread_index().is_none()
}

/// The templates of `jobs`, each file parsed by `parsed`; of two definitions the one of the later job counts.
pub(super) fn parse(
    jobs: &[Job],
    parsed: impl Fn(&str, &Arc<ChartFile>) -> Parsed + Sync,
) -> Result<Templates, HelmError> {
    let files: Vec<(&str, &Arc<ChartFile>)> = jobs.iter().map(|job| (job.name.as_str(), &job.file)).collect();
    let all: Vec<Parsed> = match may_wait() {
        true => files.par_iter().map(|(name, file)| parsed(name, file)).collect(),
        false => files.iter().map(|(name, file)| parsed(name, file)).collect(),
    };
    let mut templates = Templates::new(super::functions::all().clone());
    for one in all {
        templates.add(&one?);
    }
    Ok(templates)
}

/// Parses the template `file` under `name`.
pub(super) fn parse_file(name: &str, file: &ChartFile) -> Parsed {
    ParsedText::parse(name, &file.text(), super::functions::all())
        .map_err(|error| HelmError::Template { message: describe_parse(&error), error })
}

/// Runs every template that is no partial. With a `cluster`, what the output came from is recorded, and what it does not
/// show.
///
/// Templates run one after the other, because each may change the values that the next one sees. What they printed is
/// read meanwhile.
pub(super) fn run(
    templates: &Templates,
    jobs: &[Job],
    cluster: Option<&Rc<Cluster>>,
) -> Result<(Vec<Printed>, BTreeSet<Note>), HelmError> {
    let mut notes = BTreeSet::new();
    let jobs: Vec<&Job> = jobs.iter().filter(|job| !base_name(&job.name).starts_with('_')).collect();
    let read: Vec<OnceLock<(String, Documents)>> = jobs.iter().map(|_| OnceLock::new()).collect();
    let segments = rayon::in_place_scope(|scope| {
        let mut all = Vec::with_capacity(jobs.len());
        for (job, read) in jobs.iter().zip(&read) {
            job.data.insert(
                "Template",
                Value::map([("Name", job.name.as_str().into()), ("BasePath", job.base.as_str().into())]),
            );
            let host = cluster.map(|cluster| cluster.clone() as Rc<dyn Any>);
            let provenance = cluster.is_some();
            let options = Options { missing_key: MissingKey::Zero, provenance, host, ..Options::default() };
            let rendered = templates
                .execute(&job.name, &Value::Map(job.data.view(VALUES)), options)
                .map_err(|error| HelmError::Template { message: describe(&error), error })?;
            notes.extend(rendered.notes);
            let (text, segments) = without_no_value(rendered.text, rendered.segments);
            all.push(segments);
            let name = job.name.as_str();
            let read = move || {
                let documents = documents(name, &text);
                read.get_or_init(|| (text, documents));
            };
            match may_wait() {
                true => scope.spawn(move |_| read()),
                false => read(),
            }
        }
        Ok(all)
    })?;
    let printed = jobs.iter().zip(read).zip(segments).map(|((job, read), segments)| {
        let (text, documents) = read.into_inner().unwrap_or_else(|| (String::new(), Ok(Vec::new())));
        Printed { name: job.name.clone(), file: job.file.clone(), text, segments, documents }
    });
    Ok((printed.collect(), notes))
}

/// Helm takes `<no value>` out of the output, wherever it came from.
fn without_no_value(text: String, mut segments: Vec<Segment>) -> (String, Vec<Segment>) {
    const NO_VALUE: &str = "<no value>";
    if !text.contains(NO_VALUE) {
        return (text, segments);
    }
    let found: Vec<u32> = text.match_indices(NO_VALUE).map(|(at, _)| at as u32).collect();
    for segment in &mut segments {
        let before = found.partition_point(|at| *at < segment.at) as u32;
        segment.at = segment.at.saturating_sub(before * NO_VALUE.len() as u32);
    }
    (text.replace(NO_VALUE, ""), segments)
}
