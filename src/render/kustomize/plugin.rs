//! Generators, transformers and validators given as objects: kustomize's built-in ones.
//!
//! An entry is the object itself, a file of such objects, or a kustomization that builds them. Plugins that are
//! programs are refused, as kustomize refuses them unless it is told otherwise.

use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::{Context, join_origin};
use super::build::Build;
use super::config::field_specs;
use super::fieldspec::FieldSpec;
use super::finish;
use super::generate;
use super::helm;
use super::kustomization::{Kustomization, PatchEntry, Reader, field};
use super::patch;
use super::replacement;
use super::resource::{Behavior, Res, leaves, raw};
use super::transform::{self, Subjects};
use crate::origin::Mark;
use crate::source::base_name;
use crate::yaml::{Entry, Mapping, Node};

/// The objects that `entries` are, name or build.
fn objects(context: &Context<'_, '_>, kustomization: &Kustomization, entries: &[Node], build: &mut Build) -> Vec<Res> {
    let mut inner = Build::default();
    for entry in entries {
        let (file, _) = context.builds.embedded(entry);
        let inline = file.problems.is_empty()
            && !file.documents.is_empty()
            && file
                .documents
                .iter()
                .all(|document| document.root.as_mapping().is_some() && patch::unfit(&document.root).is_none());
        if inline {
            let mut resources = context.objects_of(&file, &mut inner);
            if let Some(path) = context.provenance {
                let text: Arc<str> = join_origin(path, base_name(&kustomization.path)).into();
                resources.iter_mut().for_each(|res| res.book.provenance = Some(format!("path: {text}\n").into()));
            }
            inner.append(context, resources, entry.mark());
        } else {
            context.resource(entry, &mut inner);
        }
    }
    build.findings.append(&mut inner.findings);
    build.not_judged.append(&mut inner.not_judged);
    build.used.append(&mut inner.used);
    build.failed |= inner.failed;
    build.partial |= inner.partial;
    inner.resources
}

/// What `buildMetadata` says of a plugin's work.
fn note(plugin: &Res) -> Option<String> {
    let path = plugin.book.provenance.as_ref()?.strip_prefix("path: ")?.trim_end().to_owned();
    let mut note = format!(
        "configuredIn: {path}\nconfiguredBy:\n  apiVersion: {}\n  kind: {}\n  name: {}\n",
        plugin.api_version(),
        plugin.kind(),
        plugin.name()
    );
    if !plugin.namespace().is_empty() {
        note.push_str(&format!("  namespace: {}\n", plugin.namespace()));
    }
    Some(note)
}

fn is_builtin(plugin: &Res, build: &mut Build) -> bool {
    if plugin.api_version() == "builtin" {
        return true;
    }
    let message = format!("{}: only kustomize's built-in plugins run without further permission", plugin.kind());
    build.error(plugin.node.mark(), message);
    build.partial = true;
    false
}

/// Runs the `generators` of a kustomization.
pub(super) fn generators(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    if kustomization.generators.is_empty() {
        return;
    }
    let step = kustomization.step("generators");
    for plugin in objects(context, kustomization, &kustomization.generators, build) {
        if !is_builtin(&plugin, build) {
            continue;
        }
        let mark = plugin.node.mark();
        let generated = match plugin.kind() {
            kind @ ("ConfigMapGenerator" | "SecretGenerator") => {
                configured(context, &plugin, kind == "SecretGenerator", &step, build)
            }
            "IAMPolicyGenerator" => policy(&plugin, build),
            "HelmChartInflationGenerator" => {
                let note = note(&plugin).filter(|_| context.provenance.is_some());
                helm::inflate(context, &plugin.node, None, note.as_deref(), build);
                continue;
            }
            other => {
                build.error(mark, format!("{other} is no generator of kustomize's"));
                continue;
            }
        };
        if let Some(mut res) = generated {
            if context.provenance.is_some() {
                res.book.provenance = note(&plugin).map(Into::into);
            }
            build.absorb(context, res, mark);
        }
    }
}

fn configured(
    context: &Context<'_, '_>,
    plugin: &Res,
    secret: bool,
    step: &Arc<str>,
    build: &mut Build,
) -> Option<Res> {
    let mapping = plugin.node.as_mapping()?;
    let mut findings = Vec::new();
    let mut reader = Reader { findings: &mut findings, lenient: true };
    let mut generator = reader.generator_of(mapping, &plugin.node);
    let metadata = |key: &str| plugin.node.path(&["metadata", key]).cloned();
    generator.name = generator.name.or_else(|| metadata("name"));
    generator.namespace = generator.namespace.or_else(|| metadata("namespace"));
    build.failed |= !findings.is_empty();
    build.findings.extend(findings);
    generate::generate(context, &generator, secret, step, build)
}

