//! What a kustomization has accumulated so far: its resources, where each stands by its identity, and what was found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::accumulate::Context;
use super::config::Config;
use super::fieldspec::FieldError;
use super::generate;
use super::kustomization::Variable;
use super::resource::{Behavior, Id, IdKey, Res};
use super::schema::MergeSchema;
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::origin::{FileId, Mark};
use crate::render::Removed;
use crate::yaml::Node;

/// A kustomization makes at most so many resources: two bases that each include the same two, and so on, double at every
/// level.
const MAX_RESOURCES: usize = 150_000;

/// What is accumulated so far, and what was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Build {
    pub(super) resources: Vec<Res>,
    pub(super) config: Option<Arc<Config>>,
    pub(super) vars: Vec<Variable>,
    pub(super) findings: Vec<Finding>,
    pub(super) not_judged: Vec<NotJudged>,
    pub(super) used: BTreeSet<FileId>,
    pub(super) removed: Vec<Removed>,
    pub(super) failed: bool,
    /// Something could not be read: what is missed may be there.
    pub(super) partial: bool,
    names: Names,
}

/// Where the resources of a build stand by their identities. Each map holds the first so many resources; what came
/// later is added when it is asked for.
#[derive(Debug, Clone, Default)]
struct Names {
    current: HashMap<IdKey, usize>,
    currents: usize,
    /// By the identities that they have or had.
    ever: HashMap<IdKey, Vec<usize>>,
    evers: usize,
}

impl Names {
    /// Adds what `resources` has more to the current identities; the first of two counts.
    fn add_current(&mut self, resources: &[Res], schema: &MergeSchema) {
        for (index, res) in resources.iter().enumerate().skip(self.currents) {
            self.current.entry(res.id(schema).key()).or_insert(index);
        }
        self.currents = resources.len();
    }

    /// Adds what `resources` has more to the identities of all times.
    fn add_ever(&mut self, resources: &[Res], schema: &MergeSchema) {
        for (index, res) in resources.iter().enumerate().skip(self.evers) {
            for id in res.all_ids(schema) {
                let known = self.ever.entry(id.key()).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
            }
        }
        self.evers = resources.len();
    }
}

impl Build {
    /// Notes an error that has no rule of its own.
    pub(super) fn error(&mut self, mark: Mark, message: impl Into<String>) {
        self.fail(Some(Box::new(Finding::new(&rules::kustomize_error::RULE, mark).message(message))));
    }

    /// Notes that kustomize refuses.
    pub(super) fn fail(&mut self, finding: Option<Box<Finding>>) {
        self.failed = true;
        self.findings.extend(finding.map(|finding| *finding));
    }

    /// Notes that part of the input is missing.
    pub(super) fn miss(&mut self, finding: Option<Box<Finding>>) {
        self.partial = true;
        self.fail(finding);
    }

    pub(super) fn field_error(&mut self, error: FieldError) {
        self.error(error.origin.mark, error.message);
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.config.clone().unwrap_or_else(|| Config::builtin().clone())
    }

    /// Takes over what `other` found and read, but not its resources.
    pub(super) fn report(&mut self, other: &Build) {
        // A base that is included twice is said once: where bases double at every level, so would what is said of them.
        if !other.findings.is_empty() {
            let known: HashSet<_> = self.findings.iter().map(|finding| (finding.mark, &*finding.message)).collect();
            let is_new = |finding: &&Finding| !known.contains(&(finding.mark, &*finding.message));
            let new: Vec<Finding> = other.findings.iter().filter(is_new).cloned().collect();
            self.findings.extend(new);
        }
        for missing in &other.not_judged {
            if !self.not_judged.iter().any(|known| known.mark == missing.mark && known.what == missing.what) {
                self.not_judged.push(missing.clone());
            }
        }
        self.used.extend(&other.used);
        self.removed.extend(other.removed.iter().cloned());
        self.failed |= other.failed;
        self.partial |= other.partial;
    }

