use std::sync::Arc;

use chrono::NaiveDate;

use super::*;
use crate::run::Options;

fn fixed(files: &[(&str, &str)], selection: &Selection) -> Fixed {
    let snapshot = Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)));
    let input = Input { snapshot: Arc::new(snapshot), config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
    fix(&input, Options { profile: None, today }, selection)
}

fn unsafe_too() -> Selection {
    Selection { unsafe_too: true, ..Selection::default() }
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: example.com/web:1.0.0
";

#[test]
fn a_word_that_was_meant_is_put_in_only_when_asked_for() {
    let kustomization =
        "resources:\n- deployment.yaml\nimages:\n# the one image\n- name: 'example.com/wbe'\n  newTag: 1.0.1\n";
    let files = [("kustomization.yaml", kustomization), ("deployment.yaml", DEPLOYMENT)];
    let asked = fixed(&files, &Selection::default());
    assert!(asked.files.is_empty(), "{:?}", asked.mended);
    assert_eq!(asked.left, 1);
    let done = fixed(&files, &unsafe_too());
    assert_eq!(done.files.len(), 1, "{done:?}");
    assert_eq!(*done.files[0].new, kustomization.replace("example.com/wbe", "example.com/web"));
    assert_eq!(done.mended.len(), 1);
}

#[test]
fn mending_twice_changes_nothing_more() {
    let files = [("deployment.yaml", DEPLOYMENT.replace("containers:", "contaners:"))];
    let once = fixed(&[(files[0].0, files[0].1.as_str())], &unsafe_too());
    let text = once.files.first().map_or(files[0].1.clone(), |file| file.new.to_string());
    let twice = fixed(&[("deployment.yaml", text.as_str())], &unsafe_too());
    assert!(twice.files.is_empty(), "{twice:?}");
}

#[test]
fn a_fix_of_another_rule_is_not_done() {
    let kustomization = "resources:\n- deployment.yaml\nimages:\n- name: example.com/wbe\n  newTag: 1.0.1\n";
    let files = [("kustomization.yaml", kustomization), ("deployment.yaml", DEPLOYMENT)];
    let selection = Selection { rules: vec!["trailing-whitespace".to_owned()], unsafe_too: true };
    assert_eq!(fixed(&files, &selection), Fixed::default());
}

fn safely(kustomization: &str, others: &[(&str, &str)]) -> String {
    let mut files = vec![("kustomization.yaml", kustomization), ("deployment.yaml", DEPLOYMENT)];
    files.extend_from_slice(others);
    let fixed = fixed(&files, &Selection::default());
    assert!(fixed.refused.is_empty(), "{:?}", fixed.refused);
    let own = fixed.files.iter().find(|file| file.path == "kustomization.yaml");
    own.map_or_else(|| kustomization.to_owned(), |file| file.new.to_string())
}

const REPLICAS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
const BASE: [(&str, &str); 2] = [
    ("base/kustomization.yaml", "resources: [config.yaml]\n"),
    ("base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"),
];

#[test]
fn bases_become_resources() {
    assert_eq!(safely("bases: # all\n- base\n", &BASE), "resources: # all\n- base\n");
    let text = "bases:\n# the base\n  - base  # here\n\nresources:\n- deployment.yaml\n# the end\n";
    let expected = "\nresources:\n- deployment.yaml\n# the base\n- base  # here\n# the end\n";
    assert_eq!(safely(text, &BASE), expected);
    let text = "resources: [deployment.yaml]\nbases:\n- ./base";
    assert_eq!(safely(text, &BASE), "resources: [deployment.yaml, ./base]\n");
}

#[test]
fn strategic_merges_become_patches() {
    let others = [("replicas.yaml", REPLICAS)];
    let text = "resources:\n- deployment.yaml\npatchesStrategicMerge:  # ours\n# more\n- replicas.yaml # of them\n- |-\n  # one\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: web\n  spec:\n\n    paused: true\n";
    let expected = "resources:\n- deployment.yaml\npatches:  # ours\n# more\n- path: replicas.yaml # of them\n- patch: |-\n    # one\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: web\n    spec:\n\n      paused: true\n";
    assert_eq!(safely(text, &others), expected);
}

#[test]
fn all_three_kinds_of_patches_become_one() {
    let others = [("replicas.yaml", REPLICAS)];
    let text = "resources: [deployment.yaml]\npatchesStrategicMerge: [replicas.yaml]\npatchesJson6902:\n  - target: {kind: Deployment, name: web}\n    patch: |\n      - {op: add, path: /spec/minReadySeconds, value: 3}\n";
    let expected = "resources: [deployment.yaml]\npatches:\n- path: replicas.yaml\n- target: {kind: Deployment, name: web}\n  patch: |\n    - {op: add, path: /spec/minReadySeconds, value: 3}\n";
    assert_eq!(safely(text, &others), expected);
}

#[test]
fn common_labels_become_labels_with_selectors() {
    let text =
        "resources: [deployment.yaml]\ncommonLabels:\n  # whose\n  team: shop # ours\n  tier: web\nnamePrefix: a-\n";
    let expected = "resources: [deployment.yaml]\nlabels:\n- pairs:\n    # whose\n    team: shop # ours\n    tier: web\n  includeSelectors: true\nnamePrefix: a-\n";
    assert_eq!(safely(text, &[]), expected);
    let text = "resources: [deployment.yaml]\ncommonLabels: {team: shop}\n";
    let expected = "resources: [deployment.yaml]\nlabels:\n- pairs: {team: shop}\n  includeSelectors: true\n";
    assert_eq!(safely(text, &[]), expected);
}

#[test]
fn what_would_render_otherwise_stays() {
    // A JSON patch runs behind the name's prefix, and a patch before it.
    let text = "resources: [deployment.yaml]\nnamePrefix: a-\npatchesJson6902:\n- target: {version: v1, kind: Deployment, group: apps, name: web}\n  patch: |\n    - {op: replace, path: /metadata/name, value: b}\n";
    let files = [("kustomization.yaml", text), ("deployment.yaml", DEPLOYMENT)];
    let fixed = fixed(&files, &Selection::default());
    assert!(fixed.files.is_empty(), "{}", fixed.files[0].new);
    assert_eq!(fixed.refused.len(), 1);
}
