//! Generators: ConfigMaps and Secrets from literals, files and env files.

use std::sync::Arc;

use base64::Engine as _;
use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::helm;
use super::kustomization::{Generator, Kustomization};
use super::resource::{Behavior, PreviousName, Res, depend, mapping_at, raw};
use crate::check::rules::env_line_without_value;
use crate::finding::Finding;
use crate::origin::{FileId, Follows, Mark, Origin};
use crate::source::{Content, base_name};
use crate::yaml::{Entry, Node, Scalar, Value, reads_back};

/// Runs the generators that the kustomization's own fields ask for.
pub(super) fn run(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    for (generators, secret, kind, field) in [
        (&kustomization.config_maps, false, "ConfigMapGenerator", "configMapGenerator"),
        (&kustomization.secrets, true, "SecretGenerator", "secretGenerator"),
    ] {
        for generator in generators {
            let step = kustomization.step(field);
            if let Some(mut res) = generate(context, generator, secret, &step, build) {
                super::metadata::generated(context, kustomization, kind, &mut res);
                build.absorb(context, res, generator.origin.mark);
            }
        }
    }
    for chart in &kustomization.helm_charts {
        let note = helm::note(context, kustomization);
        helm::inflate(context, chart, kustomization.helm_globals.as_ref(), note.as_deref(), build);
    }
}

/// A value of the data: text, or bytes that are none.
enum Data {
    Text(String),
    Bytes(Vec<u8>),
}

/// Makes the resource of `generator`; `None` where an error was noted.
pub(super) fn generate(
    context: &Context<'_, '_>,
    generator: &Generator,
    secret: bool,
    step: &Arc<str>,
    build: &mut Build,
) -> Option<Res> {
    let origin = &generator.origin;
    let Some(name) = &generator.name else {
        build.error(origin.mark, "the generator has no `name`");
        return None;
    };
    let text = |text: &str| Node::string(text, origin.clone());
    let entry = |key: &str, value: Node| Entry { key: Node::string(key, value.origin.clone()), value };
    let mut metadata = vec![entry("name", Node::string(raw(name), name.origin.clone()))];
    if let Some(namespace) = &generator.namespace {
        metadata.push(entry("namespace", Node::string(raw(namespace), namespace.origin.clone())));
    }
    for (field, pairs) in [("labels", &generator.options.labels), ("annotations", &generator.options.annotations)] {
        if !pairs.is_empty() {
            let entries =
                pairs.iter().map(|(key, value)| entry(key, Node::string(raw(value), value.origin.clone()))).collect();
            metadata.push(entry(field, Node::mapping(entries, origin.clone())));
        }
    }
    let mut root = vec![
        entry("apiVersion", text("v1")),
        entry("kind", text(if secret { "Secret" } else { "ConfigMap" })),
        entry("metadata", Node::mapping(metadata, origin.clone())),
    ];
    if secret {
        let kind = generator
            .secret_type
            .as_ref()
            .map_or_else(|| text("Opaque"), |kind| Node::string(raw(kind), kind.origin.clone()));
        root.push(entry("type", kind));
    }
    let pairs = data(context, generator, step, build)?;
    let (mut plain, mut binary) = (Vec::new(), Vec::new());
    for (key, value, origin) in pairs {
        let node = |text: String| Node::string(text, origin.clone());
        let key = Node::string(key, origin.clone());
        match value {
            Data::Text(text) if !secret && !reads_back(&text) => {
                let key = key.as_scalar().map_or("", |key| &key.text);
                let message = format!("`{key}`: kustomize takes the tab that the text begins with for indentation");
                build.error(origin.mark, message);
                return None;
            }
            Data::Text(text) if !secret => plain.push(Entry { key, value: node(text) }),
            Data::Text(text) => plain.push(Entry { key, value: node(encode(text.as_bytes())) }),
            Data::Bytes(bytes) if !secret => binary.push(Entry { key, value: node(encode(&bytes)) }),
            Data::Bytes(bytes) => plain.push(Entry { key, value: node(encode(&bytes)) }),
        }
    }
    if secret || !plain.is_empty() {
        root.push(entry("data", Node::mapping(plain, origin.clone())));
    }
    if !binary.is_empty() {
        root.push(entry("binaryData", Node::mapping(binary, origin.clone())));
    }
    if let Some(immutable) = &generator.options.immutable {
        root.push(entry("immutable", Node::scalar(Scalar::plain("true"), immutable.origin.clone())));
    }
    let mut res = Res::new(Arc::new(Node::mapping(root, origin.clone())));
    res.book.behavior = Behavior::of(&generator.behavior);
    res.book.needs_hash = !generator.options.disable_name_suffix_hash;
    res.book.generated = true;
    Some(res)
}

