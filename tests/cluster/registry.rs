//! Clusters that an Argo CD knows, and what its projects permit.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;
use serde_json::json;

use super::harness::{CONFIG_MAP, ControlPlane, NAMESPACE, SECRET, control_plane};
use super::repository::{Ended, Repository, application, command};

/// A cluster Secret of the control plane itself, with this `config`.
fn register(plane: &ControlPlane, namespace: &str, server: &str, config: &serde_json::Value) {
    plane.create(NAMESPACE, "", &json!({"metadata": {"name": namespace}}), "somebody-else");
    let encoded = |text: &str| STANDARD.encode(text);
    let secret = json!({"metadata": {"name": "cluster-remote", "namespace": namespace,
            "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
        "data": {"name": encoded("remote"), "server": encoded(server), "config": encoded(&config.to_string())}});
    plane.create(SECRET, namespace, &secret, "somebody-else");
}

fn from(mut command: Command, plane: &ControlPlane, namespace: &str) -> Ended {
    command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["--clusters-from", "test"]);
    command.args(["--clusters-namespace", namespace]).output().expect("tiphys starts").into()
}

#[test]
fn a_cluster_is_reached_as_its_secret_says() {
    let Some(plane) = control_plane() else { return };
    let kubeconfig = Kubeconfig::read_from(&plane.kubeconfig).expect("the kubeconfig is readable");
    let text = std::fs::read_to_string(&plane.kubeconfig).expect("the kubeconfig is readable");
    let token = text.split("token: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("there is a token");
    let cluster = kubeconfig.clusters[0].cluster.clone().expect("there is a cluster");
    let server = cluster.server.expect("it has a server");
    let repository = Repository::new("registered");
    let local = "https://kubernetes.default.svc";
    let policy = super::repository::AUTOMATED;
    let text = application("registered", "registered", "manifests", policy).replace(local, &server);
    repository.write("application.yaml", &text);
    repository.write("tiphys.yaml", &format!("clusters:\n- {{name: remote, server: '{server}'}}\n"));
    repository.config_map("settings", "one");
    let plan = || {
        std::fs::create_dir_all(repository.path().join(".tiphys")).expect("a directory is made");
        let mut command = command();
        command.arg("plan").arg(repository.path()).arg("--out").arg(repository.plan_file());
        command
    };
    let error = from(plan(), plane, "nowhere").failed(2);
    assert!(error.contains("is mapped to no context"), "{error}");
    let program = json!({"execProviderConfig": {"command": "false", "apiVersion": "client.authentication.k8s.io/v1"}});
    register(plane, "argocd-exec", &server, &program);
    let error = from(plan(), plane, "argocd-exec").failed(2);
    assert!(error.contains("--allow-exec"), "{error}");
    let config = json!({"bearerToken": token, "tlsClientConfig": {"insecure": true}});
    register(plane, "argocd-token", &server, &config);
    from(plan(), plane, "argocd-token").ok();
    let mut sync = command();
    sync.arg("sync").arg(repository.plan_file()).arg("--repository").arg(repository.path());
    sync.arg("--journal").arg(repository.journal_file());
    from(sync, plane, "argocd-token").ok();
    assert!(plane.get(CONFIG_MAP, "registered", "settings").is_some());
}

#[test]
fn what_a_project_does_not_permit_is_refused_even_where_it_is_waived() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("bounded");
    let text = application("bounded", "bounded", "manifests", super::repository::AUTOMATED);
    repository.write("application.yaml", &text.replace("project: default", "project: bounded"));
    repository.write(
        "project.yaml",
        "apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: bounded
  namespace: argocd
spec:
  sourceRepos: ['*']
  destinations: [{server: '*', namespace: '*'}]
  clusterResourceWhitelist: [{group: '*', kind: '*'}]
  namespaceResourceBlacklist: [{group: '', kind: ConfigMap}]
",
    );
    repository.write(
        "tiphys.yaml",
        "waivers:\n- {rule: resource-not-permitted, path: 'manifests/**', owner: somebody, reason: a test, expires: 2999-12-31}\n",
    );
    repository.config_map("settings", "one");
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(2);
    let expected = "AppProject bounded of Application argocd/bounded does not permit kind ConfigMap";
    assert!(error.contains(expected), "{error}");
    assert!(plane.get(NAMESPACE, "", "bounded").is_none(), "nothing was done");
}
