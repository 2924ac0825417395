//! The door from resolving to the renderers: how each target is rendered, and each ApplicationSet expanded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::applicationset::{self, Checkout, Context, Fixtures, Git, all_directories};
use super::cluster::Clusters;
use super::fixpoint::{Expanded, Stages};
use super::instance::build_options;
use super::repository::{Identity, Meaning};
use super::roots::is_component;
use super::source::{Detection, Renderer, Source, detect, unusable};
use super::{Application, Rendered, Target, TargetKind};
use crate::check::rules::unmatched_patch_target;
use crate::config::Config;
use crate::finding::{Finding, NotJudged, Severity};
use crate::load::Repository;
use crate::origin::Mark;
use crate::render::helm::{ChartSource, Charts, Release, argo};
use crate::render::kustomize::{Builds, Options, Overrides, Remotes};
use crate::render::variables::Variables;
use crate::render::{Output, Resource, directory};

/// The renderers of one repository, with what they memoise.
pub struct Renderers<'r> {
    repository: &'r Repository,
    config: &'r Config,
    identity: Identity,
    builds: Builds<'r>,
    /// What no Application deploys may be built with other options than those of Argo CD.
    by_hand: Option<Builds<'r>>,
    charts: Charts<'r>,
    clusters: RwLock<Clusters>,
    fixtures: Fixtures,
    listings: Listings,
}

/// This repository, and directories that are configured to stand for others.
struct Own<'r> {
    repository: &'r Repository,
    identity: &'r Identity,
    listings: &'r Listings,
}

/// The directories below a directory, with and without those that are hidden.
type Listings = Mutex<BTreeMap<(String, bool), Arc<Vec<String>>>>;

impl Git for Own<'_> {
    fn checkout(&self, url: &str, _revision: &str) -> Option<Checkout<'_>> {
        match self.identity.meaning(url) {
            Meaning::Here(directory) => Some(Checkout { repository: self.repository, directory }),
            Meaning::Elsewhere => None,
        }
    }

    fn directories(&self, checkout: &Checkout<'_>, hidden: bool) -> Arc<Vec<String>> {
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = listings.entry((checkout.directory.to_owned(), hidden));
        Arc::clone(listing.or_insert_with(|| Arc::new(all_directories(checkout, hidden))))
    }
}

