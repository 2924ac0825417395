//! Patches: strategic merges and JSON patches, from files and from text in the kustomization.

use std::collections::HashSet;
use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::{Context, unlisted};
use super::build::Build;
use super::go_yaml;
use super::json_patch::{self, Operation};
use super::kustomization::{Kustomization, PatchEntry, Selector};
use super::merge::Merge;
use super::remote::Missing;
use super::resource::{Id, Res, is_nil_or_empty, mapping_at, raw};
use super::selector::Matcher;
use super::shared;
use crate::check::rules;
use crate::finding::{Finding, nearest};
use crate::origin::{FileId, Follows, Mark, Origin};
use crate::render::Removed;
use crate::yaml::{Node, Scalar, Tag, Value, YamlFile, reads_back};

/// What a patch says.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Objects to merge.
    Merge(Vec<Arc<Node>>, Arc<str>),
    /// Operations.
    Json(Vec<Operation>, Arc<str>),
    /// Nothing, because it is empty.
    Empty,
    /// Nothing, because of what is wrong with it. `None`: that is reported elsewhere.
    Broken(Option<Missing>),
}

fn broken(mark: Mark, message: impl Into<String>) -> Body {
    let finding = Finding::new(&rules::kustomize_error::RULE, mark).message(message);
    Body::Broken(Some(Missing::Wrong(Box::new(finding))))
}

/// Reads what `entry` says.
pub(super) fn body(
    context: &Context<'_, '_>,
    kustomization: &Kustomization,
    entry: &PatchEntry,
    build: &mut Build,
) -> Body {
    let body = entry.body.get_or_init(|| match (&entry.path, &entry.text) {
        (Some(_), Some(_)) => broken(entry.mark, "a patch has `path` or `patch`, not both"),
        (None, None) => broken(entry.mark, "a patch needs `path` or `patch`"),
        (Some(path), None) => from_file(context, path),
        (None, Some(text)) if raw(text).trim().is_empty() => broken(entry.mark, "a patch needs `path` or `patch`"),
        (None, Some(text)) => {
            let (file, _) = context.builds.embedded(text);
            from_yaml(&file, text.mark(), kustomization.step("patch"), raw(text), true)
        }
    });
    if let Some(path) = &entry.path {
        context.used(path, build);
    }
    body.clone()
}

fn from_file(context: &Context<'_, '_>, path: &Node) -> Body {
    let (id, path) = match context.file(path) {
        Ok(found) => found,
        Err(missing) => return Body::Broken(Some(missing)),
    };
    let Some(file) = context.builds.repository.yaml(id) else {
        return broken(Mark::file(id), "the patch is no text");
    };
    let text = context.builds.repository.snapshot.text(id).map_or("", |text| text);
    let reported = context.builds.repository.is_yaml(id);
    let step = format!("patch {path}").into();
    match go_yaml::documents(file, text) {
        Err((mark, message)) if !text.starts_with('[') => broken(mark, message),
        Ok(file) => from_yaml(&file, Mark::file(id), step, text, !reported),
        Err(_) => from_yaml(file, Mark::file(id), step, text, !reported),
    }
}

/// A patch of `patchesStrategicMerge`: text, or the name of a file.
pub(super) fn strategic_body(
    context: &Context<'_, '_>,
    kustomization: &Kustomization,
    entry: &PatchEntry,
    build: &mut Build,
) -> Body {
    let Some(text) = &entry.text else { return Body::Empty };
    let inline = raw(text).contains('\n') || raw(text).trim_start().starts_with('{');
    let body = entry.body.get_or_init(|| {
        if !inline {
            return from_file(context, text);
        }
        let (file, _) = context.builds.embedded(text);
        from_yaml(&file, text.mark(), kustomization.step("patch"), "", true)
    });
    if !inline {
        context.used(text, build);
    }
    body.clone()
}

