//! Charts in kustomizations: `helmCharts`, `helmGlobals`, and the HelmChartInflationGenerator.
//!
//! Charts that lie in the repository are rendered by the project's own Helm engine; what would have to be fetched, and
//! releases whose name is left to chance, are not judged.

use super::accumulate::Context;
use super::build::Build;
use super::json_patch;
use super::kustomization::{Reader, field};
use super::merge::Merge;
use super::metadata;
use super::resource::{Res, raw};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::origin::{Mark, Origin};
use crate::render::helm::{Release, name_from_template};
use crate::source::{join, normalize};
use crate::yaml::{Document, Mapping, Node, Resolved, Scalar, Style, Tag, Value, YamlFile, normalized_date};

/// Renders the chart that `node` asks for, and adds its resources.
pub(super) fn inflate(
    context: &Context<'_, '_>,
    node: &Node,
    globals: Option<&Node>,
    note: Option<&str>,
    build: &mut Build,
) {
    let mark = node.mark();
    if !context.builds.options.helm {
        return build.error(mark, "charts need `--enable-helm`");
    }
    let Some(resources) = rendered(context, node, globals, build) else {
        build.partial = true;
        return;
    };
    for mut res in resources {
        res.book.from_helm = true;
        if let Some(note) = note {
            res.book.provenance = Some(note.into());
        }
        build.absorb(context, res, mark);
    }
}

/// The note of a chart of the kustomization's own field.
pub(super) fn note(context: &Context<'_, '_>, kustomization: &super::kustomization::Kustomization) -> Option<String> {
    metadata::configured(context, kustomization, "HelmChartInflationGenerator")
}

fn not_judged(build: &mut Build, mark: Mark, name: &str, reason: &str) {
    build.not_judged.push(NotJudged { mark, what: format!("chart {name}"), reason: reason.to_owned() });
}

fn rendered(context: &Context<'_, '_>, node: &Node, globals: Option<&Node>, build: &mut Build) -> Option<Vec<Res>> {
    let mark = node.mark();
    let mapping = node.as_mapping()?;
    let mut findings = Vec::new();
    let mut reader = Reader { findings: &mut findings, lenient: true };
    // The names on the right are those of the field `helmChartInflationGenerator`.
    let mut text = |key: &str, old: &str| {
        reader.text(mapping, key).or_else(|| reader.text(mapping, old)).map(|node| raw(&node).to_owned())
    };
    let name = text("name", "chartName").unwrap_or_default();
    let version = text("version", "chartVersion").unwrap_or_default();
    let repo = text("repo", "chartRepoUrl").unwrap_or_default();
    let own_home = text("chartHome", "chartHome");
    let release_name = text("releaseName", "releaseName").filter(|name| !name.is_empty());
    let name_template = text("nameTemplate", "nameTemplate").filter(|template| !template.is_empty());
    let values_merge = text("valuesMerge", "valuesMerge").unwrap_or_default();
    let namespace = text("namespace", "namespace");
    let kube_version = text("kubeVersion", "kubeVersion");
    let global_home = globals.and_then(|globals| globals.get("chartHome")).map(|home| raw(home).to_owned());
    if name.is_empty() {
        build.error(mark, "the chart has no `name`");
        return None;
    }
    if !["", "override", "merge", "replace"].contains(&values_merge.as_str()) {
        let message = format!("valuesMerge: expected `override`, `merge` or `replace`, found `{values_merge}`");
        build.error(mark, message);
        return None;
    }
    let home = own_home.or(global_home).filter(|home| !home.is_empty()).unwrap_or_else(|| "charts".to_owned());
    let Some(mut home) = normalize(context.directory, &home) else {
        not_judged(build, mark, &name, "its directory lies outside of the repository");
        return None;
    };
    if !version.is_empty() && !repo.is_empty() {
        home = join(&home, &format!("{name}-{version}"));
    }
    let chart = join(&home, &name);
    let snapshot = &context.builds.repository.snapshot;
    let Some(chart) = snapshot.directory(&chart) else {
        if repo.is_empty() {
            let finding = Finding::new(&rules::kustomize_resource_not_found::RULE, mark)
                .message(format!("{chart}: there is no chart, and no `repo` to fetch it from"));
            build.fail(Some(Box::new(finding)));
        } else {
            not_judged(build, mark, &name, "it would be fetched from a chart repository");
        }
        return None;
    };
    let release_name = match (release_name, name_template) {
        (Some(name), _) => name,
        (None, Some(template)) if is_random(&template) => {
            not_judged(build, mark, &name, "the name of the release is another one with each build");
            return None;
        }
        (None, Some(template)) => match name_from_template(&template) {
            Ok(name) => name,
            Err(error) => {
                build.error(mark, format!("nameTemplate: {error}"));
                return None;
            }
        },
        (None, None) => "release-name".to_owned(),
    };
    let flag = |key: &str| field(mapping, key).and_then(Node::as_bool).unwrap_or(false);
    let mut release = Release {
        name: release_name,
        namespace: namespace
            .or_else(|| context.helm_namespace.map(str::to_owned))
            .unwrap_or_else(|| "default".to_owned()),
        kube_version: context.cluster.kube_version.clone().or(kube_version),
        api_versions: match context.cluster.api_versions.as_slice() {
            [] => reader.texts(mapping, "apiVersions").iter().map(|node| raw(node).to_owned()).collect(),
            given => given.to_vec(),
        },
        include_crds: flag("includeCRDs"),
        skip_tests: flag("skipTests"),
        mark,
        ..Release::default()
    };
    values(context, &chart, (mapping, &values_merge), &mut reader, &mut release, build)?;
    build.failed |= !findings.is_empty();
    build.findings.extend(findings);
    let output = context.builds.charts.render(&chart, &release);
    build.findings.extend(output.findings);
    build.not_judged.extend(output.not_judged);
    build.used.extend(output.used);
    build.failed |= output.failed;
    build.partial |= output.failed;
    let skip_hooks = flag("skipHooks");
    let documents = output
        .resources
        .into_iter()
        .filter(|resource| !(skip_hooks && resource.annotation("helm.sh/hook").is_some()))
        .map(|resource| Document { root: resource.node })
        .collect();
    Some(context.objects_of(&YamlFile { documents, ..YamlFile::default() }, build))
}

