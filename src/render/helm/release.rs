//! A release of a chart: what people ask for, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::capabilities::{Capabilities, DEFAULT_KUBE_VERSION, KubeVersion};
use super::chart::{Chart, ChartFile, MAX_DEPTH, broken, load};
use super::dependencies::Instance;
use super::engine::{Job, Parsed, Printed, jobs, may_wait, parse, parse_file, run, template_name};
use super::error::HelmError;
use super::functions::UNSUPPORTED;
use super::lookup::Cluster;
use super::manifest::{Document, Sorted, sort, split};
use super::notes::Seen;
use super::provenance::{Sources, locate};
use super::set::apply;
use super::values::{coalesce, overlay, read};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::Repository;
use crate::origin::{FileId, Mark, Origin};
use crate::render::template::sprig::versions::{Constraints, Version};
use crate::render::template::{Functions, Map, Note, NumberMode, Templates, Value, bytes, sprig};
use crate::render::template::{Options as TemplateOptions, Value as TemplateValue};
use crate::render::{Output, Resource};
use crate::source::normalize;
use crate::yaml::{Limits, Node, Problem, ProblemKind, Value as Yaml};

/// What is asked of a chart.
#[derive(Debug, Clone)]
pub struct Release {
    /// `.Release.Name`
    pub name: String,
    /// `.Release.Namespace`
    pub namespace: String,
    /// Values files by their paths in the snapshot, each with the place that names it; later ones count more.
    pub value_files: Vec<(String, Mark)>,
    /// Values given in place; they count more than files.
    pub values: Vec<Node>,
    /// `--set` and its kin; they count more than all else.
    pub sets: Vec<SetValue>,
    /// The cluster's version; Helm's own default if there is none.
    pub kube_version: Option<String>,
    /// API versions beyond those that Helm knows.
    pub api_versions: Vec<String>,
    /// Where the release lists its API versions itself, if it does.
    pub api_versions_mark: Option<Mark>,
    /// Whether the `crds/` of charts are part of the output.
    pub include_crds: bool,
    /// Whether test hooks are left out.
    pub skip_tests: bool,
    /// `.Release.IsUpgrade`
    pub is_upgrade: bool,
    /// Whether values.schema.json is not looked at.
    pub skip_schema: bool,
    /// Where the release is asked for.
    pub mark: Mark,
}

impl Default for Release {
    fn default() -> Release {
        Release {
            name: "release-name".to_owned(),
            namespace: "default".to_owned(),
            value_files: Vec::new(),
            values: Vec::new(),
            sets: Vec::new(),
            kube_version: None,
            api_versions: Vec::new(),
            api_versions_mark: None,
            include_crds: false,
            skip_tests: false,
            is_upgrade: false,
            skip_schema: false,
            mark: Mark::NONE,
        }
    }
}

/// One `--set` or parameter.
#[derive(Debug, Clone)]
pub struct SetValue {
    /// How it is read.
    pub kind: SetKind,
    /// `image.tag=1.2,replicas=3`; for [`SetKind::File`], the value is a path in the snapshot.
    pub expression: String,
    /// Where it is written.
    pub mark: Mark,
}

/// How an expression is read. Helm applies them in this order, whatever the order of the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetKind {
    /// `--set-json`
    Json,
    /// `--set`
    Plain,
    /// `--set-string`
    String,
    /// `--set-file`
    File,
    /// `--set-literal`
    Literal,
}

/// What `helm template` is asked to print of a release.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Only these templates, by their paths below the chart.
    pub show_only: Vec<String>,
    /// No hooks.
    pub no_hooks: bool,
}

/// A document of a release, as Helm prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedDocument {
    /// The template: `web/templates/service.yaml`
    pub source: String,
    /// Its text, without the line that begins it.
    pub text: String,
    /// Whether it is a hook.
    pub hook: bool,
}

/// The name of a release by `--name-template`.
///
/// # Errors
/// What is wrong with the template, in Go's words.
pub fn name_from_template(text: &str) -> Result<String, String> {
    const NAME: &str = "name-template";
    let mut functions = Functions::builtins();
    sprig::register(&mut functions);
    let mut templates = Templates::new(Arc::new(functions));
    templates.parse(NAME, text).map_err(|error| error.to_string())?;
    let rendered = templates.execute(NAME, &TemplateValue::Nil, TemplateOptions::default());
    rendered.map(|rendered| rendered.text).map_err(|error| error.to_string())
}

