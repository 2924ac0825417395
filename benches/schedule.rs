//! What it costs to plan and to schedule very many Applications: no server, every cluster in memory.
//!
//! `cargo bench --bench schedule -- [APPLICATIONS CLUSTERS]...` prints, for each size, the time and the memory that are
//! needed for the plan (its tasks, its text, its digest) and for the rollout: three environments, three waves in each
//! cluster, ApplicationSets with two steps, and the state machine of each Application until it has ended.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tiphys::health::Health;
use tiphys::origin::FileId;
use tiphys::plan::{
    ClusterPlan, Deployment, Desired, Digest, ObjectRef, Plan, Pruning, Role, Unit, VERSION, canonical, order,
};
use tiphys::render::Resource;
use tiphys::resolve::Application;
use tiphys::sync::machine::{self, Act, Backend, Key, Operation, Refusal, Verb};
use tiphys::sync::{Schedule, Slot};
use tiphys::yaml::{Limits, read};

/// One Application's view of a cluster in memory: its own objects, as the executor's mirror shows them.
struct View<'c> {
    objects: &'c mut BTreeMap<Key, Arc<Value>>,
    own: Vec<Key>,
}

impl Backend for View<'_> {
    async fn live(&mut self) -> Result<Vec<Arc<Value>>, String> {
        Ok(self.own.iter().filter_map(|key| self.objects.get(key).cloned()).collect())
    }

    async fn get(&mut self, key: &Key) -> Result<Option<Arc<Value>>, String> {
        Ok(self.objects.get(key).cloned())
    }

    async fn perform(&mut self, acts: Vec<Act>) -> Vec<Result<String, Refusal>> {
        for act in acts.iter().filter(|act| !act.dry_run && act.verb == Verb::Apply) {
            if let Some(target) = &act.target {
                self.objects.insert(act.key.clone(), Arc::clone(target));
            }
        }
        vec![Ok(String::new()); acts.len()]
    }

    fn health(&self, _: &Value) -> Option<Health> {
        Some(Health::Healthy)
    }

    fn is_namespaced(&self, _: &str, _: &str) -> Option<bool> {
        Some(true)
    }
}

fn application(name: &str, wave: usize) -> Arc<Application> {
    let text = format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd, \
         annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}}}, spec: {{destination: {{namespace: {name}}}}}}}"
    );
    let node = read(FileId(0), &text, Limits::default()).documents.remove(0).root;
    Arc::new(Application { resource: Resource { node }, generated_by: None })
}

fn desired(application: &str, namespace: &str, api_version: &str, kind: &str) -> Desired {
    let manifest = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web"}}, "spec": {"replicas": 2}});
    Desired {
        object: ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: "web".to_owned(),
        },
        application: application.to_owned(),
        role: Role::Object,
        ahead: false,
        digest: Digest::of(&canonical(&manifest)),
        manifest: Arc::new(manifest),
        source: "apps/web.yaml:2".to_owned(),
    }
}

/// Three waves among two hundred Applications, which the two steps of their set do not contradict.
fn wave(number: usize) -> usize {
    number % 200 / 67
}

fn deployment(cluster: usize, applications: std::ops::Range<usize>) -> Deployment {
    let mut deployment = Deployment {
        cluster: format!("https://cluster-{cluster}.example.com"),
        objects: Vec::new(),
        skipped: Vec::new(),
        applications: BTreeMap::new(),
        settings: std::sync::Arc::default(),
    };
    for number in applications {
        let (name, id) = (format!("app-{number}"), format!("argocd/app-{number}"));
        for (api_version, kind) in [("v1", "ConfigMap"), ("v1", "Service"), ("apps/v1", "Deployment")] {
            deployment.objects.push(desired(&id, &name, api_version, kind));
        }
        let unit = Unit {
            application: application(&name, wave(number)),
            wave: wave(number) as i64,
            environment: None,
            turn: None,
            project: None,
            pruning: Pruning::Automated,
        };
        deployment.applications.insert(id, unit);
    }
    deployment
}

/// The most memory that the process ever had, in mebibytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

fn measure(applications: usize, clusters: usize, runtime: &tokio::runtime::Runtime) {
    let each = applications / clusters;
    let deployments: Vec<Deployment> =
        (0..clusters).map(|cluster| deployment(cluster, cluster * each..(cluster + 1) * each)).collect();
    let began = Instant::now();
    let parts = deployments.iter().map(|deployment| ClusterPlan {
        cluster: deployment.cluster.clone(),
        live: true,
        identity: None,
        tasks: order::tasks(deployment, &[]),
        skipped: Vec::new(),
        max_deletions: None,
    });
    let plan = Plan {
        version: VERSION,
        tiphys: String::new(),
        commit: None,
        inputs: Digest::default(),
        policies: Digest::default(),
        selection: Vec::new(),
        accepted: Vec::new(),
        expires: None,
        clusters: parts.collect(),
        digest: Digest::default(),
        signature: None,
    }
    .sealed();
    let text = plan.to_json();
    let planned = began.elapsed();

    let began = Instant::now();
    let units: Vec<(usize, &str)> = deployments
        .iter()
        .enumerate()
        .flat_map(|(cluster, deployment)| deployment.applications.keys().map(move |id| (cluster, id.as_str())))
        .collect();
    let slots = units.iter().map(|(cluster, id)| {
        let number: usize =
            id.rsplit('-').next().and_then(|text| text.parse().ok()).expect("an id ends with its number");
        Slot {
            cluster: *cluster,
            stage: cluster * 3 / clusters,
            wave: deployments[*cluster].applications[*id].wave,
            turn: Some((number / 200, number % 200 / 100, Some(25))),
        }
    });
    let mut schedule = Schedule::new(slots.collect(), &BTreeSet::new());
    let mut objects: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for desired in deployments.iter().flat_map(|deployment| &deployment.objects) {
        objects.entry(&desired.application).or_default().push(desired);
    }
    let mut live: Vec<BTreeMap<Key, Arc<Value>>> = vec![BTreeMap::new(); clusters];
    let mut done = 0;
    loop {
        if let Some(stage) = schedule.gate() {
            schedule.open(stage);
        }
        let Some(index) = schedule.take() else { break };
        let (cluster, id) = units[index];
        let wanted = objects[id].iter().map(|desired| Arc::clone(&desired.manifest));
        let own = objects[id].iter().map(|desired| Key::of(&desired.manifest)).collect();
        let mut operation = Operation::new(wanted, machine::Options { validate: true, ..machine::Options::default() });
        let mut view = View { objects: &mut live[cluster], own };
        runtime.block_on(async {
            while !operation.has_ended() {
                operation.reconcile(&mut view).await;
            }
        });
        schedule.done(index);
        done += 1;
    }
    let scheduled = began.elapsed();
    let held: usize = live.iter().map(BTreeMap::len).sum();
    assert_eq!((done, held), (units.len(), plan.clusters.iter().map(|part| part.tasks.len()).sum()));
    println!(
        "{} Applications in {clusters} clusters, {held} objects: planned in {:.2} s ({} MB of JSON), rolled out in {:.2} s, \
         at most {} MB",
        units.len(),
        planned.as_secs_f64(),
        text.len() >> 20,
        scheduled.as_secs_f64(),
        peak()
    );
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes: Vec<(usize, usize)> = match numbers.as_slice() {
        [] => vec![(25_000, 125), (50_000, 250), (100_000, 500)],
        numbers => numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    for (applications, clusters) in sizes {
        measure(applications, clusters.max(1), &runtime);
    }
}
