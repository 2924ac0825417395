//! What was judged in, a picture of what deploys what out: one file a format.
//!
//! Roots lead to ApplicationSets, Applications and AppProjects; ApplicationSets to the Applications that they generate;
//! Applications to the Applications that they deploy, to their project and to their cluster. Every format is written
//! from the same [`Graph`], in the same order, so that the same snapshot gives the same bytes.

mod dot;
mod html;
mod mermaid;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

use smol_str::SmolStr;

use crate::check::Checked;
use crate::finding::{Finding, Severity};
use crate::render::Resource;
use crate::resolve::cluster::IN_CLUSTER_SERVER;
use crate::resolve::{Application, TargetKind};
use crate::yaml::Node as Yaml;

/// The formats of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A tree, for people at a terminal.
    Text,
    /// A flowchart in Mermaid's language, as Markdown shows it.
    Mermaid,
    /// A digraph in the language of Graphviz.
    Dot,
    /// A page of its own.
    Html,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A kustomization, chart or manifest that no file of the repository names.
    Root,
    /// An ApplicationSet.
    Set,
    /// An Application.
    Application,
    /// An AppProject.
    Project,
    /// A cluster.
    Cluster,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Root => "Root",
            Kind::Set => "ApplicationSet",
            Kind::Application => "Application",
            Kind::Project => "AppProject",
            Kind::Cluster => "Cluster",
        }
    }
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// The others.
    pub infos: usize,
}

impl Counts {
    fn add(&mut self, severity: Severity) {
        *match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Info => &mut self.infos,
        } += 1;
    }

    /// `2 errors, 1 warning`; empty where there is nothing.
    fn words(self) -> String {
        let part = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts = [part(self.errors, "error"), part(self.warnings, "warning"), part(self.infos, "info")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it stands for.
    pub kind: Kind,
    /// Its name: `argocd/web`, `kustomization apps`, `https://prod.example.com`.
    pub name: String,
    /// Where it is written: `apps/web.yaml:3`; empty if nowhere.
    pub place: String,
    /// How many objects it deploys: Applications and roots; how many Applications it has: the others.
    pub count: usize,
    /// What was found of it.
    pub findings: Counts,
    /// What it leads to, as indices; Applications and ApplicationSets after AppProjects, by name.
    pub leads_to: Vec<usize>,
    /// Its project and its cluster, as indices: Applications only.
    pub belongs_to: Vec<usize>,
}

/// What deploys what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// Roots, ApplicationSets, Applications, AppProjects, clusters; within a kind by name.
    pub nodes: Vec<Node>,
    /// Roots that lead to nothing of Argo CD's.
    pub other_roots: usize,
}

/// Draws what was judged.
pub fn graph(checked: &Checked) -> Graph {
    Drawing::new(checked).finish()
}

/// Writes `graph` in `format`.
///
/// # Errors
/// What the writer refuses.
pub fn write(graph: &Graph, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(graph, out),
        Format::Mermaid => mermaid::write(graph, out),
        Format::Dot => dot::write(graph, out),
        Format::Html => html::write(graph, out),
    }
}

impl Graph {
    /// The nodes of a kind, with their indices.
    fn of(&self, kind: Kind) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.kind == kind)
    }

    /// The nodes that nothing leads to, projects and clusters aside; then those that only lead to each other.
    fn tops(&self) -> Vec<usize> {
        let mut led_to = vec![false; self.nodes.len()];
        for target in self.nodes.iter().flat_map(|node| &node.leads_to) {
            led_to[*target] = true;
        }
        let is_drawn = |node: &Node| matches!(node.kind, Kind::Root | Kind::Set | Kind::Application);
        let mut tops: Vec<usize> =
            (0..self.nodes.len()).filter(|index| !led_to[*index] && is_drawn(&self.nodes[*index])).collect();
        let mut seen = vec![false; self.nodes.len()];
        let reach = |from: usize, seen: &mut Vec<bool>| {
            let mut open = vec![from];
            while let Some(at) = open.pop() {
                if !std::mem::replace(&mut seen[at], true) {
                    open.extend(&self.nodes[at].leads_to);
                }
            }
        };
        tops.iter().for_each(|top| reach(*top, &mut seen));
        for index in 0..self.nodes.len() {
            if !seen[index] && is_drawn(&self.nodes[index]) {
                tops.push(index);
                reach(index, &mut seen);
            }
        }
        tops
    }
}

