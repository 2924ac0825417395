//! What each cluster should hold: every object that an Application deploys there, as it is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::digest::{Digest, canonical};
use super::{ObjectRef, Skipped};
use crate::check::{Checked, environment};
use crate::render::Resource;
use crate::resolve::applicationset::{Turn, turns};
use crate::resolve::instance::Instance;
use crate::resolve::{Application, Rendered};
use crate::schema::{Catalogue, Scope};
use crate::sync::{Settings, machine, options};

/// The annotation by which Argo CD tells what an Application owns.
pub const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// Everything for one cluster.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The cluster, as Applications name it.
    pub cluster: String,
    /// The objects and the hooks.
    pub objects: Vec<Desired>,
    /// What is left alone.
    pub skipped: Vec<Skipped>,
    /// The Applications that deploy here, by `namespace/name`.
    pub applications: BTreeMap<String, Unit>,
    /// What holds for all of them.
    pub settings: Arc<Settings>,
}

/// An Application and what a plan has to know of it.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The Application.
    pub application: Arc<Application>,
    /// Its wave among the Applications.
    pub wave: i64,
    /// Its environment, if one is known.
    pub environment: Option<String>,
    /// The ApplicationSet that rolls it out, and its turn there.
    pub turn: Option<(String, Turn)>,
    /// Its AppProject, if the repository holds it.
    pub project: Option<Arc<Resource>>,
    /// What may be pruned for it.
    pub pruning: Pruning,
}

/// Whether what an Application no longer deploys is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// It prunes by itself: `automated.prune`.
    Automated,
    /// Only when a person asks for it.
    Asked,
    /// It renders to nothing, and does not say `allowEmpty`: a person must ask for it.
    Empty,
    /// Part of it could not be rendered, so nobody knows what it no longer deploys.
    Never,
}

/// What part an object has in a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is applied and kept.
    Object,
    /// It runs in its phases.
    Hook,
    /// The namespace that `CreateNamespace=true` asks for.
    Namespace,
}

/// One object as it should be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Its names.
    pub object: ObjectRef,
    /// `namespace/name` of the Application.
    pub application: String,
    /// What it is for.
    pub role: Role,
    /// Whether it is applied before all Applications: another one needs it, and would not come after it.
    pub ahead: bool,
    /// The object: namespace set, tracking annotation in place.
    pub manifest: Arc<Value>,
    /// Digest of the manifest.
    pub digest: Digest,
    /// `path:line`
    pub source: String,
}

/// What every cluster should hold, clusters sorted by name.
pub fn deployments(checked: &Checked) -> Vec<Deployment> {
    let mut clusters: BTreeMap<String, Deployment> = BTreeMap::new();
    let config = Instance::of(checked.rendered()).settings.map(|resource| resource.node.to_json());
    let settings = Arc::new(Settings::of(config, checked.config().sync.deadlines.clone()));
    let turns = turns_of(checked);
    for rendered in checked.rendered().iter() {
        let Some(application) = rendered.application() else { continue };
        let cluster = cluster_of(checked, application);
        let deployment = clusters.entry(cluster.to_owned()).or_insert_with(|| Deployment {
            cluster: cluster.to_owned(),
            objects: Vec::new(),
            skipped: Vec::new(),
            applications: BTreeMap::new(),
            settings: Arc::clone(&settings),
        });
        let unit = Unit {
            application: Arc::clone(application),
            wave: machine::wave(&application.resource.node.to_json()),
            environment: environment(checked.config(), application).map(str::to_owned),
            turn: turns.get(application.id().to_string().as_str()).cloned(),
            project: project_of(checked, application),
            pruning: pruning(rendered, application),
        };
        deployment.applications.insert(application.id().to_string(), unit);
        let catalogue = checked.schemas().for_cluster(cluster);
        add(checked, rendered, application, catalogue, deployment);
    }
    let mut deployments: Vec<Deployment> = clusters.into_values().collect();
    for deployment in &mut deployments {
        create_namespaces(checked, deployment);
        unique(deployment);
        mark_ahead(deployment);
    }
    deployments
}

