//! How the source of an Application is rendered, as Argo CD's repository server decides it.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::repository::{Identity, Meaning};
use super::{Application, SourceRef, overrides};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::Repository;
use crate::source::normalize;
use crate::yaml::{Node, Resolved, Value};

/// What renders a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renderer {
    /// Plain manifests.
    Directory,
    /// A kustomization.
    Kustomize,
    /// A chart.
    Helm,
    /// A configuration management plugin.
    Plugin(SmolStr),
}

/// A source that lies in the repository.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// The entry of `spec.source` or `spec.sources`, with what `.argocd-source.yaml` in the directory changes of it.
    pub node: Cow<'a, Node>,
    /// The directory, from the repository's root.
    pub directory: String,
    /// What renders it.
    pub renderer: Renderer,
    /// Whether the source says so itself, by a block of its own.
    pub explicit: bool,
}

/// What came of looking at a source.
#[derive(Debug, Clone)]
pub enum Detection<'a> {
    /// It can be rendered.
    Source(Source<'a>),
    /// It only lends its files to other sources, under a name.
    Reference,
    /// It cannot be evaluated here.
    NotJudged(NotJudged),
    /// It is wrong.
    Wrong(Box<Finding>),
}

/// Looks at one source of `application`.
pub fn detect<'a>(
    repository: &Repository,
    identity: &Identity,
    application: &Application,
    source: SourceRef<'a>,
) -> Detection<'a> {
    let node = source.node;
    let what = || format!("Application {}", application.id());
    let not_judged =
        |at: &Node, reason: String| Detection::NotJudged(NotJudged { mark: at.mark(), what: what(), reason });
    let wrong = |rule, at: &Node, message: String| {
        let finding = Finding::at(rule, at).message(message).application(application.id());
        Detection::Wrong(Box::new(finding.resource(application.resource.reference())))
    };
    let text = |key: &str| node.get(key).filter(|value| value.text().is_some_and(|text| !text.is_empty()));
    if let Some((at, message)) = incomplete(node, source.index.is_some()) {
        return wrong(&rules::invalid_source::RULE, at, message.to_owned());
    }
    let Some(url) = text("repoURL") else { return Detection::Reference };
    let url_text = url.text().unwrap_or_default();
    if let Some(chart) = text("chart") {
        let name = chart.text().unwrap_or_default();
        let directory = identity.chart(url_text, name).and_then(|path| repository.snapshot.directory(&path));
        if let Some(directory) = directory.filter(|directory| repository.charts.contains_key(directory)) {
            return Detection::Source(Source {
                node: overrides::applied(repository, &directory, application, node),
                directory,
                renderer: Renderer::Helm,
                explicit: true,
            });
        }
        let version =
            node.str_at(&["targetRevision"]).map(|version| format!(" --version {version}")).unwrap_or_default();
        let pull = match url_text.strip_prefix("oci://") {
            None if url_text.contains("://") => format!("{name} --repo {url_text}"),
            None => format!("oci://{url_text}/{name}"),
            Some(_) => url_text.to_owned(),
        };
        let reason = format!(
            "chart {name} of {url_text} is not in this repository: `helm pull {pull}{version} --untar` fetches it; map \
             it to its directory in tiphys.yaml"
        );
        return not_judged(chart, reason);
    }
    let Meaning::Here(base) = identity.meaning(url_text) else {
        if text("ref").is_some() && text("path").is_none() {
            return Detection::Reference;
        }
        let reason = format!("{url_text} is not this repository; map it to a directory in tiphys.yaml");
        return not_judged(url, reason);
    };
    let Some(path) = text("path") else { return Detection::Reference };
    let path_text = path.text().unwrap_or_default();
    if path_text.starts_with('/') {
        let message = format!("{path_text}: a source path is relative to the repository's root");
        return wrong(&rules::source_path_not_found::RULE, path, message);
    }
    let directory = normalize(base, path_text).and_then(|path| repository.snapshot.directory(&path));
    let Some(directory) = directory else {
        let siblings: Vec<&str> =
            repository.kustomizations.keys().chain(repository.charts.keys()).map(String::as_str).collect();
        let finding = Finding::at(&rules::source_path_not_found::RULE, path)
            .message(format!("{path_text}: no such directory in the repository"))
            .application(application.id())
            .resource(application.resource.reference())
            .help_did_you_mean(path_text, siblings);
        return Detection::Wrong(Box::new(finding));
    };
    let node = overrides::applied(repository, &directory, application, node);
    let given: Vec<&str> =
        ["kustomize", "helm", "directory", "plugin"].into_iter().filter(|key| decides(key, node.get(key))).collect();
    let (renderer, explicit) = match given.as_slice() {
        [] => (discover(repository, &directory), false),
        ["kustomize"] => (Renderer::Kustomize, true),
        ["helm"] => (Renderer::Helm, true),
        ["directory"] => (Renderer::Directory, true),
        ["plugin"] => {
            let name = node.str_at(&["plugin", "name"]).unwrap_or_default();
            (Renderer::Plugin(SmolStr::new(name)), true)
        }
        several => {
            let at = node.get(several[1]).unwrap_or(&node);
            let message = format!("the source is {} at once; Argo CD accepts one", several.join(" and "));
            return wrong(&rules::invalid_source::RULE, at, message);
        }
    };
    Detection::Source(Source { node, directory, renderer, explicit })
}

