//! An Application's `source.helm`, as Argo CD 3 reads it.

use std::collections::BTreeMap;

use globset::GlobBuilder;

use super::release::{Release, SetKind, SetValue, resolved};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::render::Output;
use crate::render::variables::Variables;
use crate::source::Content;
use crate::yaml::{Limits, Node, read};

/// What a release depends on besides the source itself.
#[derive(Debug, Clone, Default)]
pub struct Context<'a> {
    /// `metadata.name` of the Application: the release's name, unless the source has one.
    pub name: &'a str,
    /// `spec.destination.namespace`
    pub namespace: &'a str,
    /// The directory of the chart.
    pub directory: &'a str,
    /// The cluster's Kubernetes version, if it is known.
    pub kube_version: Option<&'a str>,
    /// `spec.project`
    pub project: &'a str,
    /// The commit that is judged, if it is known.
    pub commit: Option<&'a str>,
    /// The directories that `$ref` value files start from, by ref; `None` for one outside of this repository.
    pub refs: BTreeMap<&'a str, Option<&'a str>>,
}

/// The release that `source` asks for; `source` is one of the Application's sources. Value files that do not exist and
/// those of other repositories are reported to `output`.
pub fn release(repository: &Repository, source: &Node, context: &Context<'_>, output: &mut Output) -> Release {
    let helm = source.get("helm");
    let field = |key: &str| helm.and_then(|helm| helm.get(key)).filter(|node| !node.is_null());
    let text = |key: &str| field(key).and_then(Node::text).filter(|text| !text.is_empty());
    let flag = |key: &str| field(key).and_then(Node::as_bool).unwrap_or(false);
    let mut release = Release {
        name: text("releaseName").unwrap_or(context.name).to_owned(),
        namespace: text("namespace").unwrap_or(context.namespace).to_owned(),
        kube_version: text("kubeVersion").or(context.kube_version).map(generic_version),
        api_versions: field("apiVersions").map(texts).unwrap_or_default(),
        api_versions_mark: field("apiVersions").filter(|list| !list.items().is_empty()).map(Node::mark),
        include_crds: !flag("skipCrds"),
        skip_tests: flag("skipTests"),
        skip_schema: flag("skipSchemaValidation"),
        mark: helm.unwrap_or(source).mark(),
        ..Release::default()
    };
    if release.namespace.is_empty() {
        release.namespace = "default".to_owned();
    }
    let ignore_missing = flag("ignoreMissingValueFiles");
    let Context { name, namespace, project, commit, .. } = *context;
    let variables = References { variables: Variables { source, name, namespace, project, commit }, context };
    for file in field("valueFiles").map(Node::items).unwrap_or_default() {
        value_file(repository, file, &variables, ignore_missing, &mut release, output);
    }
    // Argo CD writes one of them to a file and passes it behind the others; the object wins.
    match (field("valuesObject"), field("values")) {
        (Some(object), _) if !object.entries().is_empty() => release.values.push(object.clone()),
        (_, Some(values)) => release.values.extend(inline(values)),
        _ => {}
    }
    for parameter in field("parameters").map(Node::items).unwrap_or_default() {
        let Some(name) = parameter.get("name").and_then(Node::text) else { continue };
        let value = parameter.get("value").and_then(Node::text).unwrap_or_default();
        let forced = parameter.get("forceString").and_then(Node::as_bool).unwrap_or(false);
        let kind = if forced { SetKind::String } else { SetKind::Plain };
        let mark = parameter.get("value").unwrap_or(parameter).mark();
        release.sets.push(SetValue { kind, expression: format!("{name}={}", escaped(&variables.expand(value))), mark });
    }
    for parameter in field("fileParameters").map(Node::items).unwrap_or_default() {
        let Some(name) = parameter.get("name").and_then(Node::text) else { continue };
        let path = parameter.get("path").and_then(Node::text).unwrap_or_default();
        let path = match variables.referenced(path) {
            Some((Some(directory), path)) => resolved(directory, &path),
            Some((None, _)) => {
                output.not_judged.push(crate::finding::NotJudged {
                    mark: parameter.mark(),
                    what: format!("file parameter {name}"),
                    reason: "its source is another repository".to_owned(),
                });
                continue;
            }
            None => resolved(context.directory, &variables.expand(path)),
        };
        let path = path.unwrap_or_default();
        release.sets.push(SetValue {
            kind: SetKind::File,
            expression: format!("{name}={}", escaped(&path)),
            mark: parameter.get("path").unwrap_or(parameter).mark(),
        });
    }
    release
}

