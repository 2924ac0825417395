//! Kustomizations that mean harm: each ends soon, in little memory, with an error that says what is wrong.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiphys::load::load;
use tiphys::render::kustomize::{Builds, Options, Overrides};
use tiphys::source::Snapshot;

/// Far more than an unoptimised build on a busy machine needs, far less than what does not end.
const PATIENCE: Duration = Duration::from_secs(300);

struct Built {
    resources: usize,
    not_judged: usize,
    /// The findings of the build, and what is wrong with the YAML of the files that it read.
    said: String,
}

fn build(directory: &str, files: Vec<(String, String)>) -> Built {
    let begun = Instant::now();
    let repository = load(Arc::new(Snapshot::from_files(files)));
    let builds = Builds::with(&repository, Options { restrict: true, helm: false });
    let output = builds.build(directory, &Overrides::none());
    let mut said = String::new();
    for finding in &output.findings {
        let path = repository.snapshot.path(finding.mark.file);
        let _ = writeln!(said, "{path}:{} {} {}", finding.mark.line, finding.rule, finding.message);
    }
    for file in &output.used {
        for problem in repository.yaml(*file).iter().flat_map(|yaml| &yaml.problems) {
            let _ = writeln!(said, "{}:{} {}", repository.snapshot.path(*file), problem.mark.line, problem.kind);
        }
    }
    assert!(begun.elapsed() < PATIENCE, "took {:?}", begun.elapsed());
    assert_eq!(output.failed, !said.is_empty(), "{said}");
    Built { resources: output.resources.len(), not_judged: output.not_judged.len(), said }
}

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.to_owned(), text.into())
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n")
}

/// `count` objects in one file.
fn config_maps(count: usize) -> String {
    (0..count).map(|number| config_map(&format!("c{number}"))).collect::<Vec<_>>().join("---\n")
}

#[track_caller]
fn says(built: &Built, what: &str) {
    assert!(built.said.contains(what), "expected `{what}` in:\n{}", built.said);
}

#[test]
fn a_circle_of_bases_is_said_where_it_closes() {
    let built = build(
        "a",
        vec![file("a/kustomization.yaml", "resources: [../b]\n"), file("b/kustomization.yaml", "resources: [../a]\n")],
    );
    says(&built, "b/kustomization.yaml:1 kustomization-cycle");
    let built = build("a", vec![file("a/kustomization.yaml", "resources: [.]\n")]);
    says(&built, "a/kustomization.yaml:1 kustomization-cycle");
}

#[test]
fn a_chain_of_ten_thousand_bases_ends() {
    let mut files: Vec<_> = (0..10_000)
        .map(|number| file(&format!("{number}/kustomization.yaml"), format!("resources: [../{}]\n", number + 1)))
        .collect();
    files.push(file("10000/kustomization.yaml", "resources: []\n"));
    says(&build("0", files), "levels deep");
}

/// Thirty levels of which each includes the one below twice; `m30` is on top, and `base` is the lowest kustomization.
fn doubling(base: &str) -> Vec<(String, String)> {
    let mut files = vec![file("m0/kustomization.yaml", base), file("m0/one.yaml", config_map("one"))];
    for level in 1..=30 {
        let below = level - 1;
        for side in ["a", "b"] {
            files.push(file(
                &format!("{side}{level}/kustomization.yaml"),
                format!("namePrefix: {side}-\nresources: [../m{below}]\n"),
            ));
        }
        files.push(file(&format!("m{level}/kustomization.yaml"), format!("resources: [../a{level}, ../b{level}]\n")));
    }
    files
}

#[test]
fn bases_that_double_at_every_level_end() {
    says(&build("m30", doubling("resources: [one.yaml]\n")), "resources");
}

#[test]
fn what_is_wrong_with_a_base_does_not_double_with_it() {
    let built = build("m30", doubling("resources: [two.yaml]\n"));
    assert_eq!(built.said.lines().count(), 1, "{}", built.said);
    let built = build("m30", doubling("resources: ['https://example.com/remote.yaml']\n"));
    assert_eq!((built.said.as_str(), built.not_judged), ("", 1));
}

