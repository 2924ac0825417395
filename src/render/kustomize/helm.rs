//! Charts in kustomizations: `helmCharts`, `helmGlobals`, and the HelmChartInflationGenerator.
//!
//! Charts that lie in the repository are rendered by the project's own Helm engine; what would have to be fetched, and
//! releases whose name Helm would invent, are not judged.

use super::accumulate::Context;
use super::build::Build;
use super::kustomization::{Reader, field};
use super::metadata;
use super::resource::{Res, raw};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::origin::Mark;
use crate::render::helm::Release;
use crate::source::{join, normalize};
use crate::yaml::{Document, Mapping, Node, YamlFile};

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
    let release_name = text("releaseName", "releaseName").or_else(|| text("nameTemplate", "nameTemplate"));
    let values_merge = text("valuesMerge", "valuesMerge").unwrap_or_default();
    let namespace = text("namespace", "releaseNamespace");
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
    let release_name = match release_name {
        Some(template) if template.contains("{{") => {
            not_judged(build, mark, &name, "the release's name is a template");
            return None;
        }
        Some(name) => name,
        None => {
            not_judged(build, mark, &name, "Helm would invent a name for the release: set `releaseName`");
            return None;
        }
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
    let mut files = Vec::new();
    for node in file.into_iter().chain(reader.texts(mapping, "additionalValuesFiles")) {
        match context.file(&node) {
            Ok((_, path)) => files.push((path, node.mark())),
            Err(missing) => {
                build.lacks(missing);
                return None;
            }
        }
    }
    let has_file = field(mapping, "valuesFile").or_else(|| field(mapping, "values")).is_some() && !files.is_empty();
    match (inline, merge) {
        (None, _) => release.value_files = files,
        (Some(inline), "replace") => {
            release.value_files = files.into_iter().skip(usize::from(has_file)).collect();
            release.values = vec![inline];
        }
        (Some(inline), "merge") => {
            // What a file says wins over what stands in place.
            release.values = vec![inline];
            if !has_file {
                files.insert(0, (join(chart, "values.yaml"), release.mark));
            }
            for (path, _) in files {
                let root = context.builds.repository.yaml_at(&path).and_then(|yaml| yaml.documents.first().cloned());
                release.values.extend(root.map(|document| document.root));
            }
        }
        (Some(inline), _) => {
            release.value_files = files;
            release.values = vec![inline];
        }
    }
    Some(())
}
