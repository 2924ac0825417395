//! A repository with findings in, the texts that mend them out. Nothing here writes to disk.
//!
//! [`fix`] judges the repository, applies the fixes that its findings carry, and judges again, until none is left: what
//! overlaps, or shows only once something else is mended, comes with the next round. A fix that promises to change
//! nothing that is rendered ([`Fix::keeps_output`](crate::finding::Fix::keeps_output)) is held to it: everything is
//! rendered before and after, and what differs is taken back.

mod edits;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::finding::{Applicability, Finding};
use crate::origin::FileId;
use crate::render::kustomize::{self, Builds, Overrides};
use crate::run::{self, Input, Options};
use crate::source::{Snapshot, parent};
use edits::{Change, apart, applied};

/// How often the repository is judged again at most.
const ROUNDS: usize = 10;

/// Which fixes are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those of these rules; all if it is empty.
    pub rules: Vec<String>,
    /// Also those that may change what is deployed.
    pub unsafe_too: bool,
}

/// What became of a finding that carries a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The rule's id.
    pub rule: SmolStr,
    /// Where it stood.
    pub path: String,
    /// The line when it was found, 1-based.
    pub line: u32,
    /// What it said.
    pub message: String,
}

/// A file whose text is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path from the repository's root.
    pub path: String,
    /// The text that was read.
    pub old: Arc<str>,
    /// The text that mends it.
    pub new: Arc<str>,
}

/// What was mended, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The files that change, by path.
    pub files: Vec<ChangedFile>,
    /// What was mended, in the order in which it was.
    pub mended: Vec<Mended>,
    /// What was not, with the reason.
    pub refused: Vec<(Mended, &'static str)>,
    /// How many fixes were left because they may change what is deployed.
    pub left: usize,
}

/// What tells a finding from others from round to round.
type Key = (SmolStr, FileId, String);

fn key(finding: &Finding) -> Key {
    (finding.rule.clone(), finding.mark.file, finding.message.clone())
}

/// Mends what `selection` asks for.
pub fn fix(input: &Input, options: Options, selection: &Selection) -> Fixed {
    let mut fixed = Fixed::default();
    let mut now = Input { snapshot: Arc::clone(&input.snapshot), ..input.clone() };
    let mut refused: HashSet<Key> = HashSet::new();
    let mut before: HashMap<Key, usize> = HashMap::new();
    for _ in 0..ROUNDS {
        let checked = run::run(&now, options);
        let mut counts: HashMap<Key, usize> = HashMap::new();
        checked.findings().iter().for_each(|finding| *counts.entry(key(finding)).or_default() += 1);
        let mut wanted = Vec::new();
        fixed.left = 0;
        for finding in checked.findings() {
            let Some(offer) = &finding.fix else { continue };
            let chosen = selection.rules.is_empty() || selection.rules.iter().any(|rule| *rule == finding.rule);
            let Some(change) = Change::of(&now.snapshot, finding, offer).filter(|_| chosen) else { continue };
            let key = key(finding);
            match offer.applicability {
                Applicability::Safe => {}
                Applicability::Unsafe if selection.unsafe_too => {}
                Applicability::Unsafe => {
                    fixed.left += 1;
                    continue;
                }
                Applicability::Display => continue,
            }
            if refused.contains(&key) {
                continue;
            }
            if before.get(&key).is_some_and(|count| counts.get(&key) >= Some(count)) {
                refuse(&mut fixed, &now.snapshot, finding, "it was found again after it was mended");
                refused.insert(key);
                continue;
            }
            wanted.push(change);
        }
        // What keeps the output is compared alone: other fixes mean to change it.
        let quiet = wanted.iter().all(|change| change.keeps_output);
        let batch = apart(wanted.into_iter().filter(|change| quiet || !change.keeps_output).collect());
        if batch.is_empty() {
            break;
        }
        let (kept, lost) = if quiet { same_output(&now, batch) } else { (batch, Vec::new()) };
        for (change, reason) in lost.iter().map(|change| (change, "what is rendered would not be the same")) {
            refuse(&mut fixed, &now.snapshot, change.finding, reason);
            refused.insert(key(change.finding));
        }
        let (snapshot, kept, broken) = applied(&now.snapshot, kept);
        for change in broken {
            refuse(&mut fixed, &now.snapshot, change.finding, "the file would not be YAML any more");
            refused.insert(key(change.finding));
        }
        before = kept.iter().filter_map(|change| counts.remove_entry(&key(change.finding))).collect();
        fixed.mended.extend(kept.iter().map(|change| mended(&now.snapshot, change.finding)));
        now.snapshot = Arc::new(snapshot);
    }
    fixed.files = changed(&input.snapshot, &now.snapshot);
    fixed
}