impl<'r> Renderers<'r> {
    /// Renderers for `repository`.
    pub fn new(repository: &'r Repository, config: &'r Config) -> Renderers<'r> {
        let options = build_options(repository);
        Renderers {
            repository,
            config,
            identity: Identity::of(repository, config),
            builds: Builds::with(repository, options).with_remotes(remotes(config)),
            by_hand: (!options.helm)
                .then(|| Builds::with(repository, Options { helm: true, ..options }).with_remotes(remotes(config))),
            charts: Charts::with_sources(repository, chart_sources(config), config.lookup.clone()),
            clusters: RwLock::default(),
            fixtures: Fixtures::from_json(config.generators.clone(), false),
            listings: Listings::default(),
        }
    }

    /// Which repositories are this one.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes back what only looked wrong in one build.
    pub fn forgive(&self, rendered: &mut [Rendered]) {
        self.soften(rendered);
        for rendered in rendered {
            for builds in [Some(&self.builds), self.by_hand.as_ref()].into_iter().flatten() {
                builds.forgive(&mut rendered.output.findings);
            }
        }
    }

    /// A component is made for several kustomizations. Where one alone is known to use it, and nothing deploys that one,
    /// what it patches may be in others.
    fn soften(&self, rendered: &mut [Rendered]) {
        let unmatched = |finding: &Finding| {
            finding.rule == unmatched_patch_target::RULE.id && is_component(self.repository, finding.mark.file)
        };
        let mut uses: BTreeMap<Mark, usize> = BTreeMap::new();
        for finding in rendered.iter().flat_map(|rendered| &rendered.output.findings).filter(|found| unmatched(found)) {
            *uses.entry(finding.mark).or_default() += 1;
        }
        for rendered in rendered.iter_mut().filter(|rendered| rendered.application().is_none()) {
            for finding in rendered.output.findings.iter_mut().filter(|finding| unmatched(finding)) {
                if uses.get(&finding.mark) == Some(&1) {
                    finding.severity = Severity::Warning;
                }
            }
        }
    }

    fn application(&self, application: &Application) -> Output {
        let mut output = Output { findings: unusable(application), ..Output::default() };
        output.failed = !output.findings.is_empty();
        for source in application.sources() {
            let rendered = match detect(self.repository, &self.identity, application, source) {
                Detection::Reference => continue,
                Detection::NotJudged(not_judged) => {
                    output.not_judged.push(not_judged);
                    continue;
                }
                Detection::Wrong(finding) => {
                    output.findings.push(*finding);
                    output.failed = true;
                    continue;
                }
                Detection::Source(source) => {
                    let mark = source.node.get("path").unwrap_or(&source.node).mark();
                    match &source.renderer {
                        Renderer::Directory => {
                            let options = directory::Options::from_node(source.node.get("directory"));
                            directory::render(self.repository, &source.directory, &options, mark)
                        }
                        Renderer::Kustomize => {
                            let version = self.config.kubernetes_of(application.destination_cluster());
                            let overrides = Overrides::from_node(source.node.get("kustomize"))
                                .on(version.map(|version| version.to_string()))
                                .with_variables(Variables {
                                    source: &source.node,
                                    name: application.name(),
                                    namespace: application.destination_namespace(),
                                    project: application
                                        .resource
                                        .node
                                        .str_at(&["spec", "project"])
                                        .unwrap_or("default"),
                                    commit: self.repository.snapshot.commit.as_deref(),
                                });
                            self.builds.build(&source.directory, &overrides)
                        }
                        Renderer::Helm => self.chart(application, &source),
                        Renderer::Plugin(name) => {
                            let what = format!("Application {}", application.id());
                            let reason = format!("the config management plugin {name} is not run");
                            let mark = source.node.get("plugin").unwrap_or(&source.node).mark();
                            let not_judged = vec![NotJudged { mark, what, reason }];
                            Output { not_judged, ..Output::default() }
                        }
                    }
                }
            };
            output.append(rendered);
        }
        output
    }

    /// A chart, as the Application's source asks for it.
    fn chart(&self, application: &Application, source: &Source<'_>) -> Output {
        let mut output = Output::default();
        let sources = application.sources();
        let meanings: Vec<(&str, Meaning)> = sources
            .iter()
            .filter_map(|other| {
                let name = other.node.get("ref")?.text()?;
                Some((name, self.identity.meaning(other.node.get("repoURL")?.text()?)))
            })
            .collect();
        let refs = meanings
            .iter()
            .map(|(name, meaning)| match meaning {
                Meaning::Here(directory) => (*name, Some(*directory)),
                Meaning::Elsewhere => (*name, None),
            })
            .collect();
        let kube_version =
            self.config.kubernetes_of(application.destination_cluster()).map(|version| version.to_string());
        let context = argo::Context {
            name: application.name(),
            namespace: application.destination_namespace(),
            directory: &source.directory,
            kube_version: kube_version.as_deref(),
            project: application.resource.node.str_at(&["spec", "project"]).unwrap_or("default"),
            commit: self.repository.snapshot.commit.as_deref(),
            refs,
        };
        let release = argo::release(self.repository, &source.node, &context, &mut output);
        // Without one of its value files the chart would render something that nobody deploys.
        if !output.failed {
            output.append(self.charts.render(&source.directory, &release));
        }
        output
    }
}

/// The git repositories that directories of this repository stand for.
fn remotes(config: &Config) -> Remotes {
    let mapped = config.repositories.iter().filter(|known| known.chart.is_none());
    Remotes::new(mapped.filter_map(|known| Some((known.url.as_str(), known.path.as_deref()?))))
}

/// The chart repositories that directories of this repository stand for.
fn chart_sources(config: &Config) -> Vec<ChartSource> {
    let charts = config.repositories.iter().filter_map(|known| {
        let chart = known.chart.as_ref().map(ToString::to_string);
        Some(ChartSource { url: known.url.to_string(), chart, path: known.path.clone()? })
    });
    charts.collect()
}

impl Stages for Renderers<'_> {
    fn render(&self, target: &Target) -> Output {
        match &target.kind {
            TargetKind::Application(application) => self.application(application),
            TargetKind::Kustomization(directory) => {
                self.by_hand.as_ref().unwrap_or(&self.builds).build(directory, &Overrides::none())
            }
            TargetKind::Chart(directory) => {
                self.charts.render(directory, &Release { mark: target.mark, ..Release::default() })
            }
            TargetKind::Manifest(path) => directory::render_path(self.repository, "", path).unwrap_or_default(),
        }
    }

    fn observe(&self, roots: &[Rendered], applications: &[Rendered]) {
        let resources = roots.iter().chain(applications).flat_map(|rendered| &rendered.output.resources);
        let clusters = Clusters::registered(self.config, resources);
        *self.clusters.write().unwrap_or_else(PoisonError::into_inner) = clusters;
    }

    fn expand(&self, set: &Resource) -> Expanded {
        let clusters = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        let git = Own { repository: self.repository, identity: &self.identity, listings: &self.listings };
        let context = Context {
            git: &git,
            clusters: &clusters.registered,
            all_clusters: self.config.all_clusters,
            fixtures: &self.fixtures,
            namespace: "argocd",
            projects: None,
        };
        let expansion = applicationset::expand(set, &context);
        Expanded {
            applications: expansion.applications,
            findings: expansion.findings,
            not_judged: expansion.not_judged,
            whole: expansion.whole,
        }
    }
}
