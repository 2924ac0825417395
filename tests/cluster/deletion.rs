//! An Application goes.

use std::process::{Command, Stdio};

use super::harness::{CONFIG_MAP, ControlPlane, Kind, control_plane, eventually};
use super::hooks::job;
use super::repository::{Ended, Repository, command};

const JOB: Kind = Kind("batch", "v1", "Job");

fn delete(plane: &ControlPlane, repository: &Repository, extra: &[&str]) -> Ended {
    delete_command(plane, repository, extra).output().expect("tiphys starts").into()
}

fn delete_command(plane: &ControlPlane, repository: &Repository, extra: &[&str]) -> Command {
    let mut command = command();
    command.arg("delete").args(extra).args(["--context", "test", "--kubeconfig"]).arg(&plane.kubeconfig);
    command.current_dir(repository.path());
    command
}

fn annotated(repository: &Repository, name: &str, annotation: &str) {
    let path = format!("manifests/{name}.yaml");
    let text = std::fs::read_to_string(repository.path().join(&path)).expect("it is there");
    repository.write(&path, &text.replacen("metadata:\n", &format!("metadata:\n  annotations: {{{annotation}}}\n"), 1));
}

#[test]
fn an_application_goes_with_its_hooks_in_reverse_waves() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("leaving");
    for name in ["first", "second", "kept", "asked"] {
        repository.config_map(name, "one");
    }
    annotated(&repository, "second", "argocd.argoproj.io/sync-wave: '1'");
    annotated(&repository, "kept", "argocd.argoproj.io/sync-options: Delete=false");
    annotated(&repository, "asked", "argocd.argoproj.io/sync-options: Delete=confirm");
    let hook = |phase: &str, policy: &str| {
        format!("argocd.argoproj.io/hook: {phase}\n    argocd.argoproj.io/hook-delete-policy: {policy}")
    };
    let before = job("leaving", "name: before", &hook("PreDelete", "HookSucceeded"), "");
    repository.write("manifests/before.yaml", &before);
    let after = job("leaving", "name: after", &hook("PostDelete", "HookFailed"), "");
    repository.write("manifests/after.yaml", &after);
    repository.deploy(plane);
    assert!(plane.list(JOB, "leaving").is_empty(), "no sync runs them");
    repository.remove("application.yaml");

    let error = delete(plane, &repository, &["leaving"]).failed(4);
    assert!(error.contains("ConfigMap leaving/asked must be confirmed"), "{error}");
    assert!(plane.get(CONFIG_MAP, "leaving", "second").is_some() && plane.list(JOB, "leaving").is_empty());

    let out = delete(plane, &repository, &["leaving", "--confirm"]).ok();
    let place =
        |line: &str| out.lines().position(|found| found.starts_with(line)).unwrap_or_else(|| panic!("{line}: {out}"));
    assert!(place("created Job leaving/before") < place("deleted ConfigMap leaving/second"), "{out}");
    assert!(place("deleted ConfigMap leaving/second") < place("deleted ConfigMap leaving/first"), "{out}");
    assert!(place("deleted ConfigMap leaving/first") < place("created Job leaving/after"), "{out}");
    for name in ["first", "second", "asked"] {
        assert!(plane.get(CONFIG_MAP, "leaving", name).is_none(), "{name}");
    }
    assert!(plane.get(CONFIG_MAP, "leaving", "kept").is_some(), "it says that it stays");
    let jobs = plane.list(JOB, "leaving");
    let left: Vec<&str> = jobs.iter().filter_map(|job| job["metadata"]["name"].as_str()).collect();
    assert_eq!(left, ["after"], "each goes by its policy");
}

#[test]
fn a_hook_that_fails_keeps_the_application() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("staying");
    repository.config_map("settings", "one");
    let before = job("staying", "name: before", "argocd.argoproj.io/hook: PreDelete", "fail");
    repository.write("manifests/before.yaml", &before);
    repository.deploy(plane);
    let error = delete(plane, &repository, &["staying"]).failed(4);
    assert!(error.contains("PreDelete hooks failed: Job staying/before"), "{error}");
    assert!(plane.get(CONFIG_MAP, "staying", "settings").is_some());
    let error = delete(plane, &repository, &["nobody"]).failed(4);
    assert!(error.contains("no good revision is kept"), "{error}");
}

#[test]
fn a_deletion_that_was_killed_goes_on_and_runs_no_hook_twice() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("parting");
    for number in 0..8 {
        let name = format!("m{number}");
        repository.config_map(&name, "one");
        annotated(&repository, &name, &format!("argocd.argoproj.io/sync-wave: '{number}'"));
    }
    let hook = |phase: &str| format!("argocd.argoproj.io/hook: {phase}");
    repository.write("manifests/before.yaml", &job("parting", "name: before", &hook("PreDelete"), ""));
    repository.write("manifests/after.yaml", &job("parting", "name: after", &hook("PostDelete"), ""));
    repository.deploy(plane);
    let is_there = |name: &str| plane.get(CONFIG_MAP, "parting", name).is_some();
    let mut before = None;
    for (attempt, goes) in ["m6", "m3", "m1"].into_iter().enumerate() {
        let extra: &[&str] = if attempt == 0 { &["parting"] } else { &["parting", "--resume"] };
        let mut command = delete_command(plane, &repository, extra);
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("tiphys starts");
        eventually("one of its objects is gone", || !is_there(goes));
        running.kill().expect("it is killed");
        running.wait().expect("it ended");
        let uid = plane.get(JOB, "parting", "before").map(|job| job["metadata"]["uid"].clone());
        assert_eq!(before.get_or_insert_with(|| uid.clone()), &uid, "its hook is the one from before");
    }
    delete(plane, &repository, &["parting", "--resume"]).ok();
    assert!((0..8).all(|number| !is_there(&format!("m{number}"))));
    let mut left: Vec<String> = Vec::new();
    left.extend(
        plane.list(JOB, "parting").iter().filter_map(|job| job["metadata"]["name"].as_str().map(str::to_owned)),
    );
    assert_eq!(left, ["after", "before"], "each hook ran once, and nothing asks for its deletion");
}
