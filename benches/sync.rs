//! Three thousand objects applied, and applied again unchanged, beside `kubectl apply --server-side` on one control plane.
//!
//! `cargo bench --bench sync -- --kubectl PATH [--count 1000] [--runs 1] [--concurrency 32]` makes so many Deployments,
//! Services and ConfigMaps of each. It starts the control plane of the cluster tests (`tests/cluster/build`), and gives
//! both the same objects in namespaces of their own, one after the other, the one that begins alternating. Of the first
//! time the phase in which tiphys applies is compared with kubectl as a whole: kubectl neither tries beforehand nor waits
//! for health, and what these take is printed beside it. Of the second time the whole command is compared.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

#[path = "../tests/cluster/harness.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod harness;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{ControlPlane, DEPLOYMENT, NAMESPACE, control_plane};
use serde_json::{Value, json};

struct Setting {
    kubectl: PathBuf,
    count: usize,
    concurrency: String,
}

/// What a command took.
struct Cost {
    wall: Duration,
    /// User and system time of the command itself.
    cpu: f64,
    /// Processor time of the API server meanwhile.
    server: f64,
    out: String,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wall = self.wall.as_secs_f64();
        write!(f, "{wall:.2} s ({:.2} s of processor, {:.2} s of the server's)", self.cpu, self.server)
    }
}

fn main() {
    let mut setting = Setting { kubectl: PathBuf::new(), count: 1000, concurrency: "32".to_owned() };
    let mut runs = 1;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().expect("an option has a value");
        match argument.as_str() {
            "--kubectl" => setting.kubectl = value.into(),
            "--count" => setting.count = value.parse().expect("a number"),
            "--runs" => runs = value.parse().expect("a number"),
            "--concurrency" => setting.concurrency = value,
            other => panic!("{other}: no such option"),
        }
    }
    if setting.kubectl.as_os_str().is_empty() {
        return println!("sync: --kubectl PATH is needed; nothing is measured");
    }
    let Some(plane) = control_plane() else { return };
    for run in 0..runs {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!("run {} of {runs}, load {}", run + 1, load.split(' ').next().unwrap_or_default());
        let (peer, ours) = match run % 2 {
            0 => {
                let peer = kubectl(plane, &setting);
                (peer, tiphys(plane, &setting))
            }
            _ => {
                let ours = tiphys(plane, &setting);
                (kubectl(plane, &setting), ours)
            }
        };
        let ratio = |theirs: &Cost, ours: f64| theirs.wall.as_secs_f64() / ours;
        println!("first:  {:.2} times as fast", ratio(&peer[0], ours.apply));
        println!("second: {:.2} times as fast", ratio(&peer[1], ours.again.wall.as_secs_f64()));
    }
}

fn objects(namespace: &str, number: usize) -> String {
    let name = format!("web-{number}");
    let labels = json!({"app.kubernetes.io/name": name});
    let container = json!({"name": "web", "image": "registry.example.com/web:1.0.0",
        "envFrom": [{"configMapRef": {"name": name}}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}}});
    let pod = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container]});
    let metadata = json!({"name": name, "namespace": namespace, "labels": labels});
    let all = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"PORT": "8080", "NAME": name}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod}}}),
    ];
    all.map(|object| format!("---\n{}", serde_yaml::to_string(&object).expect("an object is YAML"))).concat()
}

fn write(directory: &Path, namespace: &str, count: usize) {
    fs::create_dir_all(directory).expect("a directory is made");
    for number in 0..count {
        fs::write(directory.join(format!("web-{number}.yaml")), objects(namespace, number)).expect("it is written");
    }
}

/// Runs a command to its end.
fn measured(plane: &ControlPlane, command: &mut Command) -> Cost {
    let mut timed = Command::new("bash");
    timed.args(["-c", "TIMEFORMAT='%U %S'; time \"$@\"", "bash"]).arg(command.get_program()).args(command.get_args());
    let (server, began) = (server_time(plane), Instant::now());
    let output = timed.stderr(Stdio::piped()).output().expect("it starts");
    let wall = began.elapsed();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {err}");
    let times = err.lines().last().unwrap_or_default().split(' ').filter_map(|text| text.parse::<f64>().ok());
    Cost { wall, cpu: times.sum(), server: server_time(plane) - server, out: out.into_owned() }
}