/// What is behind a node's name: objects, or Applications.
fn counted(node: &Node) -> String {
    let word = match node.kind {
        Kind::Root | Kind::Application => "object",
        Kind::Set | Kind::Project | Kind::Cluster => "Application",
    };
    format!("{} {word}{}", node.count, if node.count == 1 { "" } else { "s" })
}

struct Drawing<'c> {
    checked: &'c Checked,
    nodes: Vec<Node>,
    other_roots: usize,
    by_name: BTreeMap<(Kind, String), usize>,
}

impl<'c> Drawing<'c> {
    fn new(checked: &'c Checked) -> Drawing<'c> {
        Drawing { checked, nodes: Vec::new(), other_roots: 0, by_name: BTreeMap::new() }
    }

    fn finish(mut self) -> Graph {
        self.collect();
        self.connect();
        self.count();
        Graph { nodes: self.nodes, other_roots: self.other_roots }
    }

    fn add(&mut self, kind: Kind, name: String, place: String) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.by_name.entry((kind, name.clone())) {
            entry.insert(self.nodes.len());
            self.nodes.push(Node {
                kind,
                name,
                place,
                count: 0,
                findings: Counts::default(),
                leads_to: Vec::new(),
                belongs_to: Vec::new(),
            });
        }
    }

    fn index(&self, kind: Kind, name: &str) -> Option<usize> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    fn place(&self, resource: &Resource) -> String {
        let name = resource.node.path(&["metadata", "name"]).map_or(resource.node.mark(), Yaml::mark);
        let mark = if name.is_some() { name } else { resource.node.mark() };
        let snapshot = &self.checked.repository().snapshot;
        if mark.is_some() { format!("{}:{}", snapshot.path(mark.file), mark.line) } else { String::new() }
    }

    fn collect(&mut self) {
        let (resolved, rendered) = (self.checked.resolved(), self.checked.rendered());
        for target in rendered.iter().filter(|rendered| rendered.application().is_none()) {
            if !target.output.resources.iter().any(|resource| kind_of(resource).is_some()) {
                self.other_roots += 1;
                continue;
            }
            let place = match &target.target.kind {
                TargetKind::Manifest(path) => path.clone(),
                TargetKind::Kustomization(directory) | TargetKind::Chart(directory) => directory.clone(),
                TargetKind::Application(_) => String::new(),
            };
            self.add(Kind::Root, target.target.id.clone(), place);
        }
        let mut sets: Vec<(String, String)> =
            resolved.application_sets.iter().map(|set| (id(set), self.place(set))).collect();
        sets.sort();
        sets.into_iter().for_each(|(name, place)| self.add(Kind::Set, name, place));
        for application in &resolved.applications {
            self.add(Kind::Application, application.id().to_string(), self.place(&application.resource));
        }
        let mut projects: Vec<(String, String)> =
            resolved.projects.iter().map(|project| (project.name().to_owned(), self.place(project))).collect();
        let mut clusters: Vec<(String, String)> = Vec::new();
        for application in &resolved.applications {
            projects.push((project_of(application).to_owned(), String::new()));
            clusters.push((self.cluster_of(application), String::new()));
        }
        // Of two of one name the one with a place comes first.
        projects.sort_by(|a, b| (&a.0, a.1.is_empty(), &a.1).cmp(&(&b.0, b.1.is_empty(), &b.1)));
        clusters.sort();
        projects.into_iter().for_each(|(name, place)| self.add(Kind::Project, name, place));
        clusters.into_iter().filter(|(name, _)| !name.is_empty()).for_each(|(name, place)| {
            self.add(Kind::Cluster, name, place);
        });
    }

