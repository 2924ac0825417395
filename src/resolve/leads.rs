//! Roots in, which of them may declare something to Argo CD out.
//!
//! Most roots are services that an Application deploys. They are rendered there, with what the Application says, and
//! nothing is made of them as roots: what they hold leads nowhere. So they wait until it is known whether anything
//! deploys them. What may hold an Application, a set, a project or a cluster cannot wait; that is told from the text of
//! the files that a root is made of, and whatever is not plain text in the repository counts as if it did.

use std::collections::{HashMap, HashSet};

use memchr::memmem::Finder;

use super::roots::{References, file_of};
use super::{Target, TargetKind};
use crate::load::Repository;
use crate::origin::FileId;

/// What everything that Argo CD reads has in it: the group of its kinds, and the prefix of its labels.
const OWN: &str = "argoproj";
/// What a kustomization has in it whose resources may come from a chart.
const CHARTS: [&str; 2] = ["helm", "Helm"];

/// For each of `roots`, whether its objects may lead to Applications, or to clusters that generators select.
pub(super) fn leading(repository: &Repository, references: &References, roots: &[Target]) -> Vec<bool> {
    let own = [Finder::new(OWN)];
    let leading = kustomizations(repository, references);
    let of = |target: &Target| match &target.kind {
        TargetKind::Kustomization(directory) => {
            repository.kustomization(directory).is_some_and(|id| leading.contains(&id))
        }
        _ => file_of(repository, target).is_none_or(|id| mentions(repository, id, &own)),
    };
    roots.iter().map(of).collect()
}

/// The kustomizations that may, themselves or through others that they name.
fn kustomizations(repository: &Repository, references: &References) -> HashSet<FileId> {
    let mut used_by: HashMap<FileId, Vec<FileId>> = HashMap::new();
    let mut open: Vec<FileId> = Vec::new();
    // Many kustomizations name one file.
    let mut known: HashMap<FileId, bool> = HashMap::new();
    let words = [OWN, CHARTS[0], CHARTS[1]].map(Finder::new);
    let mut may = |id: FileId| *known.entry(id).or_insert_with(|| mentions(repository, id, &words));
    for (id, named) in &references.named {
        for other in &named.kustomizations {
            used_by.entry(*other).or_default().push(*id);
        }
        if named.elsewhere || may(*id) || named.files.iter().any(|id| may(*id)) {
            open.push(*id);
        }
    }
    let mut leading = HashSet::new();
    while let Some(id) = open.pop() {
        if leading.insert(id) {
            open.extend(used_by.get(&id).into_iter().flatten());
        }
    }
    leading
}

/// Whether a file has one of `words` in it, or is no text that could tell.
fn mentions(repository: &Repository, id: FileId, words: &[Finder<'_>]) -> bool {
    repository.snapshot.text(id).is_none_or(|text| words.iter().any(|word| word.find(text.as_bytes()).is_some()))
}
