use std::sync::Arc;

use super::*;
use crate::load::load;
use crate::source::Snapshot;

fn built(directory: &str, files: &[(&str, &str)]) -> (String, Vec<String>) {
    let repository = load(Arc::new(Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)))));
    let builds = Builds::new(&repository);
    let output = builds.build(directory, &Overrides::none());
    let mut text = String::new();
    for (index, resource) in output.resources.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        crate::yaml::write(&resource.node, &mut text).unwrap();
    }
    let findings = output
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{}:{} {} {}",
                repository.snapshot.path(finding.mark.file),
                finding.mark.line,
                finding.rule,
                finding.message
            )
        })
        .collect();
    (text, findings)
}

#[test]
fn an_overlay_patches_renames_and_moves_its_base() {
    let (text, findings) = built(
        "overlay",
        &[
            (
                "base/kustomization.yaml",
                "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=b]\n",
            ),
            (
                "base/web.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.0\n        envFrom:\n        - configMapRef: {name: settings}\n",
            ),
            (
                "overlay/kustomization.yaml",
                "resources: [../base]\nnamePrefix: dev-\nnamespace: dev\nimages:\n- {name: nginx, newTag: '2'}\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 3}\n",
            ),
        ],
    );
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(
        text,
        "apiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\nmetadata:\n  name: dev-settings-4h2mbtbbt6\n  namespace: dev\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: dev-web\n  namespace: dev\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      - envFrom:\n        - configMapRef:\n            name: dev-settings-4h2mbtbbt6\n        image: nginx:2\n        name: web\n"
    );
}

fn output(
    directory: &str,
    overrides: &str,
    files: &[(&str, &str)],
) -> (crate::load::Repository, crate::render::Output) {
    let repository = load(Arc::new(Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)))));
    let file = crate::yaml::read(crate::origin::FileId(0), overrides, Default::default());
    let overrides = Overrides::from_node(file.documents.first().map(|document| &document.root));
    let output = Builds::new(&repository).build(directory, &overrides);
    (repository, output)
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.0\n";

#[test]
fn a_patched_value_is_where_the_patch_writes_it_and_tells_of_the_base() {
    let (repository, output) = output(
        "overlay",
        "",
        &[
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", WEB),
            (
                "overlay/kustomization.yaml",
                "resources: [../base]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      replicas: 3\n",
            ),
        ],
    );
    let replicas = output.resources[0].node.path(&["spec", "replicas"]).unwrap();
    let mark = replicas.mark();
    assert_eq!((repository.snapshot.path(mark.file), mark.line, mark.column), ("overlay/kustomization.yaml", 8, 17));
    let steps = replicas.origin.steps();
    assert_eq!(repository.snapshot.path(steps[0].mark.file), "base/web.yaml");
    assert_eq!((steps[0].mark.line, &*steps[0].what), (6, "patch in overlay/kustomization.yaml"));
}

#[test]
fn everything_wrong_is_found_at_once() {
    let (_, findings) = built(
        "app",
        &[
            (
                "app/kustomization.yaml",
                "resources:\n- wbe.yaml\n- ../plain\n- .\n- web.yaml\n- copy.yaml\nconfigMapGenerator:\n- name: x\n  files: [../secret.txt]\nimags: []\nreplicas:\n- {name: wbe, count: 2}\n",
            ),
            ("app/web.yaml", WEB),
            ("app/copy.yaml", WEB),
            ("plain/web.yaml", WEB),
            ("secret.txt", "x"),
        ],
    );
    let rules: Vec<&str> = findings.iter().map(|finding| finding.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        rules,
        [
            "kustomization-unknown-field",
            "kustomize-resource-not-found",
            "kustomization-not-found",
            "kustomization-cycle",
            "duplicate-resource-id",
            "kustomize-load-restriction",
        ],
        "{findings:#?}"
    );
}