    /// Adds the resources that the entry at `entry` makes; one whose identity is taken is a finding, and left out.
    pub(super) fn append(&mut self, context: &Context<'_, '_>, resources: Vec<Res>, entry: Mark) {
        self.names.add_current(&self.resources, context.schema());
        // What is there already from the very same place: a base or file that is listed twice, which is one mistake.
        let mut again: Vec<(Id, Mark)> = Vec::new();
        for res in resources {
            if self.resources.len() >= MAX_RESOURCES {
                self.partial = true;
                self.error(res.node.mark(), format!("the kustomization makes more than {MAX_RESOURCES} resources"));
                // What includes this kustomization is spared them, too.
                self.resources.clear();
                return self.renamed();
            }
            let id = res.id(context.schema());
            let key = id.key();
            if let Some(first) = self.names.current.get(&key).and_then(|index| self.resources.get(*index)) {
                if res.node.mark().is_some() && res.node.mark() == first.node.mark() {
                    again.push((id, name_mark(first)));
                    continue;
                }
                let mut finding = duplicate(&id, &res, first);
                if res.node.mark().file != first.node.mark().file {
                    // Two files, each right by itself: what is wrong is that both are listed.
                    let second = std::mem::replace(&mut finding.mark, entry);
                    finding = finding.related(second, "the second");
                }
                self.fail(Some(Box::new(finding)));
                continue;
            }
            self.names.current.insert(key, self.resources.len());
            self.resources.push(res);
            self.names.currents = self.resources.len();
        }
        if let Some((id, first)) = again.first() {
            let more = if again.len() > 1 { format!(" and {} more are", again.len() - 1) } else { " is".to_owned() };
            let finding = Finding::new(&rules::duplicate_resource_id::RULE, entry)
                .message(format!("{id}{more} there twice: this was listed before, or by something that was"))
                .help("list it once; to change a resource of a base, write a patch")
                .related(*first, "the first");
            self.fail(Some(Box::new(finding)));
        }
    }

    /// Forgets where which name stands. To be called when resources were renamed or removed, before [`Build::named`].
    pub(super) fn renamed(&mut self) {
        self.names = Names::default();
    }

    /// The resources that have, or had, the identity `id`.
    pub(super) fn named(&mut self, context: &Context<'_, '_>, id: &Id) -> Vec<usize> {
        self.names.add_ever(&self.resources, context.schema());
        self.names.ever.get(&id.key()).cloned().unwrap_or_default()
    }

    /// Reports resources that came to have one identity.
    pub(super) fn check_duplicates(&mut self, context: &Context<'_, '_>) {
        let mut known: HashMap<_, usize> = HashMap::new();
        let mut findings = Vec::new();
        for (index, res) in self.resources.iter().enumerate() {
            let id = res.id(context.schema());
            match known.get(&id.key()).and_then(|first| self.resources.get(*first)) {
                Some(first) => findings.push(duplicate(&id, res, first)),
                None => {
                    known.insert(id.key(), index);
                }
            }
        }
        self.failed |= !findings.is_empty();
        self.findings.extend(findings);
    }

    /// Adds a generated resource, or merges it into the one of its name.
    pub(super) fn absorb(&mut self, context: &Context<'_, '_>, mut res: Res, mark: Mark) {
        let id = res.id(context.schema());
        match (self.named(context, &id).as_slice(), res.book.behavior) {
            ([], Behavior::Merge | Behavior::Replace) => {
                if self.partial {
                    self.failed = true;
                } else {
                    self.error(mark, format!("there is no {id} to merge with or to replace"));
                }
            }
            ([], _) => self.append(context, vec![res], mark),
            ([index], behavior @ (Behavior::Merge | Behavior::Replace)) => {
                if let Some(old) = self.resources.get_mut(*index) {
                    // It takes over the names, too: the index stays true.
                    generate::take_over(&mut res, old, behavior == Behavior::Merge);
                    *old = res;
                }
            }
            ([index], _) => {
                let first = self.resources.get(*index).map_or(Mark::NONE, |res| res.node.mark());
                let finding = Finding::new(&rules::duplicate_resource_id::RULE, mark)
                    .message(format!("{id} exists already"))
                    .help("set `behavior: merge` or `behavior: replace`, or choose another name")
                    .related(first, "the resource of that name");
                self.fail(Some(Box::new(finding)));
            }
            _ => self.error(mark, format!("several resources are {id}: the generator cannot tell which to change")),
        }
    }
}

fn name_mark(res: &Res) -> Mark {
    res.node.path(&["metadata", "name"]).map_or(res.node.mark(), Node::mark)
}

fn duplicate(id: &Id, res: &Res, first: &Res) -> Finding {
    Finding::new(&rules::duplicate_resource_id::RULE, name_mark(res))
        .message(format!("{id} is there twice"))
        .help("remove one of them; to change a resource of a base, write a patch")
        .related(name_mark(first), "the first")
}