/// Whether a template asks for chance or the clock.
fn is_random(template: &str) -> bool {
    ["rand", "uuid", "now", "date", "ago", "gen", "bcrypt", "htpasswd", "shuffle"]
        .iter()
        .any(|word| template.contains(word))
}

/// The values of the release: the chart's own file or another, values in place, and further files.
fn values(
    context: &Context<'_, '_>,
    chart: &str,
    (mapping, merge): (&Mapping, &str),
    reader: &mut Reader<'_>,
    release: &mut Release,
    build: &mut Build,
) -> Option<()> {
    let inline = field(mapping, "valuesInline")
        .or_else(|| field(mapping, "valuesLocal"))
        .filter(|node| !node.entries().is_empty())
        .cloned();
    let file = reader.text(mapping, "valuesFile").or_else(|| reader.text(mapping, "values"));
    let own = match file {
        // Values in place stand for the file, which is not read.
        _ if inline.is_some() && merge == "replace" => None,
        Some(node) => Some(loaded(context, &node, build)?),
        None => Some(values_of_chart(context, chart, release.mark, build)?),
    };
    let further = reader.texts(mapping, "additionalValuesFiles");
    let further = further.iter().map(|node| loaded(context, node, build)).collect::<Option<Vec<_>>>()?;
    let Some(inline) = inline else {
        release.value_files = own.into_iter().chain(further).collect();
        return Some(());
    };
    // The kustomization was read as JSON.
    let inline = json_patch::from_yaml(&inline);
    release.values = vec![match own {
        Some((path, mark)) => merged(context, inline, merge, (&path, mark), build)?,
        None => inline,
    }];
    for (path, _) in &further {
        release.values.extend(root_of(context, path, build));
    }
    Some(())
}

fn loaded(context: &Context<'_, '_>, node: &Node, build: &mut Build) -> Option<(String, Mark)> {
    match context.file(node) {
        Ok((_, path)) => Some((path, node.mark())),
        Err(missing) => {
            build.lacks(missing);
            None
        }
    }
}

fn root_of(context: &Context<'_, '_>, path: &str, build: &mut Build) -> Option<Node> {
    let repository = context.builds.repository;
    build.used.extend(repository.snapshot.find(path));
    repository.yaml_at(path).and_then(|yaml| yaml.documents.first()).map(|document| document.root.clone())
}

/// Values in place and those of a file as one, by the rules of a strategic merge.
fn merged(
    context: &Context<'_, '_>,
    inline: Node,
    mode: &str,
    (path, mark): (&str, Mark),
    build: &mut Build,
) -> Option<Node> {
    let Some(mut file) = root_of(context, path, build) else {
        build.error(mark, format!("{path}: a file without values cannot be merged with `valuesInline`"));
        return None;
    };
    as_decoded(&mut file);
    let (below, above) = if mode == "merge" { (inline, file) } else { (file, inline) };
    context.in_force.note_merge();
    let mut merge = Merge::new(context.schema(), "valuesInline".into(), [].into());
    match merge.object(below, above) {
        Ok(values) => Some(values.unwrap_or_else(empty)),
        Err(error) => {
            build.error(if error.mark.is_some() { error.mark } else { mark }, error.message);
            None
        }
    }
}

/// The chart's own values, which kustomize reads like a file of the kustomization.
fn values_of_chart(context: &Context<'_, '_>, chart: &str, mark: Mark, build: &mut Build) -> Option<(String, Mark)> {
    let path = join(chart, "values.yaml");
    let finding = if context.builds.repository.snapshot.find(&path).is_none() {
        Finding::new(&rules::kustomize_resource_not_found::RULE, mark)
            .message(format!("{path}: no such file; kustomize reads the values of a chart"))
            .help("add an empty values.yaml to the chart, or name another file in `valuesFile`")
    } else if !context.may_load(&path) {
        Finding::new(&rules::kustomize_load_restriction::RULE, mark)
            .message(format!("{path}: the chart is not in or below the kustomization's directory"))
            .help("copy its values.yaml below and name it in `valuesFile`")
    } else {
        return Some((path, mark));
    };
    build.fail(Some(Box::new(finding)));
    None
}

/// A file of values as go-yaml decodes it before it is merged: `yes` and its kin are text there, and dates are.
fn as_decoded(node: &mut Node) {
    let text = |scalar: &Scalar| match (scalar.resolve(), scalar.resolve_kubernetes()) {
        (Resolved::Str(text), Resolved::Bool(_)) => Some(Scalar::string(text)),
        (Resolved::Str(text), _) if scalar.style == Style::Plain && scalar.tag == Tag::None => {
            normalized_date(text).map(Scalar::string)
        }
        _ => None,
    };
    match &mut node.value {
        Value::Scalar(scalar) => {
            if let Some(new) = text(scalar) {
                *scalar = new;
            }
        }
        Value::Sequence(sequence) => sequence.items.iter_mut().for_each(as_decoded),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                if let Some(new) = entry.key.as_scalar().and_then(text) {
                    entry.key.value = Value::Scalar(new);
                }
                as_decoded(&mut entry.value);
            }
        }
    }
}

fn empty() -> Node {
    Node { value: Value::Mapping(Mapping::default()), origin: Origin::NONE }
}
