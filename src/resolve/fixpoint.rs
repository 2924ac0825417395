//! The driver: renders roots, finds the Applications in what they render, renders those, until nothing new appears.
//!
//! What leads to what is kept as a graph. A kustomization or manifest that an Application of another root deploys is
//! no root of its own, and what only it led to is dropped with it: see [`super::reach`]. What cannot lead to anything is
//! rendered at the end, and only if nothing deploys it: see [`super::leads`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rayon::prelude::*;
use smol_str::SmolStr;

use super::reach::{self, Found};
use super::{Application, Rendered, Resolved, Target, TargetKind, leads, roots};
use crate::check::rules;
use crate::finding::{Finding, NotJudged};
use crate::load::{Class, Repository};
use crate::origin::FileId;
use crate::render::{Output, Resource};

/// How deep Applications may lead to Applications.
const MAX_ROUNDS: usize = 32;
/// How many Applications a repository may have.
const MAX_APPLICATIONS: usize = 50_000;

/// What the driver needs: rendering and expanding, both memoised and safe to call from many threads.
pub trait Stages: Sync {
    /// Renders one target.
    fn render(&self, target: &Target) -> Output;
    /// Is told what was rendered so far, before ApplicationSets are expanded: cluster Secrets are among it.
    fn observe(&self, roots: &[Rendered], applications: &[Rendered]);
    /// Expands one ApplicationSet.
    fn expand(&self, set: &Resource) -> Expanded;
}

/// What an ApplicationSet expands to.
#[derive(Debug, Clone, Default)]
pub struct Expanded {
    /// The Applications.
    pub applications: Vec<Application>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be expanded.
    pub not_judged: Vec<NotJudged>,
    /// Whether the Applications are all that the set generates.
    pub whole: bool,
}

/// What the fixpoint came to.
#[derive(Debug, Default)]
pub struct Fixpoint {
    /// What is declared to Argo CD.
    pub resolved: Resolved,
    /// Every target with what it renders to: Applications by name, then kustomizations, charts and manifests by path.
    pub rendered: Vec<Rendered>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be judged.
    pub not_judged: Vec<NotJudged>,
}

/// An Argo object and the places where it was found. Two of one name and different content are two.
pub(super) struct Known<T> {
    pub(super) object: T,
    pub(super) found: BTreeSet<Found>,
}

/// The objects of each kind and name, with their places among those of their kind.
type Index = HashMap<(SmolStr, SmolStr), Vec<usize>>;

#[derive(Default)]
pub(super) struct State {
    pub(super) roots: Vec<Rendered>,
    pub(super) applications: Vec<Known<Arc<Application>>>,
    pub(super) sets: Vec<Known<Arc<Resource>>>,
    pub(super) projects: Vec<Known<Arc<Resource>>>,
    /// What each Application renders to; shorter than `applications` while some are open.
    pub(super) rendered: Vec<Rendered>,
    expanded: Vec<Expanded>,
    index: Index,
    /// How many Applications have a name so far.
    names: HashMap<SmolStr, usize>,
}