/// The turns of the Applications whose sets roll out, by `namespace/name`.
fn turns_of(checked: &Checked) -> BTreeMap<String, (String, Turn)> {
    let resolved = checked.resolved();
    let mut out = BTreeMap::new();
    for set in &resolved.application_sets {
        let own: Vec<&Application> = resolved
            .applications
            .iter()
            .map(|application| &**application)
            .filter(|application| application.generated_by.as_deref() == Some(set.name()))
            .collect();
        let mut turns = turns(set, &own).unwrap_or_default();
        for application in own {
            if let Some(turn) = turns.remove(application.name()) {
                out.insert(application.id().to_string(), (set.name().to_owned(), turn));
            }
        }
    }
    out
}

fn project_of(checked: &Checked, application: &Application) -> Option<Arc<Resource>> {
    let name = application.spec(&["project"]).and_then(crate::yaml::Node::text).filter(|name| !name.is_empty());
    let name = name.unwrap_or("default");
    checked.resolved().projects.iter().find(|project| project.name() == name).cloned()
}

/// The cluster that `application` deploys to: its server, whichever way the destination names it.
fn cluster_of<'c>(checked: &'c Checked, application: &'c Application) -> &'c str {
    checked.resolved().clusters.server(application.destination_cluster())
}

fn pruning(rendered: &Rendered, application: &Application) -> Pruning {
    let automated = |key: &str| {
        application.spec(&["syncPolicy", "automated", key]).and_then(crate::yaml::Node::as_bool).unwrap_or(false)
    };
    let output = &rendered.output;
    if output.failed || !output.not_judged.is_empty() {
        Pruning::Never
    } else if output.resources.is_empty() && !automated("allowEmpty") {
        Pruning::Empty
    } else if automated("prune") {
        Pruning::Automated
    } else {
        Pruning::Asked
    }
}

fn add(
    checked: &Checked,
    rendered: &Rendered,
    application: &Application,
    catalogue: &Catalogue,
    deployment: &mut Deployment,
) {
    for resource in &rendered.output.resources {
        let namespaced = catalogue.scope(resource.api_version(), resource.kind()) != Some(Scope::Cluster);
        let namespace = match (namespaced, resource.namespace()) {
            (false, _) => "",
            (true, "") => application.destination_namespace(),
            (true, namespace) => namespace,
        };
        let mut manifest = resource.node.to_json();
        let hook = machine::is_hook(&manifest);
        let prefix = manifest["metadata"]["generateName"].as_str().filter(|_| hook && resource.name().is_empty());
        let object = ObjectRef {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: namespace.to_owned(),
            // The server would take no such name for an object.
            name: prefix.map_or_else(|| resource.name().to_owned(), |prefix| format!("{prefix}*")),
        };
        let skip = |reason: &str| Skipped {
            object: object.clone(),
            application: application.id().to_string(),
            reason: reason.to_owned(),
        };
        if resource.group() == "argoproj.io"
            && matches!(resource.kind(), "Application" | "ApplicationSet" | "AppProject")
        {
            deployment.skipped.push(skip("what it deploys is in this plan itself"));
            continue;
        }
        if object.name.is_empty() {
            deployment.skipped.push(skip("it has no name"));
            continue;
        }
        if namespaced {
            manifest["metadata"]["namespace"] = json!(namespace);
        } else if let Some(metadata) = manifest["metadata"].as_object_mut() {
            metadata.remove("namespace");
        }
        // Argo CD tracks no definitions: they outlive their Application.
        if object.kind != "CustomResourceDefinition" {
            let (id, destination) = (application.id(), application.destination_namespace());
            deployment.settings.tracking.mark(&mut manifest, &object, &id, destination, resource.name());
        }
        let mark = rendered_mark(resource);
        let source = format!("{}:{}", checked.repository().snapshot.path(mark.file), mark.line);
        deployment.objects.push(Desired {
            object,
            application: application.id().to_string(),
            role: if hook { Role::Hook } else { Role::Object },
            ahead: false,
            digest: Digest::of(&canonical(&manifest)),
            manifest: Arc::new(manifest),
            source,
        });
    }
}

fn rendered_mark(resource: &Resource) -> crate::origin::Mark {
    resource.node.get("kind").map_or(resource.node.mark(), |kind| kind.mark())
}

