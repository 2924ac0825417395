//! Findings and waivers in; the findings that stand, and the ones that are accepted, out.
//!
//! A waiver stands in `tiphys.yaml`, as a comment on the line of the finding or alone on the line before, or as an
//! annotation of the object that it is about:
//!
//! ```yaml
//! # tiphys: allow missing-probe reason="a job, not a server" owner=team-a until=2027-01-31
//! metadata:
//!   annotations:
//!     tiphys.dev/allow: missing-probe reason="a job, not a server" owner=team-a until=2027-01-31
//! ```
//!
//! A [`baseline`] accepts what was found on one day, without owner or reason.
//!
//! Owner, reason and expiry are required. A waiver that is incomplete, that has expired or that matches nothing is a
//! finding: what nobody needs any more must not hide what comes next.

mod annotation;
pub(crate) mod baseline;
mod comment;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use globset::GlobMatcher;
use smol_str::SmolStr;

use crate::check::Waived;
use crate::check::engine::Selection;
use crate::check::rules::{expired_waiver, invalid_waiver, unused_waiver};
use crate::config::{Config, WaiverConfig, glob, matches_pattern};
use crate::finding::{Finding, ResourceRef};
use crate::load::Repository;
use crate::origin::{FileId, Mark};
use crate::resolve::Rendered;

/// What [`apply`] makes of the findings.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// What stands, with what is wrong with the waivers, in order.
    pub(crate) findings: Vec<Finding>,
    /// What is accepted.
    pub(crate) waived: Vec<Waived>,
}

/// A waiver, wherever it stands.
#[derive(Debug, Clone)]
pub(crate) struct Waiver {
    rule: SmolStr,
    owner: SmolStr,
    reason: String,
    expires: NaiveDate,
    mark: Mark,
    scope: Scope,
}

/// What a waiver holds for.
#[derive(Debug, Clone)]
enum Scope {
    /// A line of a file.
    Line(FileId, u32),
    /// The objects with an annotation.
    Objects(BTreeSet<ResourceRef>),
    /// What an entry of the configuration names.
    Entry { path: Option<GlobMatcher>, resource: Option<SmolStr>, fingerprint: Option<SmolStr> },
}

/// Applies the waivers of `repository` and `config` to `findings`, which are in order. `today` is the day on which an
/// expiry is judged.
pub(crate) fn apply(
    repository: &Repository,
    config: &Config,
    rendered: &[Rendered],
    today: NaiveDate,
    selection: &Selection,
    findings: Vec<Finding>,
) -> Applied {
    let mut about = Vec::new();
    let mut waivers: Vec<Waiver> = config.waivers.iter().map(from_config).collect();
    comment::collect(repository, config, &mut waivers, &mut about);
    annotation::collect(rendered, &mut waivers, &mut about);
    let mut usable = Vec::new();
    for waiver in waivers {
        if !selection.knows(&waiver.rule) {
            about.push(
                Finding::new(&invalid_waiver::RULE, waiver.mark)
                    .message(format!("waiver for `{}`: there is no such rule", waiver.rule))
                    .help_did_you_mean(&waiver.rule, selection.ids()),
            );
        } else if waiver.expires < today {
            about.push(
                Finding::new(&expired_waiver::RULE, waiver.mark)
                    .message(format!("the waiver for `{}` expired on {}", waiver.rule, waiver.expires))
                    .help(format!("mend the finding, or ask {} to renew the waiver", waiver.owner)),
            );
        } else {
            usable.push(waiver);
        }
    }
    let mut used = BTreeSet::new();
    let mut applied = Applied::default();
    for finding in findings {
        let path = repository.snapshot.path(finding.mark.file);
        match usable.iter().enumerate().find(|(_, waiver)| waiver.accepts(&finding, path)) {
            Some((index, waiver)) => {
                used.insert(index);
                applied.waived.push(Waived {
                    owner: waiver.owner.clone(),
                    reason: waiver.reason.clone(),
                    waiver: waiver.mark,
                    finding,
                });
            }
            None => applied.findings.push(finding),
        }
    }
    for (_, waiver) in usable.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        // A rule that did not run cannot have found anything.
        if selection.is_on(&waiver.rule) {
            about.push(
                Finding::new(&unused_waiver::RULE, waiver.mark)
                    .message(format!("the waiver for `{}` matches no finding", waiver.rule))
                    .help("remove it"),
            );
        }
    }
    about.retain_mut(|finding| selection.apply(finding));
    crate::check::fingerprint::assign(&repository.snapshot, &mut about);
    applied.findings.extend(about);
    let snapshot = &repository.snapshot;
    let key = |finding: &Finding| (SmolStr::new(snapshot.path(finding.mark.file)), finding.mark, finding.rule.clone());
    applied.findings.sort_by_cached_key(|finding| (key(finding), finding.message.clone()));
    applied
}

fn from_config(entry: &WaiverConfig) -> Waiver {
    Waiver {
        rule: entry.rule.value.clone(),
        owner: entry.owner.clone(),
        reason: entry.reason.clone(),
        expires: entry.expires,
        mark: entry.mark,
        scope: Scope::Entry {
            // The reader of the configuration left out patterns that are no globs.
            path: entry.path.as_deref().and_then(|path| glob(path).ok()).map(|glob| glob.compile_matcher()),
            resource: entry.resource.clone(),
            fingerprint: entry.fingerprint.clone(),
        },
    }
}

impl Waiver {
    fn accepts(&self, finding: &Finding, file: &str) -> bool {
        if self.rule != finding.rule {
            return false;
        }
        match &self.scope {
            Scope::Objects(objects) => finding.resource.as_ref().is_some_and(|found| objects.contains(found)),
            Scope::Line(id, line) => finding.mark.file == *id && finding.mark.line == *line,
            Scope::Entry { path, resource, fingerprint } => {
                path.as_ref().is_none_or(|path| path.is_match(file))
                    && resource
                        .as_deref()
                        .is_none_or(|pattern| finding.resource.as_ref().is_some_and(|found| names(pattern, found)))
                    && fingerprint.as_deref().is_none_or(|wanted| finding.fingerprint.starts_with(wanted))
            }
        }
    }
}

/// Whether `pattern` (`kind/name` or `namespace/kind/name`) names `resource`.
fn names(pattern: &str, resource: &ResourceRef) -> bool {
    let ResourceRef { kind, namespace, name, .. } = resource;
    if pattern.matches('/').count() >= 2 {
        matches_pattern(pattern, &format!("{namespace}/{kind}/{name}"))
    } else {
        matches_pattern(pattern, &format!("{kind}/{name}"))
    }
}