/// Runs the fixpoint over `repository`.
pub fn run(repository: &Repository, stages: &dyn Stages) -> Fixpoint {
    let references = roots::references(repository);
    let targets = roots::roots(repository, &references);
    let leading = leads::leading(repository, &references, &targets);
    let mut state = State::default();
    for target in targets {
        state.roots.push(Rendered { target: Arc::new(target), output: Output::default() });
    }
    let (first, mut waiting): (Vec<usize>, Vec<usize>) = (0..state.roots.len()).partition(|root| leading[*root]);
    state.render_roots(stages, &first);
    let mut findings = Vec::new();
    for round in 0.. {
        // Sets wait until no Application is open: their generators may ask for clusters that those declare.
        if state.rendered.len() == state.applications.len() && state.expanded.len() < state.sets.len() {
            stages.observe(&state.roots, &state.rendered);
            state.expand_sets(stages);
        }
        let mut open = state.rendered.len()..state.applications.len();
        if open.is_empty() {
            let undeployed = state.undeployed(repository, std::mem::take(&mut waiting));
            state.render_roots(stages, &undeployed);
            open = state.rendered.len()..state.applications.len();
        }
        if open.is_empty() {
            break;
        }
        if round == MAX_ROUNDS || state.applications.len() > MAX_APPLICATIONS {
            findings.push(too_many(&state.applications[open.start].object));
            state.applications.truncate(open.start);
            break;
        }
        let targets: Vec<Target> = open.map(|index| state.target(index)).collect();
        let outputs: Vec<Output> = targets.par_iter().map(|target| stages.render(target)).collect();
        for (target, output) in targets.into_iter().zip(outputs) {
            state.take(&output.resources, Found::Application(state.rendered.len()));
            state.rendered.push(Rendered { target: Arc::new(target), output });
        }
    }
    findings.extend(reach::cycles(&state));
    close(repository, stages, state, findings)
}

fn too_many(application: &Application) -> Finding {
    Finding::at(&rules::application_cycle::RULE, &application.resource.node).message(format!(
        "Applications lead to ever more Applications: more than {MAX_ROUNDS} levels or {MAX_APPLICATIONS} Applications"
    ))
}

impl State {
    /// Renders `roots`, by index.
    fn render_roots(&mut self, stages: &dyn Stages, roots: &[usize]) {
        let outputs: Vec<Output> = roots.par_iter().map(|root| stages.render(&self.roots[*root].target)).collect();
        for (root, output) in roots.iter().zip(outputs) {
            self.take(&output.resources, Found::Root(*root));
            self.roots[*root].output = output;
        }
    }

    /// Those of `roots` that no Application renders.
    fn undeployed(&self, repository: &Repository, mut roots: Vec<usize>) -> Vec<usize> {
        if roots.is_empty() {
            return roots;
        }
        let mut used = vec![false; repository.snapshot.files().len()];
        for id in self.rendered.iter().flat_map(|rendered| &rendered.output.used) {
            // Files within archives are no roots.
            if let Some(used) = used.get_mut(id.0 as usize) {
                *used = true;
            }
        }
        let is_used = |id: FileId| used.get(id.0 as usize).is_some_and(|used| *used);
        roots.retain(|root| !roots::file_of(repository, &self.roots[*root].target).is_some_and(is_used));
        roots
    }

    /// Takes the Argo objects among `resources`.
    fn take(&mut self, resources: &[Resource], found: Found) {
        for resource in resources.iter().filter(|resource| resource.group() == "argoproj.io") {
            match resource.kind() {
                "Application" => {
                    let application = Application { resource: resource.clone(), generated_by: None };
                    self.take_application(application, found);
                }
                "ApplicationSet" => {
                    take(&mut self.sets, &mut self.index, Arc::new(resource.clone()), |set| set, found);
                }
                "AppProject" => {
                    take(&mut self.projects, &mut self.index, Arc::new(resource.clone()), |project| project, found);
                }
                _ => {}
            }
        }
    }

    fn take_application(&mut self, application: Application, found: Found) {
        take(
            &mut self.applications,
            &mut self.index,
            Arc::new(application),
            |application| &application.resource,
            found,
        );
    }

    fn expand_sets(&mut self, stages: &dyn Stages) {
        let first = self.expanded.len();
        let expanded: Vec<Expanded> = self.sets[first..].par_iter().map(|set| stages.expand(&set.object)).collect();
        for (offset, mut expanded) in expanded.into_iter().enumerate() {
            for application in std::mem::take(&mut expanded.applications) {
                self.take_application(application, Found::Set(first + offset));
            }
            self.expanded.push(expanded);
        }
    }

