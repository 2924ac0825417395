//! Provenance, measured: one character of an input is changed, and whatever changes in the output must name its place.
//!
//! The inputs are the recorded kustomizations beside the repository, if they are there, and our own. A value is
//! explained if its origin, or what its origin follows, names the changed place; a value that came or went, if the
//! collection that it came into or went from does. Of the values that stayed as they were, next to none may name the
//! place: a trail is the way a value came, and not a list of all inputs.

mod alignment;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use tiphys::load::load;
use tiphys::origin::{FileId, Mark, Origin};
use tiphys::render::Output;
use tiphys::render::kustomize::{Builds, Options, Overrides};
use tiphys::source::{Snapshot, worktree};
use tiphys::yaml::{Node, Value};

use crate::parity::kustomize::{Case, cases};
use alignment::{Change, changes};

/// How many changes are tried.
const MUTATIONS: usize = 2_400;
/// Each input of our own is changed at least so often: it is small, and made for one rule.
const OWN: usize = 20;
/// Inputs of our own of which some changes are not explained yet.
const OPEN: [(&str, &str); 4] = [
    ("build-metadata-after-annotations-were-replaced", "a patch took away the notes that the metadata is written from"),
    ("components-in-components", "which entry lists a component whose transformers change a value"),
    ("names-that-may-be-two", "another candidate made a name ambiguous"),
    ("replacement-of-all-annotations", "a replacement took away the notes that names are followed by"),
];
/// Of the values that did not change, this share may name the changed place.
const FALSE_NAMES: f64 = 0.01;

/// One build's input: the files that it read.
struct Input {
    name: String,
    files: Vec<(String, String)>,
    target: String,
    restrict: bool,
}

impl Input {
    fn of(case: &Case) -> Option<Input> {
        let snapshot = worktree::read(&case.base).ok()?;
        let repository = load(Arc::new(snapshot));
        let options = Options { restrict: case.restrict, helm: false };
        let output = Builds::with(&repository, options).build(&case.target, &Overrides::none());
        if output.failed || !output.not_judged.is_empty() {
            return None;
        }
        let text =
            |id: &FileId| Some((repository.snapshot.path(*id).to_owned(), repository.snapshot.text(*id)?.to_string()));
        let files: Vec<(String, String)> = output.used.iter().filter_map(text).collect();
        Some(Input { name: case.name.clone(), files, target: case.target.clone(), restrict: case.restrict })
    }

    /// What the input builds, with the text of one file replaced.
    fn build(&self, changed: Option<(usize, String)>) -> Option<Output> {
        let mut files = self.files.clone();
        if let Some((file, text)) = changed {
            files[file].1 = text;
        }
        let repository = load(Arc::new(Snapshot::from_files(files)));
        let options = Options { restrict: self.restrict, helm: false };
        let output = Builds::with(&repository, options).build(&self.target, &Overrides::none());
        (!output.failed && output.not_judged.is_empty()).then_some(output)
    }

    /// The file's number in the snapshot, which sorts by path.
    fn id(&self, file: usize) -> FileId {
        let path = &self.files[file].0;
        FileId(self.files.iter().filter(|(other, _)| other < path).count() as u32)
    }
}

/// A place that is changed: a range of bytes of a file, before and after.
struct Place {
    file: FileId,
    start: u32,
    end: u32,
}

impl Place {
    fn is_in(&self, mark: Mark) -> bool {
        let whole = mark.start == 0 && mark.end == 0;
        mark.file == self.file && (whole || (mark.start < self.end && self.start < mark.end))
    }

    /// Whether `origin` names the place, or what it follows does.
    fn is_named_by(&self, origin: &Origin) -> bool {
        let mut seen: HashSet<*const tiphys::origin::Step> = HashSet::new();
        let mut open = vec![origin.clone()];
        while let Some(origin) = open.pop() {
            if self.is_in(origin.mark) {
                return true;
            }
            let mut next = origin.trail.clone();
            while let Some(step) = next.filter(|step| seen.insert(Arc::as_ptr(step))) {
                if self.is_in(step.mark) {
                    return true;
                }
                open.extend(step.follows.iter().flat_map(|follows| follows.iter().cloned()));
                next = step.before.clone();
            }
        }
        false
    }
}

