//! Hooks, and the way back when a sync fails.

use serde_json::Value;

use super::harness::{CONFIG_MAP, DEPLOYMENT, Kind, SECRET, control_plane};
use super::repository::Repository;
use super::sync::deployment;

const JOB: Kind = Kind("batch", "v1", "Job");

/// A Job that is a hook; `extra` are lines of its annotations.
pub(crate) fn job(namespace: &str, metadata: &str, annotations: &str, outcome: &str) -> String {
    let label = if outcome.is_empty() { "{}".to_owned() } else { format!("{{test.tiphys/outcome: {outcome}}}") };
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
  namespace: {namespace}
  annotations:
    {annotations}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {label}
    spec:
      restartPolicy: Never
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: run
        image: registry.example.com/run:1.0.0
        resources:
          requests: {{cpu: 10m, memory: 16Mi}}
          limits: {{memory: 16Mi}}
        securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
"
    )
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["metadata"]["name"].as_str()).collect()
}

#[test]
fn hooks_run_in_their_phases_and_go_by_their_policies() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("hooks");
    repository.config_map("settings", "one");
    let hook = |phase: &str, policy: &str| {
        format!("argocd.argoproj.io/hook: {phase}\n    argocd.argoproj.io/hook-delete-policy: {policy}")
    };
    repository.write("manifests/pre.yaml", &job("hooks", "name: pre", &hook("PreSync", "HookSucceeded"), ""));
    repository.write(
        "manifests/post.yaml",
        &job("hooks", "generateName: post-", &hook("PostSync", "BeforeHookCreation"), ""),
    );
    repository.write("manifests/alarm.yaml", &job("hooks", "name: alarm", &hook("SyncFail", "BeforeHookCreation"), ""));
    let shown = repository.plan(plane);
    assert!(shown.contains("PreSync Job hooks/pre"), "{shown}");
    assert!(shown.contains("PostSync Job hooks/post-*"), "{shown}");
    let out = repository.sync_with(plane, &[]).ok();
    let place =
        |line: &str| out.lines().position(|found| found.starts_with(line)).unwrap_or_else(|| panic!("{line}: {out}"));
    assert!(place("applied Job hooks/pre") < place("applied ConfigMap hooks/settings"), "{out}");
    assert!(place("applied ConfigMap hooks/settings") < place("applied Job hooks/post-"), "{out}");
    let jobs = plane.list(JOB, "hooks");
    let jobs = names(&jobs);
    assert!(matches!(jobs.as_slice(), [post] if post.starts_with("post-")), "pre is gone, alarm never ran: {jobs:?}");
}

#[test]
fn a_hook_that_fails_ends_the_sync_and_raises_the_alarm() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("alarm");
    repository.config_map("settings", "one");
    repository.write("manifests/pre.yaml", &job("alarm", "name: pre", "argocd.argoproj.io/hook: PreSync", "fail"));
    repository.write("manifests/alarm.yaml", &job("alarm", "name: alarm", "argocd.argoproj.io/hook: SyncFail", ""));
    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("manifests/pre.yaml:2: Job alarm/pre"), "{error}");
    assert!(plane.get(CONFIG_MAP, "alarm", "settings").is_none(), "nothing was applied");
    assert!(plane.get(JOB, "alarm", "alarm").is_some(), "the alarm was raised");
}

#[test]
fn what_fails_is_taken_back_and_not_tried_again() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("back");
    repository.write("manifests/web.yaml", &deployment("back", "web", "1.0.0"));
    repository.config_map("kept", "one");
    repository.config_map("removed", "one");
    repository.deploy(plane);
    let labels = "      labels:\n        app: web";
    let bad =
        deployment("back", "web", "2.0.0").replace(labels, &format!("{labels}\n        test.tiphys/outcome: stuck"));
    repository.write("manifests/web.yaml", &bad);
    repository.config_map("kept", "two");
    repository.config_map("added", "two");
    repository.remove("manifests/removed.yaml");
    repository.plan(plane);
    let began = std::time::Instant::now();
    let ended = repository.sync_with(plane, &["--stuck-after", "3"]);
    let took = began.elapsed();
    let out = ended.out.clone();
    let error = ended.failed(4);
    assert!(error.contains("ImagePullBackOff"), "{error}");
    assert!(error.contains("manifests/web.yaml:2"), "{error}");
    assert!(error.contains("back at revision 1"), "{out}{error}");
    assert!(took.as_secs() < 30, "{took:?}");
    assert_eq!(plane.get(CONFIG_MAP, "back", "kept").expect("it is there")["data"]["value"], "one");
    assert!(plane.get(CONFIG_MAP, "back", "removed").is_some(), "what was pruned is there again");
    assert!(plane.get(CONFIG_MAP, "back", "added").is_none(), "what was added is gone");
    let web = plane.get(DEPLOYMENT, "back", "web").expect("it is there");
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example.com/web:1.0.0");
    assert_eq!(web["status"]["availableReplicas"], 1);
    let kept = plane.list(SECRET, "tiphys-system");
    let standings: Vec<&str> = kept
        .iter()
        .filter(|secret| secret["metadata"]["annotations"]["tiphys.dev/application"] == "argocd/back")
        .filter_map(|secret| secret["metadata"]["annotations"]["tiphys.dev/standing"].as_str())
        .collect();
    assert_eq!(standings, ["good", "bad"]);

    repository.plan(plane);
    let error = repository.sync_with(plane, &[]).failed(4);
    assert!(error.contains("taken back"), "{error}");
    assert_eq!(plane.get(CONFIG_MAP, "back", "kept").expect("it is there")["data"]["value"], "one");
}
