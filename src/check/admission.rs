//! One object that is on its way into a cluster in, what is wrong with it out.
//!
//! The same schemas, policies and resource rules as for a repository, with the request as the object's origin. What
//! looks beyond the object is left out: the request does not hold what is beside it.

use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;
use smol_str::SmolStr;

use super::engine::{Selection, located, targets};
use super::rego::PolicySet;
use super::rules::{affinity_selector_matches_no_pod, expired_waiver, invalid_waiver, unused_waiver};
use super::{World, fingerprint};
use crate::config::Config;
use crate::finding::{Finding, Profile};
use crate::load::load;
use crate::origin::{FileId, Mark};
use crate::render::{Output, Resource};
use crate::resolve::{Rendered, Resolved, Target, TargetKind};
use crate::schema::Catalogues;
use crate::source::Snapshot;
use crate::waiver;

/// The name under which a request's object stands in findings.
pub const REQUEST: &str = "request.json";

/// What objects are judged by: that of a repository.
#[derive(Debug, Clone)]
pub struct Admission {
    pub(crate) config: Arc<Config>,
    pub(crate) policies: Arc<PolicySet>,
    pub(crate) schemas: Arc<Catalogues>,
    pub(crate) profile: Profile,
}

/// The object cannot be read: it is deeper or larger than tiphys reads, or no object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object cannot be read: {0}")]
pub struct Unreadable(pub String);

impl Admission {
    /// Judges an object, given as JSON, on the day `today`.
    ///
    /// # Errors
    /// When it cannot be read. Whoever asked should refuse it.
    pub fn judge(&self, object: &serde_json::Value, today: NaiveDate) -> Result<Vec<Finding>, Unreadable> {
        let unreadable = |reason: &str| Unreadable(reason.to_owned());
        let text = serde_json::to_string_pretty(object).map_err(|error| Unreadable(error.to_string()))?;
        let repository = load(Arc::new(Snapshot::from_files([("request.yaml", text)])));
        let file = FileId(0);
        let read = repository.yaml(file).ok_or_else(|| unreadable("it is no text"))?;
        if let Some(problem) = read.problems.first() {
            return Err(Unreadable(format!("{problem:?}")));
        }
        let node = read.documents.first().map(|document| document.root.clone());
        let node = node.filter(|node| node.as_mapping().is_some()).ok_or_else(|| unreadable("it is no object"))?;
        let target = Target {
            id: format!("manifest {REQUEST}"),
            kind: TargetKind::Manifest(REQUEST.to_owned()),
            mark: Mark::file(file),
        };
        let output = Output { resources: vec![Resource { node }], ..Output::default() };
        let rendered = [Rendered { target: Arc::new(target), output }];
        let resolved = Resolved::default();
        let stock = OnceLock::new();
        let world = World {
            repository: &repository,
            resolved: &resolved,
            rendered: &rendered,
            schemas: &self.schemas,
            config: &self.config,
            profile: self.profile,
            stock: &stock,
        };
        let selection = Selection::new(&self.config, &self.policies, self.profile)
            .without(&[affinity_selector_matches_no_pod::RULE.id]);
        let mut findings = located(targets(&world, &selection).into_iter().flatten());
        let on_resources = |id: &str| selection.is_on(id) && self.policies.looks_at_resources(id);
        let (found, _) = self.policies.evaluate(&world, &on_resources);
        findings.extend(found.into_iter().map(|(finding, _)| finding));
        findings.retain_mut(|finding| selection.apply(finding));
        fingerprint::assign(&repository.snapshot, &mut findings);
        let applied = waiver::apply(&repository, &self.config, &[], today, &selection, findings);
        // Which waivers are of use is a matter of the repository, not of one request.
        let about = [expired_waiver::RULE.id, invalid_waiver::RULE.id, unused_waiver::RULE.id].map(SmolStr::new_static);
        Ok(applied.findings.into_iter().filter(|finding| !about.contains(&finding.rule)).collect())
    }
}