/// The values of a YAML file, by where their text stands.
fn scalars(node: &Node, found: &mut Vec<(usize, usize)>) {
    match &node.value {
        Value::Scalar(scalar) if !scalar.text.is_empty() => {
            found.push((node.mark().start as usize, node.mark().end as usize));
        }
        Value::Scalar(_) => {}
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| scalars(item, found)),
        Value::Mapping(mapping) => mapping.entries.iter().for_each(|entry| scalars(&entry.value, found)),
    }
}

/// Whether the character is part of a key, which a text that holds YAML has, too.
fn in_key(text: &str, at: usize) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-./$\"'".contains(c);
    let behind = text.get(at..).unwrap_or_default().trim_start_matches(word);
    behind.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\n', '\r']))
}

/// Changes one character of one value: a digit to another, a letter to another. The text keeps its length.
fn mutated(text: &str, path: &str, random: &mut fastrand::Rng) -> Option<(String, Place)> {
    let snapshot = Snapshot::from_files([(path.to_owned(), text.to_owned())]);
    let repository = load(Arc::new(snapshot));
    let mut found = Vec::new();
    match repository.yaml(FileId(0)).filter(|file| file.problems.is_empty()) {
        Some(file) => file.documents.iter().for_each(|document| scalars(&document.root, &mut found)),
        None => found.extend(text.lines().map(|line| {
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            (start, start + line.len())
        })),
    }
    let (start, end) = *found.get(random.usize(..found.len().max(1)))?;
    let places: Vec<usize> = (start..end)
        .filter(|at| text.as_bytes().get(*at).is_some_and(u8::is_ascii_alphanumeric) && !in_key(text, *at))
        .collect();
    let at = *places.get(random.usize(..places.len().max(1)))?;
    let old = *text.as_bytes().get(at)?;
    let new = match old {
        b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => old + 1,
        b'9' => b'1',
        _ => old - 1,
    };
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = new;
    let place = Place { file: FileId(0), start: at as u32, end: at as u32 + 1 };
    Some((String::from_utf8(bytes).ok()?, place))
}

#[derive(Default)]
struct Tally {
    mutations: usize,
    changed: usize,
    unexplained: Vec<String>,
    unchanged: usize,
    false_names: usize,
    worst: BTreeMap<String, (usize, usize)>,
}

impl Tally {
    fn add(mut self, other: Tally) -> Tally {
        self.mutations += other.mutations;
        self.changed += other.changed;
        self.unexplained.extend(other.unexplained);
        self.unchanged += other.unchanged;
        self.false_names += other.false_names;
        for (name, (named, of)) in other.worst {
            let entry = self.worst.entry(name).or_default();
            *entry = (entry.0 + named, entry.1 + of);
        }
        self
    }
}

/// One change of `input`, and what it did; `None` where what it makes is not accepted.
fn tried(input: &Input, before: &Output, random: &mut fastrand::Rng) -> Option<Tally> {
    let file = random.usize(..input.files.len());
    let (path, text) = &input.files[file];
    let (new, place) = mutated(text, path, random)?;
    let place = Place { file: input.id(file), ..place };
    let after = input.build(Some((file, new.clone())))?;
    let line = text[..place.start as usize].matches('\n').count();
    let shown = |text: &str| text.lines().nth(line).unwrap_or_default().trim().to_owned();
    let mut tally = Tally { mutations: 1, ..Tally::default() };
    // The range of a collection is all that is in it: only what it follows says why something came into it.
    let named = |node: &Node| match &node.value {
        Value::Scalar(_) => place.is_named_by(&node.origin),
        _ => place.is_named_by(&Origin { mark: Mark::NONE, trail: node.origin.trail.clone() }),
    };
    let outputs = [before, &after];
    for change in changes(before, &after) {
        match change {
            Change::Same(node) => {
                tally.unchanged += 1;
                tally.false_names += usize::from(named(node));
            }
            Change::Different { before, after, around, pointer } => {
                tally.changed += 1;
                let explained = before.into_iter().chain(after).any(|node| some_named(node, &named))
                    || (around.is_empty()
                        && outputs
                            .iter()
                            .any(|output| output.removed.iter().any(|gone| place.is_named_by(&gone.origin))))
                    || around.into_iter().any(named);
                if !explained {
                    let (from, to) = (shown(text), shown(&new));
                    tally.unexplained.push(format!(
                        "{}: {path}:{}: `{from}` to `{to}`: {pointer}",
                        input.name,
                        line + 1
                    ));
                }
            }
        }
    }
    tally.worst.insert(format!("{} {path}:{}", input.name, line + 1), (tally.false_names, tally.unchanged));
    Some(tally)
}

