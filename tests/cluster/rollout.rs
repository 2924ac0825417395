//! Rollouts: environments one after the other, approvals, pauses, steps of ApplicationSets, and what goes back.

use std::sync::atomic::{AtomicBool, Ordering};

use super::harness::{CONFIG_MAP, ControlPlane, control_plane, eventually};
use super::proxy::{Fault, Proxy};
use super::repository::{AUTOMATED, Repository, application};
use super::sync::deployment;

/// A repository of one Application an environment, called `PREFIX-ENVIRONMENT`, and its `sync:` settings.
fn repository(prefix: &'static str, environments: &[&str], sync: &str) -> Repository {
    let repository = Repository::new(prefix);
    repository.remove("application.yaml");
    let mut patterns = String::new();
    for environment in environments {
        let name = format!("{prefix}-{environment}");
        repository.write(
            &format!("applications/{name}.yaml"),
            &application(&name, prefix, &format!("apps/{environment}"), AUTOMATED),
        );
        patterns.push_str(&format!("  {environment}: {{applications: ['*-{environment}']}}\n"));
    }
    repository.write("tiphys.yaml", &format!("environments:\n{patterns}sync:\n  environments:\n{sync}"));
    repository
}

fn settings(repository: &Repository, prefix: &str, environment: &str, value: &str) {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: {prefix}-{environment}\ndata:\n  value: {value}\n"
    );
    repository.write(&format!("apps/{environment}/settings.yaml"), &text);
}

fn value(plane: &ControlPlane, prefix: &str, environment: &str) -> Option<String> {
    let live = plane.get(CONFIG_MAP, &format!("{prefix}-{environment}"), "settings")?;
    live["data"]["value"].as_str().map(str::to_owned)
}

/// A Deployment whose pods fail.
fn broken(namespace: &str) -> String {
    let labels = "      labels:\n        app: web";
    deployment(namespace, "web", "2.0.0").replace(labels, &format!("{labels}\n        test.tiphys/outcome: stuck"))
}

#[test]
fn an_environment_waits_for_the_one_before_and_for_its_approval() {
    let Some(plane) = control_plane() else { return };
    let sync = "  - development\n  - {name: production, approval: required}\n";
    let repository = repository("gated", &["development", "production"], sync);
    for environment in ["development", "production"] {
        settings(&repository, "gated", environment, "one");
    }
    repository.plan(plane);
    let ended = repository.sync_with(plane, &[]);
    assert!(ended.err.contains("--resume --approve production"), "{}", ended.err);
    ended.ok();
    assert_eq!(value(plane, "gated", "development").as_deref(), Some("one"));
    assert_eq!(value(plane, "gated", "production"), None, "nobody approved it");
    repository.sync_with(plane, &["--resume", "--approve", "production"]).ok();
    assert_eq!(value(plane, "gated", "production").as_deref(), Some("one"));
    let error = repository.sync_with(plane, &["--approve", "prodution"]).failed(2);
    assert!(error.contains("no environment of that name"), "{error}");
}

#[test]
fn a_failure_keeps_back_what_comes_after_it_and_takes_back_what_came_before() {
    let Some(plane) = control_plane() else { return };
    let sync = "  - {name: development, rollback: rollout}\n  - {name: staging, rollback: rollout}\n  - production\n";
    let environments = ["development", "staging", "production"];
    let repository = repository("chain", &environments, sync);
    for environment in environments {
        settings(&repository, "chain", environment, "one");
    }
    repository.deploy(plane);
    for environment in environments {
        settings(&repository, "chain", environment, "two");
    }
    repository.write("apps/staging/web.yaml", &broken("chain-staging"));
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--stuck-after", "2"]).failed(4);
    assert!(error.contains("apps/staging/web.yaml:"), "the error says where it is written: {error}");
    for environment in environments {
        assert_eq!(value(plane, "chain", environment).as_deref(), Some("one"), "{environment}");
    }
}