/// The service account that a policy of Google's is bound to.
fn policy(plugin: &Res, build: &mut Build) -> Option<Res> {
    let text = |keys: &[&str]| plugin.node.path(keys).map_or("", raw);
    if text(&["cloud"]) != "gke" {
        build.error(plugin.node.mark(), format!("cloud: expected `gke`, found `{}`", text(&["cloud"])));
        return None;
    }
    let origin = plugin.node.origin.clone();
    let node = |text: &str| Node::string(text, origin.clone());
    let entry = |key: &str, value: Node| Entry { key: node(key), value };
    let account = format!(
        "{}@{}.iam.gserviceaccount.com",
        text(&["serviceAccount", "name"]),
        text(&["serviceAccount", "projectId"])
    );
    // Each value stands where the plugin gives it.
    let given = |keys: &[&str]| match plugin.node.path(keys) {
        Some(value) => Node::string(raw(value), value.origin.clone()),
        None => node(""),
    };
    let parts = plugin.node.get("serviceAccount").map(leaves).unwrap_or_default();
    let account = Node::string(account, origin.because(Some(parts.into())));
    let annotations = Node::mapping(vec![entry("iam.gke.io/gcp-service-account", account)], origin.clone());
    let mut metadata = vec![entry("annotations", annotations), entry("name", given(&["kubernetesService", "name"]))];
    if !text(&["kubernetesService", "namespace"]).is_empty() {
        metadata.push(entry("namespace", given(&["kubernetesService", "namespace"])));
    }
    let root = vec![
        entry("apiVersion", node("v1")),
        entry("kind", node("ServiceAccount")),
        entry("metadata", Node::mapping(metadata, origin.clone())),
    ];
    let mut res = Res::new(Arc::new(Node::mapping(root, origin.clone())));
    res.book.behavior = Behavior::Unspecified;
    Some(res)
}

/// Runs the transformers that `entries` are.
pub(super) fn transformers(
    context: &Context<'_, '_>,
    kustomization: &Kustomization,
    entries: &[Node],
    build: &mut Build,
) {
    if entries.is_empty() {
        return;
    }
    for plugin in objects(context, kustomization, entries, build) {
        if !is_builtin(&plugin, build) {
            continue;
        }
        transformer(context, kustomization, &plugin, build);
        build.renamed();
        if context.provenance.is_some()
            && let Some(note) = note(&plugin)
        {
            super::metadata::noted(&note, build);
        }
        transform::drop_empty(build);
    }
}

/// Runs the `validators`, which must not change anything.
pub(super) fn validators(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    if kustomization.validators.is_empty() {
        return;
    }
    let before: Vec<Arc<Node>> = build.resources.iter().map(|res| res.node.clone()).collect();
    transformers(context, kustomization, &kustomization.validators, build);
    let same = before.len() == build.resources.len()
        && before.iter().zip(&build.resources).all(|(old, new)| old.to_json() == new.node.to_json());
    if !same {
        let mark = kustomization.validators.first().map_or(Mark::NONE, Node::mark);
        build.error(mark, "a validator changes resources");
    }
}

fn specs(plugin: &Res, build: &mut Build) -> Option<Vec<FieldSpec>> {
    match plugin.node.as_mapping().and_then(|mapping| field(mapping, "fieldSpecs")) {
        None => Some(Vec::new()),
        Some(node) => match field_specs(node, true) {
            Ok(specs) => Some(specs),
            Err((message, at)) => {
                build.error(at.mark(), message);
                None
            }
        },
    }
}

