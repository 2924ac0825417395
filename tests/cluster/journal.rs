//! Runs that were killed, and go on.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use super::harness::{CONFIG_MAP, control_plane, eventually};
use super::proxy::{Fault, Proxy};
use super::repository::Repository;

#[test]
fn a_run_that_was_killed_goes_on_where_it_stopped() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("killed");
    for number in 0..100 {
        repository.write(
            &format!("manifests/m{number}.yaml"),
            &format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{number}\n  namespace: killed\n  annotations:\n    argocd.argoproj.io/sync-wave: \"{number}\"\n"
            ),
        );
    }
    repository.plan(plane);
    let mut running =
        repository.sync_command(plane, &["--concurrency", "1"]).stdout(Stdio::piped()).spawn().expect("tiphys starts");
    let mut told = BufReader::new(running.stdout.take().expect("the output is piped")).lines();
    // The moment it is told: a hundred waves are through in less than a second.
    told.find(|line| line.as_ref().is_ok_and(|line| line == "applied ConfigMap killed/m3"))
        .expect("m3 is applied")
        .expect("text");
    running.kill().expect("the run is killed");
    running.wait().expect("the run ended");
    let before = plane.list(CONFIG_MAP, "killed").len();
    let out = repository.sync_with(plane, &["--resume"]).ok();
    let ours = plane.list(CONFIG_MAP, "killed").into_iter().filter(|map| map["metadata"]["name"] != "kube-root-ca.crt");
    assert_eq!(ours.count(), 100, "every object is there");
    let again = out.lines().filter(|line| line.starts_with("applied ")).count();
    assert!(again <= 101 - 4, "{again} applied after {before} were there: what was done is not done again");
}

#[test]
fn a_run_that_was_interrupted_says_how_to_go_on() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("interrupted");
    repository.write(
        "manifests/web.yaml",
        &super::sync::deployment("interrupted", "web", "1.0.0").replacen(
            "        app: web\n    spec",
            "        app: web\n        test.tiphys/outcome: hang\n    spec",
            1,
        ),
    );
    repository.plan(plane);
    let running = repository
        .sync_command(plane, &[])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("tiphys starts");
    eventually("the Deployment is there", || plane.get(super::harness::DEPLOYMENT, "interrupted", "web").is_some());
    let status = std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status();
    assert!(status.expect("kill starts").success());
    let ended: super::repository::Ended = running.wait_with_output().expect("the run ends").into();
    let error = ended.failed(4);
    assert!(error.contains("--resume"), "{error}");
}

#[test]
fn a_run_that_is_asked_to_end_finishes_what_is_under_way_and_begins_nothing() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("ended");
    for number in 0..40 {
        repository.config_map(&format!("m{number}"), "one");
    }
    repository.plan(plane);
    let slow = Proxy::start(plane, |asked| match asked.writes() && asked.path.contains("/configmaps/m") {
        true => Fault::Late(Duration::from_millis(700)),
        false => Fault::None,
    });
    let running = repository
        .sync_command(&slow.front, &["--concurrency", "4"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("tiphys starts");
    let count = || {
        let maps = plane.list(CONFIG_MAP, "ended");
        maps.iter().filter(|map| map["metadata"]["name"] != "kube-root-ca.crt").count()
    };
    eventually("some are there", || count() > 0);
    let status = std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status();
    assert!(status.expect("kill starts").success());
    let ended: super::repository::Ended = running.wait_with_output().expect("the run ends").into();
    let error = ended.failed(4);
    assert!(error.contains("--resume"), "{error}");
    let there = count();
    assert!((1..40).contains(&there), "{there} of 40");
    let journal = rusqlite::Connection::open(repository.journal_file()).expect("the journal is there");
    let written = |state: &str| {
        let sql = "SELECT count(*) FROM acts WHERE kind = 'ConfigMap' AND state = ?1";
        let count: i64 = journal.query_row(sql, [state], |row| row.get(0)).expect("the journal is readable");
        usize::try_from(count).unwrap_or(0)
    };
    assert_eq!(written("done"), there, "whatever was sent is known to be done");
    assert_eq!(written("begun"), 40 - there, "the rest is still to be done");
    drop(journal);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(count(), there, "nothing comes after the end");
    repository.sync_with(plane, &["--resume"]).ok();
    assert_eq!(count(), 40);
}