#[test]
fn a_server_that_is_silent_takes_nothing_back() {
    let Some(plane) = control_plane() else { return };
    let sync = "  - {name: development, rollback: rollout}\n  - {name: production, rollback: rollout}\n";
    let environments = ["development", "production"];
    let repository = repository("silent", &environments, sync);
    for environment in environments {
        settings(&repository, "silent", environment, "one");
    }
    repository.deploy(plane);
    for environment in environments {
        settings(&repository, "silent", environment, "two");
    }
    let proxy = {
        let silent = AtomicBool::new(false);
        Proxy::start(plane, move |asked| {
            let production = asked.path.contains("/silent-production/configmaps/settings");
            silent.fetch_or(asked.writes() && production && !asked.path.contains("dryRun"), Ordering::Relaxed);
            if silent.load(Ordering::Relaxed) { Fault::Silence } else { Fault::None }
        })
    };
    repository.plan(plane);
    let error = repository.sync_with(&proxy.front, &["--patience", "2"]).failed(4);
    assert!(error.contains("--resume"), "{error}");
    let values = || environments.map(|environment| value(plane, "silent", environment));
    assert_eq!(values(), [Some("two".to_owned()), Some("one".to_owned())], "silence is no failure");
    repository.sync_with(plane, &["--resume"]).ok();
    assert_eq!(values(), [Some("two".to_owned()), Some("two".to_owned())]);
}

#[test]
fn an_environment_that_does_not_stay_healthy_is_taken_back_before_the_next_is_begun() {
    let Some(plane) = control_plane() else { return };
    let sync = "  - {name: development, pause: 6s}\n  - production\n";
    let repository = repository("soak", &["development", "production"], sync);
    for environment in ["development", "production"] {
        settings(&repository, "soak", environment, "one");
    }
    repository.deploy(plane);
    for environment in ["development", "production"] {
        settings(&repository, "soak", environment, "two");
    }
    repository.plan(plane);
    let mut running =
        repository.sync_command(plane, &[]).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    eventually("the first environment is synced", || value(plane, "soak", "development").as_deref() == Some("two"));
    plane.delete(CONFIG_MAP, "soak-development", "settings");
    let status = running.wait().expect("it ends");
    assert_eq!(status.code(), Some(4));
    assert_eq!(value(plane, "soak", "development").as_deref(), Some("one"));
    assert_eq!(value(plane, "soak", "production").as_deref(), Some("one"), "it was not begun");
}

