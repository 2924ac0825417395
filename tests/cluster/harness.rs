//! The control plane, and the kube client that tests look at it with.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// A control plane that runs until the test process ends: it ends itself when its standard input does.
pub(crate) struct ControlPlane {
    pub(crate) kubeconfig: PathBuf,
    /// What it does for tests; absent where somebody else started it.
    process: Option<Mutex<Process>>,
}

struct Process {
    _child: Child,
    commands: ChildStdin,
    told: mpsc::Receiver<String>,
}

/// The control plane of this run, started by whoever asks first. `None`: the test is to be skipped.
pub(crate) fn control_plane() -> Option<&'static ControlPlane> {
    static STARTED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    started(STARTED.get_or_init(|| start("all")))
}

/// A second one, of an API server alone: for tests that need two, or that take it away for a while.
pub(crate) fn api_server() -> Option<&'static ControlPlane> {
    static STARTED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    started(STARTED.get_or_init(|| start("apiserver")))
}

fn started(found: &'static Result<ControlPlane, String>) -> Option<&'static ControlPlane> {
    match found {
        Ok(plane) => Some(plane),
        Err(reason) if std::env::var_os("TIPHYS_REQUIRE_CLUSTER").is_some_and(|value| value == "1") => {
            panic!("no control plane: {reason}")
        }
        Err(reason) => {
            println!("skipped, there is no control plane: {reason}");
            None
        }
    }
}

/// The directory that cargo builds into: the test runs from `DIR/debug/deps`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a process knows its program");
    program.ancestors().nth(3).expect("tests lie in target/PROFILE/deps").to_owned()
}

fn start(parts: &str) -> Result<ControlPlane, String> {
    let target = target();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/build");
    let status = Command::new(&build).env("CARGO_TARGET_DIR", &target).status();
    let built = status.map_err(|error| format!("{}: {error}", build.display()))?;
    if !built.success() {
        return Err(format!("{} could not build it", build.display()));
    }
    let directory = std::env::temp_dir().join(format!("tiphys-control-plane-{}-{parts}", std::process::id()));
    let mut process = Command::new(target.join("control-plane/control-plane"))
        .arg("run")
        .arg(&directory)
        .arg(parts)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = process.stdout.take().expect("the output is piped");
    let commands = process.stdin.take().expect("the input is piped");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    match told.recv_timeout(Duration::from_secs(300)) {
        Ok(line) if line == "ready" => Ok(ControlPlane {
            kubeconfig: directory.join("kubeconfig"),
            process: Some(Mutex::new(Process { _child: process, commands, told })),
        }),
        _ => {
            let _ = process.kill();
            // One that was built and does not come up is a fault, not a reason to skip.
            panic!("the control plane did not become ready; its logs are in {}", directory.display())
        }
    }
}

/// A client with all rights.
pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is readable");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("the kubeconfig is whole");
    kube::Client::try_from(config).expect("the configuration makes a client")
}

impl ControlPlane {
    /// One that `kubeconfig` leads to.
    pub(crate) fn behind(kubeconfig: PathBuf) -> ControlPlane {
        ControlPlane { kubeconfig, process: None }
    }

    /// Kills the API server and starts it again on what it has stored; returns when it serves.
    pub(crate) fn restart_api_server(&self) {
        let process = self.process.as_ref().expect("it was started by this test");
        let mut process = process.lock().expect("nobody panicked");
        writeln!(process.commands, "restart apiserver").expect("it listens");
        let told = process.told.recv_timeout(Duration::from_secs(120)).expect("it answers");
        assert_eq!(told, "restarted");
    }

    /// Runs `f` with a client.
    pub(crate) fn with<T>(&self, f: impl AsyncFnOnce(kube::Client) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async { f(client(&self.kubeconfig).await).await })
    }

    /// The live object; the namespace is empty for kinds without.
    pub(crate) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        self.with(async |client| {
            let found = kind.api(client, namespace).get_opt(name).await.expect("the server answers");
            found.map(|found| serde_json::to_value(found).expect("an object is JSON"))
        })
    }

    /// The live objects of a kind in a namespace; in all of them if it is empty.
    pub(crate) fn list(&self, kind: Kind, namespace: &str) -> Vec<Value> {
        self.with(async |client| {
            let list = kind.api(client, namespace).list(&Default::default()).await.expect("the server answers");
            list.items.iter().map(|item| serde_json::to_value(item).expect("an object is JSON")).collect()
        })
    }

    /// Applies `object` as somebody else than tiphys would.
    pub(crate) fn apply(&self, kind: Kind, namespace: &str, object: &Value) -> Result<Value, String> {
        self.with(async |client| {
            let name = object["metadata"]["name"].as_str().expect("the object has a name");
            let parameters = kube::api::PatchParams::apply("somebody-else").force();
            let applied = kind.api(client, namespace).patch(name, &parameters, &kube::api::Patch::Apply(object)).await;
            applied
                .map(|live| serde_json::to_value(live).expect("an object is JSON"))
                .map_err(|error| error.to_string())
        })
    }

    /// Creates `object` as `manager`, as a client that does not apply on the server would.
    pub(crate) fn create(&self, kind: Kind, namespace: &str, object: &Value, manager: &str) {
        self.with(async |client| {
            let parameters = kube::api::PostParams { field_manager: Some(manager.to_owned()), ..Default::default() };
            let object = serde_json::from_value(object.clone()).expect("it is an object");
            kind.api(client, namespace).create(&parameters, &object).await.expect("the object is created");
        });
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, kind: Kind, namespace: &str, name: &str) {
        self.with(async |client| {
            kind.api(client, namespace).delete(name, &Default::default()).await.expect("the object is deleted");
        });
    }
}

/// A kind as the API names it: group, version, kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const CONFIG_MAP: Kind = Kind("", "v1", "ConfigMap");
pub(crate) const SECRET: Kind = Kind("", "v1", "Secret");
pub(crate) const NAMESPACE: Kind = Kind("", "v1", "Namespace");
pub(crate) const DEPLOYMENT: Kind = Kind("apps", "v1", "Deployment");

impl Kind {
    pub(crate) fn api(self, client: kube::Client, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(self.0, self.1, self.2));
        match namespace {
            "" => Api::all_with(client, &resource),
            namespace => Api::namespaced_with(client, namespace, &resource),
        }
    }
}

/// Waits until `holds`, for at most a minute.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// `metadata.resourceVersion`
pub(crate) fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().expect("a live object has a version")
}