/// The charts of a repository: each is read once, however many releases and threads ask for it.
#[derive(Debug)]
pub struct Charts<'r> {
    repository: &'r Repository,
    /// Where the charts of chart repositories lie; `None` is Helm itself, which wants all dependencies in `charts/`.
    sources: Option<Vec<ChartSource>>,
    /// What the cluster holds, to `lookup`.
    cluster: Vec<Node>,
    compiled: Mutex<BTreeMap<String, Slot>>,
}

/// Where a chart of a chart repository lies.
#[derive(Debug, Clone)]
pub struct ChartSource {
    /// The chart repository's URL.
    pub url: String,
    /// The chart; `None` if the directory holds the charts of the repository by their names.
    pub chart: Option<String>,
    /// The directory, from this repository's root.
    pub path: String,
}

/// A chart that is compiled once, by whichever thread asks first.
type Slot = Arc<OnceLock<Result<Arc<Compiled>, HelmError>>>;

#[derive(Debug)]
struct Compiled {
    chart: Arc<Chart>,
    parsed: Arc<ParsedFiles>,
    /// Parsed templates by the names of those that take part, which depend on the subcharts that are enabled.
    templates: Mutex<BTreeMap<Vec<String>, Result<Templates, HelmError>>>,
}

/// A file that is parsed once, by whichever thread asks first.
type ParsedSlot = Arc<OnceLock<Parsed>>;

/// Parsed files by what they are called, which an alias of their chart changes.
#[derive(Debug, Default)]
struct ParsedFiles(Mutex<BTreeMap<(String, FileId), ParsedSlot>>);

impl ParsedFiles {
    fn get(&self, name: &str, file: &Arc<ChartFile>) -> Parsed {
        let slot = {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.entry((name.to_owned(), file.id)).or_default().clone()
        };
        slot.get_or_init(|| parse_file(name, file)).clone()
    }
}

/// The templates' output, and where they are.
struct Rendered {
    printed: Vec<Printed>,
    sorted: Sorted,
    instance: Instance,
    not_judged: Vec<NotJudged>,
    notes: BTreeSet<Note>,
}

