//! The git generator, and the OCI generator that works alike: directories or files of a repository.

use std::collections::HashSet;

use super::Fault;
use super::functions::normalize;
use super::generator::{Empty, Scope, Transformed, append_values};
use super::params::flat;
use super::pathspec::{Pathspec, Unusable};
use super::pattern::path_match;
use super::{Checkout, MAX_APPLICATIONS};
use crate::origin::{FileId, Origin};
use crate::render::template::{Map, NumberMode, Value, print};
use crate::source::{base_name, parent};
use crate::yaml::Node;

/// A path of the generator: the node of its text, whether it excludes.
struct Pattern<'n> {
    node: &'n Node,
    text: &'n str,
    /// The text up to its first wildcard.
    start: &'n str,
    exclude: bool,
}

pub(super) fn generate(scope: &Scope<'_>, kind: &str, body: &Node, made: &mut Transformed<'_>) -> Result<(), Fault> {
    let url = body.get("repoURL").and_then(Node::text).unwrap_or_default();
    let revision = body.get("revision").and_then(Node::text).unwrap_or_default();
    if kind == "git" {
        project_exists(scope)?;
    }
    let Some(checkout) = scope.context.git.checkout(url, revision) else {
        if scope.context.fixtures.strict {
            let what = if kind == "git" { "git" } else { "oci" };
            return Err(Fault::wrong(body, format!("error generating params from {what}: no repository {url}")));
        }
        let at = body.get("repoURL").unwrap_or(body);
        let reason = format!("{url} is not this repository; map it to a directory in tiphys.yaml");
        return Err(scope.fault_not_judged(at, &reason));
    };
    // Another revision may hold other files than the one at hand.
    made.uncertain = !matches!(revision, "" | "HEAD" | "main" | "master");
    let directories = patterns(body.get("directories"));
    let mut files = patterns(body.get("files"));
    let prefix = body.get("pathParamPrefix").and_then(Node::text).unwrap_or_default();
    if !directories.is_empty() {
        let all = scope.context.git.directories(&checkout, scope.context.fixtures.hidden_directories);
        // Of many directories few begin as the patterns do. They are sorted by their segments.
        let start = beginning(&directories);
        let first = all.partition_point(|directory| directory.split('/').lt(start.split('/')));
        for directory in all[first..].iter().take_while(|directory| directory.starts_with(start)) {
            let matches =
                |pattern: &&Pattern<'_>| directory.starts_with(pattern.start) && path_match(pattern.text, directory);
            if directories.iter().filter(|pattern| pattern.exclude).any(|pattern| matches(&pattern)) {
                continue;
            }
            let Some(by) = directories.iter().filter(|pattern| !pattern.exclude).find(matches) else { continue };
            let params = Map::new();
            path_params(scope, &params, prefix, directory, None, &by.node.origin);
            append_values(scope, body, &params)?;
            made.params.push(params);
            if made.params.len() > MAX_APPLICATIONS {
                break;
            }
        }
        if made.params.is_empty() {
            explain(made, "directories", &directories, &all);
        }
        return Ok(());
    }
    if files.is_empty() {
        return Err(Fault::wrong(body, "ApplicationSetGenerator is empty"));
    }
    let globs = files.iter().map(|pattern| FileGlob::read(scope, pattern)).collect::<Result<Vec<_>, _>>()?;
    for (pattern, glob) in files.iter_mut().zip(&globs) {
        pattern.start = glob.start(pattern);
    }
    let root = checkout.directory;
    // Of many files few begin as the patterns do.
    let start = beginning(&files);
    let start = if root.is_empty() { start.to_owned() } else { format!("{root}/{start}") };
    for (id, file) in checkout.repository.snapshot.beginning(start) {
        let path = if root.is_empty() { &*file.path } else { &file.path[root.len() + 1..] };
        let covers = |index: usize| path.starts_with(files[index].start) && globs[index].covers(path);
        let by = (0..files.len()).filter(|index| !files[*index].exclude).find(|index| covers(*index));
        let Some(by) = by else { continue };
        if (0..files.len()).filter(|index| files[*index].exclude).any(covers) {
            continue;
        }
        file_params(scope, body, &checkout, id, path, prefix, &files[by].node.origin, &mut made.params)?;
        if made.params.len() > MAX_APPLICATIONS {
            break;
        }
    }
    if made.params.is_empty() {
        explain(made, "files", &files, &[]);
    }
    Ok(())
}

