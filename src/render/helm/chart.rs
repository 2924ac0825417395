//! A chart of the snapshot: its files, read once and shared by every release of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::error::HelmError;
use super::ignore::Rules;
use super::metadata::Metadata;
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::source::{Content, archive, base_name};
use crate::yaml::{Limits, Node, ProblemKind, Style, YamlFile, read};

/// Levels of charts within charts.
pub(super) const MAX_DEPTH: usize = 20;

/// A chart and its subcharts, before anybody's values.
#[derive(Debug)]
pub(super) struct Chart {
    pub meta: Metadata,
    /// Files below `templates/`, by name.
    pub templates: Vec<Arc<ChartFile>>,
    /// Everything else that templates may read.
    pub files: Vec<Arc<ChartFile>>,
    /// The documents of values.yaml.
    pub values: Option<Arc<YamlFile>>,
    pub values_file: Option<FileId>,
    pub schema: Option<Arc<ChartFile>>,
    /// The schema compiled, by the first release that needs it.
    pub validator: OnceLock<Result<jsonschema::Validator, String>>,
    pub children: Vec<Arc<Chart>>,
}

/// A file of a chart.
#[derive(Debug)]
pub(super) struct ChartFile {
    /// Its path below the chart's directory.
    pub name: String,
    pub id: FileId,
    pub content: Content,
    lines: OnceLock<Vec<u32>>,
}

impl ChartFile {
    pub(super) fn new(name: String, id: FileId, content: Content) -> ChartFile {
        ChartFile { name, id, content, lines: OnceLock::new() }
    }

    /// Its bytes, without a byte order mark.
    pub(super) fn bytes(&self) -> &[u8] {
        let bytes: &[u8] = match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
            _ => &[],
        };
        bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
    }

    /// Its text as templates see it.
    pub(super) fn text(&self) -> smol_str::SmolStr {
        crate::render::template::bytes::text(self.bytes())
    }

    /// The place of a range of [`ChartFile::text`].
    pub(super) fn mark(&self, start: u32, end: u32) -> Mark {
        let Content::Text(text) = &self.content else { return Mark::file(self.id) };
        let skipped = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
        let (start, end) = (start + skipped, end + skipped);
        let lines = self.lines.get_or_init(|| {
            std::iter::once(0)
                .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at as u32 + 1))
                .collect()
        });
        let line = lines.partition_point(|first| *first <= start).max(1);
        let first = lines[line - 1] as usize;
        let column = text.get(first..start as usize).map_or(1, |before| before.chars().count() + 1);
        Mark { file: self.id, line: line as u32, column: column as u32, start, end: end.max(start) }
    }
}

/// Is told of each template of a chart as soon as it is found, and of the chart's name.
pub(super) type Begin<'b> = &'b dyn Fn(&str, &Arc<ChartFile>);

/// Reads the chart in `directory`, or the packed one at that path.
pub(super) fn load(repository: &Repository, directory: &str, begin: Begin<'_>) -> Result<Chart, HelmError> {
    let snapshot = &repository.snapshot;
    if let Some(archive) = snapshot.find(directory).filter(|_| archive::is_archive(directory)) {
        let path = snapshot.path(archive);
        let files = unpacked(repository, archive, snapshot.archived(path), path.len() + 1);
        let failed = |message| HelmError::Chart { message, mark: Mark::file(archive) };
        return assemble(repository, files.map_err(failed)?, 0, begin);
    }
    let at = |path: &str| if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") };
    let ignore = snapshot.find(&at(".helmignore")).and_then(|id| Some((id, snapshot.text(id)?.clone())));
    let rules = match &ignore {
        Some((id, text)) => {
            Rules::parse(text).map_err(|message| HelmError::Chart { message, mark: Mark::file(*id) })?
        }
        None => Rules::parse("").unwrap_or_default(),
    };
    let skip = if directory.is_empty() { 0 } else { directory.len() + 1 };
    let mut files = Vec::new();
    for (id, file) in snapshot.under(directory) {
        let name = &file.path[skip..];
        if rules.leaves_out(name) {
            continue;
        }
        let (id, content) = match &file.content {
            Content::Link(_) => match snapshot.find(&file.path) {
                Some(target) => (target, snapshot.file(target).map(|file| file.content.clone())),
                None => continue,
            },
            content => (id, Some(content.clone())),
        };
        if let Some(content) = content {
            files.push(Arc::new(ChartFile::new(name.to_owned(), id, content)));
        }
    }
    assemble(repository, files, 0, begin)
}