fn mended(snapshot: &Snapshot, finding: &Finding) -> Mended {
    Mended {
        rule: finding.rule.clone(),
        path: snapshot.path(finding.mark.file).to_owned(),
        line: finding.mark.line,
        message: finding.message.clone(),
    }
}

fn refuse(fixed: &mut Fixed, snapshot: &Snapshot, finding: &Finding, reason: &'static str) {
    fixed.refused.push((mended(snapshot, finding), reason));
}

fn changed(old: &Snapshot, new: &Snapshot) -> Vec<ChangedFile> {
    let pairs = old.files().filter_map(|(id, file)| Some((file, old.text(id)?, new.text(id)?)));
    pairs
        .filter(|(_, old, new)| old != new)
        .map(|(file, old, new)| ChangedFile { path: file.path.to_string(), old: old.clone(), new: new.clone() })
        .collect()
}

/// The changes that leave what is rendered as it is, and those that do not.
fn same_output<'f>(input: &Input, batch: Vec<Change<'f>>) -> (Vec<Change<'f>>, Vec<Change<'f>>) {
    let files: HashSet<FileId> = batch.iter().flat_map(Change::files).collect();
    let before = output(input, &files);
    let same = |changes: &[Change<'f>]| {
        let (snapshot, _, _) = applied(&input.snapshot, changes.to_vec());
        output(&Input { snapshot: Arc::new(snapshot), ..input.clone() }, &files) == before
    };
    if same(&batch) {
        return (batch, Vec::new());
    }
    let mut by_file: BTreeMap<FileId, Vec<Change<'f>>> = BTreeMap::new();
    for change in batch {
        by_file.entry(change.finding.mark.file).or_default().push(change);
    }
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for changes in by_file.into_values() {
        if same(&changes) {
            kept.extend(changes);
            continue;
        }
        for change in changes {
            if same(std::slice::from_ref(&change)) { kept.push(change) } else { lost.push(change) }
        }
    }
    // Each alone changes nothing; together they are looked at once more.
    if same(&kept) { (kept, lost) } else { (Vec::new(), lost.into_iter().chain(kept).collect()) }
}

/// A number that tells what is rendered: by each target of the repository, and by each kustomization of `files` alone.
fn output(input: &Input, files: &HashSet<FileId>) -> u64 {
    let analysis = run::analyse(input);
    let mut hasher = DefaultHasher::new();
    let mut note = |output: &crate::render::Output| {
        output.failed.hash(&mut hasher);
        output.resources.iter().for_each(|resource| resource.node.to_json().to_string().hash(&mut hasher));
    };
    analysis.rendered.iter().for_each(|rendered| note(&rendered.output));
    let repository = &analysis.repository;
    let builds = Builds::with(repository, kustomize::Options { restrict: false, helm: true });
    let mut directories: Vec<&str> = files.iter().map(|id| parent(input.snapshot.path(*id))).collect();
    directories.sort_unstable();
    directories.dedup();
    for directory in directories.into_iter().filter(|directory| repository.kustomization(directory).is_some()) {
        note(&builds.build(directory, &Overrides::none()));
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