/// The keys and values of a generator, sorted by key.
fn data(
    context: &Context<'_, '_>,
    generator: &Generator,
    step: &Arc<str>,
    build: &mut Build,
) -> Option<Vec<(SmolStr, Data, Origin)>> {
    let mut pairs = Vec::new();
    let mut whole = true;
    for env in &generator.envs {
        match content(context, env, raw(env), build) {
            Some(Content::Text(text)) => {
                let file = context.file(env).map_or(env.mark().file, |(id, _)| id);
                build.findings.extend(env_lines(&text, file, env, step, &mut pairs));
            }
            Some(_) => {
                build.error(env.mark(), format!("{}: the file is not UTF-8", raw(env)));
                whole = false;
            }
            None => whole = false,
        }
    }
    for literal in &generator.literals {
        match raw(literal).split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                let value = Data::Text(unquoted(value).to_owned());
                pairs.push((SmolStr::new(key), value, literal.origin.clone()));
            }
            _ => {
                build.error(literal.mark(), format!("`{}`: a literal is written `key=value`", raw(literal)));
                whole = false;
            }
        }
    }
    for file in &generator.files {
        let written = raw(file);
        let (key, path) = match written.split_once('=') {
            None => (base_name(written), written),
            Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => (key, path),
            Some(_) => {
                build.error(file.mark(), format!("`{written}`: a file is written `path` or `key=path`"));
                whole = false;
                continue;
            }
        };
        let value = match content(context, file, path, build) {
            Some(Content::Text(text)) => Data::Text(text.to_string()),
            Some(Content::Binary(bytes)) => Data::Bytes(bytes.to_vec()),
            _ => {
                whole = false;
                continue;
            }
        };
        let at = context.file(&with_text(file, path)).map_or(file.mark(), |(id, _)| Mark::file(id));
        pairs.push((SmolStr::new(key), value, Origin::at(at).then(file.mark(), step.clone())));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        build.error(pair[1].2.mark, format!("the key `{}` is there twice", pair[1].0));
        return None;
    }
    if !whole {
        build.partial = true;
        return None;
    }
    Some(pairs)
}

fn with_text(node: &Node, text: &str) -> Node {
    Node::string(text, node.origin.clone())
}

fn content(context: &Context<'_, '_>, node: &Node, path: &str, build: &mut Build) -> Option<Content> {
    match context.file(&with_text(node, path)) {
        Ok((id, _)) => {
            build.used.insert(id);
            let content = context.builds.repository.snapshot.file(id).map(|file| file.content.clone());
            match content {
                Some(content @ (Content::Text(_) | Content::Binary(_))) => Some(content),
                _ => {
                    build.error(node.mark(), format!("{path}: the file cannot be read"));
                    None
                }
            }
        }
        Err(missing) => {
            build.lacks(missing);
            None
        }
    }
}

/// The lines of an env file; each value is where its line is. What is no pair is found.
fn env_lines(
    text: &str,
    file: FileId,
    env: &Node,
    step: &Arc<str>,
    pairs: &mut Vec<(SmolStr, Data, Origin)>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut start = 0;
    for (number, whole) in text.split('\n').enumerate() {
        let line = whole.strip_suffix('\r').unwrap_or(whole);
        let mark =
            Mark { file, line: number as u32 + 1, column: 1, start: start as u32, end: (start + line.len()) as u32 };
        start += whole.len() + 1;
        let line = if number == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| {
            findings.push(
                Finding::new(&env_line_without_value::RULE, mark)
                    .message("the line has no `=`: all of it becomes a key, and its value is empty")
                    .help("write `key=value`, or `key=` for an empty value"),
            );
            (line, "")
        });
        if !key.is_empty() {
            let origin = Origin::at(mark).then(env.mark(), step.clone());
            pairs.push((SmolStr::new(key), Data::Text(value.to_owned()), origin));
        }
    }
    findings
}

fn unquoted(text: &str) -> &str {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(b'"' | b'\''), last) if bytes.len() >= 2 && bytes.first() == last => &text[1..text.len() - 1],
        _ => text,
    }
}

/// Base64, in lines of 70 characters where it is longer than one.
fn encode(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    if encoded.len() < LINE {
        return encoded;
    }
    let mut out = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    for start in (0..encoded.len()).step_by(LINE) {
        out.push_str(&encoded[start..(start + LINE).min(encoded.len())]);
        out.push('\n');
    }
    out
}