/// The files of an archive, their names without the first `skip` bytes.
///
/// # Errors
/// Why it could not be unpacked.
fn unpacked<'s>(
    repository: &Repository,
    archive: FileId,
    files: impl Iterator<Item = (FileId, &'s crate::source::File)>,
    skip: usize,
) -> Result<Vec<Arc<ChartFile>>, String> {
    let files: Vec<_> = files
        .map(|(id, file)| Arc::new(ChartFile::new(file.path[skip..].to_owned(), id, file.content.clone())))
        .collect();
    if !files.is_empty() {
        return Ok(files);
    }
    match repository.snapshot.file(archive).map(|file| &file.content) {
        Some(Content::Binary(bytes)) => Err(match archive::unpack("", bytes) {
            Err(reason) => reason,
            Ok(_) => "Chart.yaml file is missing".to_owned(),
        }),
        Some(Content::TooLarge(size)) => Err(format!("it is too large to be read: {size} bytes")),
        _ => Err("it is no gzip archive".to_owned()),
    }
}

fn yaml_of(repository: &Repository, file: &ChartFile) -> Option<Arc<YamlFile>> {
    let Content::Text(text) = &file.content else { return None };
    let parsed = repository.yaml(file.id).cloned();
    match parsed {
        Some(yaml) if !yaml.problems.iter().any(|p| matches!(p.kind, ProblemKind::DuplicateKey { .. })) => Some(yaml),
        _ => {
            let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
            Some(Arc::new(read(file.id, text, Limits { last_key_wins: true, ..Limits::default() })))
        }
    }
}

/// What makes the parsed file useless to Helm, in its words, and where; `text` is what was parsed.
pub(super) fn broken(yaml: &YamlFile, text: &str) -> Option<(String, Mark)> {
    if let Some(at) = text.bytes().position(|b| (b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) || b == b'\x7f') {
        let start = at as u32;
        let mark = yaml.documents.first().map_or(Mark::NONE, |document| document.root.mark());
        let mark = Mark { start, end: start + 1, ..mark };
        return Some(("error converting YAML to JSON: yaml: control characters are not allowed".to_owned(), mark));
    }
    // A tab in front of the first token is no indentation.
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with('\t') && !first.trim_start().starts_with('#') {
        let mark = yaml.documents.first().map_or(Mark::NONE, |document| document.root.mark());
        let what = "error converting YAML to JSON: yaml: found character that cannot start any token";
        return Some((what.to_owned(), mark));
    }
    let problem = yaml.problems.iter().find_map(|problem| {
        let what = match &problem.kind {
            ProblemKind::DuplicateKey { .. } => return None,
            ProblemKind::Syntax(what) => syntax(what, problem.mark, text),
            ProblemKind::TooDeep(limit) => format!("nested deeper than {limit} levels"),
            ProblemKind::AliasExpansion(limit) => format!("aliases expand to more than {limit} values"),
            ProblemKind::BadMerge => {
                format!("line {}: map merge requires map or sequence of maps as the value", problem.mark.line)
            }
        };
        Some((format!("error converting YAML to JSON: yaml: {what}"), problem.mark))
    });
    problem.or_else(|| escaped_slash(yaml, text))
}

