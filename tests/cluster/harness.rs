//! The control plane, and the kube client that tests look at it with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// A control plane that runs until the test process ends: it ends itself when its standard input does.
pub(crate) struct ControlPlane {
    pub(crate) kubeconfig: PathBuf,
    _process: Child,
}

/// The control plane of this run, started by whoever asks first. `None`: the test is to be skipped.
pub(crate) fn control_plane() -> Option<&'static ControlPlane> {
    static STARTED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    match STARTED.get_or_init(start) {
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

fn start() -> Result<ControlPlane, String> {
    let target = target();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/build");
    let status = Command::new(&build).env("CARGO_TARGET_DIR", &target).status();
    let built = status.map_err(|error| format!("{}: {error}", build.display()))?;
    if !built.success() {
        return Err(format!("{} could not build it", build.display()));
    }
    let directory = std::env::temp_dir().join(format!("tiphys-control-plane-{}", std::process::id()));
    let mut process = Command::new(target.join("control-plane/control-plane"))
        .arg("run")
        .arg(&directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = process.stdout.take().expect("the output is piped");
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let line = BufReader::new(output).lines().next();
        let _ = told.send(matches!(line, Some(Ok(line)) if line == "ready"));
    });
    match heard.recv_timeout(Duration::from_secs(300)) {
        Ok(true) => Ok(ControlPlane { kubeconfig: directory.join("kubeconfig"), _process: process }),
        _ => {
            let _ = process.kill();
            // One that was built and does not come up is a fault, not a reason to skip.
            panic!("the control plane did not become ready; its logs are in {}", directory.display())
        }
    }
}

impl ControlPlane {
    /// Runs `f` with a client.
    pub(crate) fn with<T>(&self, f: impl AsyncFnOnce(kube::Client) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("the kubeconfig is readable");
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .expect("the kubeconfig is whole");
            f(kube::Client::try_from(config).expect("the configuration makes a client")).await
        })
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
    fn api(self, client: kube::Client, namespace: &str) -> Api<DynamicObject> {
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