/// The generator asks the set's project how sources are to be signed; a templated name is not known yet.
fn project_exists(scope: &Scope<'_>) -> Result<(), Fault> {
    let node = scope.spec.path(&["template", "spec", "project"]);
    let name = node.and_then(Node::text).unwrap_or_default();
    let known = scope.context.projects;
    let missing = match known {
        Some(known) => name != "default" && !known.iter().any(|project| project == name),
        None => scope.context.fixtures.strict && name.is_empty(),
    };
    if missing && !name.contains("{{") {
        let message = format!("error getting project {name}: appprojects.argoproj.io \"{name}\" not found");
        return Err(Fault::wrong(node.unwrap_or(scope.spec), message));
    }
    Ok(())
}

fn patterns(node: Option<&Node>) -> Vec<Pattern<'_>> {
    let items = node.map(Node::items).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            let text = item.get("path").and_then(Node::text).unwrap_or_default();
            Pattern {
                node: item.get("path").unwrap_or(item),
                text,
                start: text.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default(),
                exclude: item.get("exclude").and_then(Node::as_bool).unwrap_or(false),
            }
        })
        .collect()
}

/// The text with which everything begins that one of `patterns` may include.
fn beginning<'n>(patterns: &[Pattern<'n>]) -> &'n str {
    let mut starts = patterns.iter().filter(|pattern| !pattern.exclude).map(|pattern| pattern.start);
    let Some(first) = starts.next() else { return "" };
    starts.fold(first, |common, other| {
        let same = common.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
        same.last().map_or("", |((at, last), _)| &common[..at + last.len_utf8()])
    })
}

/// What a path under `files` says.
enum FileGlob {
    Pathspec(Pathspec),
    /// With the new globbing `*` stops at `/`. What is no such glob matches nothing.
    Separated(Option<globset::GlobMatcher>),
}

impl FileGlob {
    fn read(scope: &Scope<'_>, pattern: &Pattern<'_>) -> Result<FileGlob, Fault> {
        let wrong = |what: String| Fault::wrong(pattern.node, format!("error generating params from git: {what}"));
        if !scope.context.fixtures.new_git_file_globbing {
            return match Pathspec::parse(pattern.text) {
                Ok(spec) => Ok(FileGlob::Pathspec(spec)),
                Err(Unusable::Wrong(words)) => Err(wrong(format!("fatal: {words}"))),
                Err(Unusable::Attributes) => {
                    Err(scope.fault_not_judged(pattern.node, "attributes of files in git are not read"))
                }
            };
        }
        if crate::source::normalize("", pattern.text).is_none() {
            return Err(wrong(format!("{}: outside of the repository", pattern.text)));
        }
        Ok(FileGlob::Separated(crate::config::glob(pattern.text).ok().map(|glob| glob.compile_matcher())))
    }

    /// The text with which every file begins that it covers.
    fn start<'g>(&'g self, pattern: &Pattern<'g>) -> &'g str {
        match self {
            FileGlob::Pathspec(spec) => spec.start(),
            FileGlob::Separated(_) => match pattern.start {
                "." => "",
                start => start.strip_prefix("./").unwrap_or(start),
            },
        }
    }

    fn covers(&self, path: &str) -> bool {
        match self {
            FileGlob::Pathspec(spec) => spec.covers(path),
            FileGlob::Separated(glob) => glob.as_ref().is_some_and(|glob| glob.is_match(path)),
        }
    }
}

