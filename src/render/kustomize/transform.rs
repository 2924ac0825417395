//! The transformers that a kustomization's own fields ask for, in kustomize's order.

use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::fieldspec::{self, FieldError, FieldSpec, Make, has, visit};
use super::kustomization::{Image, Kustomization, Replica};
use super::patch;
use super::replacement;
use super::resource::{Res, in_style_of, is_nil_or_empty, raw};
use super::selector::compile;
use super::shared::{self, Held};
use crate::check::rules;
use crate::finding::Finding;
use crate::origin::{Follows, Origin};
use crate::yaml::{Kind, Node, Tag, Value};

/// Runs the built-in transformers of `kustomization` over what is accumulated.
pub(super) fn run(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    let config = build.config();
    let noted = |build: &mut Build, kind: &str| super::metadata::transformed(context, kustomization, kind, build);
    if !kustomization.patches_strategic_merge.is_empty() {
        patch::strategic(context, kustomization, build);
        noted(build, "PatchStrategicMergeTransformer");
    }
    if !kustomization.patches.is_empty() {
        patch::patches(context, kustomization, build);
        for _ in &kustomization.patches {
            noted(build, "PatchTransformer");
        }
    }
    if let Some(value) = &kustomization.namespace {
        let step = kustomization.step("namespace");
        namespace(context, build, value, &config.namespace, Subjects::Default, false, &step);
        noted(build, "NamespaceTransformer");
    }
    if let Some(value) = &kustomization.name_prefix {
        affix(context, build, value, true, &config.name_prefix, &kustomization.step("namePrefix"));
        noted(build, "PrefixTransformer");
    }
    if let Some(value) = &kustomization.name_suffix {
        affix(context, build, value, false, &config.name_suffix, &kustomization.step("nameSuffix"));
        noted(build, "SuffixTransformer");
    }
    for label in &kustomization.labels {
        let mut specs = label.fields.clone();
        let merged = fieldspec::merge(&mut specs, &config.labels).and_then(|()| {
            if label.include_selectors {
                return fieldspec::merge(&mut specs, &config.common_labels);
            }
            if label.include_templates {
                fieldspec::merge(&mut specs, &config.template_labels)?;
            }
            fieldspec::merge(&mut specs, &[FieldSpec::new(Default::default(), "metadata/labels", true)])
        });
        if let Err(message) = merged {
            build.error(label.origin.mark, message);
            continue;
        }
        pairs(build, &label.pairs, &specs, &kustomization.step("labels"));
        noted(build, "LabelTransformer");
    }
    if !kustomization.labels.is_empty() || !kustomization.common_labels.is_empty() {
        pairs(build, &kustomization.common_labels, &config.common_labels, &kustomization.step("commonLabels"));
        noted(build, "LabelTransformer");
    }
    if !kustomization.common_annotations.is_empty() {
        let step = kustomization.step("commonAnnotations");
        pairs(build, &kustomization.common_annotations, &config.common_annotations, &step);
        noted(build, "AnnotationsTransformer");
    }
    if !kustomization.patches_json6902.is_empty() {
        patch::json6902(context, kustomization, build);
        for _ in &kustomization.patches_json6902 {
            noted(build, "PatchJson6902Transformer");
        }
    }
    for entry in &kustomization.replicas {
        replicas(context, build, entry, &config.replicas, &kustomization.step("replicas"));
        noted(build, "ReplicaCountTransformer");
    }
    for entry in &kustomization.images {
        images(context, build, entry, &config.images, &kustomization.step("images"));
        noted(build, "ImageTagTransformer");
    }
    if !kustomization.replacements.is_empty() {
        replacement::run(context, kustomization, &kustomization.replacements, build);
        noted(build, "ReplacementTransformer");
    }
}

/// Which subjects of role bindings a namespace is set on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those named `default`.
    Default,
    /// Every service account.
    ServiceAccounts,
    /// None.
    None,
}

/// A new value where an old one stood.
fn replaced(old: &Node, text: &str, tag: Tag, by: &Origin, step: &Arc<str>) -> Node {
    let origin = if !old.origin.mark.is_some() {
        by.clone()
    } else if old.origin.mark == by.mark {
        // Two fields of the configuration lead to the same value, which has its step already.
        old.origin.because(Some([by.clone()].into()))
    } else {
        old.origin.replaced_by_value(by, step.clone())
    };
    in_style_of(old, text, tag, origin)
}

