//! The stages put together: a snapshot in, what was judged out.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::check::{CheckInput, Checked, PolicySet, check};
use crate::config::Config;
use crate::finding::{Finding, NotJudged, Profile};
use crate::load::{Repository, load};
use crate::origin::FileId;
use crate::resolve::fixpoint::{self, Fixpoint};
use crate::resolve::{Rendered, Resolved};
use crate::schema::Catalogues;
use crate::source::Snapshot;

/// A repository and the configuration that was given for it.
#[derive(Debug, Clone)]
pub struct Input {
    /// The files.
    pub snapshot: Arc<Snapshot>,
    /// The configuration, where another one than `tiphys.yaml` was given.
    pub config: Option<FileId>,
}

/// How to judge.
#[derive(Debug, Clone)]
pub struct Options {
    /// The choice of rules; `None` leaves it to the configuration.
    pub profile: Option<Profile>,
    /// The day against which waivers expire.
    pub today: NaiveDate,
}

/// Everything that is known before anything is judged.
#[derive(Debug)]
pub struct Analysis {
    /// The files.
    pub repository: Arc<Repository>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Applications, ApplicationSets and projects.
    pub resolved: Arc<Resolved>,
    /// What each target renders to.
    pub rendered: Arc<Vec<Rendered>>,
    /// What is wrong with the configuration, the ApplicationSets and the way in which Applications lead to each other.
    pub findings: Vec<Finding>,
    /// ApplicationSets that could not be expanded.
    pub not_judged: Vec<NotJudged>,
}

/// Loads, resolves and renders.
pub fn analyse(input: &Input) -> Analysis {
    let repository = Arc::new(load(Arc::clone(&input.snapshot)));
    let (config, mut findings) = Config::load(&repository, input.config);
    let stages = crate::resolve::stages::Renderers::new(&repository, &config);
    let Fixpoint { resolved, rendered, findings: found, not_judged } = fixpoint::run(&repository, &stages);
    drop(stages);
    findings.extend(found);
    Analysis {
        repository,
        config: Arc::new(config),
        resolved: Arc::new(resolved),
        rendered: Arc::new(rendered),
        findings,
        not_judged,
    }
}