/// Namespaces that Applications ask for by `CreateNamespace=true` and nothing deploys. They are not tracked: Argo CD
/// does not delete them either.
fn create_namespaces(checked: &Checked, deployment: &mut Deployment) {
    let mut wanted: BTreeMap<String, (String, String, Value)> = BTreeMap::new();
    for rendered in checked.rendered().iter() {
        let Some(application) = rendered.application() else { continue };
        if cluster_of(checked, application) != deployment.cluster {
            continue;
        }
        let options =
            application.spec(&["syncPolicy", "syncOptions"]).map(crate::yaml::Node::items).unwrap_or_default();
        let namespace = application.destination_namespace();
        let Some(option) = options.iter().find(|option| option.text() == Some("CreateNamespace=true")) else {
            continue;
        };
        if namespace.is_empty() {
            continue;
        }
        let mark = option.mark();
        let source = format!("{}:{}", checked.repository().snapshot.path(mark.file), mark.line);
        let metadata = application.spec(&["syncPolicy", "managedNamespaceMetadata"]).map(|node| node.to_json());
        let mut manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        for key in ["labels", "annotations"] {
            if let Some(value) = metadata.as_ref().and_then(|metadata| metadata.get(key)) {
                manifest["metadata"][key] = value.clone();
            }
        }
        wanted.entry(namespace.to_owned()).or_insert((application.id().to_string(), source, manifest));
    }
    for (namespace, (application, source, manifest)) in wanted {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: namespace,
        };
        if deployment.objects.iter().any(|desired| desired.object == object) {
            continue;
        }
        deployment.objects.push(Desired {
            object,
            application,
            role: Role::Namespace,
            ahead: false,
            digest: Digest::of(&canonical(&manifest)),
            manifest: Arc::new(manifest),
            source,
        });
    }
}

/// Of several Applications that deploy one object, the first by name has it.
fn unique(deployment: &mut Deployment) {
    let mut seen: BTreeMap<ObjectRef, String> = BTreeMap::new();
    let Deployment { objects, skipped, .. } = deployment;
    objects.retain(|desired| match seen.get(&desired.object) {
        // Each is created under a name of its own.
        _ if desired.object.name.ends_with('*') => true,
        Some(owner) => {
            skipped.push(Skipped {
                object: desired.object.clone(),
                application: desired.application.clone(),
                reason: format!("Application {owner} deploys it as well"),
            });
            false
        }
        None => {
            seen.insert(desired.object.clone(), desired.application.clone());
            true
        }
    });
}

/// Marks namespaces and definitions that an Application needs which does not come after their own.
fn mark_ahead(deployment: &mut Deployment) {
    let wave = |id: &str| deployment.applications.get(id).map_or(0, |unit| unit.wave);
    let makes = |id: &str, namespace: &str| {
        deployment.applications.get(id).is_some_and(|unit| {
            unit.application.destination_namespace() == namespace && options(&unit.application).create_namespace
        })
    };
    let mut users: BTreeMap<Provided, BTreeSet<&str>> = BTreeMap::new();
    for desired in &deployment.objects {
        let object = &desired.object;
        let kind = Provided::Kind(object.group().to_owned(), object.kind.clone());
        users.entry(kind).or_default().insert(&desired.application);
        if !makes(&desired.application, &object.namespace) {
            let namespace = Provided::Namespace(object.namespace.clone());
            users.entry(namespace).or_default().insert(&desired.application);
        }
    }
    let ahead: Vec<bool> = deployment
        .objects
        .iter()
        .map(|desired| {
            let Some(provided) = provides(desired) else { return false };
            let own = wave(&desired.application);
            users
                .get(&provided)
                .is_some_and(|users| users.iter().any(|user| *user != desired.application && wave(user) <= own))
        })
        .collect();
    for (desired, ahead) in deployment.objects.iter_mut().zip(ahead) {
        desired.ahead = ahead;
    }
}

/// What other objects cannot be without.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Provided {
    Namespace(String),
    Kind(String, String),
}

fn provides(desired: &Desired) -> Option<Provided> {
    let text = |pointer: &str| desired.manifest.pointer(pointer)?.as_str().map(str::to_owned);
    match (desired.object.group(), desired.object.kind.as_str()) {
        _ if desired.role == Role::Hook => None,
        ("", "Namespace") => Some(Provided::Namespace(desired.object.name.clone())),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Some(Provided::Kind(text("/spec/group")?, text("/spec/names/kind")?))
        }
        _ => None,
    }
}
