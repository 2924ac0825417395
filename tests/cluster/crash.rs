//! Runs that are killed at a random moment and resumed: what the cluster holds in the end is what it would hold anyway.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::harness::{CONFIG_MAP, Kind, control_plane};
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
    let repository = Repository::new("crash");
    let hook = |phase: &str| {
        format!("argocd.argoproj.io/hook: {phase}\n    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation")
    };
    repository.write("manifests/pre.yaml", &job("crash", "name: pre", &hook("PreSync"), ""));
    repository.write("manifests/named.yaml", &job("crash", "generateName: named-", &hook("PreSync"), ""));
    repository.write("manifests/post.yaml", &job("crash", "name: post", &hook("PostSync"), ""));
    let mut kills = 0;
    for round in 0..rounds {
        for number in 0..12 {
            let text = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{number}\n  namespace: crash\n  annotations:\n    argocd.argoproj.io/sync-wave: \"{number}\"\ndata:\n  value: round-{round}\n"
            );
            // One object comes and goes, so that each second round prunes.
            if number < 11 || round % 2 == 0 {
                repository.write(&format!("manifests/m{number}.yaml"), &text);
            } else {
                repository.remove("manifests/m11.yaml");
            }
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
        let ours: Vec<&Value> = maps.iter().filter(|map| map["metadata"]["name"] != "kube-root-ca.crt").collect();
        assert_eq!(ours.len(), if round % 2 == 0 { 12 } else { 11 }, "round {round}");
        for map in ours {
            assert_eq!(map["data"]["value"], format!("round-{round}"), "{}", map["metadata"]["name"]);
        }
    }
    println!("{rounds} runs, {kills} kills");
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