#[test]
fn nesting_of_ten_thousand_levels_is_refused() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let object = format!("apiVersion: v1\nkind: X\nmetadata: {{name: a}}\nspec: {deep}\n");
    let built = build("", vec![file("kustomization.yaml", "resources: [deep.yaml]\n"), file("deep.yaml", object)]);
    says(&built, "deep.yaml:4 not valid YAML: recursion limit exceeded");
    says(&build("", vec![file("kustomization.yaml", format!("resources: {deep}\n"))]), "recursion limit exceeded");
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{aliases}]");
    }
    let object = format!("apiVersion: v1\nkind: X\nmetadata: {{name: a}}\n{bomb}");
    let built = build("", vec![file("kustomization.yaml", "resources: [bomb.yaml]\n"), file("bomb.yaml", object)]);
    says(&built, "aliases expand to more than");
    says(&build("", vec![file("kustomization.yaml", format!("{bomb}resources: []\n"))]), "aliases expand to more than");
}

#[test]
fn a_regular_expression_of_a_megabyte_is_refused() {
    let patches = |expression: &str| {
        format!(
            "resources: [one.yaml]\npatches:\n- target: {{kind: ConfigMap, name: '{expression}'}}\n  \
             patch: |\n    - {{op: add, path: /data/x, value: y}}\n"
        )
    };
    for expression in ["(a|b)*".repeat(180_000), "((((a{1,1000}){1,1000}){1,1000}){1,1000})".to_owned()] {
        let built =
            build("", vec![file("kustomization.yaml", patches(&expression)), file("one.yaml", config_map("one"))]);
        says(&built, "kustomization.yaml:3 kustomize-error not a regular expression");
    }
}

#[test]
fn no_path_leaves_the_repository() {
    let built = build(
        "app",
        vec![file(
            "app/kustomization.yaml",
            "resources:\n- ../../../../etc/passwd\n- /etc/passwd\nconfigMapGenerator:\n- name: x\n  files: [../../../etc/passwd]\n",
        )],
    );
    says(&built, "kustomization.yaml:2");
    says(&built, "kustomization.yaml:3");
    says(&built, "kustomization.yaml:6");
    assert_eq!(built.said.matches("leaves the repository").count(), 3, "{}", built.said);
}

#[test]
fn a_hundred_thousand_resources_are_built() {
    let built = build(
        "",
        vec![
            file(
                "kustomization.yaml",
                "namePrefix: p-\nnamespace: shop\nlabels:\n- pairs: {a: b}\n  includeSelectors: true\nresources: [a.yaml, b.yaml]\n",
            ),
            file("a.yaml", config_maps(50_000)),
            file("b.yaml", config_maps(50_000).replace("ConfigMap", "Secret")),
        ],
    );
    assert_eq!((built.said.as_str(), built.resources), ("", 100_000));
}

#[test]
fn the_work_grows_with_the_files_generators_and_patches_not_with_their_square() {
    const COUNT: usize = 10_000;
    let mut kustomization = "resources:\n".to_owned();
    let mut files = Vec::new();
    for number in 0..COUNT {
        let _ = writeln!(kustomization, "- r{number}.yaml");
        files.push(file(&format!("r{number}.yaml"), config_map(&format!("c{number}"))));
    }
    kustomization.push_str("configMapGenerator:\n");
    for number in 0..COUNT {
        let _ = writeln!(kustomization, "- {{name: g{number}, literals: [a={number}]}}");
    }
    kustomization.push_str("patches:\n");
    for number in 0..COUNT {
        let _ = writeln!(
            kustomization,
            "- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {{name: c{number}}}\n    data: {{z: q}}"
        );
    }
    files.push(file("kustomization.yaml", kustomization));
    let built = build("", files);
    assert_eq!((built.said.as_str(), built.resources), ("", 2 * COUNT));
}