/// Sets a scalar, which may not be anything else before.
fn set_scalar(node: &mut Node, text: &str, tag: Tag, by: &Origin, step: &Arc<str>) -> Result<(), FieldError> {
    if !matches!(node.value, Value::Scalar(_)) {
        return Err(not_a_scalar(node));
    }
    *node = replaced(node, text, tag, by, step);
    Ok(())
}

fn not_a_scalar(node: &Node) -> FieldError {
    let found = if node.kind() == Kind::Mapping { "a mapping" } else { "a list" };
    FieldError { message: format!("a plain value was expected, found {found}"), origin: node.origin.clone() }
}

/// Changes a value, and is told what the change depends on.
type Set<'s> = dyn FnMut(&mut Node, &Option<Follows>) -> Result<(), FieldError> + 's;

/// Visits `spec` in `res`, if it is for its kind and there is something to visit. `set` is told what the change depends
/// on.
fn at_spec(res: &mut Res, spec: &FieldSpec, make: Make, asked: &Origin, set: &mut Set<'_>) -> Result<(), FieldError> {
    let creates = spec.create && make != Make::Nothing;
    if !spec.is_for(&res.gvk()) || !(creates || has(&res.node, &spec.parts)) {
        return Ok(());
    }
    let follows = spec.follows(res);
    visit(res.node_mut(), &spec.parts, spec.create, make, asked, &mut |node| set(node, &follows))
}