/// The processor time of the API server so far, in seconds.
fn server_time(plane: &ControlPlane) -> f64 {
    let directory = plane.kubeconfig.parent().expect("it has a directory").join("etcd");
    let directory = directory.to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_it = |path: &Path| fs::read_to_string(path.join("cmdline")).is_ok_and(|line| line.contains(&directory));
    let Some(process) = processes.map(|entry| entry.path()).find(|path| is_it(path)) else { return 0.0 };
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Waits until all Deployments are available, and the server has nothing to do.
fn settle(plane: &ControlPlane, namespace: &str) {
    let available = |live: &Value| live["status"]["availableReplicas"] == live["spec"]["replicas"];
    while !plane.list(DEPLOYMENT, namespace).iter().all(available) {
        std::thread::sleep(Duration::from_secs(1));
    }
    loop {
        let before = server_time(plane);
        std::thread::sleep(Duration::from_secs(3));
        if server_time(plane) - before < 0.6 {
            return;
        }
    }
}

fn remove(plane: &ControlPlane, namespace: &str) {
    plane.delete(NAMESPACE, "", namespace);
    while plane.get(NAMESPACE, "", namespace).is_some() {
        std::thread::sleep(Duration::from_secs(1));
    }
    settle(plane, namespace);
}

fn kubectl(plane: &ControlPlane, setting: &Setting) -> [Cost; 2] {
    let directory = tempfile::tempdir().expect("a directory is made");
    write(directory.path(), "peer", setting.count);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "peer"}});
    plane.apply(NAMESPACE, "", &namespace).expect("the namespace is made");
    let apply = || {
        let mut command = Command::new(&setting.kubectl);
        command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["apply", "--server-side", "-f"]).arg(directory.path());
        measured(plane, &mut command)
    };
    let first = apply();
    println!("kubectl, first:  {first}");
    settle(plane, "peer");
    let second = apply();
    println!("kubectl, second: {second}");
    remove(plane, "peer");
    [first, second]
}

struct Ours {
    apply: f64,
    again: Cost,
}

fn tiphys(plane: &ControlPlane, setting: &Setting) -> Ours {
    let directory = tempfile::tempdir().expect("a directory is made");
    let root = directory.path().join("repository");
    write(&root.join("manifests"), "speed", setting.count);
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "speed", "namespace": "argocd"},
        "spec": {"project": "default",
            "source": {"repoURL": "https://git.example.com/speed.git", "path": "manifests", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "speed"},
            "syncPolicy": {"automated": {"prune": true}, "syncOptions": ["CreateNamespace=true"]}}});
    fs::write(root.join("application.yaml"), application.to_string()).expect("it is written");
    let [plan, journal] = ["plan.json", "journal.sqlite"].map(|name| directory.path().join(name));
    let connect = |command: &mut Command| {
        command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["--cluster", "*=test"]);
        command.args(["--concurrency", &setting.concurrency]);
    };
    let make = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiphys"));
        command.arg("plan").arg(&root).arg("--out").arg(&plan);
        connect(&mut command);
        measured(plane, &mut command)
    };
    let sync = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiphys"));
        command.arg("sync").arg(&plan).arg("--repository").arg(&root).arg("--journal").arg(&journal);
        command.args(["--format", "json", "--timeout", "900", "--stuck-after", "600"]);
        connect(&mut command);
        measured(plane, &mut command)
    };
    let event = |cost: &Cost, name: &str| -> Value {
        let events = cost.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.rev().find(|event| event["event"] == name).unwrap_or_default()
    };
    let planned = make();
    let first = sync();
    let (phases, ended) = (event(&first, "measured"), event(&first, "ended"));
    let part = |name: &str| phases[name].as_f64().unwrap_or(0.0);
    println!("tiphys, plan:    {planned}");
    println!(
        "tiphys, first:   applied in {:.2} s; tried in {:.2} s, healthy after {:.2} s, {} acts, {} requests; in all {first}",
        part("apply"),
        part("dry_run"),
        part("health"),
        phases["acts"],
        ended["requests"],
    );
    settle(plane, "speed");
    let planned = make();
    let again = sync();
    println!("tiphys, plan:    {planned}");
    println!("tiphys, second:  {again}, {} requests", event(&again, "ended")["requests"]);
    remove(plane, "speed");
    Ours { apply: part("apply"), again }
}