impl<'r> Charts<'r> {
    /// The charts of `repository`.
    pub fn new(repository: &'r Repository) -> Charts<'r> {
        Charts { repository, sources: None, cluster: Vec::new(), compiled: Mutex::default() }
    }

    /// The charts of `repository` as Argo CD sees them: dependencies that are not in `charts/` are taken from `sources`
    /// and from local paths, and `cluster` is what `lookup` finds.
    pub fn with_sources(repository: &'r Repository, sources: Vec<ChartSource>, cluster: Vec<Node>) -> Charts<'r> {
        Charts { repository, sources: Some(sources), cluster, compiled: Mutex::default() }
    }

    /// Adds the dependencies that are not in `charts/` and can be found elsewhere in the repository.
    fn complete(&self, chart: &mut Chart, directory: &str, depth: usize) -> Result<(), HelmError> {
        let Some(sources) = self.sources.as_ref().filter(|_| depth < MAX_DEPTH) else { return Ok(()) };
        for dependency in chart.meta.dependencies.clone() {
            if chart.children.iter().any(|child| child.meta.name == dependency.name) {
                continue;
            }
            let url = dependency.repository.trim_end_matches('/');
            let path = match url.strip_prefix("file://") {
                Some(path) => normalize(directory, path),
                None => sources.iter().filter(|source| source.url.trim_end_matches('/') == url).find_map(|source| {
                    match source.chart.as_deref() {
                        Some(name) => (name == dependency.name).then(|| source.path.clone()),
                        None => normalize(&source.path, &dependency.name),
                    }
                }),
            };
            let Some(path) = path.and_then(|path| self.repository.snapshot.directory(&path)) else { continue };
            if !self.repository.charts.contains_key(&path) {
                continue;
            }
            let mut found = load(self.repository, &path, &|_, _| {})?;
            self.complete(&mut found, &path, depth + 1)?;
            chart.children.push(Arc::new(found));
        }
        Ok(())
    }

    fn compiled(&self, directory: &str) -> Result<Arc<Compiled>, HelmError> {
        let slot = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            compiled.entry(directory.to_owned()).or_default().clone()
        };
        slot.get_or_init(|| {
            let parsed = Arc::new(ParsedFiles::default());
            // Whoever is idle parses the chart's own templates while this thread reads values and subcharts. Workers have
            // other releases to go on with.
            let begin = |chart: &str, file: &Arc<ChartFile>| {
                if !may_wait() {
                    return;
                }
                let (parsed, name, file) = (parsed.clone(), template_name(chart, &file.name), file.clone());
                rayon::spawn(move || drop(parsed.get(&name, &file)));
            };
            let mut chart = load(self.repository, directory, &begin)?;
            self.complete(&mut chart, directory, 0)?;
            Ok(Arc::new(Compiled { chart: Arc::new(chart), parsed, templates: Mutex::default() }))
        })
        .clone()
    }

    /// What the chart in `directory` deploys as `release`. Every value has the origin of what made it.
    pub fn render(&self, directory: &str, release: &Release) -> Output {
        let mut output = Output::default();
        for (id, _) in self.repository.snapshot.under(directory) {
            output.used.insert(id);
        }
        for (path, _) in &release.value_files {
            output.used.extend(self.repository.snapshot.find(path));
        }
        let compiled = match self.compiled(directory) {
            Ok(compiled) => compiled,
            Err(error) => {
                report(&error, &Seen::default(), release, &mut output);
                return output;
            }
        };
        let mut seen = Seen::default();
        match self.run(&compiled, release, true, &mut seen) {
            Ok(rendered) => self.collect(&rendered, release, &seen.sources, &mut output),
            Err(error) => {
                report(&error, &seen, release, &mut output);
                seen.explain(self.repository, release, &mut output);
            }
        }
        output
    }

    fn collect(&self, rendered: &Rendered, release: &Release, sources: &Sources, output: &mut Output) {
        output.not_judged.extend(rendered.not_judged.iter().cloned());
        super::notes::report(&rendered.notes, &rendered.instance, release, sources, output);
        if release.include_crds {
            let mut crds = Vec::new();
            crd_files(&rendered.instance, &rendered.instance.name, &mut crds);
            for (_, file) in crds {
                if let Some(yaml) = self.repository.yaml(file.id) {
                    output.failed |= broken(yaml, "").is_some();
                    for document in &yaml.documents {
                        push(document.root.clone(), output);
                    }
                }
            }
        }
        let hooks = rendered.sorted.hooks.iter().filter(|hook| !(release.skip_tests && hook.is_test()));
        for document in rendered.sorted.manifests.iter().chain(hooks) {
            let printed = &rendered.printed[document.printed];
            for content in &document.yaml.documents {
                let mut node = content.root.clone();
                locate(&mut node, printed, document.range.start as u32, sources);
                push(node, output);
            }
        }
    }

    /// The text that `helm template` prints. Bytes that are not UTF-8 are kept as
    /// [`template::bytes`](crate::render::template::bytes) says.
    ///
    /// # Errors
    /// What Helm refuses.
    pub fn manifest(&self, directory: &str, release: &Release, flags: &Flags) -> Result<String, HelmError> {
        let documents = self.documents(directory, release, flags)?;
        let mut out = String::new();
        let mut put = |document: &PrintedDocument| {
            out.push_str(&format!("---\n# Source: {}\n{}\n", document.source, document.text))
        };
        documents.iter().filter(|document| !document.hook).for_each(&mut put);
        let mut out = out.trim().to_owned();
        out.push('\n');
        let mut put = |document: &PrintedDocument| {
            out.push_str(&format!("---\n# Source: {}\n{}\n", document.source, document.text))
        };
        documents.iter().filter(|document| document.hook).for_each(&mut put);
        if flags.show_only.is_empty() { Ok(out) } else { only(&out, &flags.show_only) }
    }

    /// The documents of a release in the order in which they are printed: CRDs if they are wanted, objects, hooks.
    ///
    /// # Errors
    /// What Helm refuses.
    pub fn documents(
        &self,
        directory: &str,
        release: &Release,
        flags: &Flags,
    ) -> Result<Vec<PrintedDocument>, HelmError> {
        let compiled = self.compiled(directory)?;
        let rendered = self.run(&compiled, release, false, &mut Seen::default())?;
        let mut documents = Vec::new();
        if release.include_crds {
            let mut crds = Vec::new();
            crd_files(&rendered.instance, &rendered.instance.name, &mut crds);
            documents.extend(crds.into_iter().map(|(source, file)| PrintedDocument {
                source,
                text: file.text().to_string(),
                hook: false,
            }));
        }
        let printed = |document: &Document, hook: bool| {
            let printed = &rendered.printed[document.printed];
            PrintedDocument {
                source: printed.name.to_string(),
                text: printed.text[document.range.clone()].to_owned(),
                hook,
            }
        };
        documents.extend(rendered.sorted.manifests.iter().map(|document| printed(document, false)));
        if !flags.no_hooks {
            let hooks = rendered.sorted.hooks.iter().filter(|hook| !(release.skip_tests && hook.is_test()));
            documents.extend(hooks.map(|hook| printed(hook, true)));
        }
        Ok(documents)
    }

    fn run(
        &self,
        compiled: &Compiled,
        release: &Release,
        provenance: bool,
        seen: &mut Seen,
    ) -> Result<Rendered, HelmError> {
        let chart = &compiled.chart;
        let failed = |message: String| HelmError::Chart { message, mark: chart.meta.mark.unwrap_or(release.mark) };
        check_name(&release.name).map_err(|message| HelmError::Set { message, mark: release.mark })?;
        let given = self.values(release)?;
        if chart.meta.is_library() {
            return Err(failed("library charts are not installable".to_owned()));
        }
        let missing: Vec<_> = chart
            .meta
            .dependencies
            .iter()
            .filter(|dependency| !chart.children.iter().any(|child| child.meta.name == dependency.name))
            .collect();
        if let Some(first) = missing.first() {
            let names = missing.iter().map(|dependency| dependency.name.clone()).collect();
            return Err(HelmError::Unvendored { names, mark: first.mark });
        }
        let mut not_judged = Vec::new();
        let mut instance = Instance::new(chart);
        instance.settle(&given).map_err(failed)?;
        let values = coalesce(&instance, &given, false).map_err(failed)?;
        if !release.skip_schema {
            super::schema::validate(&instance, &values, &mut not_judged)?;
        }
        let kube_version = release.kube_version.as_deref().unwrap_or(DEFAULT_KUBE_VERSION);
        let kube_version = KubeVersion::parse(kube_version).map_err(|message| HelmError::Set {
            message: format!("invalid kube version '{kube_version}': {message}"),
            mark: release.mark,
        })?;
        check_kube_version(&chart.meta.kube_version, &kube_version)
            .map_err(|message| HelmError::Output { message, mark: chart.meta.mark.unwrap_or(release.mark) })?;
        let capabilities = Capabilities::new(kube_version, &release.api_versions);
        let jobs = jobs(&instance, &values, release, capabilities);
        seen.sources.extend(jobs.iter().map(|job| (Arc::from(job.name.as_str()), job.file.clone())));
        seen.values = Some(values);
        let templates = compiled.templates(&jobs)?;
        let cluster = provenance.then(|| Rc::new(Cluster::new(&self.cluster)));
        let (mut printed, notes) = run(&templates, &jobs, cluster.as_ref())?;
        let sorted = sort(&mut printed)?;
        Ok(Rendered { printed, sorted, instance, not_judged, notes })
    }

    /// Everything that people set, merged.
    fn values(&self, release: &Release) -> Result<Map, HelmError> {
        let values = Map::new();
        for (path, mark) in &release.value_files {
            let missing = || HelmError::ValueFile { path: path.clone(), mark: *mark };
            let id = self.repository.snapshot.find(path).ok_or_else(missing)?;
            let yaml = self.repository.yaml(id).ok_or_else(missing)?;
            let wrong = |(what, mark): (String, Mark)| HelmError::Chart {
                message: format!("failed to parse {path}: cannot unmarshal yaml document: {what}"),
                mark,
            };
            let text = self.repository.snapshot.text(id).map(AsRef::as_ref).unwrap_or_default();
            if let Some(problem) = broken(yaml, text) {
                return Err(wrong(problem));
            }
            super::values::check_documents(yaml).map_err(wrong)?;
            let repeated = |problem: &Problem| matches!(problem.kind, ProblemKind::DuplicateKey { .. });
            if yaml.problems.iter().any(repeated) {
                let limits = Limits { last_key_wins: true, ..Limits::default() };
                overlay(&values, &read(&crate::yaml::read(id, text, limits)));
            } else {
                overlay(&values, &read(yaml));
            }
        }
        for node in &release.values {
            if let Value::Map(map) = Value::from_node(node, NumberMode::Float) {
                overlay(&values, &map);
            }
        }
        let mut sets: Vec<&SetValue> = release.sets.iter().collect();
        sets.sort_by_key(|set| set.kind);
        for set in sets {
            let read = |path: &str| {
                let id = self.repository.snapshot.find(path);
                let file = id.and_then(|id| self.repository.snapshot.file(id).map(|file| (id, file)));
                file.map(|(id, file)| ChartFile::new(String::new(), id, file.content.clone()).raw_text().to_string())
                    .ok_or_else(|| format!("open {path}: no such file or directory"))
            };
            apply(&values, set.kind, &set.expression, &Origin::at(set.mark), &read).map_err(|what| {
                let flag = match set.kind {
                    SetKind::Json if what.starts_with("failed parsing") => {
                        return HelmError::Set { message: what, mark: set.mark };
                    }
                    SetKind::Json => {
                        let message = format!("failed parsing --set-json data {}", set.expression);
                        return HelmError::Set { message, mark: set.mark };
                    }
                    SetKind::Plain => "--set",
                    SetKind::String => "--set-string",
                    SetKind::File => "--set-file",
                    SetKind::Literal => "--set-literal",
                };
                HelmError::Set { message: format!("failed parsing {flag} data: {what}"), mark: set.mark }
            })?;
        }
        Ok(values)
    }
}

impl Compiled {
    fn templates(&self, jobs: &[Job]) -> Result<Templates, HelmError> {
        let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
        let known = self.templates.lock().unwrap_or_else(PoisonError::into_inner).get(&names).cloned();
        // Nothing is locked meanwhile: others may want templates of the chart, too.
        let templates = known.unwrap_or_else(|| parse(jobs, |name, file| self.parsed.get(name, file)));
        self.templates.lock().unwrap_or_else(PoisonError::into_inner).entry(names).or_insert(templates).clone()
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let part = |part: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = part.as_bytes();
        bytes.first().is_some_and(|b| good(*b))
            && bytes.last().is_some_and(|b| good(*b))
            && bytes.iter().all(|b| good(*b) || *b == b'-')
    };
    if name.len() <= 53 && name.split('.').all(part) {
        return Ok(());
    }
    Err(format!(
        "release name check failed: release name {}: invalid release name, must match regex \
         ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53",
        crate::render::template::quote(name)
    ))
}

fn check_kube_version(constraint: &str, version: &KubeVersion) -> Result<(), String> {
    if constraint.is_empty() {
        return Ok(());
    }
    let met = match (Constraints::parse(constraint), Version::parse(version.normalized())) {
        (Ok(constraints), Ok(version)) => constraints.check(&version),
        _ => false,
    };
    if met {
        return Ok(());
    }
    let version = version.version();
    Err(format!("chart requires kubeVersion: {constraint} which is incompatible with Kubernetes {version}"))
}

/// The CRDs of a chart and its subcharts, with the names that Helm shows for them.
fn crd_files(chart: &Instance, path: &str, out: &mut Vec<(String, Arc<ChartFile>)>) {
    out.extend(chart.chart.crds().map(|file| (format!("{path}/{}", file.name), file.clone())));
    for child in &chart.children {
        crd_files(child, &format!("{path}/charts/{}", child.name), out);
    }
}

/// Takes an object, or the items of a list of objects.
fn push(node: Node, output: &mut Output) {
    let Some(kind) = node.str_at(&["kind"]) else { return };
    if kind.ends_with("List")
        && let Some(Yaml::Sequence(sequence)) = node.get("items").map(|items| &items.value)
    {
        for item in sequence.items.iter().filter(|item| item.get("kind").is_some()) {
            output.resources.push(Resource { node: item.clone() });
        }
        return;
    }
    output.resources.push(Resource { node });
}

/// The documents of `text` that the templates `names` made.
fn only(text: &str, names: &[String]) -> Result<String, HelmError> {
    let documents: Vec<(&str, &str)> = split(text)
        .into_iter()
        .filter_map(|range| {
            let document = &text[range];
            let source = document.lines().find_map(|line| line.split_once("# Source: ").map(|(_, source)| source))?;
            Some((source.split_once('/')?.1, document))
        })
        .collect();
    let mut out = String::new();
    for name in names {
        let mut found = false;
        for (source, document) in &documents {
            if super::ignore::matches(name, source) == Some(true) {
                found = true;
                out.push_str(&format!("---\n{document}\n"));
            }
        }
        if !found {
            let message = format!("could not find template {name} in chart");
            return Err(HelmError::Set { message, mark: Mark::NONE });
        }
    }
    Ok(out)
}

/// Turns an error into what the pipeline reports.
fn report(error: &HelmError, seen: &Seen, release: &Release, output: &mut Output) {
    output.failed = true;
    let sources = &seen.sources;
    let at = |mark: Mark| if mark.is_some() { mark } else { release.mark };
    let text = error.to_string();
    if text.contains(UNSUPPORTED) {
        let mark = match error {
            HelmError::Template { error, .. } => {
                let site = &error.root().site;
                sources.get(&site.template).map_or(release.mark, |file| file.mark(site.offset, site.offset + 1))
            }
            error => at(error.mark()),
        };
        let what = format!("release {}", release.name);
        output.not_judged.push(NotJudged { mark, what, reason: text });
        return;
    }
    match error {
        HelmError::Unvendored { names, mark } => {
            let files: BTreeSet<FileId> = [mark.file].into_iter().filter(|_| mark.is_some()).collect();
            output.used.extend(files);
            output.not_judged.push(NotJudged {
                mark: at(*mark),
                what: format!("chart dependencies {}", names.join(", ")),
                reason:
                    "they are not in charts/; `helm dependency build` in the chart's directory puts them there, or map \
                         their repository to a directory of charts in tiphys.yaml"
                        .to_owned(),
            });
        }
        HelmError::ValueFile { path, mark } => output.findings.push(
            Finding::new(&rules::value_file_not_found::RULE, at(*mark))
                .message(format!("values file `{path}` does not exist")),
        ),
        HelmError::Schema { violations, .. } => {
            for (mark, what) in violations {
                output.findings.push(
                    Finding::new(&rules::values_schema_violation::RULE, at(*mark))
                        .message(format!("values break the chart's schema: {what}"))
                        .related(release.mark, "the release is asked for here"),
                );
            }
        }
        HelmError::Template { error, .. } => {
            let root = error.root();
            // A text that `tpl` ran is no file: the innermost template that is one counts.
            let mut mark = release.mark;
            let mut inner = Some(error.as_ref());
            while let Some(error) = inner {
                // Go names no line where a template that is called does not exist: the call is the place.
                if let Some(file) = sources.get(&error.site.template).filter(|_| error.site.line > 0) {
                    mark = file.mark(error.site.offset, error.site.offset + 1);
                }
                inner = error.cause.as_deref();
            }
            let reason = root.reason.replace("HELM_ERR_START", "").replace("HELM_ERR_END", "");
            let mut finding = Finding::new(&rules::helm_template_error::RULE, at(mark)).message(reason);
            if mark != release.mark {
                finding = finding.related(release.mark, "rendered for this release");
            }
            let mut outer = Some(error.as_ref());
            while let Some(error) = outer.filter(|error| error.cause.is_some()) {
                if let Some(file) = sources.get(&error.site.template) {
                    finding = finding.related(file.mark(error.site.offset, error.site.offset + 1), "called from here");
                }
                outer = error.cause.as_deref();
            }
            output.findings.push(finding);
        }
        HelmError::Chart { message, mark } | HelmError::Set { message, mark } | HelmError::Output { message, mark } => {
            output.findings.push(
                Finding::new(&rules::helm_template_error::RULE, at(*mark))
                    .message(message.clone())
                    .related(if mark.is_some() { release.mark } else { Mark::NONE }, "rendered for this release"),
            );
        }
    }
}

impl ChartFile {
    /// The text with everything that is in the file.
    fn raw_text(&self) -> smol_str::SmolStr {
        match &self.content {
            crate::source::Content::Text(text) => smol_str::SmolStr::new(text),
            crate::source::Content::Binary(content) => bytes::text(content),
            _ => smol_str::SmolStr::default(),
        }
    }
}

/// `path`, as a release in `directory` names it, from the repository's root.
pub(super) fn resolved(directory: &str, path: &str) -> Option<String> {
    normalize(directory, path)
}
