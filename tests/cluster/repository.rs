//! A small repository, and the commands of tiphys on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::harness::ControlPlane;

/// A repository with one Application, which deploys the directory `manifests`.
pub(crate) struct Repository {
    directory: TempDir,
    name: &'static str,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// The output of a command that must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The error of a command that must have ended with `code`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}

/// A `syncPolicy` that leaves nothing to a person.
pub(crate) const AUTOMATED: &str = "automated: {prune: true, selfHeal: true}\n    syncOptions: [CreateNamespace=true]";

/// An Application, of the path of a repository, which deploys into the namespace of its name.
pub(crate) fn application(name: &str, repository: &str, path: &str, policy: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: https://git.example.com/{repository}.git
    path: {path}
    targetRevision: main
  destination:
    server: https://kubernetes.default.svc
    namespace: {name}
  syncPolicy:
    {policy}
"
    )
}

/// tiphys, without arguments yet.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tiphys"))
}

impl Repository {
    /// A repository whose Application and namespace are called `name`.
    pub(crate) fn new(name: &'static str) -> Repository {
        Repository::with_policy(name, AUTOMATED)
    }

    /// The same with another `syncPolicy`.
    pub(crate) fn with_policy(name: &'static str, policy: &str) -> Repository {
        let repository = Repository { directory: tempfile::tempdir().expect("a directory is made"), name };
        repository.write("application.yaml", &application(name, name, "manifests", policy));
        repository
    }

    /// The root.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory is made");
        fs::write(path, content).expect("a file is written");
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).expect("a file is removed");
    }

    /// Writes `manifests/NAME.yaml`: a ConfigMap of one value.
    pub(crate) fn config_map(&self, name: &str, value: &str) {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {}\ndata:\n  value: {value}\n",
            self.name
        );
        self.write(&format!("manifests/{name}.yaml"), &text);
    }

    /// Where the plan is written: outside of the repository.
    pub(crate) fn plan_file(&self) -> PathBuf {
        self.path().join(".tiphys/plan.json")
    }

    /// Where the journal is kept.
    pub(crate) fn journal_file(&self) -> PathBuf {
        self.path().join(".tiphys/journal.sqlite")
    }

    /// `tiphys plan` with `extra` arguments.
    pub(crate) fn plan_with(&self, plane: &ControlPlane, extra: &[&str]) -> Ended {
        fs::create_dir_all(self.path().join(".tiphys")).expect("a directory is made");
        let mut command = command();
        command.arg("plan").arg(self.path()).arg("--out").arg(self.plan_file());
        command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["--cluster", "*=test"]).args(extra);
        command.output().expect("tiphys starts").into()
    }

    /// `tiphys plan`, which must succeed.
    #[track_caller]
    pub(crate) fn plan(&self, plane: &ControlPlane) -> String {
        self.plan_with(plane, &[]).ok()
    }

    /// The command `tiphys sync` with `extra` arguments.
    pub(crate) fn sync_command(&self, plane: &ControlPlane, extra: &[&str]) -> Command {
        let mut command = command();
        command.arg("sync").arg(self.plan_file()).arg("--repository").arg(self.path());
        command.arg("--journal").arg(self.journal_file());
        command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["--cluster", "*=test"]).args(extra);
        command
    }

    /// `tiphys sync` with `extra` arguments.
    pub(crate) fn sync_with(&self, plane: &ControlPlane, extra: &[&str]) -> Ended {
        self.sync_command(plane, extra).output().expect("tiphys starts").into()
    }

    /// Deploys what the repository holds so far: its namespace at least.
    #[track_caller]
    pub(crate) fn deploy_namespace(&self, plane: &ControlPlane) {
        self.config_map("first-of-all", "here");
        self.deploy(plane);
        self.remove("manifests/first-of-all.yaml");
    }

    /// `tiphys plan` and `tiphys sync`, which must succeed.
    #[track_caller]
    pub(crate) fn deploy(&self, plane: &ControlPlane) {
        self.plan(plane);
        self.sync_with(plane, &[]).ok();
    }
}