/// Sets the namespace of everything that has one.
pub(super) fn namespace(
    context: &Context<'_, '_>,
    build: &mut Build,
    value: &Node,
    specs: &[FieldSpec],
    subjects: Subjects,
    unset_only: bool,
    step: &Arc<str>,
) {
    let text = raw(value).to_owned();
    let by = value.origin.clone();
    let own = FieldSpec::new(Default::default(), "metadata/namespace", true);
    let mut errors = Vec::new();
    for res in &mut build.resources {
        if res.book.from_helm {
            continue;
        }
        res.remember_name(context.schema());
        let mut set = |node: &mut Node, follows: &Option<Follows>| {
            if unset_only && (node.as_mapping().is_some() || !raw(node).is_empty() && !node.is_null()) {
                return Ok(());
            }
            set_scalar(node, &text, Tag::Str, &by.because(follows.clone()), step)
        };
        let cluster_scoped = context.schema().is_cluster_scoped(res.api_version(), res.kind());
        let mut result = Ok(());
        if !cluster_scoped {
            // Which kinds have a namespace is known by their names.
            let scope = Some(res.type_origins().into());
            result = at_spec(res, &own, Make::Scalar, &by, &mut |node, _| set(node, &scope));
        }
        let binding = matches!(res.kind(), "RoleBinding" | "ClusterRoleBinding");
        if binding && subjects != Subjects::None && res.node.get("subjects").is_some_and(|node| !node.is_null()) {
            result = result.and_then(|()| bind_subjects(res, subjects, &by, &mut set));
        }
        let core = res.api_version() == "v1";
        for spec in specs {
            spec.note_displaced(res);
            let skip = spec.path == "metadata/namespace"
                || (spec.path == "metadata/name" && !core)
                || (binding
                    && spec.path == "subjects/namespace"
                    && matches!(spec.gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding"));
            if !skip && result.is_ok() {
                result = at_spec(res, spec, Make::Scalar, &by, &mut set);
            }
        }
        errors.extend(result.err());
    }
    errors.into_iter().for_each(|error| build.field_error(error));
    build.check_duplicates(context);
}

fn bind_subjects(res: &mut Res, subjects: Subjects, by: &Origin, set: &mut Set<'_>) -> Result<(), FieldError> {
    let kind = res.type_origins();
    let (key, wanted) = match subjects {
        Subjects::Default => ("name", "default"),
        _ => ("kind", "ServiceAccount"),
    };
    let hit = |node: &Node| node.get(key).is_some_and(|node| raw(node) == wanted);
    if !res.node.get("subjects").map_or(&[][..], Node::items).iter().any(hit) {
        return Ok(());
    }
    let Some(list) = res.node_mut().get_mut("subjects") else { return Ok(()) };
    let Some(sequence) = list.as_sequence_mut() else { return Err(not_a_scalar(list)) };
    for subject in sequence.items.iter_mut().filter(|subject| hit(subject)) {
        let chosen = subject.get(key).map(|node| node.origin.clone());
        let follows = Some(kind.iter().cloned().chain(chosen).collect());
        let mut set = |node: &mut Node| set(node, &follows);
        visit(subject, &[SmolStr::new_static("namespace")], true, Make::Scalar, by, &mut set)?;
    }
    Ok(())
}

/// Puts a prefix before names, or a suffix behind them.
pub(super) fn affix(
    context: &Context<'_, '_>,
    build: &mut Build,
    value: &Node,
    prefix: bool,
    specs: &[FieldSpec],
    step: &Arc<str>,
) {
    let text = SmolStr::new(raw(value));
    let mark = value.mark();
    let mut errors = Vec::new();
    for res in &mut build.resources {
        let original = res.original_id(context.schema());
        let kept = match original.gvk.kind.as_str() {
            "CustomResourceDefinition" | "Namespace" => true,
            "APIService" => original.gvk.group == "apiregistration.k8s.io",
            _ => false,
        };
        if kept {
            continue;
        }
        for spec in specs {
            spec.note_displaced(res);
            if !spec.is_for(&original.gvk) {
                continue;
            }
            if spec.path == "metadata/name" && !text.is_empty() {
                if prefix {
                    res.book.prefixes.push(text.clone());
                } else {
                    res.book.suffixes.push(text.clone());
                }
                res.remember_name(context.schema());
            }
            // Some kinds keep their names.
            let kind: Follows = res.type_origins().into();
            let mut set = |node: &mut Node, follows: &Option<Follows>| {
                if !matches!(node.value, Value::Scalar(_)) {
                    return Err(not_a_scalar(node));
                }
                let old = raw(node);
                let new = if prefix { format!("{text}{old}") } else { format!("{old}{text}") };
                let follows = follows.clone().unwrap_or_else(|| kind.clone());
                let origin = node.origin.then_following(mark, step.clone(), Some(follows));
                *node = in_style_of(node, new, Tag::None, origin);
                Ok(())
            };
            errors.extend(at_spec(res, spec, Make::Scalar, &value.origin, &mut set).err());
        }
    }
    errors.into_iter().for_each(|error| build.field_error(error));
}

/// Sets labels or annotations.
pub(super) fn pairs(build: &mut Build, pairs: &[(SmolStr, Node)], specs: &[FieldSpec], step: &Arc<str>) {
    let Some((_, first)) = pairs.first() else { return };
    let asked = first.origin.clone();
    let mut errors = Vec::new();
    let keys = pairs.iter().map(|(key, _)| key);
    for res in &mut build.resources {
        let before = Held::of(res, specs, keys.clone());
        for spec in specs {
            spec.note_displaced(res);
            let mut set = |node: &mut Node, follows: &Option<Follows>| {
                if node.is_null() {
                    node.value = Value::Mapping(Default::default());
                }
                let origin = node.origin.clone();
                let Some(mapping) = node.as_mapping_mut() else {
                    return Err(FieldError { message: "a mapping was expected".to_owned(), origin });
                };
                for (key, value) in pairs {
                    let by = value.origin.because(follows.clone());
                    match mapping.get_mut(key) {
                        Some(old) => *old = replaced(old, raw(value), Tag::Str, &by, step),
                        None => mapping.set(key, Node::string(raw(value), by)),
                    }
                }
                Ok(())
            };
            errors.extend(at_spec(res, spec, Make::Mapping, &asked, &mut set).err());
        }
        shared::settle(res);
        before.note(Held::of(res, specs, keys.clone()), res);
    }
    errors.into_iter().for_each(|error| build.field_error(error));
}

/// Sets the number of replicas of the workloads of a name.
pub(super) fn replicas(
    context: &Context<'_, '_>,
    build: &mut Build,
    replica: &Replica,
    specs: &[FieldSpec],
    step: &Arc<str>,
) {
    let mut found = false;
    let mut errors = Vec::new();
    let count = replica.count.to_string();
    for res in &mut build.resources {
        let ids = res.all_ids(context.schema());
        for spec in specs {
            spec.note_displaced(res);
            if !ids.iter().any(|id| id.name == replica.name && spec.is_for(&id.gvk)) {
                continue;
            }
            found = true;
            let chosen: Follows = res
                .id_origins()
                .into_iter()
                .chain(replica.written.clone())
                .chain(spec.written.iter().cloned())
                .collect();
            let mut set = |node: &mut Node, _: &Option<Follows>| {
                set_scalar(node, &count, Tag::Int, &replica.origin.because(Some(chosen.clone())), step)?;
                if let Value::Scalar(scalar) = &mut node.value {
                    (scalar.style, scalar.tag) = (crate::yaml::Style::Plain, Tag::None);
                }
                Ok(())
            };
            errors.extend(at_spec(res, spec, Make::Scalar, &replica.origin, &mut set).err());
        }
    }
    errors.into_iter().for_each(|error| build.field_error(error));
    if found {
        return;
    }
    build.failed = true;
    if !build.partial {
        let names: Vec<SmolStr> = build
            .resources
            .iter()
            .filter(|res| specs.iter().any(|spec| spec.is_for(&res.gvk())))
            .map(|res| SmolStr::new(res.name()))
            .collect();
        let finding = Finding::new(&rules::unmatched_replica_override::RULE, replica.mark)
            .message(format!("no workload is called `{}`", replica.name))
            .help_did_you_mean(&replica.name, names.iter().map(SmolStr::as_str));
        build.findings.push(finding);
    }
}

/// Recognises the images that an entry is for.
enum ImageName {
    /// Written without anything special; a dot stands for any character, as in an expression.
    Plain(SmolStr),
    Expression(regex::Regex),
}

impl ImageName {
    fn of(name: &str) -> Result<ImageName, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b':' | b'@');
        if name.bytes().all(plain) {
            return Ok(ImageName::Plain(SmolStr::new(name)));
        }
        compile(&format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$")).map(ImageName::Expression)
    }

    fn matches(&self, image: &str) -> bool {
        let name = match self {
            ImageName::Expression(regex) => return regex.is_match(image),
            ImageName::Plain(name) => name.as_bytes(),
        };
        let bytes = image.as_bytes();
        if bytes.len() < name.len() || !name.iter().zip(bytes).all(|(n, b)| n == b || *n == b'.') {
            return false;
        }
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'{' | b'}' | b'-');
        let mut rest = &bytes[name.len()..];
        if let Some(tag) = rest.strip_prefix(b":") {
            let length = tag.iter().take_while(|b| allowed(b)).count();
            rest = &tag[length..];
        }
        if let Some(digest) = rest.strip_prefix(b"@sha256:") {
            let length = digest.iter().take_while(|b| allowed(b)).count();
            rest = &digest[length..];
        }
        rest.is_empty()
    }
}

