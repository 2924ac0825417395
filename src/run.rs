//! The stages put together: a snapshot in, what was judged out.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::check::admission::Admission;
use crate::check::rego::PolicySet;
use crate::check::{CheckInput, Checked, check};
use crate::config::Config;
use crate::finding::{Finding, NotJudged, Profile};
use crate::load::{Repository, load};
use crate::origin::FileId;
use crate::resolve::cluster::Clusters;
use crate::resolve::fixpoint::{self, Fixpoint};
use crate::resolve::repository::Identity;
use crate::resolve::stages::Renderers;
use crate::resolve::{Rendered, Resolved};
use crate::schema::{Catalogue, Catalogues, KubernetesVersion};
use crate::source::Snapshot;

/// A repository and the configuration that was given for it.
#[derive(Debug, Clone)]
pub struct Input {
    /// The files.
    pub snapshot: Arc<Snapshot>,
    /// The configuration, where another one than `tiphys.yaml` was given.
    pub config: Option<FileId>,
    /// Directories of policies beside those that the configuration names, as paths of the snapshot.
    pub policies: Vec<String>,
}

/// How to judge.
#[derive(Debug, Clone, Copy)]
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
    let stages = Renderers::new(&repository, &config);
    let Fixpoint { mut resolved, mut rendered, findings: found, not_judged } = fixpoint::run(&repository, &stages);
    stages.forgive(&mut rendered);
    drop(stages);
    let resources = rendered.iter().flat_map(|rendered| &rendered.output.resources);
    resolved.clusters = Clusters::of(&repository, &config, resources);
    resolved.identity = Identity::of(&repository, &config);
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

/// Loads, resolves, renders and judges.
pub fn run(input: &Input, options: Options) -> Checked {
    judge(analyse(input), input, options)
}

/// Judges what was analysed.
pub fn judge(analysis: Analysis, input: &Input, options: Options) -> Checked {
    let Analysis { repository, config, resolved, rendered, mut findings, not_judged } = analysis;
    let mut directories: Vec<String> = config.policies.iter().map(|directory| directory.value.clone()).collect();
    directories.extend(input.policies.iter().cloned());
    let (policies, found) = PolicySet::load(&repository.snapshot, &directories);
    findings.extend(found);
    let schemas = schemas(&config, &rendered);
    check(CheckInput {
        profile: options.profile.or(config.profile).unwrap_or(Profile::Recommended),
        repository,
        resolved,
        rendered,
        config,
        schemas: Arc::new(schemas),
        policies: Arc::new(policies),
        today: options.today,
        findings,
        not_judged,
    })
}

/// What `serve` judges objects by: the configuration, policies and schemas of a repository. Findings are those of the
/// configuration and the policies.
pub fn admission(input: &Input, profile: Option<Profile>) -> (Admission, Vec<Finding>) {
    let Analysis { repository, config, rendered, .. } = analyse(input);
    let (_, mut findings) = Config::load(&repository, input.config);
    let mut directories: Vec<String> = config.policies.iter().map(|directory| directory.value.clone()).collect();
    directories.extend(input.policies.iter().cloned());
    let (policies, found) = PolicySet::load(&repository.snapshot, &directories);
    findings.extend(found);
    let admission = Admission {
        schemas: Arc::new(schemas(&config, &rendered)),
        profile: profile.or(config.profile).unwrap_or(Profile::Recommended),
        policies: Arc::new(policies),
        config,
    };
    (admission, findings)
}

/// What each cluster knows: Kubernetes in its version, and the CRDs that the repository renders.
pub(crate) fn schemas(config: &Config, rendered: &[Rendered]) -> Catalogues {
    let crds = || {
        let resources = rendered.iter().flat_map(|rendered| &rendered.output.resources);
        resources.filter(|resource| resource.kind() == "CustomResourceDefinition")
    };
    let catalogue = |version: Option<crate::config::KubernetesVersion>| {
        let version = version.map_or(KubernetesVersion::NEWEST, |version| KubernetesVersion::nearest(version.minor));
        Catalogue::for_version(version).with_crds(crds())
    };
    let mut catalogues = Catalogues::new(catalogue(config.kubernetes));
    for cluster in config.clusters.iter().filter(|cluster| cluster.kubernetes.is_some()) {
        let own = Arc::new(catalogue(cluster.kubernetes));
        catalogues = catalogues.with_cluster(cluster.server.clone(), Arc::clone(&own));
        catalogues = catalogues.with_cluster(cluster.name.clone(), own);
    }
    catalogues
}