    /// The name of an Application's cluster where it is known, else what the destination says.
    fn cluster_of(&self, application: &Application) -> String {
        let destination = application.destination_cluster();
        match self.checked.resolved().clusters.names_of(destination) {
            Some((server, name)) if server == IN_CLUSTER_SERVER => name.to_owned(),
            Some((server, name)) if name != server => format!("{name} ({server})"),
            _ => destination.to_owned(),
        }
    }

    fn connect(&mut self) {
        let (resolved, rendered) = (self.checked.resolved(), self.checked.rendered());
        for target in rendered.iter() {
            let from = match target.application() {
                Some(application) => self.index(Kind::Application, &application.id()),
                None => self.index(Kind::Root, &target.target.id),
            };
            let Some(from) = from else { continue };
            self.nodes[from].count += target.output.resources.len();
            for resource in &target.output.resources {
                let Some(kind) = kind_of(resource) else { continue };
                let name = if kind == Kind::Project { resource.name().to_owned() } else { id(resource) };
                if let Some(to) = self.index(kind, &name).filter(|to| *to != from) {
                    self.nodes[from].leads_to.push(to);
                }
            }
        }
        for application in &resolved.applications {
            let Some(index) = self.index(Kind::Application, &application.id()) else { continue };
            if let Some(set) = &application.generated_by
                && let Some(set) = self.index(Kind::Set, &format!("{}/{set}", application.namespace()))
            {
                self.nodes[set].leads_to.push(index);
                self.nodes[set].count += 1;
            }
            let project = self.index(Kind::Project, project_of(application));
            let cluster = self.index(Kind::Cluster, &self.cluster_of(application));
            for owner in [project, cluster].into_iter().flatten() {
                if !self.nodes[index].belongs_to.contains(&owner) {
                    self.nodes[index].belongs_to.push(owner);
                }
                self.nodes[owner].count += 1;
            }
        }
        let order: Vec<(bool, Kind)> = self.nodes.iter().map(|node| (node.kind != Kind::Project, node.kind)).collect();
        for node in &mut self.nodes {
            node.leads_to.sort_by_key(|index| (order[*index], *index));
            node.leads_to.dedup();
        }
    }

    /// Findings of an Application are those within what it deploys; those of a set or a project are about it.
    fn count(&mut self) {
        for finding in self.checked.findings() {
            if let Some(index) = self.concerned(finding) {
                self.nodes[index].findings.add(finding.severity);
            }
        }
    }

    fn concerned(&self, finding: &Finding) -> Option<usize> {
        let about = finding.resource.as_ref().and_then(|resource| {
            let namespace = if resource.namespace.is_empty() { "argocd" } else { resource.namespace.as_str() };
            match resource.kind.as_str() {
                "Application" => self.index(Kind::Application, &format!("{namespace}/{}", resource.name)),
                "ApplicationSet" => self.index(Kind::Set, &format!("{namespace}/{}", resource.name)),
                "AppProject" => self.index(Kind::Project, &resource.name),
                _ => None,
            }
        });
        about.or_else(|| self.index(Kind::Application, finding.application.as_ref().map(SmolStr::as_str)?))
    }
}

fn project_of(application: &Application) -> &str {
    application.spec(&["project"]).and_then(Yaml::text).filter(|name| !name.is_empty()).unwrap_or("default")
}

fn kind_of(resource: &Resource) -> Option<Kind> {
    match (resource.group(), resource.kind()) {
        ("argoproj.io", "Application") => Some(Kind::Application),
        ("argoproj.io", "ApplicationSet") => Some(Kind::Set),
        ("argoproj.io", "AppProject") => Some(Kind::Project),
        _ => None,
    }
}

fn id(resource: &Resource) -> String {
    let namespace = if resource.namespace().is_empty() { "argocd" } else { resource.namespace() };
    format!("{namespace}/{}", resource.name())
}

#[cfg(test)]
mod tests;