/// The numbers of a version: Argo CD drops what a provider adds.
fn generic_version(text: &str) -> String {
    let numbers = text.trim().trim_start_matches('v');
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    numbers[..end].trim_end_matches('.').to_owned()
}

/// The build variables that Argo CD puts into parameters and paths, and the sources that paths may start from.
struct References<'a> {
    variables: Variables<'a>,
    context: &'a Context<'a>,
}

impl References<'_> {
    fn expand(&self, text: &str) -> String {
        self.variables.expand(text)
    }

    /// What a path that begins with `$ref/` refers to: the directory, `None` for that of another repository, and the
    /// path within it.
    fn referenced(&self, path: &str) -> Option<(Option<&str>, String)> {
        let (name, rest) = path.strip_prefix('$')?.split_once('/')?;
        self.context.refs.get(name).map(|directory| (*directory, self.expand(rest)))
    }
}

fn texts(node: &Node) -> Vec<String> {
    node.items().iter().filter_map(Node::text).map(str::to_owned).collect()
}

/// Commas of a parameter's value are text, unless it is a list in braces.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut before = '\0';
    for c in value.chars() {
        if c == ',' && before != '\\' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// The documents of `values: |`, with the places of the text's lines.
fn inline(values: &Node) -> Vec<Node> {
    let Some(text) = values.text() else { return Vec::new() };
    let yaml = read(FileId::NONE, text, Limits { last_key_wins: true, ..Limits::default() });
    yaml.documents
        .into_iter()
        .map(|document| {
            let mut root = document.root;
            place(&mut root, values);
            root
        })
        .collect()
}

/// Gives the nodes of a text within a block scalar the lines that they stand on; within other scalars, the scalar's.
fn place(node: &mut Node, outer: &Node) {
    let mark = outer.mark();
    let line = node.origin.mark.line;
    node.origin = outer.origin.clone();
    if outer.as_scalar().is_some_and(crate::yaml::Scalar::is_block) && line > 0 {
        node.origin.mark = Mark { line: mark.line + line, column: 1, ..mark };
    }
    match &mut node.value {
        crate::yaml::Value::Scalar(_) => {}
        crate::yaml::Value::Sequence(sequence) => sequence.items.iter_mut().for_each(|item| place(item, outer)),
        crate::yaml::Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                place(&mut entry.key, outer);
                place(&mut entry.value, outer);
            }
        }
    }
}

fn value_file(
    repository: &Repository,
    file: &Node,
    variables: &References<'_>,
    ignore_missing: bool,
    release: &mut Release,
    output: &mut Output,
) {
    let Some(written) = file.text() else { return };
    let expanded = variables.expand(written);
    let mut not_judged = |reason: &str| {
        output.not_judged.push(crate::finding::NotJudged {
            mark: file.mark(),
            what: format!("values file {written}"),
            reason: reason.to_owned(),
        });
    };
    if written.starts_with("http://") || written.starts_with("https://") || written.contains("://") {
        not_judged("it is fetched from the network; keep a copy in the repository");
        return;
    }
    let (directory, path) = match variables.referenced(written) {
        Some((Some(directory), path)) => (directory, path),
        Some((None, _)) => {
            not_judged("its source is another repository");
            return;
        }
        None => (variables.context.directory, expanded),
    };
    let missing = |path: &str, output: &mut Output| {
        let rule = &crate::check::rules::value_file_not_found::RULE;
        output.failed = true;
        output.findings.push(
            crate::finding::Finding::at(rule, file)
                .message(format!("values file `{path}` does not exist"))
                .help("mend the path, or set `ignoreMissingValueFiles: true` if it may be absent"),
        );
    };
    let Some(resolved) = resolved(directory, &path) else {
        missing(written, output);
        return;
    };
    if resolved.contains(['*', '?', '[', '{']) {
        let Ok(glob) = GlobBuilder::new(&resolved).literal_separator(true).build() else { return };
        let matcher = glob.compile_matcher();
        let mut any = false;
        for (_, found) in repository.snapshot.files() {
            if matcher.is_match(&*found.path) && matches!(found.content, Content::Text(_) | Content::Link(_)) {
                any = true;
                let known = release.value_files.iter().any(|(path, _)| **path == *found.path);
                if !known {
                    release.value_files.push((found.path.to_string(), file.mark()));
                }
            }
        }
        if !any && !ignore_missing {
            missing(&resolved, output);
        }
        return;
    }
    match repository.snapshot.find(&resolved) {
        Some(_) => release.value_files.push((resolved, file.mark())),
        None if ignore_missing => {}
        None => missing(&resolved, output),
    }
}