/// The first `\/` of a quoted text: YAML 1.2 and JSON know it, Helm's reader does not.
fn escaped_slash(yaml: &YamlFile, text: &str) -> Option<(String, Mark)> {
    text.contains("\\/").then_some(())?;
    let mut open: Vec<&Node> = yaml.documents.iter().rev().map(|document| &document.root).collect();
    while let Some(node) = open.pop() {
        open.extend(node.items().iter().rev());
        open.extend(node.entries().iter().rev().flat_map(|entry| [&entry.value, &entry.key]));
        let mark = node.mark();
        let quoted = node.as_scalar().filter(|scalar| scalar.style == Style::Double);
        let Some(written) = quoted.and_then(|_| text.get(mark.start as usize..mark.end as usize)) else { continue };
        let mut rest = written;
        while let Some((before, behind)) = rest.split_once('\\') {
            if behind.starts_with('/') {
                // The line of the text's start, or where that is the first, of the escape; a first line is not named.
                let within = written[..written.len() - rest.len() + before.len()].matches('\n').count() as u32;
                let line = if mark.line > 1 { mark.line } else { mark.line + within };
                let line = if line > 1 { format!("line {line}: ") } else { String::new() };
                let what = format!("error converting YAML to JSON: yaml: {line}found unknown escape character");
                return Some((what, mark));
            }
            let mut behind = behind.chars();
            behind.next();
            rest = behind.as_str();
        }
    }
    None
}

