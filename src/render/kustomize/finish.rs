//! The end of a build: hashes, references, variables, order, and kustomize's own notes taken out.

use std::cmp::Ordering;
use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::{Builds, Context};
use super::build::Build;
use super::config::{ORDER_FIRST, ORDER_LAST};
use super::generate::{self, BUILD_ANNOTATIONS};
use super::in_force::InForce;
use super::kustomization::{Kustomization, Sort};
use super::overrides::Overrides;
use super::resource::{Gvk, Id, Res, leaves, mapping_at, raw};
use super::{hash, metadata, nameref, transform, vars};
use crate::check::rules;
use crate::finding::Finding;
use crate::origin::{Follows, Mark};
use crate::render::{Output, Removed, Resource};
use crate::source::normalize;
use crate::yaml::{Node, Scalar, Tag, Value};

impl Builds<'_> {
    /// Builds the kustomization of `directory` (its path from the root of the repository), with what Argo CD adds to it.
    ///
    /// Everything that kustomize would refuse is among the findings; the resources are then those that could be made.
    pub fn build(&self, directory: &str, overrides: &Overrides<'_>) -> Output {
        let mut build = Build::default();
        let directory = normalize("", directory).unwrap_or_default();
        let directory = self.repository.snapshot.directory(&directory).unwrap_or(directory);
        let Some(kustomization) = self.kustomization(&directory) else {
            let finding = Finding::new(&rules::kustomization_not_found::RULE, overrides.mark())
                .message(format!("{directory}: there is no kustomization file"));
            build.fail(Some(Box::new(finding)));
            return output(build);
        };
        let in_force = InForce::default();
        let chain = [directory.clone()];
        let provenance = (!kustomization.build_metadata.is_empty()).then_some("");
        let context = Context {
            builds: self,
            directory: &directory,
            in_force: &in_force,
            undecided: self.includes_schema(&directory),
            chain: &chain,
            helm_namespace: None,
            cluster: overrides.cluster(),
            provenance,
        };
        let kustomization = overrides.applied(&kustomization, &context, &mut build);
        context.target(&kustomization, &mut build);
        finish(&context, &kustomization, &mut build);
        output(build)
    }
}

fn output(build: Build) -> Output {
    let resources = build.resources.into_iter().map(|res| Resource { node: Arc::unwrap_or_clone(res.node) }).collect();
    Output {
        resources,
        findings: build.findings,
        not_judged: build.not_judged,
        used: build.used,
        removed: build.removed,
        failed: build.failed,
        ..Output::default()
    }
}

fn finish(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    add_hashes(context, build);
    nameref::run(context, build);
    vars::resolve(context, build);
    leave_out_local(context, build);
    transform::drop_empty(build);
    sort(context, kustomization.sort.as_ref(), build);
    metadata::label(kustomization, build);
    for res in &mut build.resources {
        clean(res);
    }
    metadata::annotate(kustomization, build);
    check_values(build);
}

/// Takes out what is only there to configure.
fn leave_out_local(context: &Context<'_, '_>, build: &mut Build) {
    let Build { resources, removed, .. } = build;
    resources.retain(|res| {
        let annotations = res.metadata("annotations").map_or(&[][..], Node::entries);
        let local = annotations.iter().find(|entry| entry.key_text() == "config.kubernetes.io/local-config");
        let Some(local) = local.filter(|entry| raw(&entry.value) != "false") else { return true };
        let origin = local.value.origin.clone();
        removed.push(Removed { id: res.id(context.schema()).to_string(), origin });
        false
    });
}

/// Puts the hash of their content behind the names of generated resources.
pub(super) fn add_hashes(context: &Context<'_, '_>, build: &mut Build) {
    for res in build.resources.iter_mut().filter(|res| res.book.needs_hash) {
        let name = format!("{}-{}", res.name(), hash::of(res));
        let follows: Follows = hash::fields(res.kind())
            .map_or_else(
                || leaves(&res.node),
                |fields| fields.iter().filter_map(|field| res.node.get(field)).flat_map(leaves).collect(),
            )
            .into_iter()
            .chain(generate::asks_for_hash(res))
            .collect();
        res.remember_name(context.schema());
        let node = res.node_mut();
        if let Some(old) = node.get_mut("metadata").and_then(|metadata| metadata.get_mut("name")) {
            let mark = old.mark();
            old.origin = old.origin.then_following(mark, "hash of the content", Some(follows));
            old.value = Value::Scalar(Scalar::string(name));
        }
    }
}

