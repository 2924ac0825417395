//! Replacements: a value copied from one resource into fields of others.

use std::borrow::Cow;
use std::sync::Arc;

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::inside_text;
use super::kustomization::{Kustomization, Reader, Selector, field};
use super::path::{Shape, Walk, lookup, split};
use super::resource::{Gvk, Id, Res, is_nil_or_empty, leaves, raw};
use super::selector::Matcher;
use super::shared;
use crate::check::rules;
use crate::finding::Finding;
use crate::origin::{Follows, Mark, Origin};
use crate::yaml::{Node, Resolved, Scalar, Style, Tag, Value};

/// `options` of a source or target.
#[derive(Debug, Clone, Default)]
struct FieldOptions {
    delimiter: String,
    index: i64,
    create: bool,
}

/// Where the value comes from.
struct Source {
    selector: Selector,
    field_path: SmolStr,
    options: FieldOptions,
    mark: Mark,
    /// Where its parts stand.
    written: Vec<Origin>,
}

/// Where the value goes.
struct Target {
    select: Option<Selector>,
    reject: Vec<Selector>,
    field_paths: Vec<Node>,
    options: FieldOptions,
    mark: Mark,
    /// Where the parts of its selection and its options stand.
    written: Vec<Origin>,
}

struct Replacement {
    source: Option<Source>,
    value: Option<Node>,
    targets: Option<Vec<Target>>,
    mark: Mark,
}

/// Runs the replacements of `entries`, in order.
pub(super) fn run(context: &Context<'_, '_>, kustomization: &Kustomization, entries: &[Node], build: &mut Build) {
    let step = kustomization.step("replacement");
    for entry in entries {
        let path = entry.as_mapping().and_then(|mapping| field(mapping, "path")).filter(|path| !raw(path).is_empty());
        let Some(path) = path else {
            one(context, entry, false, &step, build);
            continue;
        };
        if entry.get("source").is_some() || entry.get("targets").is_some() {
            build.error(entry.mark(), "a replacement has a `path`, or a source and targets");
            continue;
        }
        match context.file(path) {
            Ok((id, file)) => {
                build.used.insert(id);
                let step: Arc<str> = format!("replacement {file}").into();
                let root = context.builds.repository.yaml(id).and_then(|yaml| yaml.documents.first());
                match root.map(|document| &document.root) {
                    Some(root) if root.as_sequence().is_some() => {
                        root.items().iter().for_each(|item| one(context, item, true, &step, build));
                    }
                    Some(root) if root.as_mapping().is_some() => one(context, root, true, &step, build),
                    _ => build.error(Mark::file(id), "a replacement, or a list of them, was expected"),
                }
            }
            Err(missing) => build.lacks(missing),
        }
    }
}

fn one(context: &Context<'_, '_>, node: &Node, lenient: bool, step: &Arc<str>, build: &mut Build) {
    let mut findings = Vec::new();
    let mut reader = Reader { findings: &mut findings, lenient };
    let replacement = parse(&mut reader, node);
    if !findings.is_empty() {
        build.failed = true;
        build.findings.extend(findings);
        return;
    }
    let Some(replacement) = replacement else { return };
    let partial = build.partial;
    if let Err((mark, message)) = apply(context, &replacement, step, build) {
        build.failed = true;
        if !partial {
            build.error(mark, message);
        }
    }
}

fn options(reader: &mut Reader<'_>, node: Option<&Node>) -> FieldOptions {
    let known = ["delimiter", "index", "encoding", "create"];
    let Some(mapping) = node.and_then(|node| reader.fields(node, "the options", &known)) else {
        return FieldOptions::default();
    };
    FieldOptions {
        delimiter: reader.smol(mapping, "delimiter").to_string(),
        index: field(mapping, "index").and_then(Node::as_i64).unwrap_or(0),
        create: reader.flag(mapping, "create"),
    }
}

