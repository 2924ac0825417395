//! The command line as a person and a script meet it: exit codes, streams and errors of usage.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\n  namespace: web\ndata:\n  key: \"hunter2 hunter2\"\n";

fn tiphys(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tiphys"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the command runs")
}

fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written");
    }
    directory
}

fn on(directory: &Path, args: &[&str]) -> Output {
    let path = directory.to_str().expect("a UTF-8 path");
    tiphys(&[&["check", path], args].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_clean_repository_ends_with_0_and_a_summary() {
    let repository = repository(&[("readme.md", "nothing\n")]);
    let output = on(repository.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("0 errors"), "{}", text(&output.stdout));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn findings_end_with_1_from_the_severity_that_is_asked_for() {
    let error = repository(&[("secret.yaml", SECRET)]);
    assert_eq!(on(error.path(), &[]).status.code(), Some(1));
    assert_eq!(on(error.path(), &["--fail-on", "never"]).status.code(), Some(0));
    let warning = repository(&[("empty.yaml", "")]);
    assert_eq!(on(warning.path(), &[]).status.code(), Some(0));
    assert_eq!(on(warning.path(), &["--fail-on", "warning"]).status.code(), Some(1));
}

#[test]
fn wrong_usage_and_configuration_end_with_2() {
    let broken = repository(&[("tiphys.yaml", "rules:\n  no-such-rule: off\n"), ("secret.yaml", SECRET)]);
    assert_eq!(on(broken.path(), &[]).status.code(), Some(2));
    let clean = repository(&[("readme.md", "")]);
    for args in [
        &["--format", "prose"][..],
        &["--output", "sarif"],
        &["--output", "prose=x"],
        &["--profile", "lax"],
        &["--config", "nowhere.yaml"],
        &["--policy", "nowhere"],
        &["--new-since", "HEAD"],
    ] {
        let output = on(clean.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
    let output = tiphys(&["check", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("tiphys: /nowhere/at/all: "), "{}", text(&output.stderr));
}

#[test]
fn what_is_not_judged_ends_with_3_only_if_that_is_asked_for() {
    let widget = "apiVersion: example.invalid/v1\nkind: Widget\nmetadata:\n  name: w\n";
    let files = [("widget.yaml", widget)];
    let open = repository(&files);
    assert_eq!(on(open.path(), &["--fail-on", "never"]).status.code(), Some(0));
    assert_eq!(on(open.path(), &["--fail-on", "never", "--fail-on-not-judged"]).status.code(), Some(3));
    let accepting = "accept-not-judged:\n- what: \"*\"\n  reason: a test\n";
    let accepted = repository(&[files[0], ("tiphys.yaml", accepting)]);
    let output = on(accepted.path(), &["--fail-on", "never", "--fail-on-not-judged"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn reports_go_to_the_standard_output_and_into_files() {
    let repository = repository(&[("secret.yaml", SECRET)]);
    let out = tempfile::tempdir().expect("a directory");
    let at = |name: &str| out.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let (sarif, junit) = (format!("sarif={}", at("a.sarif")), format!("junit={}", at("b.xml")));
    let output = on(repository.path(), &["--format", "concise", "--output", &sarif, "--output", &junit]);
    let first = text(&output.stdout).lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with("secret.yaml:7:8: error[invalid-base64] "), "{first}");
    let sarif: serde_json::Value =
        serde_json::from_slice(&fs::read(at("a.sarif")).expect("a report")).expect("valid JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(fs::read_to_string(at("b.xml")).expect("a report").starts_with("<?xml"));
}

#[test]
fn no_format_shows_the_value_of_a_secret() {
    let repository = repository(&[("secret.yaml", SECRET)]);
    for format in ["text", "concise", "json", "sarif", "junit", "github", "gitlab", "rdjson", "checkstyle", "markdown"]
    {
        let output = on(repository.path(), &["--format", format]);
        assert!(!text(&output.stdout).contains("hunter2"), "{format}: {}", text(&output.stdout));
    }
    let path = repository.path().to_str().expect("a UTF-8 path");
    let render = tiphys(&["render", "secret.yaml", "--repository", path, "--provenance"]);
    let shown = text(&render.stdout);
    assert!(!shown.contains("hunter2") && shown.contains("# secret.yaml:7"), "{shown}");
    let why = tiphys(&["why", "secret.yaml", "secret/web", "/data/key", "--repository", path]);
    let shown = text(&why.stdout);
    assert!(!shown.contains("hunter2") && shown.contains("written at secret.yaml:7:8"), "{shown}");
}

#[test]
fn nobody_reading_on_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiphys"))
        .args(["rules", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn why_and_render_say_what_there_is_instead() {
    let repository = repository(&[("secret.yaml", SECRET)]);
    let path = repository.path().to_str().expect("a UTF-8 path");
    let output = tiphys(&["why", "secret.yaml", "secret/web", "/metadata/nam", "--repository", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/metadata has name, namespace"), "{}", text(&output.stderr));
    let output = tiphys(&["render", "nowhere", "--repository", path]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn init_writes_a_configuration_that_check_takes_and_never_replaces_one() {
    let repository = repository(&[("readme.md", "")]);
    let path = repository.path().to_str().expect("a UTF-8 path");
    assert_eq!(tiphys(&["init", path]).status.code(), Some(0));
    assert_eq!(on(repository.path(), &["--fail-on", "info"]).status.code(), Some(0));
    assert_eq!(tiphys(&["init", path]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_pages_are_made_from_the_same_definition() {
    assert!(text(&tiphys(&["completions", "bash"]).stdout).contains("--new-since"));
    assert!(text(&tiphys(&["man", "check"]).stdout).contains("new\\-since"));
    assert_eq!(tiphys(&["man", "nothing"]).status.code(), Some(2));
}

#[test]
fn fix_shows_what_it_would_do_then_does_it_and_then_has_nothing_to_do() {
    let before = "# ours\nbases:\n- base # the one\n";
    let files = [
        ("kustomization.yaml", before),
        ("base/kustomization.yaml", "resources: [config.yaml]\n"),
        ("base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"),
    ];
    let repository = repository(&files);
    let root = repository.path().to_str().expect("a UTF-8 path");
    let read = || fs::read_to_string(repository.path().join("kustomization.yaml")).expect("a file");

    let shown = tiphys(&["fix", root, "--dry-run"]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(text(&shown.stdout).contains("-bases:\n+resources:\n"), "{}", text(&shown.stdout));
    assert_eq!(read(), before);

    let done = tiphys(&["fix", root]);
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(text(&done.stdout).lines().last(), Some("1 finding in 1 file mended"));
    assert_eq!(read(), "# ours\nresources:\n- base # the one\n");

    let again = tiphys(&["fix", root, "--dry-run"]);
    assert_eq!((again.status.code(), text(&again.stdout).as_str()), (Some(0), ""));
    assert_eq!(tiphys(&["fix", root, "--rule", "no-such-rule"]).status.code(), Some(2));
}

#[test]
fn helm_template_writes_each_template_into_a_file_of_its_own() {
    let template = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n---\napiVersion: v1\n\
                    kind: ConfigMap\nmetadata:\n  name: b\n";
    let files = [("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), ("templates/all.yaml", template)];
    let chart = repository(&files);
    let out = tempfile::tempdir().expect("a directory");
    let (chart, directory) = (chart.path().to_str().expect("UTF-8"), out.path().to_str().expect("UTF-8"));
    let args = ["helm", "template", chart, "--name-template", "{{ \"A\" | lower }}", "--output-dir", directory];
    let output = tiphys(&args);
    let file = out.path().join("web/templates/all.yaml");
    let wrote = format!("wrote {}\n", file.display());
    assert_eq!(text(&output.stdout), format!("{wrote}{wrote}\n"));
    // As Helm 4.3.1 writes it.
    let expected = "---\n# Source: web/templates/all.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n\n\
                    ---\n# Source: web/templates/all.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: a\n";
    let written = fs::read_to_string(&file).expect("the file");
    assert_eq!(written.trim_end(), expected.trim_end());
    // A second time begins the file anew.
    assert!(tiphys(&args).status.success());
    assert_eq!(fs::read_to_string(&file).expect("the file"), written);
}

#[test]
fn the_health_of_live_objects_is_told_by_the_repositorys_own_checks_first() {
    let repository = repository(&[
        (
            "live.yaml",
            "apiVersion: example.com/v1\nkind: Web\nmetadata: {name: shop}\nstatus: {ready: 2}\n---\n\
                       apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nstatus: {phase: Lost}\n",
        ),
        (
            "cm.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata:\n  \
                     resource.customizations.health.example.com_Web: |\n    \
                     return {status = 'Progressing', message = obj.status.ready .. ' are ready'}\n",
        ),
    ]);
    let file = |name: &str| repository.path().join(name).to_string_lossy().into_owned();
    let (live, settings) = (file("live.yaml"), file("cm.yaml"));
    let output = tiphys(&["argocd", "health", &live]);
    assert_eq!(text(&output.stdout), "Web/shop not assessed\nPersistentVolumeClaim/data Degraded\n");
    let output = tiphys(&["argocd", "health", &live, "--settings", &settings]);
    assert_eq!(text(&output.stdout), "Web/shop Progressing: 2 are ready\nPersistentVolumeClaim/data Degraded\n");
}

#[test]
fn the_page_of_the_rules_is_what_the_rules_say() {
    let output = tiphys(&["rules", "--markdown"]);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).expect("a page");
    assert!(String::from_utf8_lossy(&output.stdout) == page, "write it again: tiphys rules --markdown > docs/rules.md");
}

#[test]
fn a_baseline_accepts_what_was_found_through_moved_lines_and_other_formatting_and_says_what_is_gone() {
    let repository = repository(&[("a.yaml", SECRET)]);
    let root = repository.path().to_string_lossy().into_owned();
    let known = repository.path().join("known.json").to_string_lossy().into_owned();
    assert_eq!(tiphys(&["check", &root]).status.code(), Some(1));
    assert_eq!(tiphys(&["check", "--write-baseline", &known, &root]).status.code(), Some(0));
    let moved = "# moved\napiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: web}\ndata: {key: 'hunter2 hunter2'}\n";
    fs::write(repository.path().join("a.yaml"), moved).expect("a file can be written");
    let output = tiphys(&["check", "--fail-on", "info", "--baseline", &known, &root]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    fs::write(repository.path().join("a.yaml"), moved.replace("hunter2 hunter2", "aHVudGVyMg==")).expect("a file");
    let output = tiphys(&["check", "--format", "concise", "--baseline", &known, &root]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("warning[unused-waiver]") && text.contains("known.json:"), "{text}");
}

/// Holds the text of a plan against the schema that is published for it.
pub(crate) fn fits_the_plan_schema(text: &str) -> Result<(), String> {
    let schema = include_str!("../docs/plan.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let plan: serde_json::Value = serde_json::from_str(text).expect("a plan is JSON");
    let wrong: Vec<String> =
        validator.iter_errors(&plan).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

#[test]
fn a_plan_has_the_shape_that_is_published() {
    let directory = tempfile::tempdir().expect("a directory is made");
    let out = directory.path().join("plan.json");
    let output = tiphys(&["plan", "examples/platform", "--offline", "--out", out.to_str().expect("a path is text")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let plan = std::fs::read_to_string(&out).expect("the plan is written");
    assert_eq!(fits_the_plan_schema(&plan), Ok(()));
    assert!(fits_the_plan_schema(&plan.replacen("\"step\"", "\"stap\"", 1)).is_err());
}

#[test]
fn a_policy_that_takes_too_much_memory_is_not_judged_and_named() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: b\ndata:\n  k: v\n";
    let policy = "package greedy\nimport rego.v1\n\nlong := concat(\"\", [\"0123456789\" | some _ in numbers.range(1, 100000)])\n\n\
                  deny contains \"too much\" if {\n\tall := [concat(\"\", [long, format_int(i, 10)]) | some i in numbers.range(1, 4000)]\n\
                  \tcount(all) > 0\n}\n";
    let directory = repository(&[("a.yaml", manifest), ("policies/greedy.rego", policy)]);
    let output = on(directory.path(), &["--policy", "policies", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report is JSON");
    let reasons: Vec<&str> = report["not_judged"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["file"] == "policies/greedy.rego")
        .filter_map(|one| one["reason"].as_str())
        .collect();
    assert_eq!(reasons, ["policies/greedy.rego:6: it takes more than 1024 MiB of memory"], "{report:#}");
}