fn transformer(context: &Context<'_, '_>, kustomization: &Kustomization, plugin: &Res, build: &mut Build) {
    let Some(mapping) = plugin.node.as_mapping() else { return };
    let Some(specs) = specs(plugin, build) else { return };
    let kind = SmolStr::new(plugin.kind());
    let step: Arc<str> = format!("{kind} {}", plugin.name()).into();
    let mut findings = Vec::new();
    let mut reader = Reader { findings: &mut findings, lenient: true };
    let text = |key: &str| field(mapping, key).filter(|node| !raw(node).is_empty());
    match kind.as_str() {
        "AnnotationsTransformer" => {
            let pairs = reader.pairs(mapping, "annotations");
            transform::pairs(build, &pairs, &specs, &step);
        }
        "LabelTransformer" => {
            let pairs = reader.pairs(mapping, "labels");
            transform::pairs(build, &pairs, &specs, &step);
        }
        "NamespaceTransformer" => namespace(context, plugin, mapping, &specs, &step, &mut reader, build),
        "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
            if field(mapping, "fieldSpecs").is_none() {
                build.error(plugin.node.mark(), format!("{kind}: `fieldSpecs` is missing"));
            }
            for (key, prefix) in [("prefix", true), ("suffix", false)] {
                if let Some(value) = text(key) {
                    transform::affix(context, build, value, prefix, &specs, &step);
                }
            }
        }
        "ImageTagTransformer" => {
            if let Some(image) = field(mapping, "imageTag").and_then(|node| reader.image(node)) {
                transform::images(context, build, &image, &specs, &step);
            }
        }
        "ReplicaCountTransformer" => {
            if let Some(replica) = field(mapping, "replica").and_then(|node| reader.replica(node)) {
                transform::replicas(context, build, &replica, &specs, &step);
            }
        }
        "PatchTransformer" | "PatchJson6902Transformer" | "PatchStrategicMergeTransformer" => {
            patches(context, kustomization, plugin, mapping, &mut reader, build);
        }
        "ReplacementTransformer" => {
            let entries = reader.items(mapping, "replacements").to_vec();
            replacement::run(context, kustomization, &entries, build);
        }
        "ValueAddTransformer" => super::value_add::run(context, plugin, mapping, &step, &mut reader, build),
        "HashTransformer" => finish::add_hashes(context, build),
        other => build.error(plugin.node.mark(), format!("{other} is no transformer of kustomize's")),
    }
    build.failed |= !findings.is_empty();
    build.findings.extend(findings);
}

fn namespace(
    context: &Context<'_, '_>,
    plugin: &Res,
    mapping: &Mapping,
    specs: &[FieldSpec],
    step: &Arc<str>,
    reader: &mut Reader<'_>,
    build: &mut Build,
) {
    let mode = reader.smol(mapping, "setRoleBindingSubjects");
    let subjects = match mode.as_str() {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::ServiceAccounts,
        "none" => Subjects::None,
        other => {
            let message = format!(
                "setRoleBindingSubjects: expected `defaultOnly`, `allServiceAccounts` or `none`, found `{other}`"
            );
            return build.error(plugin.node.mark(), message);
        }
    };
    let unset_only = reader.flag(mapping, "unsetOnly");
    let value = plugin.node.path(&["metadata", "namespace"]).filter(|node| !raw(node).is_empty()).cloned();
    if let Some(value) = value {
        transform::namespace(context, build, &value, specs, subjects, unset_only, step);
    }
}

/// The three plugins that patch: each becomes a kustomization that has nothing but its patches.
fn patches(
    context: &Context<'_, '_>,
    kustomization: &Kustomization,
    plugin: &Res,
    mapping: &Mapping,
    reader: &mut Reader<'_>,
    build: &mut Build,
) {
    let entry = |path: Option<Node>, text: Option<Node>| PatchEntry {
        path,
        text,
        target: None,
        allow_name_change: false,
        allow_kind_change: false,
        mark: plugin.node.mark(),
        body: std::sync::OnceLock::new(),
    };
    let mut only = Kustomization { path: kustomization.path.clone(), ..Kustomization::default() };
    let target = |reader: &mut Reader<'_>| field(mapping, "target").and_then(|node| reader.selector(node));
    match plugin.kind() {
        "PatchTransformer" => {
            if let Some(patch) = reader.patch(&plugin.node) {
                only.patches.push(patch);
            }
            patch::patches(context, &only, build);
        }
        "PatchJson6902Transformer" => {
            let mut patch = entry(reader.text(mapping, "path"), reader.text(mapping, "jsonOp"));
            patch.target = target(reader);
            only.patches_json6902.push(patch);
            patch::json6902(context, &only, build);
        }
        _ => {
            let paths = reader.texts(mapping, "paths");
            let text = reader.text(mapping, "patches");
            if paths.is_empty() && text.is_none() {
                return build.error(plugin.node.mark(), "a patch was expected in `paths` or `patches`");
            }
            let all = paths.into_iter().chain(text).map(|text| entry(None, Some(text)));
            only.patches_strategic_merge.extend(all);
            patch::strategic(context, &only, build);
        }
    }
}
