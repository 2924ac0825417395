//! How long the way back takes.

use std::time::Instant;

use super::harness::{DEPLOYMENT, NAMESPACE, control_plane};
use super::repository::{AUTOMATED, Repository, application, command};
use super::sync::deployment;

/// Applications in the one repository.
const COUNT: usize = 50;

fn write(repository: &Repository, tag: &str) {
    for number in 0..COUNT {
        let name = format!("many-{number}");
        let labels = "      labels:\n        app: web";
        let good = deployment(&name, "web", tag);
        let text = match tag {
            "2.0.0" => good.replace(labels, &format!("{labels}\n        test.tiphys/outcome: stuck")),
            _ => good,
        };
        repository.write(&format!("apps/{name}/web.yaml"), &text);
    }
}

fn images(plane: &super::harness::ControlPlane) -> Vec<(String, i64)> {
    let all = plane.list(DEPLOYMENT, "");
    let ours =
        all.iter().filter(|one| one["metadata"]["namespace"].as_str().is_some_and(|name| name.starts_with("many-")));
    ours.map(|one| {
        let image = one["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        (image.to_owned(), one["status"]["availableReplicas"].as_i64().unwrap_or(0))
    })
    .collect()
}

#[test]
fn fifty_applications_with_a_bad_image_are_healthy_again_within_thirty_seconds() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("many");
    repository.remove("application.yaml");
    for number in 0..COUNT {
        let name = format!("many-{number}");
        repository.write(
            &format!("applications/{name}.yaml"),
            &application(&name, "many", &format!("apps/{name}"), AUTOMATED),
        );
    }
    write(&repository, "1.0.0");
    repository.plan(plane);
    repository.sync_with(plane, &["--parallel", "50"]).ok();
    let good = vec![("registry.example.com/web:1.0.0".to_owned(), 1); COUNT];
    assert_eq!(images(plane), good);
    write(&repository, "2.0.0");
    repository.plan(plane);
    let rounds: usize = std::env::var("TIPHYS_ROLLBACKS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut whole, mut resumed) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        // After the first time it is known to be bad, and tried on purpose.
        let error = repository.sync_with(plane, &["--parallel", "50", "--retry-bad"]).failed(4);
        whole.push(began.elapsed());
        assert!(error.contains("50 of 50 Applications failed"), "{error}");
        assert_eq!(images(plane), good);

        // The same with the executor killed in the middle of it, and resumed.
        let began = Instant::now();
        let mut running = repository
            .sync_command(plane, &["--parallel", "50", "--retry-bad"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("tiphys starts");
        super::harness::eventually("some are bad", || images(plane).iter().any(|(image, _)| image.ends_with("2.0.0")));
        std::thread::sleep(std::time::Duration::from_millis(fastrand::u64(0..6000)));
        running.kill().expect("it is killed");
        running.wait().expect("it ended");
        repository.sync_with(plane, &["--parallel", "50", "--retry-bad", "--resume"]).failed(4);
        resumed.push(began.elapsed());
        assert_eq!(images(plane), good);
    }
    for (what, mut times) in [("from the command to healthy again", whole), ("killed and resumed", resumed)] {
        times.sort();
        let (median, worst) = (times[times.len() / 2].as_secs_f64(), times[times.len() - 1].as_secs_f64());
        println!("{what}: median {median:.1} s, worst {worst:.1} s of {rounds}");
        assert!(worst < 30.0, "{what}: {worst:.1} s");
    }
    for number in 0..COUNT {
        plane.delete(NAMESPACE, "", &format!("many-{number}"));
    }
}

#[test]
fn a_person_goes_back_and_sees_what_changed() {
    let Some(plane) = control_plane() else { return };
    let repository = Repository::new("person");
    repository.config_map("settings", "one");
    repository.deploy(plane);
    repository.config_map("settings", "two");
    repository.config_map("added", "two");
    repository.deploy(plane);
    let run = |arguments: &[&str]| {
        let mut command = command();
        command.args(arguments).arg("--kubeconfig").arg(&plane.kubeconfig).args(["--context", "test"]);
        super::repository::Ended::from(command.current_dir(repository.path()).output().expect("tiphys starts"))
    };
    let listed = run(&["history", "person"]).ok();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let diff = run(&["history", "diff", "person", "1"]).ok();
    assert!(diff.contains("--- ConfigMap person/settings in revision 1"), "{diff}");
    assert!(diff.contains("-    \"value\": \"one\"") && diff.contains("+    \"value\": \"two\""), "{diff}");
    assert!(diff.contains("--- /dev/null\n+++ ConfigMap person/added in revision 2"), "{diff}");
    run(&["rollback", "person"]).ok();
    let live = plane.get(super::harness::CONFIG_MAP, "person", "settings").expect("it is there");
    assert_eq!(live["data"]["value"], "one");
    assert!(plane.get(super::harness::CONFIG_MAP, "person", "added").is_none());
    let listed = run(&["history", "person"]).ok();
    assert_eq!(listed.lines().count(), 3, "{listed}");
}