/// Tells strategic merges from JSON patches as kustomize does: what has a kind and a name is one, what is a list of
/// operations is the other.
fn from_yaml(file: &YamlFile, mark: Mark, step: Arc<str>, text: &str, report: bool) -> Body {
    if let Some(problem) = file.problems.first() {
        let message = format!("the patch is not valid YAML: {:?}", problem.kind);
        return if report { broken(problem.mark, message) } else { Body::Broken(None) };
    }
    let roots: Vec<&Node> =
        file.documents.iter().map(|document| &document.root).filter(|root| !is_nil_or_empty(root)).collect();
    let Some(first) = roots.first() else { return Body::Empty };
    // A list in brackets is JSON to kustomize, and must be.
    let json = text.starts_with('[');
    if json && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return broken(mark, format!("the patch begins with `[` and is not valid JSON: {error}"));
    }
    if first.as_sequence().is_some() || json {
        let read = match json {
            true => json_patch::operations(first),
            false => json_patch::operations(&json_patch::from_yaml(first)),
        };
        return match read {
            Ok(operations) if operations.is_empty() => Body::Empty,
            Ok(operations) => Body::Json(operations, step),
            Err(error) => broken(error.mark, error.message),
        };
    }
    let (roots, problems) = unlisted(&file.documents);
    if let Some((mark, message)) = problems.into_iter().next() {
        return broken(mark, message);
    }
    let mut objects = Vec::new();
    for root in roots {
        if let Some(message) = unfit(root) {
            let mark = if root.mark().is_some() { root.mark() } else { mark };
            return broken(mark, format!("neither a strategic merge nor a JSON patch: {message}"));
        }
        objects.push(Arc::new(root.clone()));
    }
    Body::Merge(objects, step)
}

/// Why an object is none that kustomize takes.
pub(super) fn unfit(root: &Node) -> Option<String> {
    let kind = root.get("kind").filter(|node| !is_nil_or_empty(node)).map_or("", raw);
    if kind.is_empty() {
        return Some("the object has no `kind`".to_owned());
    }
    if kind.ends_with("List") {
        return None;
    }
    let name = root.path(&["metadata", "name"]).filter(|node| !is_nil_or_empty(node)).map_or("", raw);
    name.is_empty().then(|| format!("the {kind} has no `metadata.name`"))
}

/// Applies the `patches` of a kustomization, in order.
pub(super) fn patches(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    for entry in &kustomization.patches {
        match body(context, kustomization, entry, build) {
            Body::Broken(Some(missing)) => build.lacks(missing),
            Body::Broken(None) => build.fail(None),
            Body::Empty => {}
            Body::Merge(objects, step) => merge_entry(context, entry, &objects, &step, build),
            Body::Json(operations, step) => match &entry.target {
                None => build.error(entry.mark, "a JSON patch needs a `target`"),
                Some(target) => json_entry(context, target, entry, &operations, &step, true, build),
            },
        }
    }
}

/// Applies `patchesStrategicMerge`.
pub(super) fn strategic(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    for entry in &kustomization.patches_strategic_merge {
        match strategic_body(context, kustomization, entry, build) {
            Body::Broken(Some(missing)) => build.lacks(missing),
            Body::Broken(None) => build.fail(None),
            Body::Empty => build.error(entry.mark, "the patch is empty"),
            Body::Json(..) => build.error(entry.mark, "a strategic merge was expected, found a JSON patch"),
            Body::Merge(objects, step) => {
                for object in objects {
                    if let Some(index) = target_of(context, &object, build) {
                        let chosen = Chosen { context, step: &step, path: entry.text.as_ref(), by: None };
                        merge_one(context, &[index], &object, chosen, (false, false), true, build);
                    }
                }
            }
        }
    }
}

/// Applies `patchesJson6902`.
pub(super) fn json6902(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    for entry in &kustomization.patches_json6902 {
        let Some(target) = &entry.target else {
            build.error(entry.mark, "a JSON patch needs a `target`");
            continue;
        };
        if target.name.is_empty() {
            build.error(target.mark.unwrap_or(entry.mark), "the target of a JSON patch needs a `name`");
            continue;
        }
        match body(context, kustomization, entry, build) {
            Body::Broken(Some(missing)) => build.lacks(missing),
            Body::Broken(None) => build.fail(None),
            Body::Empty => build.error(entry.mark, "the patch is empty"),
            Body::Merge(..) => build.error(entry.mark, "a list of operations was expected, found an object"),
            Body::Json(operations, step) => {
                json_entry(context, target, entry, &operations, &step, false, build);
            }
        }
    }
}