#[test]
fn an_application_set_is_rolled_out_step_by_step() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("steps");
    repository.remove("application.yaml");
    repository.write(
        "set.yaml",
        "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: steps, namespace: argocd}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
  - list:
      elements:
      - {name: one, tier: canary}
      - {name: two, tier: canary}
      - {name: three, tier: rest}
      - {name: four, tier: hand}
  strategy:
    type: RollingSync
    rollingSync:
      steps:
      - matchExpressions: [{key: tier, operator: In, values: [canary]}]
        maxUpdate: 1
      - matchExpressions: [{key: tier, operator: In, values: [rest]}]
      - matchExpressions: [{key: tier, operator: In, values: [hand]}]
        maxUpdate: 0
  template:
    metadata:
      name: 'steps-{{.name}}'
      labels: {tier: '{{.tier}}'}
    spec:
      project: default
      source: {repoURL: https://git.example.com/steps.git, path: 'apps/{{.name}}', targetRevision: main}
      destination: {server: https://kubernetes.default.svc, namespace: 'steps-{{.name}}'}
      syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=true]}
",
    );
    for name in ["one", "two", "three", "four"] {
        settings(&repository, "steps", name, "one");
    }
    repository.plan(plane);
    let ended = repository.sync_with(plane, &["--format", "json"]);
    assert!(ended.err.contains("1 Application is left"), "{}", ended.err);
    let healthy: Vec<String> = ended
        .ok()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|event| event["event"] == "healthy")
        .map(|event| event["application"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(healthy, ["argocd/steps-one", "argocd/steps-two", "argocd/steps-three"]);
    assert_eq!(value(plane, "steps", "four"), None, "a person syncs it");
    repository.plan_with(plane, &["--application", "steps-four"]).ok();
    repository.sync_with(plane, &[]).ok();
    assert_eq!(value(plane, "steps", "four").as_deref(), Some("one"));
}

#[test]
fn a_sync_window_that_denies_is_obeyed_unless_somebody_says_why_not() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("windows");
    repository.config_map("settings", "one");
    let project = "apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: windows, namespace: argocd}
spec:
  sourceRepos: ['*']
  destinations: [{server: '*', namespace: '*'}]
  clusterResourceWhitelist: [{group: '*', kind: '*'}]
  syncWindows:
  - {kind: deny, schedule: '* * * * *', duration: 1h, applications: ['*'], manualSync: MANUAL}
";
    let with_project =
        application("windows", "windows", "manifests", AUTOMATED).replace("project: default", "project: windows");
    repository.write("application.yaml", &with_project);
    repository.write("project.yaml", &project.replace("MANUAL", "false"));
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("deny of AppProject windows"), "{error}");
    assert!(plane.get(CONFIG_MAP, "windows", "settings").is_none());
    let out = repository.sync_with(plane, &["--override-sync-windows", "incident 7"]).ok();
    assert!(out.contains("overridden: incident 7"), "{out}");
    assert!(plane.get(CONFIG_MAP, "windows", "settings").is_some());
    repository.write("project.yaml", &project.replace("MANUAL", "true"));
    repository.config_map("settings", "two");
    repository.plan(plane);
    repository.sync_with(plane, &["--automated"]).failed(4);
    repository.sync_with(plane, &[]).ok();
}

#[test]
fn a_cluster_that_cannot_be_reached_keeps_no_other_back() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("reached");
    repository.config_map("settings", "one");
    let elsewhere = application("elsewhere", "reached", "elsewhere", AUTOMATED)
        .replace("https://kubernetes.default.svc", "https://elsewhere.example.com");
    repository.write("elsewhere.yaml", &elsewhere);
    repository.write(
        "elsewhere/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: elsewhere\ndata: {value: one}\n",
    );
    repository.write("tiphys.yaml", "clusters:\n- {name: elsewhere, server: 'https://elsewhere.example.com'}\n");
    // A server that nobody is.
    let kubeconfig = std::fs::read_to_string(&plane.kubeconfig).expect("the kubeconfig is there");
    let mut config: serde_json::Value = serde_yaml::from_str(&kubeconfig).expect("a kubeconfig is YAML");
    let mut cluster = config["clusters"][0].clone();
    cluster["name"] = "gone".into();
    cluster["cluster"]["server"] = "https://127.0.0.1:9".into();
    let mut context = config["contexts"][0].clone();
    context["name"] = "gone".into();
    context["context"]["cluster"] = "gone".into();
    for (list, item) in [("clusters", cluster), ("contexts", context)] {
        config[list].as_array_mut().expect("a kubeconfig has lists").push(item);
    }
    repository.write(".tiphys/kubeconfig", &config.to_string());
    let file = repository.path().join(".tiphys/kubeconfig");
    let clusters =
        ["--kubeconfig", file.to_str().expect("a path is text"), "--cluster", "elsewhere=gone", "--cluster", "*=test"];
    let run = |arguments: &[&str]| {
        let mut command = super::repository::command();
        command.args(arguments).args(clusters);
        super::repository::Ended::from(command.output().expect("tiphys starts"))
    };
    let (root, plan) = (repository.path().display().to_string(), repository.plan_file().display().to_string());
    run(&["plan", &root, "--out", &plan, "--offline"]).ok();
    let journal = repository.journal_file().display().to_string();
    let error = run(&["sync", &plan, "--repository", &root, "--journal", &journal]).failed(4);
    assert!(error.contains("cluster https://elsewhere.example.com"), "{error}");
    assert!(plane.get(CONFIG_MAP, "reached", "settings").is_some(), "the other cluster is synced");
}