/// A syntax error in go-yaml's words. It counts lines from 0 where the grammar is broken, from 1 where a token is, and
/// names no line where the count is 0.
fn syntax(what: &str, mark: Mark, text: &str) -> String {
    const GRAMMAR: &[(&str, &str)] = &[
        ("node content", "did not find expected node content"),
        ("',' or ']'", "did not find expected ',' or ']'"),
        ("',' or '}'", "did not find expected ',' or '}'"),
        ("expected key", "did not find expected key"),
        ("'-' indicator", "did not find expected '-' indicator"),
        ("<document", "did not find expected <document start>"),
    ];
    const TOKENS: &[(&str, &str)] = &[
        ("simple key expect", "could not find expected ':'"),
        ("tab", "found character that cannot start any token"),
        ("unexpected character", "found character that cannot start any token"),
    ];
    if what.contains("unknown anchor") {
        let rest = text.get(mark.start as usize..).and_then(|rest| rest.split_once('*')).map_or("", |(_, rest)| rest);
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        return format!("unknown anchor '{name}' referenced");
    }
    let before = mark.line.saturating_sub(1);
    // An empty key in front: go-yaml takes the rest for its value, and misses a key behind it.
    let empty_key = text.lines().nth(before as usize).is_some_and(|line| line.starts_with(": "));
    let what = if empty_key && what.contains("mapping values") { "expected key" } else { what };
    let known = |table: &[(&str, &'static str)]| table.iter().find(|(ours, _)| what.contains(ours)).map(|(_, go)| *go);
    let (line, words) = match known(GRAMMAR) {
        Some(words) => (before, words),
        None => {
            let plain = what.rsplit_once(", ").filter(|_| what.starts_with("while ")).map_or(what, |(_, words)| words);
            (if before == 0 { 0 } else { mark.line }, known(TOKENS).unwrap_or(plain))
        }
    };
    if line == 0 { words.to_owned() } else { format!("line {line}: {words}") }
}

fn assemble(
    repository: &Repository,
    files: Vec<Arc<ChartFile>>,
    depth: usize,
    begin: Begin<'_>,
) -> Result<Chart, HelmError> {
    let failed = |(message, mark): (String, Mark)| HelmError::Chart { message, mark };
    let chart_file = files.iter().find(|file| file.name == "Chart.yaml");
    let Some(chart_file) = chart_file else {
        let mark = files.first().map_or(Mark::NONE, |file| Mark::file(file.id));
        return Err(HelmError::Chart { message: "Chart.yaml file is missing".to_owned(), mark });
    };
    let file_mark = Mark::file(chart_file.id);
    let yaml = yaml_of(repository, chart_file).unwrap_or_default();
    if let Some((what, mark)) = broken(&yaml, &chart_file.text()) {
        return Err(failed((format!("cannot load Chart.yaml: {what}"), mark)));
    }
    let mut meta = match yaml.documents.first() {
        Some(document) => Metadata::read(&document.root, file_mark).map_err(failed)?,
        None => Metadata { api_version: "v1".to_owned(), ..Metadata::default() },
    };
    let mut chart = Chart {
        meta: Metadata::default(),
        templates: Vec::new(),
        files: Vec::new(),
        values: None,
        values_file: None,
        schema: None,
        validator: OnceLock::new(),
        children: Vec::new(),
    };
    let mut children: BTreeMap<String, Vec<Arc<ChartFile>>> = BTreeMap::new();
    for file in &files {
        match file.name.as_str() {
            "Chart.yaml" | "Chart.lock" => {}
            "values.yaml" => {
                let yaml = yaml_of(repository, file).unwrap_or_default();
                if let Some((what, mark)) = broken(&yaml, &file.text()) {
                    let message = format!("cannot load values.yaml: cannot unmarshal yaml document: {what}");
                    return Err(HelmError::Chart { message, mark });
                }
                super::values::check_documents(&yaml).map_err(|(what, mark)| HelmError::Chart {
                    message: format!("cannot load values.yaml: cannot unmarshal yaml document: {what}"),
                    mark,
                })?;
                chart.values = Some(yaml);
                chart.values_file = Some(file.id);
            }
            "values.schema.json" => chart.schema = Some(file.clone()),
            "requirements.yaml" => {
                let yaml = yaml_of(repository, file).unwrap_or_default();
                if let Some((what, mark)) = broken(&yaml, &file.text()) {
                    return Err(failed((format!("cannot load requirements.yaml: {what}"), mark)));
                }
                if let Some(document) = yaml.documents.first() {
                    meta.add_dependencies(&document.root).map_err(failed)?;
                }
                if meta.api_version == "v1" {
                    chart.files.push(file.clone());
                }
            }
            "requirements.lock" => {
                if meta.api_version == "v1" {
                    chart.files.push(file.clone());
                }
            }
            name if name.starts_with("templates/") => {
                begin(&meta.name, file);
                chart.templates.push(file.clone());
            }
            name => match name.strip_prefix("charts/") {
                Some(_) if name.ends_with(".prov") => chart.files.push(file.clone()),
                Some(inner) => {
                    let (child, rest) = inner.split_once('/').unwrap_or((inner, ""));
                    let file = ChartFile::new(rest.to_owned(), file.id, file.content.clone());
                    children.entry(child.to_owned()).or_default().push(Arc::new(file));
                }
                None => chart.files.push(file.clone()),
            },
        }
    }
    meta.validate().map_err(|message| HelmError::Chart { message, mark: file_mark })?;
    if depth >= MAX_DEPTH && !children.is_empty() {
        let message = format!("subcharts are nested deeper than {MAX_DEPTH} levels");
        return Err(HelmError::Chart { message, mark: file_mark });
    }
    for (name, files) in children {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let packed = files.iter().find(|file| archive::is_archive(&name) && file.name.is_empty());
        let files = match packed {
            None => files.into_iter().filter(|file| !file.name.is_empty()).collect(),
            Some(file) => {
                let path = repository.snapshot.path(file.id);
                unpacked(repository, file.id, repository.snapshot.archived(path), path.len() + 1).map_err(|reason| {
                    let message = format!("error unpacking subchart tar in {}: {reason}", meta.name);
                    HelmError::Chart { message, mark: Mark::file(file.id) }
                })?
            }
        };
        let child = assemble(repository, files, depth + 1, &|_, _| {}).map_err(|error| match error {
            HelmError::Chart { message, mark } => HelmError::Chart {
                message: format!("error unpacking subchart {name} in {}: {message}", meta.name),
                mark,
            },
            other => other,
        })?;
        chart.children.push(Arc::new(child));
    }
    chart.meta = meta;
    Ok(chart)
}

impl Chart {
    /// Files below `crds/` that are manifests.
    pub(super) fn crds(&self) -> impl Iterator<Item = &Arc<ChartFile>> {
        self.files.iter().filter(|file| {
            let name = base_name(&file.name).to_ascii_lowercase();
            let manifest = [".yaml", ".yml", ".json"].iter().any(|extension| name.ends_with(extension));
            file.name.starts_with("crds/") && manifest
        })
    }
}