fn merge_entry(
    context: &Context<'_, '_>,
    entry: &PatchEntry,
    objects: &[Arc<Node>],
    step: &Arc<str>,
    build: &mut Build,
) {
    let options = (entry.allow_name_change, entry.allow_kind_change);
    let Some(target) = &entry.target else {
        for object in objects {
            if let Some(index) = target_of(context, object, build) {
                merge_one(
                    context,
                    &[index],
                    object,
                    Chosen { context, step, path: entry.path.as_ref(), by: None },
                    options,
                    false,
                    build,
                );
            }
        }
        return;
    };
    let [object] = objects else {
        build.error(entry.mark, "a patch with a `target` holds one object only");
        return;
    };
    let Some(selected) = select(context, target, entry.mark, build) else { return };
    merge_one(
        context,
        &selected,
        object,
        Chosen { context, step, path: entry.path.as_ref(), by: Some(target) },
        options,
        true,
        build,
    );
}

/// The resources that `target` selects. None selected is a finding.
fn select(context: &Context<'_, '_>, target: &Selector, mark: Mark, build: &mut Build) -> Option<Vec<usize>> {
    let matcher = match Matcher::new(target) {
        Ok(matcher) => matcher,
        Err(message) => {
            build.error(target.mark.unwrap_or(mark), message);
            return None;
        }
    };
    let selected: Vec<usize> = build
        .resources
        .iter()
        .enumerate()
        .filter(|(_, res)| matcher.selects(res, context.schema()))
        .map(|(index, _)| index)
        .collect();
    if matcher.asks_for_texts() {
        note_refusals(&selected, build);
    }
    if !selected.is_empty() {
        context.builds.note_match(target.mark.unwrap_or(mark));
    } else if !build.partial {
        let names: Vec<SmolStr> = build
            .resources
            .iter()
            .filter(|res| target.kind.is_empty() || res.kind() == target.kind)
            .map(|res| SmolStr::new(res.name()))
            .collect();
        let finding = Finding::new(&rules::unmatched_patch_target::RULE, target.mark.unwrap_or(mark))
            .message(format!("no resource matches the target {}", target.described()))
            .help_did_you_mean(&target.name, names.iter().map(SmolStr::as_str));
        build.findings.push(finding);
    }
    Some(selected)
}

/// Labels and annotations that were changed may be why a selector passes a resource by: what it lacks depends on them.
fn note_refusals(selected: &[usize], build: &mut Build) {
    for (index, res) in build.resources.iter_mut().enumerate() {
        if selected.binary_search(&index).is_err() {
            let mut changed = res.text_origins();
            changed.retain(|origin| origin.trail.is_some());
            if !changed.is_empty() {
                let object = res.node_mut();
                object.origin = object.origin.because(Some(changed.into()));
            }
        }
    }
}

/// The resource that a strategic merge without target is for.
fn target_of(context: &Context<'_, '_>, object: &Arc<Node>, build: &mut Build) -> Option<usize> {
    let patch = Res::new(object.clone());
    let id = patch.id(context.schema());
    let found = build.named(context, &id);
    match found.as_slice() {
        [index] => Some(*index),
        [] => {
            if !build.partial {
                let finding = unmatched(context, object, &id, build);
                build.findings.push(finding);
            }
            build.failed = true;
            None
        }
        _ => {
            build.error(
                object.mark(),
                format!("{} resources are {id}: the patch cannot tell which to change", found.len()),
            );
            None
        }
    }
}

fn unmatched(context: &Context<'_, '_>, object: &Node, id: &Id, build: &Build) -> Finding {
    let mark = object.path(&["metadata", "name"]).map_or(object.mark(), Node::mark);
    let mut finding =
        Finding::new(&rules::unmatched_patch_target::RULE, mark).message(format!("there is no {id} to patch"));
    let same_kind = || build.resources.iter().filter(|res| res.kind() == id.gvk.kind);
    if let Some(other) = same_kind().find(|res| res.name() == id.name) {
        let known = other.id(context.schema());
        let help = if known.gvk != id.gvk {
            format!("the one there has apiVersion `{}`", other.api_version())
        } else {
            format!("the one there is in namespace `{}`", known.effective_namespace())
        };
        finding = finding.help(help).related(other.node.mark(), "the resource of that name");
    } else if let Some(name) = nearest(&id.name, same_kind().map(Res::name)) {
        finding = finding.help(format!("did you mean `{name}`?"));
    }
    finding
}

/// A patch on its way to a resource.
#[derive(Clone, Copy)]
struct Chosen<'p> {
    context: &'p Context<'p, 'p>,
    step: &'p Arc<str>,
    /// Where the kustomization names the patch's file.
    path: Option<&'p Node>,
    /// The target that selected the resource; without one, the patch names it.
    by: Option<&'p Selector>,
}