#[test]
fn an_application_overrides_images_prefix_and_replicas() {
    let (_, output) = output(
        "app",
        "images: ['nginx:2.0']\nnamePrefix: live-\nreplicas: [{name: web, count: 5}]\ncommonLabels: {env: live}\nlabelWithoutSelector: true\n",
        &[
            ("app/kustomization.yaml", "resources: [web.yaml]\nimages: [{name: nginx, newTag: '1.5'}]\n"),
            ("app/web.yaml", WEB),
        ],
    );
    let resource = &output.resources[0];
    assert_eq!((resource.name(), resource.label("env")), ("live-web", Some("live")));
    assert_eq!(resource.node.pointer("/spec/template/spec/containers/0/image").unwrap().text(), Some("nginx:2.0"));
    assert_eq!(resource.node.path(&["spec", "replicas"]).unwrap().as_i64(), Some(5));
    assert!(!output.failed);
}

#[test]
fn a_patch_for_a_container_that_is_not_there_is_found() {
    let (_, findings) = built(
        "app",
        &[
            (
                "app/kustomization.yaml",
                "resources: [web.yaml]\npatches:\n- path: patch.yaml\n  target: {kind: Deployment, name: wbe}\n- path: patch.yaml\n",
            ),
            ("app/web.yaml", WEB),
            (
                "app/patch.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: wbe\n        env: []\n",
            ),
        ],
    );
    assert_eq!(
        findings,
        [
            "app/kustomization.yaml:4 unmatched-patch-target no resource matches the target Deployment, `wbe`",
            "app/patch.yaml:8 patch-adds-container the patch adds a container `wbe` that has no image",
        ]
    );
}

#[test]
fn what_lies_elsewhere_is_read_from_the_directory_that_stands_for_it() {
    let files = [
        (
            "app/kustomization.yaml",
            "resources:\n- https://github.com/org/bases//web?ref=v1\n- https://example.com/other.yaml\n\
             configurations:\n- https://example.com/names.yaml\n",
        ),
        ("vendor/bases/web/kustomization.yaml", "resources: [c.yaml]\nnamePrefix: web-\n"),
        ("vendor/bases/web/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"),
    ];
    let repository = load(Arc::new(Snapshot::from_files(files)));
    let remotes = Remotes::new([("https://github.com/org/bases", "vendor/bases")]);
    let output = Builds::new(&repository).with_remotes(remotes).build("app", &Overrides::none());
    let names: Vec<&str> = output.resources.iter().map(|resource| resource.name()).collect();
    assert_eq!(names, ["web-c"]);
    assert!(output.findings.is_empty(), "{:?}", output.findings);
    let left: Vec<&str> = output.not_judged.iter().map(|judgement| judgement.what.as_str()).collect();
    assert_eq!(left, ["remote resource https://example.com/other.yaml", "remote file https://example.com/names.yaml"]);
    assert!(!output.failed);
}

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

fn labelled(overrides: &str, kustomization: &str) -> (serde_json::Value, Vec<String>) {
    let (_, output) = output("web", overrides, &[("web/kustomization.yaml", kustomization), ("web/c.yaml", SETTINGS)]);
    let metadata = output.resources.first().and_then(|resource| resource.node.get("metadata"));
    let found = output.findings.iter().map(|finding| finding.message.clone()).collect();
    (metadata.map(crate::yaml::Node::to_json).unwrap_or_default(), found)
}

#[test]
fn labels_and_annotations_that_are_there_need_force() {
    let there = "resources: [c.yaml]\ncommonAnnotations: {a: b}\nlabels:\n- {pairs: {l: m}, fields: [{path: data, create: true}]}\n";
    let (_, found) = labelled("{commonAnnotations: {a: c}}", there);
    assert!(found.len() == 1 && found[0].contains("forceCommonAnnotations"), "{found:?}");
    let (metadata, found) = labelled("{commonAnnotations: {a: c}, forceCommonAnnotations: true}", there);
    assert_eq!((metadata["annotations"]["a"].as_str(), found), (Some("c"), Vec::new()));
    let (_, found) = labelled("{commonLabels: {l: n}, labelWithoutSelector: true}", there);
    assert!(found.len() == 1 && found[0].contains("forceCommonLabels"), "{found:?}");
    let (_, found) = labelled("{commonLabels: {x: n}, labelIncludeTemplates: true}", there);
    assert!(found.len() == 1 && found[0].contains("labelWithoutSelector"), "{found:?}");
    let (metadata, found) = labelled("{commonLabels: {x: n}, labelWithoutSelector: true}", there);
    assert_eq!((metadata["labels"]["x"].as_str(), found), (Some("n"), Vec::new()));
}

