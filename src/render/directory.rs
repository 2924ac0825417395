//! A directory of plain manifests in, their objects out: Argo CD's directory source.
//!
//! Files ending in `.yaml`, `.yml` and `.json` are read, below subdirectories with `recurse`; `include` and `exclude`
//! are globs over the path within the directory, in which `*` also crosses `/`. Jsonnet is not judged. A file that does
//! not look like a Kubernetes object is passed over, as Argo CD does.

use globset::{GlobBuilder, GlobMatcher};

use super::{Output, Resource};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::source::{base_name, normalize};
use crate::yaml::{Node, Value};

/// How Argo CD reads a directory: `spec.source.directory`.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether subdirectories are read too.
    pub recurse: bool,
    /// Only files that match; empty for all.
    pub include: String,
    /// Files that match are left out, also where `include` matches.
    pub exclude: String,
    /// Where the globs stand.
    pub mark: Option<Mark>,
}

impl Options {
    /// Reads `spec.source.directory`.
    pub fn from_node(node: Option<&Node>) -> Options {
        let Some(node) = node else { return Options::default() };
        let text = |key: &str| node.str_at(&[key]).unwrap_or_default().to_owned();
        Options {
            recurse: node.get("recurse").and_then(Node::as_bool).unwrap_or(false),
            include: text("include"),
            exclude: text("exclude"),
            mark: Some(node.mark()),
        }
    }
}

/// Files with this text in them are passed over.
const SKIP: &str = "+argocd:skip-file-rendering";

/// Renders the manifests of `directory`. `mark` is the place that asks for it.
pub fn render(repository: &Repository, directory: &str, options: &Options, mark: Mark) -> Output {
    let mut output = Output::default();
    let Some(directory) = repository.snapshot.directory(directory) else {
        output.findings.push(
            Finding::new(&rules::source_path_not_found::RULE, mark).message(format!("{directory}: no such directory")),
        );
        output.failed = true;
        return output;
    };
    let (include, exclude) = match (glob(&options.include), glob(&options.exclude)) {
        (Ok(include), Ok(exclude)) => (include, exclude),
        (Err(error), _) | (_, Err(error)) => {
            let mark = options.mark.unwrap_or(mark);
            output.not_judged.push(NotJudged { mark, what: format!("directory {directory}"), reason: error });
            return output;
        }
    };
    let skipped = if directory.is_empty() { 0 } else { directory.len() + 1 };
    for (id, file) in repository.snapshot.under(&directory) {
        let relative = &file.path[skipped..];
        if !options.recurse && relative.contains('/') {
            continue;
        }
        let name = base_name(relative);
        let matches = |glob: &Option<GlobMatcher>| glob.as_ref().map(|glob| glob.is_match(relative));
        if matches(&exclude) == Some(true) || matches(&include) == Some(false) {
            continue;
        }
        if name.ends_with(".jsonnet") {
            output.not_judged.push(NotJudged {
                mark: Mark::file(id),
                what: format!("jsonnet {}", file.path),
                reason: "jsonnet is not evaluated".to_owned(),
            });
        } else if name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json") {
            manifests(repository, id, &mut output);
        }
    }
    output
}

/// The objects of one manifest file.
pub fn render_file(repository: &Repository, id: FileId) -> Output {
    let mut output = Output::default();
    manifests(repository, id, &mut output);
    output
}

/// The manifest file at `path`, as written in `directory`.
pub fn render_path(repository: &Repository, directory: &str, path: &str) -> Option<Output> {
    let id = repository.snapshot.find(&normalize(directory, path)?)?;
    Some(render_file(repository, id))
}

fn glob(pattern: &str) -> Result<Option<GlobMatcher>, String> {
    if pattern.is_empty() {
        return Ok(None);
    }
    GlobBuilder::new(pattern)
        .literal_separator(false)
        .build()
        .map(|glob| Some(glob.compile_matcher()))
        .map_err(|error| error.to_string())
}

fn manifests(repository: &Repository, id: FileId, output: &mut Output) {
    if repository.snapshot.text(id).is_some_and(|text| text.contains(SKIP)) {
        return;
    }
    let Some(yaml) = repository.yaml(id) else { return };
    output.used.insert(id);
    output.failed |= !yaml.problems.is_empty();
    for document in &yaml.documents {
        push_objects(&document.root, output);
    }
}

/// Takes an object, or the items of a list of objects.
fn push_objects(node: &Node, output: &mut Output) {
    let Some(kind) = node.str_at(&["kind"]) else { return };
    if node.get("apiVersion").is_none() {
        return;
    }
    if kind.ends_with("List")
        && let Some(items) = node.get("items")
        && let Value::Sequence(sequence) = &items.value
    {
        for item in sequence.items.iter().filter(|item| item.get("kind").is_some()) {
            output.resources.push(Resource { node: item.clone() });
        }
        return;
    }
    output.resources.push(Resource { node: node.clone() });
}
