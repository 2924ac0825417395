//! A server that is away: for a while, for good, or because it is started anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::super::harness::{ControlPlane, api_server, control_plane, eventually};
use super::super::proxy::{Fault, Proxy};
use super::super::repository::Repository;
use super::{count, waves};

/// Goes on with a run that was left, and looks at what is there then.
fn goes_on(plane: &ControlPlane, repository: &Repository, name: &str, all: usize) {
    assert!(count(plane, name) < all, "it stopped in the middle");
    repository.sync_with(plane, &["--resume"]).ok();
    assert_eq!(count(plane, name), all);
}

/// `TIPHYS_OUTAGE` is the number of seconds that the cluster is away.
#[test]
fn a_cluster_that_is_unreachable_for_a_while_is_waited_for() {
    let Some(plane) = control_plane() else { return };
    let seconds = std::env::var("TIPHYS_OUTAGE").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let outage = Duration::from_secs(seconds);
    let repository = waves("outage", 12);
    let began: Arc<OnceLock<Instant>> = Arc::default();
    let seen = Arc::clone(&began);
    let proxy = Proxy::start(plane, move |asked| {
        // From the first write of an object in the middle on.
        if asked.writes() && asked.path.contains("/configmaps/m5") {
            seen.get_or_init(Instant::now);
        }
        match seen.get() {
            Some(began) if began.elapsed() < outage => Fault::Silence,
            _ => Fault::None,
        }
    });
    repository.plan(plane);
    let start = Instant::now();
    repository.sync_with(&proxy.front, &[]).ok();
    assert!(began.get().is_some(), "the cluster was away");
    println!("away for {seconds} s, synced in {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(count(plane, "outage"), 12);
}

#[test]
fn a_cluster_that_stays_unreachable_ends_the_run_at_the_object_that_was_next() {
    let Some(plane) = control_plane() else { return };
    let repository = waves("gone", 8);
    let proxy = {
        let gone = AtomicBool::new(false);
        Proxy::start(plane, move |asked| {
            gone.fetch_or(asked.writes() && asked.path.contains("/configmaps/m3"), Ordering::Relaxed);
            if gone.load(Ordering::Relaxed) { Fault::Silence } else { Fault::None }
        })
    };
    repository.plan(plane);
    let error = repository.sync_with(&proxy.front, &["--patience", "2"]).failed(4);
    assert!(error.contains("manifests/m3.yaml:2: ConfigMap gone/m3"), "{error}");
    assert!(error.contains("--resume"), "{error}");
    goes_on(plane, &repository, "gone", 8);
}

#[test]
fn an_expired_token_ends_the_run_and_another_one_goes_on() {
    let Some(plane) = control_plane() else { return };
    let repository = waves("expired", 8);
    let proxy = {
        let expired = AtomicBool::new(false);
        Proxy::start(plane, move |asked| {
            expired.fetch_or(asked.writes() && asked.path.contains("/configmaps/m4"), Ordering::Relaxed);
            match expired.load(Ordering::Relaxed) {
                true => Fault::Answer(401, "Unauthorized", "Unauthorized"),
                false => Fault::None,
            }
        })
    };
    repository.plan(plane);
    let began = Instant::now();
    let error = repository.sync_with(&proxy.front, &[]).failed(4);
    assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for a token to become right");
    assert!(error.contains("manifests/m4.yaml:2: ConfigMap expired/m4: Unauthorized"), "{error}");
    assert!(error.contains("--resume"), "{error}");
    goes_on(plane, &repository, "expired", 8);
}

#[test]
fn a_server_that_is_started_anew_is_waited_for() {
    let Some(plane) = api_server() else { return };
    let repository = waves("restarted", 60);
    repository.plan(plane);
    let running = repository
        .sync_command(plane, &["--concurrency", "1"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("tiphys starts");
    eventually("some are there", || count(plane, "restarted") > 2);
    plane.restart_api_server();
    let ended: super::super::repository::Ended = running.wait_with_output().expect("the run ends").into();
    ended.ok();
    assert_eq!(count(plane, "restarted"), 60);
}
