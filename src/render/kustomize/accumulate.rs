//! Accumulating a kustomization: its resources and those of its bases, then its generators, components and
//! transformers, in kustomize's order.
//!
//! A base is accumulated once and shared: see [`Builds::base`]. A component works on what is accumulated so far, so it
//! runs anew in each kustomization that lists it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::build::Build;
use super::config::Config;
use super::embedded;
use super::generate;
use super::go_yaml;
use super::in_force::InForce;
use super::kustomization::Kustomization;
use super::overrides::Served;
use super::patch::unfit;
use super::plugin;
use super::remote::{Missing, Remotes, is_remote};
use super::resource::{Res, is_nil_or_empty, raw};
use super::schema::{Beside, MergeSchema};
use super::transform;
use crate::check::rules;
use crate::finding::Finding;
use crate::load::{KUSTOMIZATION_NAMES, Repository};
use crate::origin::{FileId, Mark};
use crate::render::helm::Charts;
use crate::source::{Content, File, MAX_FILE_BYTES, base_name, join, normalize, parent};
use crate::yaml::{Document, Limits, Node, ProblemKind, Value, YamlFile, read};

/// Kustomizations include each other at most this deep.
const DEPTH: usize = 64;

/// A base that is accumulated once, by whichever thread asks first.
type Slot = Arc<OnceLock<Arc<Build>>>;

/// Renders the kustomizations of one repository. What several of them share is read and accumulated once.
#[derive(Debug)]
pub struct Builds<'r> {
    pub(super) repository: &'r Repository,
    pub(super) options: Options,
    kustomizations: Mutex<HashMap<String, Option<Arc<Kustomization>>>>,
    bases: Mutex<HashMap<(String, Option<FileId>), Slot>>,
    reaches: Mutex<HashMap<String, Arc<Reach>>>,
    schemas: Mutex<HashMap<(FileId, Beside), Arc<MergeSchema>>>,
    /// Stands where a node is taken out for a moment.
    pub(super) placeholder: Arc<Node>,
    /// The charts of the repository.
    pub(super) charts: Charts<'r>,
    /// Paths that were asked for, from the root, where the snapshot holds nothing.
    missing: Mutex<BTreeSet<String>>,
    /// Selectors and images that selected something in some build, by their places.
    matched: Mutex<BTreeSet<Mark>>,
    remotes: Remotes,
}

/// How kustomize is called.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Files must lie in or below the directory of the kustomization that names them.
    pub restrict: bool,
    /// Charts are inflated.
    pub helm: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { restrict: true, helm: true }
    }
}

/// Which directories a kustomization includes, directly or not.
#[derive(Debug, Default)]
struct Reach {
    directories: BTreeSet<String>,
    cyclic: bool,
    /// Whether one of them names a schema.
    openapi: bool,
    /// Whether charts are inflated: their namespace is that of the kustomization that asks.
    charts: bool,
}

/// The kustomization that is being accumulated.
#[derive(Clone, Copy)]
pub(super) struct Context<'b, 'r> {
    pub(super) builds: &'b Builds<'r>,
    pub(super) directory: &'b str,
    pub(super) in_force: &'b InForce,
    /// Whether a kustomization that is still to be read may name the schema.
    pub(super) undecided: bool,
    /// The directories of the kustomizations that include this one, and its own.
    pub(super) chain: &'b [String],
    /// The namespace of charts that name none.
    pub(super) helm_namespace: Option<&'b str>,
    /// What charts are told of the cluster.
    pub(super) cluster: &'b Served,
    /// Whether `buildMetadata` asks for origins.
    pub(super) provenance: Option<&'b str>,
}