/// What a generated resource takes over from the one that it replaces or merges with.
pub(super) fn take_over(res: &mut Res, old: &Res, merge: bool) {
    let chosen: Follows = res.id_origins().into_iter().chain(old.id_origins()).collect();
    depend(res.node_mut(), &chosen);
    let needs_hash = res.book.needs_hash;
    let behavior = old.book.behavior;
    let own = std::mem::take(&mut res.book);
    res.book = old.book.clone();
    res.book.needs_hash = needs_hash && old.book.needs_hash;
    res.book.behavior = behavior;
    if !merge {
        res.book.provenance = own.provenance;
    }
    let origin = res.node.origin.clone();
    let metadata = old.node.get("metadata").cloned();
    let node = res.node_mut();
    if let Some(target) = mapping_at(node, "metadata", &origin) {
        for field in ["labels", "annotations"] {
            let theirs = metadata.as_ref().and_then(|metadata| metadata.get(field)).filter(|node| !node.is_null());
            let Some(theirs) = theirs else { continue };
            let mut merged = theirs.clone();
            let mine = target.get(field).map(Node::entries).unwrap_or_default().to_vec();
            if let Some(mapping) = merged.as_mapping_mut() {
                for entry in mine {
                    mapping.set(&SmolStr::new(entry.key_text()), entry.value);
                }
            }
            target.set(field, merged);
        }
        for field in ["name", "namespace"] {
            match metadata.as_ref().and_then(|metadata| metadata.get(field)) {
                Some(value) => target.set(field, value.clone()),
                None => {
                    target.remove(field);
                }
            }
        }
    }
    if merge {
        for field in ["data", "binaryData"] {
            let Some(theirs) = old.node.get(field).filter(|node| node.as_mapping().is_some()) else { continue };
            let mut merged = theirs.clone();
            let mine = res.node.get(field).map(Node::entries).unwrap_or_default().to_vec();
            if let Value::Mapping(mapping) = &mut merged.value {
                for entry in mine {
                    let key = SmolStr::new(entry.key_text());
                    let value = match mapping.get(&key) {
                        Some(old) => {
                            let origin =
                                old.origin.replaced_by_value(&entry.value.origin, "generator with behavior: merge");
                            Node { origin, ..entry.value }
                        }
                        None => entry.value,
                    };
                    mapping.set(&key, value);
                }
                // Both sides went through maps of text.
                for entry in &mut mapping.entries {
                    let text = SmolStr::new(raw(&entry.value));
                    entry.value.value = Value::Scalar(Scalar::string(text));
                }
            }
            if let Some(mapping) = res.node_mut().as_mapping_mut() {
                mapping.set(field, merged);
            }
        }
    }
}

/// The annotations by which a manifest tells kustomize what a generator would.
const NOTES: &str = "internal.config.kubernetes.io/";

/// Takes kustomize's own annotations out of a manifest and into its book.
pub(super) fn with_notes(mut res: Res) -> Res {
    let has_notes = res.texts("annotations").any(|(key, _)| key.starts_with(NOTES));
    if !has_notes {
        return res;
    }
    let note = |res: &Res, key: &str| -> Option<String> {
        res.texts("annotations")
            .find(|(known, _)| known.strip_prefix(NOTES) == Some(key))
            .map(|(_, text)| text.to_owned())
    };
    let list = |text: Option<String>| -> Vec<SmolStr> {
        text.map_or_else(Vec::new, |text| text.split(',').map(SmolStr::new).collect())
    };
    res.book.needs_hash = note(&res, "needsHashSuffix").as_deref() == Some("enabled");
    res.book.behavior = Behavior::of(note(&res, "generatorBehavior").as_deref().unwrap_or_default());
    res.book.prefixes = list(note(&res, "prefixes"));
    res.book.suffixes = list(note(&res, "suffixes"));
    let (names, namespaces, kinds) =
        (list(note(&res, "previousNames")), list(note(&res, "previousNamespaces")), list(note(&res, "previousKinds")));
    if names.len() == namespaces.len() && names.len() == kinds.len() {
        res.book.previous = names
            .into_iter()
            .zip(namespaces)
            .zip(kinds)
            .map(|((name, namespace), kind)| PreviousName { name, namespace, kind })
            .collect();
    }
    res
}

/// Where a manifest itself asks for a hash behind its name.
pub(super) fn asks_for_hash(res: &Res) -> Option<Origin> {
    let note = res.node.path(&["metadata", "annotations"])?.get("internal.config.kubernetes.io/needsHashSuffix")?;
    Some(note.origin.clone())
}

/// Annotations that never leave a build.
pub(super) const BUILD_ANNOTATIONS: [&str; 19] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
    "internal.config.kubernetes.io/helm-generated",
];
