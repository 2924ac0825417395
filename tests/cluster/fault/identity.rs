//! Other executors, whose clocks are wrong, and other managers of fields.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::harness::{CONFIG_MAP, ControlPlane, Kind, NAMESPACE, control_plane};
use super::super::repository::Repository;

const LEASE: Kind = Kind("coordination.k8s.io", "v1", "Lease");

/// The Lease of an Application, held by another who renewed it at `time` by his own clock.
fn lease(name: &str, time: &str) -> Value {
    let digest = Sha256::digest(format!("argocd/{name}").as_bytes());
    let slug: String = digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": slug},
        "spec": {"holderIdentity": "another", "leaseDurationSeconds": 2, "acquireTime": time, "renewTime": time}})
}

fn held(plane: &ControlPlane, name: &str, time: &str) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tiphys-system"}});
    plane.apply(NAMESPACE, "", &namespace).expect("the namespace is there");
    plane.apply(LEASE, "tiphys-system", &lease(name, time)).expect("the lease is written");
}

#[test]
fn a_lease_of_the_future_that_nobody_renews_runs_out() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("future");
    repository.config_map("settings", "one");
    repository.plan(plane);
    held(plane, "future", "2100-01-01T00:00:00.000000Z");
    let began = std::time::Instant::now();
    repository.sync_with(plane, &[]).ok();
    assert!(began.elapsed() > Duration::from_secs(2), "it holds for as long as it says");
    assert!(plane.get(CONFIG_MAP, "future", "settings").is_some());
}

#[test]
fn a_lease_of_the_past_that_is_renewed_is_respected() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("past");
    repository.config_map("settings", "one");
    repository.plan(plane);
    held(plane, "past", "1990-01-01T00:00:00.000000Z");
    let done = Arc::new(AtomicBool::new(false));
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            for second in (0..).take_while(|_| !done.load(Ordering::Relaxed)) {
                held(plane, "past", &format!("1990-01-01T00:{:02}:{:02}.000000Z", second / 60 % 60, second % 60));
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        let ended = repository.sync_with(plane, &[]);
        done.store(true, Ordering::Relaxed);
        ended.failed(4)
    });
    assert!(error.contains("another executor (another) is at work on argocd/past"), "{error}");
    assert!(plane.get(CONFIG_MAP, "past", "settings").is_none(), "nothing was applied");
}

#[test]
fn fields_of_another_manager_are_taken_over_and_named_or_left_to_him() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("managers");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    let changed =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"value": "two"}});
    plane.apply(CONFIG_MAP, "managers", &changed).expect("somebody may change it");
    let value = || plane.get(CONFIG_MAP, "managers", "settings").expect("it is there")["data"]["value"].clone();
    repository.plan(plane);
    let error = repository.sync_with(plane, &["--yield-conflicts"]).failed(4);
    assert!(error.contains("manifests/settings.yaml:2: ConfigMap managers/settings"), "{error}");
    assert!(error.contains("\"somebody-else\"") && error.contains(".data.value"), "{error}");
    assert_eq!(value(), "two");
    let out = repository.sync_with(plane, &[]).ok();
    let told = out.lines().find(|line| line.starts_with("took over ")).unwrap_or_else(|| panic!("{out}"));
    assert!(told.contains("manifests/settings.yaml:2: ConfigMap managers/settings"), "{told}");
    assert!(told.contains("\"somebody-else\"") && told.contains(".data.value"), "{told}");
    assert_eq!(value(), "one");
}