fn parse(reader: &mut Reader<'_>, node: &Node) -> Option<Replacement> {
    let mapping = reader.fields(node, "a replacement", &["source", "targets", "sourceValue", "path"])?;
    let known = ["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
    let source = field(mapping, "source").and_then(|node| {
        let source = reader.fields(node, "the source", &known)?;
        let path = reader.smol(source, "fieldPath");
        Some(Source {
            selector: Selector {
                group: reader.smol(source, "group"),
                version: reader.smol(source, "version"),
                kind: reader.smol(source, "kind"),
                name: reader.smol(source, "name"),
                namespace: reader.smol(source, "namespace"),
                ..Selector::default()
            },
            field_path: if path.is_empty() { SmolStr::new_static("metadata.name") } else { path },
            options: options(reader, field(source, "options")),
            mark: node.mark(),
            written: leaves(node),
        })
    });
    let targets = field(mapping, "targets").filter(|node| !node.is_null()).map(|node| {
        let mut targets = Vec::new();
        for item in node.items() {
            let known = ["select", "reject", "fieldPaths", "options"];
            let Some(target) = reader.fields(item, "a target", &known) else { continue };
            targets.push(Target {
                select: field(target, "select").map(|node| reader.selector(node).unwrap_or_default()),
                reject: reader.items(target, "reject").iter().filter_map(|node| reader.selector(node)).collect(),
                field_paths: reader.texts(target, "fieldPaths"),
                options: options(reader, field(target, "options")),
                mark: item.mark(),
                written: ["select", "reject", "options"]
                    .iter()
                    .filter_map(|key| field(target, key))
                    .flat_map(leaves)
                    .collect(),
            });
        }
        targets
    });
    let value = field(mapping, "sourceValue").filter(|node| !node.is_null()).cloned();
    Some(Replacement { source, value, targets, mark: node.mark() })
}

type Wrong = (Mark, String);

fn apply(
    context: &Context<'_, '_>,
    replacement: &Replacement,
    step: &Arc<str>,
    build: &mut Build,
) -> Result<(), Wrong> {
    let value = match (&replacement.source, &replacement.value) {
        (Some(_), Some(_)) => return Err((replacement.mark, "a replacement has `source` or `sourceValue`".to_owned())),
        (None, None) => return Err((replacement.mark, "a replacement needs a source".to_owned())),
        (None, Some(value)) => Node::scalar(Scalar::plain(raw(value)), value.origin.clone()),
        (Some(source), None) => source_value(source, &build.resources)?,
    };
    let Some(targets) = &replacement.targets else {
        return Err((replacement.mark, "a replacement needs targets".to_owned()));
    };
    for target in targets {
        let Some(select) = &target.select else {
            return Err((target.mark, "a target needs `select`".to_owned()));
        };
        let matcher = Matcher::new(select).map_err(|message| (target.mark, message))?;
        let rejects = target
            .reject
            .iter()
            .map(Matcher::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|text| (target.mark, text))?;
        let default = [Node::string("metadata.name", Origin::at(target.mark))];
        let paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
        let mut found = false;
        for res in &mut build.resources {
            let ids = ids(res, context);
            let rejected = rejects.iter().any(|reject| {
                (reject.asks_for_texts() && reject.texts(res))
                    || (reject.asks_for_id() && ids.iter().any(|id| reject.id(id)))
            });
            if rejected || !matcher.texts(res) || !ids.iter().any(|id| matcher.id(id)) {
                continue;
            }
            found = true;
            let chosen: Follows = res.id_origins().into_iter().chain(target.written.iter().cloned()).collect();
            let value = Node { origin: value.origin.because(Some(chosen)), value: value.value.clone() };
            for path in paths {
                copy(res, &value, path, &target.options, step)?;
            }
        }
        note_effect(context, select, target.mark, found, build);
    }
    Ok(())
}

/// A target that selects nothing is passed over by kustomize without a word.
fn note_effect(context: &Context<'_, '_>, select: &Selector, target: Mark, found: bool, build: &mut Build) {
    let mark = select.mark.unwrap_or(target);
    if found {
        context.builds.note_match(mark);
    } else if !build.partial {
        let named = |res: &&Res| select.kind.is_empty() || res.kind() == select.kind;
        let names: Vec<SmolStr> = build.resources.iter().filter(named).map(|res| SmolStr::new(res.name())).collect();
        let finding = Finding::new(&rules::replacement_without_effect::RULE, mark)
            .message(format!("no resource matches the target {}: nothing is replaced", select.described()))
            .help_did_you_mean(&select.name, names.iter().map(SmolStr::as_str));
        build.findings.push(finding);
    }
}

/// The names of a resource, the present one first, without regard to its scope.
fn ids(res: &Res, context: &Context<'_, '_>) -> Vec<Id> {
    let mut ids = vec![Id { cluster_scoped: false, ..res.id(context.schema()) }];
    ids.extend(res.previous_ids());
    ids
}

fn source_value(source: &Source, resources: &[Res]) -> Result<Node, Wrong> {
    let selector = &source.selector;
    let gvk = Gvk { group: selector.group.clone(), version: selector.version.clone(), kind: selector.kind.clone() };
    let namespace = |text: &str| if text.is_empty() { "default".to_owned() } else { text.to_owned() };
    let matches = |gvk_of: &Gvk, name: &str, space: &str| {
        (selector.name.is_empty() || selector.name == name)
            && (selector.namespace.is_empty() || namespace(&selector.namespace) == namespace(space))
            && gvk_of.is_selected(&gvk)
    };
    let mut found = resources.iter().filter(|res| {
        matches(&res.gvk(), res.name(), res.namespace())
            || res.previous_ids().iter().any(|id| matches(&id.gvk, &id.name, &id.namespace))
    });
    let what = format!("{} {}", selector.kind, selector.name);
    let Some(first) = found.next() else { return Err((source.mark, format!("no resource is {what}"))) };
    if found.next().is_some() {
        return Err((source.mark, format!("several resources are {what}")));
    }
    let parts = split(&source.field_path);
    let node = lookup(&first.node, &parts).map_err(|message| (source.mark, message))?;
    let Some(node) = node.filter(|node| !is_nil_or_empty(node)) else {
        return Err((source.mark, format!("{what} has no `{}`", source.field_path)));
    };
    let chosen: Follows = first.id_origins().into_iter().chain(source.written.iter().cloned()).collect();
    let origin = node.origin.because(Some(chosen));
    if source.options.delimiter.is_empty() {
        return Ok(Node { origin, value: node.value.clone() });
    }
    let Some(scalar) = node.as_scalar() else {
        return Err((source.mark, "only a plain value can be split".to_owned()));
    };
    let pieces: Vec<&str> = scalar.text.split(source.options.delimiter.as_str()).collect();
    let piece = usize::try_from(source.options.index).ok().and_then(|index| pieces.get(index));
    let Some(piece) = piece else {
        return Err((source.mark, format!("`{}` has no piece {}", scalar.text, source.options.index)));
    };
    let tag = explicit_tag(scalar);
    let piece = Scalar { text: SmolStr::new(piece), style: scalar.style, tag };
    Ok(Node::scalar(piece, origin))
}

/// The tag that says what the scalar means now.
pub(super) fn explicit_tag(scalar: &Scalar) -> Tag {
    if scalar.tag != Tag::None || scalar.style != Style::Plain {
        return if scalar.tag == Tag::None { Tag::Str } else { scalar.tag };
    }
    match scalar.resolve() {
        Resolved::Null => Tag::Null,
        Resolved::Bool(_) => Tag::Bool,
        Resolved::Int(_) | Resolved::Uint(_) => Tag::Int,
        Resolved::Float(_) => Tag::Float,
        Resolved::Str(_) => Tag::Str,
    }
}

fn copy(res: &mut Res, value: &Node, path: &Node, options: &FieldOptions, step: &Arc<str>) -> Result<(), Wrong> {
    let parts = split(raw(path));
    let create = options.create.then(|| Shape::of(value));
    if inside_text::set(res, value, &parts, create, path, step) {
        shared::settle(res);
        return Ok(());
    }
    let mut set = |target: &mut Node, keys: &[Origin]| set_field(target, &by_keys(value, keys), options, path, step);
    let made = value.origin.because(Some(Arc::from([path.origin.clone()])));
    let mut walk = Walk { create, origin: &made, set: &mut set, chosen: Vec::new(), found: 0 };
    walk.follow(res.node_mut(), &parts).map_err(|message| (path.mark(), format!("{}: {message}", raw(path))))?;
    if walk.found == 0 {
        let message = format!("{} {} has no field `{}`", res.kind(), res.name(), raw(path));
        return Err((path.mark(), message));
    }
    shared::settle(res);
    if parts == ["metadata", "annotations"] {
        res.book.forget();
    }
    Ok(())
}

/// The value as one that was put where elements with these keys are.
pub(super) fn by_keys<'v>(value: &'v Node, keys: &[Origin]) -> Cow<'v, Node> {
    match keys {
        [] => Cow::Borrowed(value),
        keys => Cow::Owned(Node { origin: value.origin.because(Some(keys.into())), value: value.value.clone() }),
    }
}

