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

#[test]
fn variables_become_replacements() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: p # of $(NOBODY)\n    args: [--host=$(HOST), \"$(HOST)\"]\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
    let text = "resources:\n- pod.yaml\n- service.yaml\nvars:\n- name: HOST\n  objref: {apiVersion: v1, kind: Service, name: web}\n# the end\n";
    let files = [("kustomization.yaml", text), ("pod.yaml", pod), ("service.yaml", service)];
    let done = fixed(&files, &Selection::default());
    assert!(done.refused.is_empty(), "{:?}", done.refused);
    let new: Vec<(&str, &str)> = done.files.iter().map(|file| (file.path.as_str(), &*file.new)).collect();
    let target = "  - select:\n      kind: Pod\n      version: v1\n      name: p\n    fieldPaths:\n    - spec.containers.0.args.";
    let expected = format!(
        "resources:\n- pod.yaml\n- service.yaml\nreplacements:\n- source:\n    version: v1\n    kind: Service\n    name: web\n    fieldPath: metadata.name\n  targets:\n{target}0\n    options:\n      delimiter: \"=\"\n      index: 1\n{target}1\n# the end\n"
    );
    let placed = pod.replace("$(HOST)", "HOST_PLACEHOLDER");
    assert_eq!(new, [("kustomization.yaml", expected.as_str()), ("pod.yaml", placed.as_str())]);
}

#[test]
fn inflated_charts_become_helm_charts() {
    let chart = [
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("charts/web/values.yaml", "a: 1\n"),
        (
            "charts/web/templates/web.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: {{ .Values.a | quote }}}\n",
        ),
    ];
    let text = "helmChartInflationGenerator:\n- chartName: web # ours\n  releaseName: web\n  releaseNamespace: other\n  chartHome: charts\n  valuesLocal: {a: 2}\nnamePrefix: a-\n";
    let expected = "helmCharts:\n- name: web # ours\n  releaseName: web\n  valuesInline: {a: 2}\nhelmGlobals:\n  chartHome: charts\nnamePrefix: a-\n";
    assert_eq!(safely(text, &chart), expected);
}
