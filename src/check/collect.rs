//! What `check` ends with: every finding once, in order, with its fingerprint.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::config::Config;
use crate::finding::{Finding, NotJudged, Related, Severity};
use crate::load::Repository;
use crate::origin::Mark;
use crate::resolve::{Rendered, Resolved};
use crate::schema::Catalogues;
use crate::source::Snapshot;

/// A repository that was judged. Made only by [`check`](super::check).
#[derive(Debug, Clone)]
pub struct Checked {
    pub(super) repository: Arc<Repository>,
    pub(super) resolved: Arc<Resolved>,
    pub(super) rendered: Arc<Vec<Rendered>>,
    pub(super) config: Arc<Config>,
    pub(super) schemas: Arc<Catalogues>,
    pub(super) rule_set: String,
    pub(super) findings: Vec<Finding>,
    pub(super) waived: Vec<Waived>,
    pub(super) not_judged: Vec<Judgement>,
    pub(super) summary: Summary,
}

/// A finding that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// The finding.
    pub finding: Finding,
    /// Who answers for it.
    pub owner: SmolStr,
    /// Why it is accepted.
    pub reason: String,
    /// Where the waiver stands.
    pub waiver: Mark,
}

/// Something that could not be evaluated, and whether `tiphys.yaml` accepts that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What it is.
    pub not_judged: NotJudged,
    /// Why it is accepted, if it is.
    pub accepted: Option<Accepted>,
}

/// An entry of `accept-not-judged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Why it is accepted.
    pub reason: String,
    /// Where the entry stands.
    pub mark: Mark,
}

/// The counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Files of the snapshot.
    pub files: usize,
    /// Applications, declared and generated.
    pub applications: usize,
    /// Resources that the targets render to.
    pub resources: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Findings that a waiver accepts.
    pub waived: usize,
    /// What could not be evaluated.
    pub not_judged: usize,
}

impl Checked {
    /// The findings, by file, line, column and rule.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The accepted findings, in the same order.
    pub fn waived(&self) -> &[Waived] {
        &self.waived
    }

    /// What could not be evaluated, by file and line.
    pub fn not_judged(&self) -> &[Judgement] {
        &self.not_judged
    }

    /// The counts.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The files.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// Applications, ApplicationSets and projects.
    pub fn resolved(&self) -> &Arc<Resolved> {
        &self.resolved
    }

    /// What each target renders to.
    pub fn rendered(&self) -> &Arc<Vec<Rendered>> {
        &self.rendered
    }

    /// The configuration that it was judged by.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The kinds that each cluster knows.
    pub fn schemas(&self) -> &Arc<Catalogues> {
        &self.schemas
    }

    /// What decided: the version of tiphys, the profile, and the digest of the policies. The same text means the same
    /// rules.
    pub fn rule_set(&self) -> &str {
        &self.rule_set
    }

    /// The worst severity among the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Counts again, after findings were taken out.
    pub(super) fn count(&mut self) {
        let of = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        self.summary = Summary {
            files: self.repository.snapshot.files().len(),
            applications: self.resolved.applications.len(),
            resources: self.rendered.iter().map(|rendered| rendered.output.resources.len()).sum(),
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
            infos: of(Severity::Info),
            waived: self.waived.len(),
            not_judged: self.not_judged.len(),
        };
    }
}

/// How many other places of one defect are named.
const MAX_RELATED: usize = 12;

/// A finding, and where it was found besides: the mark of the target.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) finding: Finding,
    /// The target's own place, to name it among the related places.
    pub(super) target: Mark,
}

/// Makes one finding of those that name the same defect, and puts them in order. The first of them counts; what others
/// add (an Application, a cluster, related places) goes to its related places.
pub(super) fn merge(snapshot: &Snapshot, raw: Vec<Raw>) -> Vec<Finding> {
    let mut merged: BTreeMap<Key, Group> = BTreeMap::new();
    for Raw { finding, target } in raw {
        let key = Key {
            path: SmolStr::new(snapshot.path(finding.mark.file)),
            mark: finding.mark,
            rule: finding.rule.clone(),
            message: anonymous(&finding),
        };
        match merged.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Group { finding, others: Vec::new() });
            }
            Entry::Occupied(mut entry) => entry.get_mut().add(finding, target),
        }
    }
    merged.into_values().map(Group::finish).collect()
}

/// The message without the resource's name and namespace: those that an overlay gives make no other defect of it.
fn anonymous(finding: &Finding) -> String {
    let Some(resource) = &finding.resource else { return finding.message.clone() };
    let mut names = [resource.name.as_str(), resource.namespace.as_str()];
    // One may be a part of the other.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let names = names.iter().filter(|name| !name.is_empty());
    names.fold(finding.message.clone(), |message, name| message.replace(name, "*"))
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    path: SmolStr,
    mark: Mark,
    rule: SmolStr,
    message: String,
}

struct Group {
    finding: Finding,
    others: Vec<Related>,
}

impl Group {
    fn add(&mut self, other: Finding, target: Mark) {
        self.finding.severity = self.finding.severity.max(other.severity);
        if self.finding.help.is_none() {
            self.finding.help = other.help;
        }
        if self.finding.fix.is_none() {
            self.finding.fix = other.fix;
        }
        self.others.extend(other.related.into_iter().filter(|related| !self.finding.related.contains(related)));
        if let Some(application) = other.application
            && target.is_some()
            && self.finding.application.as_ref() != Some(&application)
        {
            let cluster = other.cluster.filter(|cluster| !cluster.is_empty());
            let message = match cluster {
                Some(cluster) => format!("also in Application {application}, on {cluster}"),
                None => format!("also in Application {application}"),
            };
            self.others.push(Related { mark: target, message });
        }
    }

    fn finish(mut self) -> Finding {
        self.others.sort();
        self.others.dedup();
        let room = MAX_RELATED.saturating_sub(self.finding.related.len());
        let more = self.others.len().saturating_sub(room);
        self.others.truncate(room);
        if more > 0
            && let Some(last) = self.others.last_mut()
        {
            last.message = format!("{}, and {more} more", last.message);
        }
        self.finding.related.append(&mut self.others);
        self.finding
    }
}