/// What a source lacks, whichever repository it lies in: where, and what.
fn incomplete(node: &Node, one_of_several: bool) -> Option<(&Node, &'static str)> {
    let has = |key: &str| node.get(key).and_then(Node::text).is_some_and(|text| !text.is_empty());
    if !has("repoURL") {
        return Some((node, "the source has no repoURL"));
    }
    if !(has("path") || has("chart") || one_of_several && has("ref")) {
        return Some((
            node,
            if one_of_several {
                "the source has neither path nor chart nor ref"
            } else {
                "the source has neither path nor chart"
            },
        ));
    }
    if has("chart") && !has("targetRevision") {
        return Some((node.get("chart").unwrap_or(node), "a chart needs a targetRevision: its version"));
    }
    None
}

/// What is wrong with an Application's sources as a whole: it has none, or what its hydrator lacks.
pub fn unusable(application: &Application) -> Vec<Finding> {
    let finding = |at: &Node, message: &str| {
        Finding::at(&rules::invalid_source::RULE, at)
            .message(message)
            .application(application.id())
            .resource(application.resource.reference())
    };
    let Some(hydrator) = application.hydrator() else {
        let spec = application.resource.node.get("spec").unwrap_or(&application.resource.node);
        let none = application.sources().is_empty();
        return none.then(|| finding(spec, "the Application has no source")).into_iter().collect();
    };
    let lacks = |path: &[&str]| hydrator.path(path).and_then(Node::text).is_none_or(str::is_empty);
    let at = |key: &str| hydrator.get(key).unwrap_or(hydrator);
    let mut findings = Vec::new();
    if application.sources().is_empty() {
        findings.push(finding(hydrator, "the hydrator has no drySource"));
    }
    if lacks(&["syncSource", "targetBranch"]) {
        findings.push(finding(at("syncSource"), "the hydrator's syncSource has no targetBranch"));
    }
    if hydrator.get("hydrateTo").is_some_and(|node| !node.is_null()) && lacks(&["hydrateTo", "targetBranch"]) {
        findings.push(finding(at("hydrateTo"), "the hydrator's hydrateTo has no targetBranch"));
    }
    findings
}

/// Fields of `kustomize` that do not make a kustomization of a directory: Argo CD forgets a block that has only these.
const UNDECIDING: [&str; 5] = [
    "commonAnnotationsEnvsubst",
    "forceCommonAnnotations",
    "forceCommonLabels",
    "labelIncludeTemplates",
    "labelWithoutSelector",
];

/// Whether a block decides what renders the source. A plugin does by being there, the others if they say something.
fn decides(key: &str, node: Option<&Node>) -> bool {
    match key {
        "plugin" => node.is_some_and(|node| !node.is_null()),
        "kustomize" => node.is_some_and(|node| {
            let mut deciding = node.entries().iter().filter(|entry| !UNDECIDING.contains(&entry.key_text()));
            deciding.any(|entry| is_given(Some(&entry.value)))
        }),
        _ => is_given(node),
    }
}

/// Whether a block says something: Argo CD takes one with nothing but zero values as absent.
fn is_given(node: Option<&Node>) -> bool {
    node.is_some_and(|node| match &node.value {
        Value::Mapping(mapping) => mapping.entries.iter().any(|entry| is_given(Some(&entry.value))),
        Value::Sequence(sequence) => !sequence.items.is_empty(),
        Value::Scalar(scalar) => match scalar.resolve_kubernetes() {
            Resolved::Null | Resolved::Bool(false) => false,
            Resolved::Int(0) => false,
            Resolved::Str(text) => !text.is_empty(),
            _ => true,
        },
    })
}

/// What a directory is by its files. Where it is both, the kustomization counts.
fn discover(repository: &Repository, directory: &str) -> Renderer {
    if repository.kustomization(directory).is_some() {
        Renderer::Kustomize
    } else if repository.charts.contains_key(directory) {
        Renderer::Helm
    } else {
        Renderer::Directory
    }
}
