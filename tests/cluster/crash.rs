//! Runs that are killed at a random moment and resumed: what the cluster holds in the end is what it would hold anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{CONFIG_MAP, ControlPlane, Kind, NAMESPACE, control_plane};
use super::hooks::job;
use super::repository::Repository;

const JOB: Kind = Kind("batch", "v1", "Job");

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been() {
    let Some(plane) = control_plane() else { return };
    let rounds: usize = std::env::var("TIPHYS_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut random = fastrand::Rng::new();
    let seed = std::env::var("TIPHYS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| random.u64(..));
    println!("TIPHYS_SEED={seed}");
    random.seed(seed);
    let (repository, calm) = (Repository::new("crash"), Repository::new("calm"));
    let mut kills = 0;
    for round in 0..rounds {
        write(&repository, "crash", round);
        if round == 0 {
            // The namespace is there after the first sync of somebody who is not disturbed.
            write(&calm, "calm", round);
            calm.deploy(plane);
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "crash"}});
            plane.apply(NAMESPACE, "", &namespace).expect("the namespace is made");
            let bystander = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bystander"}});
            plane.apply(CONFIG_MAP, "crash", &bystander).expect("somebody may add an object");
        }
        let before: Vec<String> = uids(&plane.list(JOB, "crash"));
        repository.plan(plane);
        let mut ended = false;
        let mut seen: Vec<(String, String)> = Vec::new();
        for attempt in 0..20 {
            let extra: &[&str] = if attempt == 0 { &[] } else { &["--resume"] };
            let mut running =
                repository.sync_command(plane, extra).stdout(Stdio::null()).spawn().expect("tiphys starts");
            let wait = if attempt < 3 { Duration::from_millis(random.u64(200..2500)) } else { Duration::from_secs(60) };
            let until = std::time::Instant::now() + wait;
            let status = loop {
                note(&plane.list(JOB, "crash"), &mut seen);
                if let Some(status) = running.try_wait().expect("a child can be asked") {
                    break Some(status);
                }
                if std::time::Instant::now() > until {
                    running.kill().expect("it is killed");
                    running.wait().expect("it ended");
                    kills += 1;
                    break None;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            if let Some(status) = status {
                assert!(status.success(), "round {round}, attempt {attempt}: {status}");
                ended = true;
                break;
            }
        }
        assert!(ended, "round {round} never ended");
        note(&plane.list(JOB, "crash"), &mut seen);
        for hook in ["pre", "post", "named-"] {
            let ran: Vec<&String> = seen
                .iter()
                .filter(|(name, uid)| name.starts_with(hook) && !before.contains(uid))
                .map(|(_, uid)| uid)
                .collect();
            assert_eq!(ran.len(), 1, "round {round}: {hook} ran {} times", ran.len());
        }
        let maps = plane.list(CONFIG_MAP, "crash");
        let ours: Vec<&Value> = maps.iter().filter(|map| is_ours(map)).collect();
        assert_eq!(ours.len(), if round % 2 == 0 { 12 } else { 11 }, "round {round}");
        for map in ours {
            assert_eq!(map["data"]["value"], format!("round-{round}"), "{}", map["metadata"]["name"]);
        }
        let bystander = plane.get(CONFIG_MAP, "crash", "bystander").expect("it is there");
        let managers: Vec<&Value> = bystander["metadata"]["managedFields"].as_array().into_iter().flatten().collect();
        assert!(managers.iter().all(|entry| entry["manager"] == "somebody-else"), "what is not planned is left alone");
        assert!(bystander["data"].is_null(), "round {round}");
        if round + 2 >= rounds {
            write(&calm, "calm", round);
            calm.deploy(plane);
            assert_eq!(state(plane, "crash"), state(plane, "calm"), "round {round}");
        }
    }
    println!("{rounds} runs, {kills} kills");
}

/// The manifests of a round. One object comes and goes, so that each second round prunes.
fn write(repository: &Repository, namespace: &str, round: usize) {
    let hook = |phase: &str| {
        format!("argocd.argoproj.io/hook: {phase}\n    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation")
    };
    repository.write("manifests/pre.yaml", &job(namespace, "name: pre", &hook("PreSync"), ""));
    repository.write("manifests/named.yaml", &job(namespace, "generateName: named-", &hook("PreSync"), ""));
    repository.write("manifests/post.yaml", &job(namespace, "name: post", &hook("PostSync"), ""));
    for number in 0..11 + usize::from(round.is_multiple_of(2)) {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{number}\n  namespace: {namespace}\n  annotations:\n    argocd.argoproj.io/sync-wave: \"{number}\"\ndata:\n  value: round-{round}\n"
        );
        repository.write(&format!("manifests/m{number}.yaml"), &text);
    }
    let last = repository.path().join("manifests/m11.yaml");
    if round % 2 == 1 && last.exists() {
        repository.remove("manifests/m11.yaml");
    }
}

fn is_ours(map: &Value) -> bool {
    !["kube-root-ca.crt", "bystander"].iter().any(|name| map["metadata"]["name"] == *name)
}

/// What a namespace holds, without what differs each time: uids, times, and the ends of generated names.
fn state(plane: &ControlPlane, namespace: &str) -> BTreeSet<String> {
    let maps = plane.list(CONFIG_MAP, namespace).into_iter().filter(is_ours).map(|map| {
        let fields = map["metadata"]["managedFields"].as_array().into_iter().flatten();
        let fields: Vec<&Value> = fields.map(|entry| &entry["fieldsV1"]).collect();
        let metadata = &map["metadata"];
        json!([metadata["name"], metadata["labels"], metadata["annotations"], map["data"], fields]).to_string()
    });
    let newest = |jobs: Vec<Value>| -> BTreeMap<String, Value> {
        let name = |job: &Value| job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        // The hooks with generated names of earlier rounds are still there.
        let kind = |job: &Value| if name(job).starts_with("named-") { "named-".to_owned() } else { name(job) };
        jobs.into_iter().map(|job| (kind(&job), job)).collect()
    };
    let jobs = newest(plane.list(JOB, namespace)).into_iter().map(|(name, job)| {
        let spec = &job["spec"]["template"]["spec"];
        json!([name, job["metadata"]["annotations"], job["metadata"]["finalizers"], spec, job["status"]["succeeded"]])
            .to_string()
    });
    maps.chain(jobs).map(|text| text.replace(namespace, "NAMESPACE")).collect()
}

fn uids(objects: &[Value]) -> Vec<String> {
    objects.iter().filter_map(|object| object["metadata"]["uid"].as_str().map(str::to_owned)).collect()
}

/// Notes Jobs that were not seen before.
fn note(objects: &[Value], seen: &mut Vec<(String, String)>) {
    for object in objects {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let found = (text("name"), text("uid"));
        if !seen.contains(&found) {
            seen.push(found);
        }
    }
}
