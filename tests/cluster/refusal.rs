//! Plans that are refused before the cluster is asked for anything: a listener in its place hears nobody.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tiphys::plan::{Plan, signature};

use super::harness::{CONFIG_MAP, ControlPlane, control_plane};
use super::proxy::write_kubeconfig;
use super::repository::Repository;

/// A cluster that counts who comes, and answers nobody.
struct Doorbell {
    plane: ControlPlane,
    rung: Arc<AtomicUsize>,
    _directory: tempfile::TempDir,
}

impl Doorbell {
    fn new() -> Doorbell {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let rung = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&rung);
        // It ends with the process.
        std::thread::spawn(move || {
            for _connection in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let directory = tempfile::tempdir().expect("a directory is made");
        let kubeconfig = directory.path().join("kubeconfig");
        write_kubeconfig(&kubeconfig, &[("test", &format!("http://{address}"))]);
        Doorbell { plane: ControlPlane::behind(kubeconfig), rung, _directory: directory }
    }

    /// The error of a sync that must be refused without having asked anything of the cluster.
    #[track_caller]
    fn refuses(&self, repository: &Repository, extra: &[&str]) -> String {
        let error = repository.sync_with(&self.plane, extra).failed(2);
        assert_eq!(self.rung.load(Ordering::SeqCst), 0, "nobody is asked before it is refused: {error}");
        error
    }
}

/// A signed plan of one ConfigMap, and the public key.
fn signed(plane: &ControlPlane, repository: &Repository) -> (Vec<u8>, String) {
    let key = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]));
    let path = repository.path().join(".tiphys/key");
    fs::create_dir_all(repository.path().join(".tiphys")).expect("a directory is made");
    fs::write(&path, key.to_openssh(ssh_key::LineEnding::LF).expect("it can be written").as_bytes())
        .expect("the key is written");
    repository.plan_with(plane, &["--sign", &path.to_string_lossy()]).ok();
    let plan = fs::read(repository.plan_file()).expect("the plan is there");
    (plan, key.public_key().to_openssh().expect("it can be written"))
}

#[test]
fn a_plan_with_any_bit_changed_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("flipped");
    repository.config_map("settings", "one");
    let (plan, public) = signed(plane, &repository);
    let accepted = |plan: &[u8]| {
        let Ok(text) = std::str::from_utf8(plan) else { return false };
        let Ok(plan) = Plan::from_json(text) else { return false };
        let signature = plan.signature.as_deref();
        signature::verify(&plan.digest, signature, &public).is_ok()
            || signature.is_some_and(|signature| signature::verify_whole(&plan.digest, signature).is_ok())
    };
    assert!(accepted(&plan), "as it is, it is carried out");
    for position in 0..plan.len() {
        for bit in 0..8 {
            let mut changed = plan.clone();
            changed[position] ^= 1 << bit;
            assert!(!accepted(&changed), "bit {bit} of byte {position}");
        }
        assert!(!accepted(&[&plan[..position], &plan[position + 1..]].concat()), "without byte {position}");
    }
    println!("{} bits of {} bytes, and each byte left out", plan.len() * 8, plan.len());
}

#[test]
fn a_plan_with_one_byte_changed_is_refused_before_the_first_request() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("tampered");
    repository.config_map("settings", "one");
    let (plan, _) = signed(plane, &repository);
    let doorbell = Doorbell::new();
    // A byte of each part of the file, white space, the digest and the signature among them.
    for position in (0..plan.len()).step_by((plan.len() / 10).max(1)).chain([plan.len() - 1]) {
        let mut changed = plan.clone();
        changed[position] = if changed[position] == b'1' { b'2' } else { b'1' };
        fs::write(repository.plan_file(), &changed).expect("the plan is written");
        doorbell.refuses(&repository, &[]);
    }
    fs::write(repository.plan_file(), &plan).expect("the plan is written");
    repository.sync_with(&doorbell.plane, &["--concurrency", "1"]).failed(4);
    assert!(doorbell.rung.load(Ordering::SeqCst) > 0, "the whole plan is carried out, and rings");
    repository.sync_with(plane, &[]).ok();
}

#[test]
fn a_plan_of_other_files_is_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("other-files");
    repository.config_map("settings", "one");
    repository.plan(plane);
    repository.config_map("settings", "two");
    let error = Doorbell::new().refuses(&repository, &[]);
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
    let error = Doorbell::new().refuses(&repository, &["--policy", &directory]);
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
    let doorbell = Doorbell::new();
    let error = doorbell.refuses(&repository, &required);
    assert!(error.contains("is not signed"), "{error}");
    repository.plan_with(plane, &["--sign", &path("theirs")]).ok();
    let error = doorbell.refuses(&repository, &required);
    assert!(error.contains("not among those allowed"), "{error}");
    repository.plan_with(plane, &["--sign", &path("ours")]).ok();
    assert!(plane.get(CONFIG_MAP, "signed", "settings").is_none(), "nothing was applied");
    repository.sync_with(plane, &required).ok();
}

#[test]
fn an_old_plan_and_one_of_another_cluster_are_refused() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("elsewhere");
    repository.config_map("settings", "one");
    repository.plan_with(plane, &["--valid-for", "0"]).ok();
    let error = Doorbell::new().refuses(&repository, &[]);
    assert!(error.contains("expired"), "{error}");
    repository.plan(plane);
    let text = fs::read_to_string(repository.plan_file()).expect("the plan is there");
    let mut plan = tiphys::plan::Plan::from_json(&text).expect("it is whole");
    // As the plan of another cluster is: whole, and with that cluster's identity. Only the cluster can tell that it is
    // not that one: the question is all that is asked of it.
    plan.clusters[0].identity = Some("another".to_owned());
    fs::write(repository.plan_file(), plan.sealed().to_json()).expect("the plan is written");
    let error = repository.sync_with(plane, &[]).failed(2);
    assert!(error.contains("another cluster"), "{error}");
    assert!(plane.get(CONFIG_MAP, "elsewhere", "settings").is_none(), "nothing was applied");
}
