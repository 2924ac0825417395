//! Several clusters in one sync: one that is away keeps none of the others back.

use super::harness::{CONFIG_MAP, NAMESPACE, api_server, control_plane};
use super::proxy::{Fault, Proxy, write_kubeconfig};
use super::repository::{AUTOMATED, Ended, Repository, application, command};

#[test]
fn a_cluster_that_is_away_does_not_keep_the_other_back() {
    let (Some(near), Some(far)) = (control_plane(), api_server()) else { return };
    let repository = Repository::new("near");
    repository.config_map("settings", "one");
    let there = application("far", "near", "far", AUTOMATED)
        .replace("server: https://kubernetes.default.svc", "server: https://far.example.com");
    repository.write("far.yaml", &there);
    repository.write(
        "far/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: far\ndata:\n  value: one\n",
    );
    repository.write(
        "cluster.yaml",
        "apiVersion: v1
kind: Secret
metadata:
  name: far
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: cluster
stringData:
  name: far
  server: https://far.example.com
  config: '{\"awsAuthConfig\": {\"clusterName\": \"far\", \"roleARN\": \"arn:aws:iam::000000000000:role/far\"}}'
",
    );
    let away = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&away);
    let [near_door, far_door] = [near, far].map(|plane| {
        let seen = std::sync::Arc::clone(&seen);
        let is_far = std::ptr::eq(plane, far);
        Proxy::start(plane, move |_| match is_far && seen.load(std::sync::atomic::Ordering::Relaxed) {
            true => Fault::Silence,
            false => Fault::None,
        })
    });
    let kubeconfig = repository.path().join(".tiphys/kubeconfig");
    std::fs::create_dir_all(repository.path().join(".tiphys")).expect("a directory is made");
    write_kubeconfig(&kubeconfig, &[("near", &near_door.address), ("far", &far_door.address)]);
    let run = |verb: &str, arguments: &[&std::ffi::OsStr]| {
        let mut command = command();
        command.arg(verb).args(arguments).arg("--kubeconfig").arg(&kubeconfig);
        command.args(["--cluster", "far=far", "--cluster", "*=near"]);
        Ended::from(command.output().expect("tiphys starts"))
    };
    let (plan, journal) = (repository.plan_file(), repository.journal_file());
    let root = repository.path();
    run("plan", &[root.as_ref(), "--out".as_ref(), plan.as_ref()]).ok();
    let sync = |extra: &[&str]| {
        let mut arguments: Vec<&std::ffi::OsStr> =
            vec![plan.as_ref(), "--repository".as_ref(), root.as_ref(), "--journal".as_ref(), journal.as_ref()];
        arguments.extend(extra.iter().map(std::ffi::OsStr::new));
        run("sync", &arguments)
    };
    away.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = sync(&[]).failed(4);
    assert!(error.contains("cluster https://far.example.com: discovery"), "{error}");
    assert!(near.get(CONFIG_MAP, "near", "settings").is_some(), "the other cluster is synced");
    assert!(far.get(NAMESPACE, "", "far").is_none());
    away.store(false, std::sync::atomic::Ordering::Relaxed);
    sync(&["--resume"]).ok();
    assert!(far.get(CONFIG_MAP, "far", "settings").is_some());
}
