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