impl<'b> Context<'b, '_> {
    /// What merges go by.
    pub(super) fn schema(&self) -> &'b MergeSchema {
        self.in_force.schema()
    }

    /// The file that `node` names, and its path from the root of the repository.
    pub(super) fn file(&self, node: &Node) -> Result<(FileId, String), Missing> {
        let written = raw(node);
        let not_found =
            |message: String| Finding::new(&rules::kustomize_resource_not_found::RULE, node.mark()).message(message);
        let wrong = |finding: Finding| Missing::Wrong(Box::new(finding));
        let remote = is_remote(written);
        if remote && self.builds.remotes.local(written).is_none() {
            return Err(Missing::elsewhere(node, "file", written));
        }
        let Some(path) = self.builds.path(self.directory, written) else {
            return Err(wrong(not_found(format!("{written}: the path leaves the repository"))));
        };
        let snapshot = &self.builds.repository.snapshot;
        let Some(id) = snapshot.find(&path) else {
            let finding = not_found(format!("{written}: no such file"));
            return Err(wrong(self.builds.did_you_mean(finding, &path)));
        };
        let real = snapshot.path(id);
        if !remote && !self.may_load(real) {
            return Err(wrong(
                Finding::new(&rules::kustomize_load_restriction::RULE, node.mark())
                    .message(format!("{written}: the file is not in or below the kustomization's directory"))
                    .help("copy the file below, or make a kustomization of its directory and list that as a resource"),
            ));
        }
        Ok((id, real.to_owned()))
    }

    /// Whether the kustomization may read a file, by its path from the root.
    pub(super) fn may_load(&self, path: &str) -> bool {
        !self.builds.options.restrict
            || self.directory.is_empty()
            || path.strip_prefix(self.directory).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Notes that the file which `node` names was read.
    pub(super) fn used(&self, node: &Node, build: &mut Build) {
        if let Ok((id, _)) = self.file(node) {
            build.used.insert(id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What the maps hold is complete at every moment, so a panic elsewhere does no harm to it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'r> Builds<'r> {
    /// Builds of the kustomizations of `repository`, as Argo CD makes them.
    pub fn new(repository: &'r Repository) -> Builds<'r> {
        Builds::with(repository, Options::default())
    }

    /// Builds with options.
    pub fn with(repository: &'r Repository, options: Options) -> Builds<'r> {
        Builds {
            repository,
            options,
            kustomizations: Mutex::default(),
            bases: Mutex::default(),
            reaches: Mutex::default(),
            schemas: Mutex::default(),
            placeholder: Arc::new(Node::null(crate::origin::Origin::NONE)),
            charts: Charts::new(repository),
            missing: Mutex::default(),
            matched: Mutex::default(),
            remotes: Remotes::default(),
        }
    }

    /// With directories that stand for what lies elsewhere.
    #[must_use]
    pub fn with_remotes(self, remotes: Remotes) -> Builds<'r> {
        Builds { remotes, ..self }
    }

    /// Remembers that the selector or image at `mark` selected something.
    pub(super) fn note_match(&self, mark: Mark) {
        lock(&self.matched).insert(mark);
    }

    /// Takes out of `findings` the selectors that select nothing in one build and something in another: a component is
    /// written for all that include it.
    pub fn forgive(&self, findings: &mut Vec<Finding>) {
        let matched = lock(&self.matched);
        let rules = [
            rules::unmatched_patch_target::RULE.id,
            rules::unmatched_image_override::RULE.id,
            rules::replacement_without_effect::RULE.id,
            rules::variable_without_effect::RULE.id,
        ];
        findings.retain(|finding| !rules.contains(&finding.rule.as_str()) || !matched.contains(&finding.mark));
    }

    /// The paths, from the root, that kustomizations asked for and where the snapshot holds nothing.
    pub fn missing(&self) -> Vec<String> {
        lock(&self.missing).iter().cloned().collect()
    }

    /// `path`, as it is written in a file of `directory`, from the root; `None` if it leaves the repository.
    pub(super) fn path(&self, directory: &str, path: &str) -> Option<String> {
        let mapped = || self.remotes.local(path);
        let path = if path.starts_with('/') { None } else { mapped().or_else(|| normalize(directory, path)) }?;
        let snapshot = &self.repository.snapshot;
        if snapshot.find(&path).is_none() && snapshot.directory(&path).is_none() {
            lock(&self.missing).insert(path.clone());
        }
        Some(path)
    }

    pub(super) fn did_you_mean(&self, finding: Finding, path: &str) -> Finding {
        let directory = parent(path);
        let skip = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let siblings: BTreeSet<&str> = self
            .repository
            .snapshot
            .under(directory)
            .filter_map(|(_, file)| file.path.get(skip..)?.split('/').next())
            .collect();
        finding.help_did_you_mean(base_name(path), siblings)
    }

    /// Parses the text of a scalar, with marks in the file where it stands.
    pub(super) fn embedded(&self, node: &Node) -> (YamlFile, FileId) {
        let file = node.mark().file;
        let source = self.repository.snapshot.text(file);
        (embedded::parse(node, source.map(|text| &**text)), file)
    }

    /// The kustomization of a directory, read once.
    pub(super) fn kustomization(&self, directory: &str) -> Option<Arc<Kustomization>> {
        if let Some(known) = lock(&self.kustomizations).get(directory) {
            return known.clone();
        }
        let snapshot = &self.repository.snapshot;
        let files: Vec<FileId> =
            KUSTOMIZATION_NAMES.iter().filter_map(|name| snapshot.find(&join(directory, name))).collect();
        let kustomization = files.first().map(|id| {
            let yaml = self.repository.yaml(*id);
            // kustomize reads its own file leniently: the last of two equal keys counts.
            let repeated = yaml.is_some_and(|yaml| {
                yaml.problems.iter().any(|problem| matches!(problem.kind, ProblemKind::DuplicateKey { .. }))
            });
            let limits = Limits { last_key_wins: true, ..Limits::default() };
            let again = snapshot.text(*id).filter(|_| repeated).map(|text| Arc::new(read(*id, text, limits)));
            let yaml = again.as_ref().or(yaml);
            let root = yaml.and_then(|yaml| yaml.documents.first()).map(|document| &document.root);
            let broken = yaml.is_none_or(|yaml| {
                yaml.problems.iter().any(|problem| !matches!(problem.kind, ProblemKind::DuplicateKey { .. }))
            });
            let path = snapshot.path(*id);
            let mut kustomization = if broken && root.is_none() {
                Kustomization { path: path.to_owned(), ..Kustomization::default() }
            } else {
                Kustomization::read(*id, path, root)
            };
            if let (Some(root), Some(text)) = (root, snapshot.text(*id))
                && let Err((mark, message)) = go_yaml::scalars(root, text)
            {
                kustomization.findings.push(Finding::new(&rules::kustomize_error::RULE, mark).message(message));
            }
            if files.len() > 1 {
                let finding = Finding::new(&rules::kustomize_error::RULE, Mark::file(*id))
                    .message(format!("{directory} has {} kustomization files", files.len()));
                kustomization.findings.push(finding);
            }
            Arc::new(kustomization)
        });
        lock(&self.kustomizations).entry(directory.to_owned()).or_insert(kustomization).clone()
    }

    /// The directories that the kustomization of `directory` includes directly.
    fn includes(&self, directory: &str) -> Vec<String> {
        let Some(kustomization) = self.kustomization(directory) else { return Vec::new() };
        let lists = [
            &kustomization.resources,
            &kustomization.components,
            &kustomization.generators,
            &kustomization.transformers,
            &kustomization.validators,
        ];
        let snapshot = &self.repository.snapshot;
        lists
            .into_iter()
            .flatten()
            .map(raw)
            .filter(|written| !written.contains('\n'))
            .filter_map(|written| match is_remote(written) {
                true => self.remotes.local(written),
                false => normalize(directory, written),
            })
            .filter(|path| snapshot.find(path).is_none())
            .filter_map(|path| snapshot.directory(&path))
            .collect()
    }

    fn reach(&self, directory: &str) -> Arc<Reach> {
        if let Some(known) = lock(&self.reaches).get(directory) {
            return known.clone();
        }
        let mut reach = Reach::default();
        // Depth first; what is open when it is met again closes a circle.
        let mut open: Vec<(String, Vec<String>)> = vec![(directory.to_owned(), self.includes(directory))];
        let mut on_path: HashSet<String> = HashSet::from([directory.to_owned()]);
        while let Some((current, rest)) = open.last_mut() {
            match rest.pop() {
                Some(next) => {
                    if on_path.contains(&next) || open.len() > DEPTH {
                        reach.cyclic = true;
                    } else if reach.directories.insert(next.clone()) {
                        on_path.insert(next.clone());
                        let includes = self.includes(&next);
                        open.push((next, includes));
                    }
                }
                None => {
                    on_path.remove(&current.clone());
                    open.pop();
                }
            }
        }
        let inflates = |directory: &str| {
            self.kustomization(directory).is_some_and(|kustomization| {
                !kustomization.helm_charts.is_empty() || !kustomization.generators.is_empty()
            })
        };
        reach.openapi = reach.directories.iter().any(|inner| {
            self.kustomization(inner)
                .is_some_and(|kustomization| kustomization.openapi_path.is_some() || kustomization.openapi_builtin)
        });
        reach.charts = inflates(directory) || reach.directories.iter().any(|inner| inflates(inner));
        let reach = Arc::new(reach);
        lock(&self.reaches).entry(directory.to_owned()).or_insert(reach).clone()
    }

    /// Whether a kustomization that `directory` includes names a schema.
    pub(super) fn includes_schema(&self, directory: &str) -> bool {
        self.reach(directory).openapi
    }

    /// The schema of a file, with what counts `beside` it.
    pub(super) fn schema(&self, id: FileId, beside: Beside) -> Arc<MergeSchema> {
        if let Some(known) = lock(&self.schemas).get(&(id, beside)) {
            return known.clone();
        }
        let root = self.repository.yaml(id).and_then(|yaml| yaml.documents.first());
        let document = root.map_or(serde_json::Value::Null, |document| document.root.to_json());
        let schema = Arc::new(MergeSchema::from_openapi(&document, beside));
        lock(&self.schemas).entry((id, beside)).or_insert(schema).clone()
    }

    /// The bases that were accumulated, each once.
    #[cfg(test)]
    pub(super) fn accumulated(&self) -> Vec<String> {
        lock(&self.bases)
            .iter()
            .filter(|(_, base)| base.get().is_some())
            .map(|((directory, _), _)| directory.clone())
            .collect()
    }

    /// What the kustomization of `directory` accumulates to. Computed once, unless directories include each other.
    fn base(&self, directory: &str, context: &Context<'_, 'r>) -> Arc<Build> {
        let reach = self.reach(directory);
        let contained = reach.directories.iter().any(|inner| context.chain.iter().any(|outer| contains(inner, outer)));
        let undecided = context.undecided && !context.in_force.is_settled();
        if reach.cyclic || contained || context.provenance.is_some() || reach.charts || undecided {
            return Arc::new(self.accumulate(directory, context));
        }
        let slot = lock(&self.bases).entry((directory.to_owned(), context.in_force.file())).or_default().clone();
        // Nothing that is reached from here comes back here, so nobody who waits for this is waited for.
        slot.get_or_init(|| Arc::new(self.accumulate(directory, &Context { chain: &[], ..*context }))).clone()
    }

    fn accumulate(&self, directory: &str, outer: &Context<'_, 'r>) -> Build {
        let mut build = Build::default();
        let Some(kustomization) = self.kustomization(directory) else { return build };
        let mut chain = outer.chain.to_vec();
        chain.push(directory.to_owned());
        let context = Context { directory, chain: &chain, ..*outer };
        context.target(&kustomization, &mut build);
        build
    }
}

/// Whether the directory `outer` is `inner` or lies in it.
fn contains(inner: &str, outer: &str) -> bool {
    inner.is_empty() || outer == inner || outer.strip_prefix(inner).is_some_and(|rest| rest.starts_with('/'))
}

impl<'r> Context<'_, 'r> {
    /// Accumulates a kustomization into `build`, which for a component holds the resources it works on.
    pub(super) fn target(&self, kustomization: &Kustomization, build: &mut Build) {
        let snapshot = &self.builds.repository.snapshot;
        if let Some(id) = snapshot.find(&kustomization.path) {
            build.used.insert(id);
            let broken = |yaml: &YamlFile| {
                yaml.problems.iter().any(|problem| !matches!(problem.kind, ProblemKind::DuplicateKey { .. }))
            };
            if self.builds.repository.yaml(id).is_none_or(|yaml| broken(yaml)) {
                build.failed = true;
                build.partial = true;
            }
        }
        build.failed |= !kustomization.findings.is_empty();
        build.findings.extend(kustomization.findings.iter().cloned());
        self.in_force.consider(kustomization, self, build);
        let inner =
            Context { helm_namespace: kustomization.namespace.as_ref().map(raw).or(self.helm_namespace), ..*self };
        for entry in &kustomization.resources {
            inner.resource(entry, build);
        }
        self.configurations(kustomization, build);
        generate::run(&inner, kustomization, build);
        plugin::generators(&inner, kustomization, build);
        for entry in &kustomization.components {
            inner.component(entry, build);
        }
        build.renamed();
        transform::run(self, kustomization, build);
        plugin::transformers(self, kustomization, &kustomization.transformers, build);
        plugin::validators(self, kustomization, build);
        super::vars::declare(self, kustomization, build);
        build.renamed();
    }

    /// One entry of `resources`: a file, or a directory with a kustomization.
    pub(super) fn resource(&self, entry: &Node, build: &mut Build) {
        let written = raw(entry);
        if written.is_empty() {
            return build.error(entry.mark(), "a resource without path");
        }
        let remotes = &self.builds.remotes;
        let path = if is_remote(written) { remotes.local(written) } else { normalize(self.directory, written) };
        let snapshot = &self.builds.repository.snapshot;
        let is_file = path.as_ref().is_some_and(|path| !written.starts_with('/') && snapshot.find(path).is_some());
        if is_file {
            match self.file(entry) {
                Ok((id, _)) => {
                    let resources = self.objects(id, build);
                    self.append_file(entry, resources, build);
                }
                Err(missing) => {
                    build.partial = true;
                    build.lacks(missing);
                }
            }
            return;
        }
        if path.is_none() && is_remote(written) {
            return build.lacks(Missing::elsewhere(entry, "resource", written));
        }
        if let Some(directory) = self.directory_of(entry, build) {
            if self.builds.kustomization(&directory).is_some_and(|kustomization| kustomization.component) {
                return build.error(entry.mark(), format!("{written} is a component: list it under `components`"));
            }
            let provenance = self.provenance.map(|path| join_origin(path, written));
            let context = Context { provenance: provenance.as_deref(), ..*self };
            let base = self.builds.base(&directory, &context);
            build.report(&base);
            build.append(self, base.resources.clone(), entry.mark());
            build.vars.extend(base.vars.iter().cloned());
            self.merge_config(base.config.as_ref(), entry, build);
        }
    }

    fn append_file(&self, entry: &Node, mut resources: Vec<Res>, build: &mut Build) {
        if let Some(path) = self.provenance {
            let text: Arc<str> = format!("path: {}\n", join_origin(path, raw(entry))).into();
            for res in &mut resources {
                res.book.provenance = Some(text.clone());
            }
        }
        build.append(self, resources, entry.mark());
    }

    /// The directory that an entry names, if it can be included.
    fn directory_of(&self, entry: &Node, build: &mut Build) -> Option<String> {
        let written = raw(entry);
        let not_found =
            |message: String| Finding::new(&rules::kustomize_resource_not_found::RULE, entry.mark()).message(message);
        let Some(path) = self.builds.path(self.directory, written) else {
            build.miss(Some(Box::new(not_found(format!("{written}: the path leaves the repository")))));
            return None;
        };
        let Some(directory) = self.builds.repository.snapshot.directory(&path) else {
            let finding = not_found(format!("{written}: no such file or directory"));
            build.miss(Some(Box::new(self.builds.did_you_mean(finding, &path))));
            return None;
        };
        if let Some(outer) = self.chain.iter().find(|outer| contains(&directory, outer)) {
            let finding = Finding::new(&rules::kustomization_cycle::RULE, entry.mark())
                .message(format!("{written} leads back to {outer}"))
                .help("an overlay includes bases; a base never includes its overlay, nor a directory above it");
            build.miss(Some(Box::new(finding)));
            return None;
        }
        if self.chain.len() >= DEPTH {
            build.miss(None);
            build.error(entry.mark(), format!("kustomizations include each other more than {DEPTH} levels deep"));
            return None;
        }
        if self.builds.kustomization(&directory).is_none() {
            lock(&self.builds.missing).insert(directory.clone());
            let finding = Finding::new(&rules::kustomization_not_found::RULE, entry.mark())
                .message(format!("{written} has no kustomization file"))
                .help("add a kustomization.yaml that lists its manifests");
            build.miss(Some(Box::new(finding)));
            return None;
        }
        Some(directory)
    }

    /// One entry of `components`.
    fn component(&self, entry: &Node, build: &mut Build) {
        let written = raw(entry);
        if is_remote(written) && self.builds.remotes.local(written).is_none() {
            return build.lacks(Missing::elsewhere(entry, "component", written));
        }
        let Some(directory) = self.directory_of(entry, build) else { return };
        let Some(kustomization) = self.builds.kustomization(&directory) else { return };
        if !kustomization.component {
            return build.error(entry.mark(), format!("{written} is no component: its kind is not `Component`"));
        }
        let mut chain = self.chain.to_vec();
        chain.push(directory.clone());
        let provenance = self.provenance.map(|path| join_origin(path, written));
        let context = Context { directory: &directory, chain: &chain, provenance: provenance.as_deref(), ..*self };
        context.target(&kustomization, build);
    }

    fn merge_config(&self, config: Option<&Arc<Config>>, entry: &Node, build: &mut Build) {
        let Some(config) = config else { return };
        match &build.config {
            None => build.config = Some(config.clone()),
            Some(own) if Arc::ptr_eq(own, config) => {}
            Some(own) => {
                let mut merged = Config::clone(own);
                if let Err(message) = merged.merge(config) {
                    build.error(entry.mark(), message);
                }
                build.config = Some(Arc::new(merged));
            }
        }
    }

    fn configurations(&self, kustomization: &Kustomization, build: &mut Build) {
        let mut own = Config::default();
        for entry in &kustomization.configurations {
            let id = match self.file(entry) {
                Ok((id, _)) => id,
                Err(missing) => {
                    build.lacks(missing);
                    continue;
                }
            };
            build.used.insert(id);
            let root = self.builds.repository.yaml(id).and_then(|yaml| yaml.documents.first());
            let Some(document) = root else { continue };
            match Config::from_node(&document.root) {
                Ok(mut config) => {
                    config.named_at(&entry.origin);
                    if let Err(message) = own.merge(&config) {
                        build.error(entry.mark(), message);
                    }
                }
                Err((message, node)) => build.error(node.mark(), message),
            }
        }
        if let Some(entry) = kustomization.configurations.first() {
            // Each merge sorts, and the next one drops what an earlier entry covers: the order of the three shows.
            let mut table = Config::clone(Config::builtin());
            let mut merged = build.config.as_deref().cloned().unwrap_or_default();
            if let Err(message) = table.merge(&own).and_then(|()| merged.merge(&table)) {
                build.error(entry.mark(), message);
            }
            build.config = Some(Arc::new(merged));
        }
        for entry in &kustomization.crds {
            match self.file(entry) {
                Ok((id, _)) => {
                    build.used.insert(id);
                    super::crds::load(self, entry, id, build);
                }
                Err(missing) => build.lacks(missing),
            }
        }
    }

    /// The objects of a file.
    pub(super) fn objects(&self, id: FileId, build: &mut Build) -> Vec<Res> {
        build.used.insert(id);
        let repository = self.builds.repository;
        let Some(yaml) = repository.yaml(id) else {
            build.miss(None);
            build.error(Mark::file(id), unread(repository.snapshot.file(id)));
            return Vec::new();
        };
        if let Some(problem) = yaml.problems.first() {
            build.miss(None);
            if !repository.is_yaml(id) {
                build.error(problem.mark, "not valid YAML");
            }
        }
        let text = repository.snapshot.text(id).map_or("", |text| text);
        match go_yaml::documents(yaml, text) {
            Ok(yaml) => self.objects_of(&yaml, build),
            Err((mark, message)) => {
                build.miss(None);
                build.error(mark, message);
                Vec::new()
            }
        }
    }

    /// The objects of a parsed file; lists are taken apart.
    pub(super) fn objects_of(&self, yaml: &YamlFile, build: &mut Build) -> Vec<Res> {
        let (nodes, problems) = unlisted(&yaml.documents);
        for (mark, message) in problems {
            build.error(mark, message);
        }
        let mut resources = Vec::new();
        for node in nodes {
            if node.as_mapping().is_none() {
                build.error(node.mark(), "a Kubernetes object was expected");
                continue;
            }
            if let Some(message) = unfit(node) {
                build.error(node.mark(), message);
                continue;
            }
            self.in_force.note_kind(node.get("apiVersion").map_or("", raw), node.get("kind").map_or("", raw));
            resources.push(generate::with_notes(Res::new(Arc::new(node.clone()))));
        }
        resources
    }
}

/// The objects that a file holds at most, those in lists included.
const MAX_OBJECTS: usize = 1_000_000;

/// The objects of `documents`, where a list stands for its items; and what is wrong with lists.
pub(super) fn unlisted(documents: &[Document]) -> (Vec<&Node>, Vec<(Mark, String)>) {
    let single = documents.len() == 1;
    let mut problems = Vec::new();
    let mut queue: VecDeque<&Node> = VecDeque::new();
    for Document { root } in documents {
        let kind = root.get("kind").map_or("", raw);
        let items = root.get("items").or_else(|| root.get("functionConfig").filter(|_| kind == "ResourceList"));
        match items {
            Some(items) if single && (kind == "List" || kind == "ResourceList") => match &items.value {
                Value::Sequence(sequence) => queue.extend(&sequence.items),
                _ if items.is_null() => {}
                _ => problems.push((items.mark(), format!("the items of a {kind} are no list"))),
            },
            _ => queue.push_back(root),
        }
    }
    let mut objects = Vec::new();
    while let Some(node) = queue.pop_front() {
        if is_nil_or_empty(node) {
            continue;
        }
        let kind = node.get("kind").map_or("", raw);
        match node.get("items").filter(|_| kind.ends_with("List")) {
            None => objects.push(node),
            Some(items) => match &items.value {
                Value::Sequence(sequence) if objects.len() + queue.len() < MAX_OBJECTS => queue.extend(&sequence.items),
                _ if items.is_null() => {}
                _ => problems.push((items.mark(), format!("the items of a {kind} are no list"))),
            },
        }
    }
    (objects, problems)
}

/// Why a file has no YAML.
fn unread(file: Option<&File>) -> String {
    match file.map(|file| &file.content) {
        Some(Content::TooLarge(bytes)) => {
            format!("the file has {bytes} bytes; more than {MAX_FILE_BYTES} are not read: split it")
        }
        Some(Content::Outside(target)) => format!("a link to {target}, which is outside of the repository"),
        Some(Content::Unreadable(reason)) => format!("the file cannot be read: {reason}"),
        _ => "the file is no text".to_owned(),
    }
}

/// `path` below `base`, with `.` and `..` resolved as far as they go.
pub(super) fn join_origin(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