    fn target(&mut self, index: usize) -> Target {
        let application = &self.applications[index].object;
        let twins = self.names.entry(application.id()).or_insert(0);
        *twins += 1;
        let suffix = if *twins == 1 { String::new() } else { format!(" ({twins})") };
        let sources = application.sources();
        let mark = sources.first().map_or(application.origin().mark, |source| {
            source.node.get("path").or(source.node.get("chart")).unwrap_or(source.node).mark()
        });
        Target {
            id: format!("application {}{suffix}", application.id()),
            kind: TargetKind::Application(Arc::clone(application)),
            mark,
        }
    }
}

/// Adds an object, or one more place where a known one was found.
fn take<T>(known: &mut Vec<Known<T>>, index: &mut Index, object: T, resource: impl Fn(&T) -> &Resource, found: Found) {
    let own = resource(&object);
    let twins = index.entry((SmolStr::new(own.kind()), SmolStr::new(own.name()))).or_default();
    let same = twins.iter().copied().find(|at| resource(&known[*at].object).node.says_same(&own.node));
    let at = same.unwrap_or_else(|| {
        known.push(Known { object, found: BTreeSet::new() });
        twins.push(known.len() - 1);
        known.len() - 1
    });
    known[at].found.insert(found);
}

/// Drops what is no root after all, renders the charts that nothing uses, and puts everything in order.
fn close(repository: &Repository, stages: &dyn Stages, state: State, findings: Vec<Finding>) -> Fixpoint {
    let kept = reach::kept(repository, &state);
    let mut fixpoint = Fixpoint { findings, ..Fixpoint::default() };
    let State { roots, applications, sets, projects, rendered, expanded, .. } = state;
    let mut used_charts = BTreeSet::new();
    let charts_of = |rendered: &Rendered| -> Vec<FileId> {
        rendered.output.used.iter().copied().filter(|id| repository.class(*id) == Class::Chart).collect()
    };
    for ((known, rendered), kept) in applications.into_iter().zip(rendered).zip(&kept.applications) {
        if *kept {
            used_charts.extend(charts_of(&rendered));
            fixpoint.resolved.applications.push(known.object);
            fixpoint.rendered.push(rendered);
        }
    }
    fixpoint.rendered.sort_by(|a, b| a.target.id.cmp(&b.target.id));
    fixpoint.resolved.applications.sort_by_cached_key(|application| {
        (SmolStr::new(application.namespace()), SmolStr::new(application.name()), application.origin().mark)
    });
    let mut others: Vec<Rendered> =
        roots.into_iter().zip(&kept.roots).filter(|(_, kept)| **kept).map(|(rendered, _)| rendered).collect();
    for rendered in &others {
        used_charts.extend(charts_of(rendered));
    }
    let charts: Vec<Target> = roots::charts(repository)
        .into_iter()
        .filter(|target| !matches!(&target.kind, TargetKind::Chart(directory) if repository.charts.get(directory).is_some_and(|id| used_charts.contains(id))))
        .collect();
    others.par_extend(charts.into_par_iter().map(|target| {
        let output = stages.render(&target);
        Rendered { target: Arc::new(target), output }
    }));
    others.sort_by(|a, b| a.target.id.cmp(&b.target.id));
    fixpoint.rendered.extend(others);
    for ((known, expanded), kept) in sets.into_iter().zip(expanded).zip(&kept.sets) {
        if *kept {
            if expanded.whole {
                fixpoint.resolved.expanded.insert(known.object.node.mark());
            }
            fixpoint.resolved.application_sets.push(known.object);
            fixpoint.findings.extend(expanded.findings);
            fixpoint.not_judged.extend(expanded.not_judged);
        }
    }
    let alive = |found: &BTreeSet<Found>| found.iter().any(|found| kept.is_kept(*found));
    fixpoint.resolved.projects =
        projects.into_iter().filter(|known| alive(&known.found)).map(|known| known.object).collect();
    let by_name = |resource: &Arc<Resource>| {
        (SmolStr::new(resource.namespace()), SmolStr::new(resource.name()), resource.node.mark())
    };
    fixpoint.resolved.application_sets.sort_by_cached_key(by_name);
    fixpoint.resolved.projects.sort_by_cached_key(by_name);
    fixpoint
}
