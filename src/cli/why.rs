//! `tiphys why`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::input::RepositoryArgs;
use super::output::print;
use super::progress::Progress;
use super::target::select;
use super::{Failure, Status, provenance};
use crate::finding::nearest;
use crate::origin::Mark;
use crate::render::Resource;
use crate::run;
use crate::source::Snapshot;
use crate::yaml::{Node, Value};

/// Arguments of `tiphys why`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An Application or ApplicationSet by name, or the path of a kustomization, a chart or a manifest
    target: String,
    /// The object: KIND/NAME, or KIND/NAMESPACE/NAME where a name occurs in several
    object: String,
    /// JSON Pointer to a value of it, as in /spec/replicas; without one, every value is told
    pointer: Option<String>,
    #[command(flatten)]
    repository: RepositoryArgs,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let progress = Progress::new("rendering");
    let analysis = run::analyse(&args.repository.read()?);
    let selected = select(&analysis, &args.target)?;
    drop(progress);
    let named: Vec<&Resource> = selected.resources().filter(|resource| is(resource, &args.object)).collect();
    if named.is_empty() {
        let known: Vec<String> = selected.resources().map(|r| format!("{}/{}", r.kind(), r.name())).collect();
        let near = nearest(&args.object, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::Usage(format!("`{}` renders no object `{}`{hint}", args.target, args.object)));
    }
    let snapshot = &analysis.repository.snapshot;
    let mut text = String::new();
    for resource in named {
        let node = provenance::masked(resource);
        let pointer = args.pointer.as_deref().unwrap_or_default();
        let value = node.pointer(pointer).ok_or_else(|| missing(resource, pointer))?;
        tell(snapshot, resource, pointer, value, &mut text);
    }
    print(|out| out.write_all(text.as_bytes()))?;
    Ok(Status::Clean)
}

/// Whether `object` names `resource`: the kind in any case.
fn is(resource: &Resource, object: &str) -> bool {
    let mut parts = object.splitn(2, '/');
    let kind = parts.next().unwrap_or_default();
    let rest = parts.next().unwrap_or_default();
    let name = resource.name();
    resource.kind().eq_ignore_ascii_case(kind) && (rest == name || rest == format!("{}/{name}", resource.namespace()))
}

fn missing(resource: &Resource, pointer: &str) -> Failure {
    let (kind, name) = (resource.kind(), resource.name());
    let above = pointer
        .match_indices('/')
        .rev()
        .map(|(slash, _)| &pointer[..slash])
        .find_map(|above| Some((above, resource.node.pointer(above)?)));
    let hint = above.map_or(String::new(), |(above, node)| {
        let keys: Vec<&str> = node.entries().iter().map(|entry| entry.key_text()).collect();
        let above = if above.is_empty() { "the object" } else { above };
        match keys.is_empty() {
            true => format!("; {above} has {} items", node.items().len()),
            false => format!("; {above} has {}", keys.join(", ")),
        }
    });
    Failure::Usage(format!("{kind}/{name} has no value at `{pointer}`{hint}"))
}

/// Tells of `value` and of everything in it.
fn tell(snapshot: &Snapshot, resource: &Resource, pointer: &str, value: &Node, out: &mut String) {
    let at = |mark: Mark| match mark.is_some() {
        true => format!("{}:{}:{}", snapshot.path(mark.file), mark.line, mark.column),
        false => "made by tiphys".to_owned(),
    };
    match &value.value {
        Value::Mapping(mapping) if !mapping.entries.is_empty() => {
            for entry in &mapping.entries {
                let key = entry.key_text().replace('~', "~0").replace('/', "~1");
                tell(snapshot, resource, &format!("{pointer}/{key}"), &entry.value, out);
            }
        }
        Value::Sequence(sequence) if !sequence.items.is_empty() => {
            for (index, item) in sequence.items.iter().enumerate() {
                tell(snapshot, resource, &format!("{pointer}/{index}"), item, out);
            }
        }
        _ => {
            let shown = shown(value);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}/{} {pointer} = {shown}", resource.kind(), resource.name());
            let _ = writeln!(out, "  written at {}", at(value.mark()));
            for step in value.origin.steps().iter().rev() {
                let _ = writeln!(out, "  {} at {}", step.what, at(step.mark));
            }
            let mut by_file: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
            for mark in value.origin.depends_on() {
                by_file.entry(snapshot.path(mark.file)).or_default().insert(mark.line);
            }
            for (file, lines) in by_file {
                let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
                let _ = writeln!(out, "  depends on {file}:{}", lines.join(", "));
            }
        }
    }
}

/// A scalar in one line.
fn shown(value: &Node) -> String {
    let text = value.to_json().to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