impl Chosen<'_> {
    /// What decides that the patch is for `res`.
    fn follows(&self, res: &Res, patch: Option<&Arc<Node>>) -> Follows {
        let mut follows = res.id_origins();
        // A schema of the kustomization's own decides how lists merge.
        follows.extend(self.path.map(|path| path.origin.clone()));
        follows.extend(self.context.in_force.file().map(|id| Origin::at(Mark::file(id))));
        match (self.by, patch) {
            (Some(selector), _) => {
                follows.extend(selector.written.iter().cloned());
                if !selector.label_selector.is_empty() || !selector.annotation_selector.is_empty() {
                    follows.extend(res.text_origins());
                }
            }
            (None, Some(patch)) => follows.extend(Res::new(patch.clone()).id_origins()),
            (None, None) => {}
        }
        follows.into()
    }
}

/// Merges `patch` into the resources at `targets`. `selected`: kustomize chose them by a selector, and gives the patch
/// their kind first, and text for its labels and annotations.
fn merge_one(
    context: &Context<'_, '_>,
    targets: &[usize],
    patch: &Arc<Node>,
    chosen: Chosen<'_>,
    (allow_name, allow_kind): (bool, bool),
    selected: bool,
    build: &mut Build,
) {
    let mut deleted = HashSet::new();
    let mut forgotten = false;
    for &index in targets {
        let Some(res) = build.resources.get_mut(index) else { continue };
        if allow_name || allow_kind {
            res.remember_name(context.schema());
        }
        // kustomize puts the object that it makes of such a patch nowhere.
        if patch.get("$patch").is_some_and(|directive| raw(directive) == "replace") {
            continue;
        }
        let mut object = Node::clone(patch);
        if selected {
            texts_of_metadata(&mut object);
            if let Some(version) = res.node.get("apiVersion").cloned()
                && let Some(mapping) = object.as_mapping_mut()
            {
                mapping.set("apiVersion", version);
            }
        }
        let forgets = takes_annotations(&object);
        let kept = Kept::of(res);
        let follows = chosen.follows(res, Some(patch));
        context.in_force.note_merge();
        let mut merge = Merge::new(context.schema(), chosen.step.clone(), follows.clone());
        let removed = Removed { id: res.id(context.schema()).to_string(), origin: patch.origin.because(Some(follows)) };
        let target = std::mem::replace(&mut res.node, context.builds.placeholder.clone());
        match merge.object(Arc::unwrap_or_clone(target), object) {
            Err(error) => {
                let mark = if error.mark.is_some() { error.mark } else { patch.mark() };
                build.error(mark, error.message);
                deleted.insert(index);
            }
            Ok(node) if node.as_ref().is_none_or(is_nil_or_empty) => {
                build.removed.push(removed);
                deleted.insert(index);
            }
            Ok(None) => {}
            Ok(Some(node)) => {
                res.node = Arc::new(node);
                kept.restore(res, allow_name, allow_kind);
                shared::settle(res);
                if forgets {
                    res.book.forget();
                    forgotten = true;
                }
                for added in merge.added {
                    let finding = Finding::new(&rules::patch_adds_container::RULE, added.mark)
                        .message(format!("the patch adds a container `{}` that has no image", added.name))
                        .help_did_you_mean(&added.name, added.existing.iter().map(SmolStr::as_str));
                    build.findings.push(finding);
                }
            }
        }
    }
    if !deleted.is_empty() {
        let mut at = 0;
        build.resources.retain(|_| {
            at += 1;
            !deleted.contains(&(at - 1))
        });
        build.renamed();
    }
    if forgotten {
        build.renamed();
    }
    if allow_name || allow_kind {
        build.renamed();
        build.check_duplicates(context);
    }
}

/// What a strategic merge may not change: kind, name and namespace.
struct Kept {
    kind: Option<Node>,
    name: Option<Node>,
    namespace: Option<Node>,
}

impl Kept {
    fn of(res: &Res) -> Kept {
        Kept {
            kind: res.node.get("kind").cloned(),
            name: res.node.path(&["metadata", "name"]).cloned(),
            namespace: res.node.path(&["metadata", "namespace"]).filter(|node| !is_nil_or_empty(node)).cloned(),
        }
    }