/// Whether every value in `node` names the place: what came or went as a whole did so for each of its values.
fn some_named(node: &Node, named: &impl Fn(&Node) -> bool) -> bool {
    named(node)
        || match &node.value {
            Value::Scalar(_) => false,
            Value::Sequence(sequence) => {
                !sequence.items.is_empty() && sequence.items.iter().all(|item| some_named(item, named))
            }
            Value::Mapping(mapping) => {
                !mapping.entries.is_empty() && mapping.entries.iter().all(|entry| some_named(&entry.value, named))
            }
        }
}

#[test]
fn a_changed_value_names_the_place_that_changed_it() {
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    let own: Vec<Case> = ["kustomize", "corners"].iter().flat_map(|directory| cases(&parity.join(directory))).collect();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/kustomize");
    let is_open = |case: &Case| OPEN.iter().any(|(name, _)| case.name.ends_with(name));
    let own = own.into_iter().filter(|case| !is_open(case));
    let mut all: Vec<(Case, usize)> = own.map(|case| (case, OWN)).collect();
    if shared.is_dir() {
        let recorded = cases(&shared).into_iter().filter(|case| !case.name.starts_with("helmcharts/"));
        all.extend(recorded.map(|case| (case, 1)));
    } else {
        println!("only our own cases: {} is not there", shared.display());
    }
    if let Ok(wanted) = std::env::var("CASES") {
        all.retain(|(case, _)| case.name.contains(&wanted));
    }
    let inputs: Vec<(Input, Output, usize)> = all
        .par_iter()
        .filter_map(|(case, least)| {
            let input = Input::of(case)?;
            let output = input.build(None)?;
            (!output.resources.is_empty()).then_some((input, output, *least))
        })
        .collect();
    let wanted = std::env::var("MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(MUTATIONS);
    let share = wanted.div_ceil(inputs.len());
    let tally = inputs
        .par_iter()
        .enumerate()
        .map(|(index, (input, before, least))| {
            let each = share.max(*least);
            let mut random = fastrand::Rng::with_seed(index as u64);
            let mut sum = Tally::default();
            // What breaks a build says nothing of origins; one more is drawn, but not for ever.
            for _ in 0..each * 10 {
                if sum.mutations >= each {
                    break;
                }
                if let Some(tally) = tried(input, before, &mut random) {
                    sum = sum.add(tally);
                }
            }
            sum
        })
        .reduce(Tally::default, Tally::add);
    let named = tally.false_names as f64 / tally.unchanged.max(1) as f64;
    println!(
        "{} mutations of {} inputs: {} values changed, {} unexplained; {} stayed, of which {:.3} % name the place",
        tally.mutations,
        inputs.len(),
        tally.changed,
        tally.unexplained.len(),
        tally.unchanged,
        named * 100.0
    );
    if std::env::var_os("VERBOSE").is_some() {
        let mut worst: Vec<_> = tally.worst.iter().filter(|(_, (named, _))| *named > 0).collect();
        worst.sort_by_key(|(_, (named, _))| std::cmp::Reverse(*named));
        worst.iter().take(40).for_each(|(name, (named, of))| println!("  named {named} of {of}: {name}"));
    }
    tally.unexplained.iter().for_each(|text| println!("unexplained {text}"));
    assert!(tally.unexplained.is_empty(), "values changed and do not say why");
    assert!(named <= FALSE_NAMES, "trails name places that have nothing to do with the value");
    let whole = shared.is_dir() && std::env::var_os("CASES").is_none();
    assert!(!whole || tally.mutations >= 2_000, "too few changes were tried");
}