/// Every directory below the root, in the order in which a walk meets them.
pub(crate) fn all_directories(checkout: &Checkout<'_>, hidden: bool) -> Vec<String> {
    let root = checkout.directory;
    let mut known: HashSet<&str> = HashSet::new();
    let mut before = "";
    for (_, file) in checkout.repository.snapshot.under(root) {
        let path = if root.is_empty() { &*file.path } else { &file.path[root.len() + 1..] };
        let mut directory = parent(path);
        // The files of a directory mostly follow each other.
        if std::mem::replace(&mut before, directory) == directory {
            continue;
        }
        if !hidden && let Some(dot) = first_hidden(directory) {
            directory = directory[..dot].trim_end_matches('/');
        }
        while !directory.is_empty() && known.insert(directory) {
            directory = parent(directory);
        }
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_unstable_by(|a, b| by_segment(a).cmp(by_segment(b)));
    all.into_iter().map(str::to_owned).collect()
}

/// What sorts a path as its segments sort: nothing comes before the end of one.
fn by_segment(path: &str) -> impl Iterator<Item = u8> {
    path.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

/// Where the first segment begins that begins with a dot.
fn first_hidden(directory: &str) -> Option<usize> {
    if directory.starts_with('.') { Some(0) } else { directory.find("/.").map(|slash| slash + 1) }
}

/// The parameters that tell a path: of a directory, or of a file and its directory.
fn path_params(scope: &Scope<'_>, params: &Map, prefix: &str, directory: &str, file: Option<&str>, origin: &Origin) {
    let base = base_name(directory);
    let mut parts: Vec<(&str, String)> =
        vec![("path", directory.to_owned()), ("basename", base.to_owned()), ("basenameNormalized", normalize(base))];
    if let Some(file) = file {
        parts.push(("filename", file.to_owned()));
        parts.push(("filenameNormalized", normalize(file)));
    }
    if scope.language.is_go() {
        let path = Map::new();
        for (key, text) in parts {
            path.insert_from(key, text.into(), origin.clone());
        }
        path.insert_from("segments", Value::strings(directory.split('/')), origin.clone());
        let value = if prefix.is_empty() {
            Value::Map(path)
        } else {
            let outer = Map::new();
            outer.insert_from("path", Value::Map(path), origin.clone());
            Value::Map(outer)
        };
        params.insert_from(if prefix.is_empty() { "path" } else { prefix }, value, origin.clone());
        return;
    }
    let name = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
    for (key, text) in parts {
        let key = if key == "path" { name.clone() } else { format!("{name}.{key}") };
        params.insert_from(key, text.into(), origin.clone());
    }
    for (index, segment) in directory.split('/').enumerate().filter(|(_, segment)| !segment.is_empty()) {
        params.insert_from(format!("{name}[{index}]"), segment.into(), origin.clone());
    }
}

/// The parameters that a file holds: one object, or a list of them.
#[allow(clippy::too_many_arguments, reason = "a file, where it lies, and what asked for it")]
fn file_params(
    scope: &Scope<'_>,
    body: &Node,
    checkout: &Checkout<'_>,
    id: FileId,
    path: &str,
    prefix: &str,
    by: &Origin,
    out: &mut Vec<Map>,
) -> Result<(), Fault> {
    let url = body.get("repoURL").and_then(Node::text).unwrap_or_default();
    let fault = |what: &str| {
        let message = format!("unable to process file '{path}' from repository '{url}': unable to parse file: {what}");
        let mut origin = by.clone();
        origin.mark = crate::origin::Mark::file(id);
        Fault::Wrong(Box::new((origin, message)))
    };
    let Some(yaml) = checkout.repository.yaml(id) else { return Err(fault("it is no text")) };
    if yaml.documents.is_empty() && !yaml.problems.is_empty() {
        return Err(fault("error converting YAML to JSON"));
    }
    let root = yaml.documents.first().map(|document| Value::from_node(&document.root, NumberMode::Float));
    let objects: Vec<Map> = match root {
        None | Some(Value::Nil) => vec![Map::new()],
        Some(Value::Map(map)) => vec![map],
        Some(Value::List(list)) => {
            let mut objects = Vec::new();
            for item in list.items() {
                match item {
                    Value::Map(map) => objects.push(map.clone()),
                    Value::Nil => objects.push(Map::new()),
                    _ => return Err(fault("an item of the list is no object")),
                }
            }
            objects
        }
        Some(_) => return Err(fault("it is neither an object nor a list of objects")),
    };
    let directory = if parent(path).is_empty() { "." } else { parent(path) };
    for object in objects {
        let params = if scope.language.is_go() {
            object.shallow_copy()
        } else {
            let params = Map::new();
            for (key, (value, origin)) in flat(&object) {
                params.insert_from(key, print::sprint(&value).into(), origin);
            }
            params
        };
        path_params(scope, &params, prefix, directory, Some(base_name(path)), by);
        append_values(scope, body, &params)?;
        out.push(params);
    }
    Ok(())
}

/// Says which path matches nothing, and which one would.
fn explain(made: &mut Transformed<'_>, field: &str, patterns: &[Pattern<'_>], all: &[String]) {
    let Some(index) = patterns.iter().position(|pattern| !pattern.exclude) else { return };
    let text = patterns[index].text;
    // The place is the set's own, not that of the copy with parameters filled in.
    let item = made.body.get(field).and_then(|node| node.items().get(index));
    let at = item.and_then(|item| item.get("path").or(Some(item))).unwrap_or(made.body);
    let what = if field == "files" { "no file matches" } else { "no directory matches" };
    made.empty =
        Some(Empty { origin: at.origin.clone(), what: format!("{what} {text}"), suggestion: suggestion(text, all) });
}

/// The pattern with one more `*`, if that matches something.
pub(crate) fn suggestion(text: &str, all: &[String]) -> Option<String> {
    let segments: Vec<&str> = text.split('/').collect();
    (0..segments.len())
        .filter(|at| segments[*at] == "*")
        .map(|at| {
            let mut longer = segments.clone();
            longer.insert(at, "*");
            longer.join("/")
        })
        .find(|longer| all.iter().any(|directory| path_match(longer, directory)))
}
