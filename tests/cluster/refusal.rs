//! Plans that are refused before the cluster is asked for anything.

use std::fs;

use super::harness::{CONFIG_MAP, control_plane};
use super::repository::Repository;

#[test]
fn a_plan_with_one_byte_changed_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("tampered");
    repository.config_map("settings", "one");
    repository.plan(plane);
    let plan = fs::read(repository.plan_file()).expect("the plan is there");
    // A byte of each part of the file, white space and the digest itself among them.
    for position in (0..plan.len()).step_by((plan.len() / 12).max(1)).chain([plan.len() - 1]) {
        let mut changed = plan.clone();
        changed[position] = if changed[position] == b'1' { b'2' } else { b'1' };
        fs::write(repository.plan_file(), &changed).expect("the plan is written");
        repository.sync_with(plane, &[]).failed(2);
    }
    assert!(plane.get(CONFIG_MAP, "tampered", "settings").is_none(), "nothing was applied");
    fs::write(repository.plan_file(), &plan).expect("the plan is written");
    repository.sync_with(plane, &[]).ok();
}

#[test]
fn a_plan_of_other_files_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("other-files");
    repository.config_map("settings", "one");
    repository.plan(plane);
    repository.config_map("settings", "two");
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("not those that the plan was made from"), "{error}");
    assert!(plane.get(CONFIG_MAP, "other-files", "settings").is_none(), "nothing was applied");
}

#[test]
fn a_plan_of_other_policies_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("other-policies");
    repository.config_map("settings", "one");
    repository.plan(plane);
    let policies = tempfile::tempdir().expect("a directory is made");
    fs::write(policies.path().join("none.rego"), "package main\n\nimport rego.v1\n\ndeny contains \"no\" if false\n")
        .expect("a policy is written");
    let directory = policies.path().to_string_lossy().into_owned();
    let error = repository.sync_with(plane, &["--policy", &directory]).failed(2);
    assert!(error.contains("policies"), "{error}");
}

#[test]
fn a_repository_with_errors_is_not_planned() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("unplanned");
    repository
        .write("manifests/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndatum: {}\n");
    let ended = repository.plan_with(plane, &[]);
    assert_ne!(ended.code, 0);
    assert!(ended.err.contains("manifests/settings.yaml:4:1"), "{}", ended.err);
    assert!(!repository.plan_file().exists());
}

#[test]
fn a_cluster_that_is_mapped_to_nothing_is_named() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("unmapped");
    repository.config_map("settings", "one");
    let mut command = super::repository::command();
    command.arg("plan").arg(repository.path()).arg("--out").arg(repository.path().join("plan.json"));
    command.arg("--kubeconfig").arg(&plane.kubeconfig).args(["--cluster", "elsewhere=test"]);
    let ended: super::repository::Ended = command.output().expect("tiphys starts").into();
    let error = ended.failed(2);
    assert!(error.contains("https://kubernetes.default.svc"), "{error}");
}

#[test]
fn only_a_plan_that_the_right_key_signed_is_carried_out() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("signed");
    repository.config_map("settings", "one");
    let keys = tempfile::tempdir().expect("a directory is made");
    let path = |name: &str| keys.path().join(name).to_string_lossy().into_owned();
    for (seed, name) in [(1, "ours"), (2, "theirs")] {
        let key = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]));
        let private = key.to_openssh(ssh_key::LineEnding::LF).expect("it can be written");
        fs::write(path(name), private.as_bytes()).expect("the key is written");
        let public = key.public_key().to_openssh().expect("it can be written");
        fs::write(path(&format!("{name}.pub")), public).expect("the key is written");
    }
    let required = ["--require-signature", &path("ours.pub")];
    repository.plan(plane);
    let error = repository.sync_with(plane, &required).failed(2);
    assert!(error.contains("is not signed"), "{error}");
    repository.plan_with(plane, &["--sign", &path("theirs")]).ok();
    let error = repository.sync_with(plane, &required).failed(2);
    assert!(error.contains("not among those allowed"), "{error}");
    repository.plan_with(plane, &["--sign", &path("ours")]).ok();
    let plan = fs::read(repository.plan_file()).expect("the plan is there");
    for position in (0..plan.len()).step_by((plan.len() / 12).max(1)).chain([plan.len() - 1]) {
        let mut changed = plan.clone();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        fs::write(repository.plan_file(), &changed).expect("the plan is written");
        let ended = repository.sync_with(plane, &required);
        assert_eq!(ended.code, 2, "byte {position}: {}", String::from_utf8_lossy(&changed));
    }
    assert!(plane.get(CONFIG_MAP, "signed", "settings").is_none(), "nothing was applied");
    fs::write(repository.plan_file(), &plan).expect("the plan is written");
    repository.sync_with(plane, &required).ok();
}

#[test]
fn an_old_plan_and_one_of_another_cluster_are_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("elsewhere");
    repository.config_map("settings", "one");
    repository.plan_with(plane, &["--valid-for", "0"]).ok();
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("expired"), "{error}");
    repository.plan(plane);
    let text = fs::read_to_string(repository.plan_file()).expect("the plan is there");
    let mut plan = tiphys::plan::Plan::from_json(&text).expect("it is whole");
    // As the plan of another cluster is: whole, and with that cluster's identity.
    plan.clusters[0].identity = Some("another".to_owned());
    fs::write(repository.plan_file(), plan.sealed().to_json()).expect("the plan is written");
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("another cluster"), "{error}");
    assert!(plane.get(CONFIG_MAP, "elsewhere", "settings").is_none(), "nothing was applied");
}