    fn restore(self, res: &mut Res, allow_name: bool, allow_kind: bool) {
        let node = res.node_mut();
        if let (Some(kind), Some(mapping)) = (self.kind, node.as_mapping_mut())
            && !allow_kind
        {
            mapping.set("kind", kind);
        }
        let origin = node.origin.clone();
        let Some(metadata) = super::resource::mapping_at(node, "metadata", &origin) else { return };
        if let Some(name) = self.name
            && !allow_name
        {
            metadata.set("name", name);
        }
        match self.namespace {
            Some(namespace) => metadata.set("namespace", namespace),
            None => {
                metadata.remove("namespace");
            }
        }
    }
}

/// kustomize passes labels and annotations of such a patch through maps of text: a null becomes the text `null`.
fn texts_of_metadata(object: &mut Node) {
    let Some(metadata) = object.get_mut("metadata") else { return };
    for field in ["labels", "annotations"] {
        // No map comes out of a null: the patch says nothing of them.
        if metadata.get(field).is_some_and(Node::is_null)
            && let Some(metadata) = metadata.as_mapping_mut()
        {
            metadata.remove(field);
            continue;
        }
        let Some(texts) = metadata.get_mut(field).and_then(Node::as_mapping_mut) else { continue };
        if texts.entries.is_empty() {
            if let Some(metadata) = metadata.as_mapping_mut() {
                metadata.remove(field);
            }
            continue;
        }
        for entry in &mut texts.entries {
            let text = SmolStr::new(raw(&entry.value));
            let style = entry.value.as_scalar().map_or(crate::yaml::Style::Plain, |scalar| scalar.style);
            entry.value.value = Value::Scalar(Scalar { text, style, tag: Tag::Str });
        }
    }
}

/// Makes the annotations of an object.
fn mapping_in_metadata(object: &mut Node, origin: &Origin) {
    mapping_at(object, "metadata", origin);
    if let Some(metadata) = object.get_mut("metadata") {
        mapping_at(metadata, "annotations", origin);
    }
}

/// Whether a strategic merge takes away all annotations: among them are kustomize's own notes.
fn takes_annotations(patch: &Node) -> bool {
    patch.path(&["metadata", "annotations"]).is_some_and(|annotations| {
        annotations.is_null()
            || annotations.get("$patch").is_some_and(|directive| ["replace", "delete"].contains(&raw(directive)))
    })
}

/// Whether kustomize reads again what it wrote after a JSON patch.
fn texts_read_back(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => reads_back(&scalar.text),
        Value::Sequence(sequence) => sequence.items.iter().all(texts_read_back),
        Value::Mapping(mapping) => mapping.entries.iter().all(|entry| texts_read_back(&entry.value)),
    }
}

fn json_entry(
    context: &Context<'_, '_>,
    target: &Selector,
    entry: &PatchEntry,
    operations: &[Operation],
    step: &Arc<str>,
    remember: bool,
    build: &mut Build,
) {
    let (mark, path) = (entry.mark, entry.path.as_ref());
    let Some(selected) = select(context, target, mark, build) else { return };
    for index in selected {
        let Some(res) = build.resources.get_mut(index) else { continue };
        if remember {
            res.remember_name(context.schema());
        }
        let follows = Chosen { context, step, path, by: Some(target) }.follows(res, None);
        shared::part(res, &follows);
        // kustomize keeps its notes in annotations: where it has some, there are annotations to add to.
        let bare = res.book.is_noted() && res.metadata("annotations").is_none_or(Node::is_null);
        if bare {
            let origin = res.node.origin.clone();
            mapping_in_metadata(res.node_mut(), &origin);
        }
        let applied = json_patch::apply(res.node_mut(), operations, step, follows);
        if bare
            && res.metadata("annotations").is_some_and(is_nil_or_empty)
            && let Some(metadata) = res.node_mut().get_mut("metadata").and_then(Node::as_mapping_mut)
        {
            metadata.remove("annotations");
        }
        if operations.iter().any(Operation::replaces_annotations) {
            // It puts back all but these.
            res.book.provenance = None;
            res.book.transformations.clear();
        }
        if applied.is_ok() && !texts_read_back(&res.node) {
            let id = res.id(context.schema());
            build.error(mark, format!("{id} holds a text that begins with a tab: kustomize takes it for indentation"));
        } else if let Err(error) = applied {
            let id = res.id(context.schema());
            let mark = if error.mark.file == FileId::NONE { mark } else { error.mark };
            build.error(mark, format!("the patch does not fit {id}: {}", error.message));
        }
    }
    build.renamed();
}