#[test]
fn where_components_may_be_missing_the_first_that_is_there_counts() {
    let component = |value: &str| {
        format!(
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {{{value}: yes-it-is}}\n"
        )
    };
    let (one, two) = (component("one"), component("two"));
    let files = [
        ("web/kustomization.yaml", "resources: [c.yaml]\n"),
        ("web/c.yaml", SETTINGS),
        ("web/one/kustomization.yaml", one.as_str()),
        ("web/two/kustomization.yaml", two.as_str()),
        ("web/empty/c.yaml", SETTINGS),
    ];
    let overrides = "{components: [missing, empty, one, two], ignoreMissingComponents: true}";
    let (_, output) = output("web", overrides, &files);
    let annotations = output.resources[0].node.path(&["metadata", "annotations"]).unwrap().to_json();
    assert_eq!((annotations, output.findings.len()), (serde_json::json!({"one": "yes-it-is"}), 0));
}

#[test]
fn build_variables_are_filled_in_where_argo_cd_fills_them_in() {
    let files = [("web/kustomization.yaml", "resources: [web.yaml]\n"), ("web/web.yaml", WEB)];
    let repository = load(Arc::new(Snapshot::from_files(files)));
    let text = "{images: ['nginx:$ARGOCD_APP_REVISION'], commonLabels: {app: $ARGOCD_APP_NAME}, labelWithoutSelector: true, \
                commonAnnotations: {a: $ARGOCD_APP_NAME}}";
    let file = crate::yaml::read(crate::origin::FileId(0), text, Default::default());
    let node = &file.documents[0].root;
    let source =
        crate::yaml::Node::from_json(&serde_json::json!({"targetRevision": "v2"}), &crate::origin::Origin::NONE);
    let variables = crate::render::variables::Variables {
        source: &source,
        name: "shop",
        namespace: "n",
        project: "p",
        commit: None,
    };
    let overrides = Overrides::from_node(Some(node)).with_variables(variables);
    let output = Builds::new(&repository).build("web", &overrides);
    let web = output.resources[0].node.to_json();
    assert_eq!(web.pointer("/spec/template/spec/containers/0/image").unwrap(), "nginx:v2");
    assert_eq!(web["metadata"]["labels"]["app"], "shop");
    // Annotations only with commonAnnotationsEnvsubst.
    assert_eq!(web["metadata"]["annotations"]["a"], "$ARGOCD_APP_NAME");
}

#[test]
fn a_hundred_overlays_accumulate_their_base_once() {
    let mut files = vec![
        ("base/kustomization.yaml".to_owned(), "resources: [../common, all.yaml]\n".to_owned()),
        ("base/all.yaml".to_owned(), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n".to_owned()),
        ("common/kustomization.yaml".to_owned(), "resources: [all.yaml]\n".to_owned()),
        ("common/all.yaml".to_owned(), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n".to_owned()),
    ];
    let overlay = |number: usize| format!("resources: [../base]\nnamePrefix: n{number}-\n");
    files.extend((0..100).map(|number| (format!("overlay{number}/kustomization.yaml"), overlay(number))));
    let repository = load(Arc::new(Snapshot::from_files(files)));
    let builds = Builds::new(&repository);
    for number in 0..100 {
        let output = builds.build(&format!("overlay{number}"), &Overrides::none());
        let names: Vec<&str> = output.resources.iter().map(|resource| resource.name()).collect();
        assert_eq!(names, [format!("n{number}-a"), format!("n{number}-b")]);
    }
    let mut accumulated = builds.accumulated();
    accumulated.sort();
    assert_eq!(accumulated, ["base", "common"]);
}