/// Splits an image into name, tag and digest.
fn split_image(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    let at = image[from..].find('@').map(|at| at + from);
    let colon = image[from..].find(':').map(|colon| colon + from);
    match (colon, at) {
        (None, None) => (image, "", ""),
        (colon, Some(at)) if colon.is_none_or(|colon| at < colon) => (&image[..at], "", &image[at + 1..]),
        (Some(colon), Some(at)) => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (None, Some(_)) => (image, "", ""),
    }
}

fn new_image(entry: &Image, image: &str) -> String {
    let (mut name, tag, digest) = split_image(image);
    if !entry.new_name.is_empty() {
        name = &entry.new_name;
    }
    let (tag, digest) = match (entry.new_tag.as_str(), entry.digest.as_str()) {
        ("", "") if !entry.tag_suffix.is_empty() => (format!("{tag}{}", entry.tag_suffix), ""),
        ("", "") => (tag.to_owned(), digest),
        ("", digest) => (String::new(), digest),
        (tag, digest) => (tag.to_owned(), digest),
    };
    let mut image = name.to_owned();
    if !tag.is_empty() {
        image.push(':');
        image.push_str(&tag);
    }
    if !digest.is_empty() {
        image.push('@');
        image.push_str(digest);
    }
    image
}

/// Changes names, tags and digests of images. An entry that matches nothing is a finding.
pub(super) fn images(
    context: &Context<'_, '_>,
    build: &mut Build,
    entry: &Image,
    specs: &[FieldSpec],
    step: &Arc<str>,
) {
    let name = match ImageName::of(&entry.name) {
        Ok(name) => name,
        Err(message) => return build.error(entry.mark, message),
    };
    let mut found = false;
    let mut errors = Vec::new();
    for res in &mut build.resources {
        if res.kind() == "CustomResourceDefinition" {
            continue;
        }
        let mut set = |node: &mut Node, follows: &Option<Follows>| {
            if !matches!(node.value, Value::Scalar(_)) {
                return Err(not_a_scalar(node));
            }
            let image = raw(node);
            if name.matches(image) {
                found = true;
                let new = new_image(entry, image);
                let by = entry.origin.because(Some(entry.written.clone())).because(follows.clone());
                *node = replaced(node, &new, Tag::None, &by, step);
            }
            Ok(())
        };
        let wanted = |node: &Node| {
            node.get("image").is_some_and(|image| !matches!(image.value, Value::Scalar(_)) || name.matches(raw(image)))
        };
        if any_container(&res.node, &wanted) {
            errors.extend(containers(res.node_mut(), &mut |node| set(node, &None)).err());
        }
        for spec in specs {
            spec.note_displaced(res);
            if spec.is_for(&res.gvk()) && any_image(&res.node, &spec.parts, &name) {
                let follows = spec.follows(res);
                let asked = entry.origin.because(follows.clone());
                let mut set = |node: &mut Node| set(node, &follows);
                errors.extend(visit(res.node_mut(), &spec.parts, spec.create, Make::Nothing, &asked, &mut set).err());
            }
        }
    }
    errors.into_iter().for_each(|error| build.field_error(error));
    if found {
        context.builds.note_match(entry.mark);
    } else if !build.partial && build.not_judged.is_empty() {
        let mut known: Vec<SmolStr> = Vec::new();
        for res in &build.resources {
            collect_images(&res.node, &mut known);
        }
        let finding = Finding::new(&rules::unmatched_image_override::RULE, entry.mark)
            .message(format!("no container has the image `{}`", entry.name))
            .help_did_you_mean(&entry.name, known.iter().map(SmolStr::as_str));
        build.findings.push(finding);
    }
}