/// Takes out the annotations that kustomize keeps for itself; the others become text.
fn clean(res: &mut Res) {
    let Some(metadata) = res.node.get("metadata") else {
        // The place where they stood is left.
        let origin = res.node.origin.clone();
        mapping_at(res.node_mut(), "metadata", &origin);
        return;
    };
    let Some(annotations) = metadata.get("annotations") else { return };
    let own = |key: &str| {
        BUILD_ANNOTATIONS.contains(&key)
            || key == "config.kubernetes.io/origin"
            || key == "alpha.config.kubernetes.io/transformations"
    };
    let is_text = |node: &Node| node.as_scalar().is_some_and(Scalar::is_string);
    let entries = annotations.entries();
    if !entries.is_empty() && entries.iter().all(|entry| is_text(&entry.value) && !own(entry.key_text())) {
        return;
    }
    let Some(metadata) = res.node_mut().get_mut("metadata").and_then(Node::as_mapping_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_mapping_mut) else {
        metadata.remove("annotations");
        return;
    };
    annotations.entries.retain(|entry| !own(entry.key_text()));
    for entry in &mut annotations.entries {
        if !is_text(&entry.value) {
            let text = SmolStr::new(raw(&entry.value));
            entry.value.value = Value::Scalar(Scalar { text, style: crate::yaml::Style::Plain, tag: Tag::Str });
        }
    }
    if annotations.entries.is_empty() {
        metadata.remove("annotations");
    }
}

/// Values that kustomize fails to print: infinities, keys that are no text, text in the place of a number.
fn check_values(build: &mut Build) {
    let mut wrong: Vec<(Mark, String)> = Vec::new();
    for res in &build.resources {
        walk(&res.node, &mut wrong);
    }
    for (mark, message) in wrong {
        build.error(mark, message);
    }
}

fn walk(node: &Node, wrong: &mut Vec<(Mark, String)>) {
    match &node.value {
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| walk(item, wrong)),
        Value::Mapping(mapping) => {
            for entry in &mapping.entries {
                if !crate::yaml::is_string_key(&entry.key) {
                    wrong.push((entry.key.mark(), format!("the key `{}` is no string: quote it", entry.key_text())));
                }
                walk(&entry.value, wrong);
            }
        }
        Value::Scalar(scalar) => {
            if let Some(message) = crate::yaml::unprintable(scalar, node.mark()) {
                wrong.push((node.mark(), message));
            }
        }
    }
}

fn sort(context: &Context<'_, '_>, options: Option<&Sort>, build: &mut Build) {
    let (first, last): (Vec<&str>, Vec<&str>) = match options {
        Some(Sort::Fifo) => return,
        Some(Sort::Legacy(Some((first, last)))) => {
            (first.iter().map(SmolStr::as_str).collect(), last.iter().map(SmolStr::as_str).collect())
        }
        _ => (ORDER_FIRST.to_vec(), ORDER_LAST.to_vec()),
    };
    let rank = |kind: &str| -> i64 {
        if let Some(at) = last.iter().rposition(|known| *known == kind) {
            return at as i64 + 1;
        }
        first.iter().rposition(|known| *known == kind).map_or(0, |at| at as i64 - first.len() as i64)
    };
    let mut keyed: Vec<(i64, String, String, Id, Res)> = std::mem::take(&mut build.resources)
        .into_iter()
        .map(|res| {
            let id = res.id(context.schema());
            (rank(&id.gvk.kind), group_key(&id.gvk), id_key(&id), id, res)
        })
        .collect();
    keyed.sort_by(|a, b| {
        if a.3.gvk == b.3.gvk {
            return a.2.cmp(&b.2);
        }
        let ordered = a.0.cmp(&b.0);
        if ordered != Ordering::Equal {
            return ordered;
        }
        let namespaces = a.3.gvk.kind == "Namespace" && b.3.gvk.kind == "Namespace";
        let core = a.3.gvk.group.is_empty() || b.3.gvk.group.is_empty();
        if namespaces && core { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) }
    });
    build.resources = keyed.into_iter().map(|(_, _, _, _, res)| res).collect();
}

fn or<'t>(text: &'t str, none: &'t str) -> &'t str {
    if text.is_empty() { none } else { text }
}

fn group_key(gvk: &Gvk) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn id_key(id: &Id) -> String {
    let gvk = &id.gvk;
    format!(
        "{}.{}.{}|{}|{}",
        or(&gvk.kind, "[noKind]"),
        or(&gvk.version, "[noVer]"),
        or(&gvk.group, "[noGrp]"),
        or(&id.namespace, "~X"),
        or(&id.name, "~N")
    )
}
