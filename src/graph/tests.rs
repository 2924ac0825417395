use std::sync::Arc;

use chrono::NaiveDate;

use super::*;
use crate::run::{Input, Options, run};
use crate::source::Snapshot;

const APPS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: root, namespace: argocd}
spec:
  project: default
  source: {repoURL: 'https://example.com/r', targetRevision: v1, path: apps}
  destination: {server: 'https://kubernetes.default.svc', namespace: argocd}
"#;

const SET: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: web, namespace: argocd}
spec:
  goTemplate: true
  generators: [{list: {elements: [{env: dev}, {env: prod}]}}]
  template:
    metadata: {name: 'web-{{.env}}'}
    spec:
      project: 'shop "<b>'
      source: {repoURL: 'https://example.com/r', targetRevision: v1, path: gone}
      destination: {server: 'https://prod.example.com', namespace: web}
"#;

fn drawn() -> Graph {
    let files = [
        ("root.yaml", APPS),
        ("apps/set.yaml", SET),
        ("other.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"),
    ];
    let snapshot = Arc::new(Snapshot::from_files(files));
    let input = Input { snapshot, config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    graph(&run(&input, Options { profile: None, today }))
}

fn written(format: Format) -> String {
    let mut out = Vec::new();
    write(&drawn(), format, &mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn the_tree_leads_from_the_root_to_what_is_generated() {
    let text = written(Format::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("manifest root.yaml: 1 object"), "{text}");
    assert!(lines[1].starts_with("└── Application argocd/root: 1 object"), "{text}");
    assert!(lines[2].starts_with("    └── ApplicationSet argocd/web: 2 Applications"), "{text}");
    assert!(lines[3].starts_with("        ├── Application argocd/web-dev: 0 objects ["), "{text}");
    assert!(text.contains("  https://prod.example.com: 2 Applications"), "{text}");
    assert!(text.contains("  in-cluster: 1 Application\n"), "{text}");
    assert!(
        text.ends_with(
            "1 root, 1 ApplicationSet, 3 Applications, 2 projects, 2 clusters, 1 more without anything of Argo CD\n"
        ),
        "{text}"
    );
}

#[test]
fn names_cannot_break_out_of_any_format() {
    let mermaid = written(Format::Mermaid);
    assert!(mermaid.contains("AppProject shop #34;#60;b#62;<br/>2 Applications"), "{mermaid}");
    let dot = written(Format::Dot);
    assert!(dot.contains(r#"AppProject\nshop \"<b>\n2 Applications"#), "{dot}");
    let html = written(Format::Html);
    assert!(html.contains("<td>shop &quot;&lt;b&gt;</td><td>2</td>"), "{html}");
}

#[test]
fn what_leads_to_itself_is_drawn_once() {
    let node = |name: &str, leads_to: &[usize]| Node {
        kind: Kind::Application,
        name: name.to_owned(),
        place: String::new(),
        count: 1,
        findings: Counts::default(),
        leads_to: leads_to.to_vec(),
        belongs_to: Vec::new(),
    };
    let circle = Graph { nodes: vec![node("a", &[1]), node("b", &[0])], other_roots: 0 };
    let mut out = Vec::new();
    write(&circle, Format::Text, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        text.starts_with(
            "Application a: 1 object\n└── Application b: 1 object\n    └── Application a: 1 object (see above)\n"
        ),
        "{text}"
    );
}