fn set_field(
    target: &mut Node,
    value: &Node,
    options: &FieldOptions,
    path: &Node,
    step: &Arc<str>,
) -> Result<(), String> {
    let mut text = SmolStr::new(raw(value));
    if !options.delimiter.is_empty() {
        let Some(scalar) = target.as_scalar() else { return Err("only a plain value can be split".to_owned()) };
        let mut pieces: Vec<String> = scalar.text.split(options.delimiter.as_str()).map(str::to_owned).collect();
        match usize::try_from(options.index) {
            Err(_) => pieces.insert(0, text.to_string()),
            Ok(index) => match pieces.get_mut(index) {
                Some(piece) => *piece = text.to_string(),
                None => pieces.push(text.to_string()),
            },
        }
        text = SmolStr::new(pieces.join(&options.delimiter));
    }
    let origin = target.origin.replaced_by_value(&value.origin, step.clone()).then(path.mark(), step.clone());
    match &target.value {
        Value::Scalar(old) => {
            // What was just made has no tag yet; everything else keeps its own.
            let fresh = old.text.is_empty() && old.tag == Tag::None && old.style == Style::Plain;
            let tag = if fresh { Tag::None } else { explicit_tag(old) };
            let style = if tag == Tag::None { old.style } else { Style::Plain };
            *target = Node::scalar(Scalar { text, style, tag }, origin);
        }
        _ if options.delimiter.is_empty() => *target = Node { origin, ..value.clone() },
        _ => *target = Node::scalar(Scalar::plain(text), origin),
    }
    Ok(())
}