fn is_containers(key: &str) -> bool {
    key == "containers" || key == "initContainers"
}

fn any_container(node: &Node, wanted: &impl Fn(&Node) -> bool) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(sequence) => sequence.items.iter().any(|item| any_container(item, wanted)),
        Value::Mapping(mapping) => mapping.entries.iter().any(|entry| {
            (is_containers(entry.key_text()) && entry.value.items().iter().any(wanted))
                || any_container(&entry.value, wanted)
        }),
    }
}

fn any_image(node: &Node, parts: &[SmolStr], name: &ImageName) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return !matches!(node.value, Value::Scalar(_)) || name.matches(raw(node));
    };
    match &node.value {
        Value::Sequence(sequence) => sequence.items.iter().any(|item| any_image(item, parts, name)),
        Value::Mapping(mapping) => mapping
            .get(part.strip_suffix("[]").unwrap_or(part))
            .is_some_and(|value| (part.ends_with("[]") && value.is_null()) || any_image(value, rest, name)),
        Value::Scalar(_) => !node.is_null(),
    }
}

/// Calls `set` with the image of every container, wherever there are `containers`.
fn containers(node: &mut Node, set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>) -> Result<(), FieldError> {
    match &mut node.value {
        Value::Scalar(_) => Ok(()),
        Value::Sequence(sequence) => sequence.items.iter_mut().try_for_each(|item| containers(item, set)),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                containers(&mut entry.value, set)?;
                if !is_containers(entry.key.as_scalar().map_or("", |scalar| &scalar.text)) {
                    continue;
                }
                for item in entry.value.as_sequence_mut().into_iter().flat_map(|sequence| &mut sequence.items) {
                    if let Some(image) = item.get_mut("image").filter(|image| !image.is_null()) {
                        set(image)?;
                    }
                }
            }
            Ok(())
        }
    }
}

fn collect_images(node: &Node, known: &mut Vec<SmolStr>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| collect_images(item, known)),
        Value::Mapping(mapping) => {
            for entry in &mapping.entries {
                if is_containers(entry.key_text()) {
                    let images = entry.value.items().iter().filter_map(|item| item.get("image"));
                    known.extend(images.map(|image| SmolStr::new(split_image(raw(image)).0)));
                }
                collect_images(&entry.value, known);
            }
        }
    }
}

/// Whether a resource was emptied.
pub(super) fn drop_empty(build: &mut Build) {
    build.resources.retain(|res| !is_nil_or_empty(&res.node));
    build.renamed();
}
