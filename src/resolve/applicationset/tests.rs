use super::*;
use crate::load::load;
use crate::source::Snapshot;
use crate::yaml::{Limits, read};
use std::sync::Arc;

struct Only(Repository);

impl Git for Only {
    fn checkout(&self, _: &str, _: &str) -> Option<Checkout<'_>> {
        Some(Checkout { repository: &self.0, directory: "" })
    }
}

fn expand_in(set: &str, files: &[(&str, &str)]) -> Expansion {
    let snapshot = Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)));
    let git = Only(load(Arc::new(snapshot)));
    let mut file = read(crate::origin::FileId(7), set, Limits::default());
    let set = Resource { node: file.documents.remove(0).root };
    let fixtures = Fixtures::default();
    let context = Context {
        git: &git,
        clusters: &[],
        all_clusters: true,
        fixtures: &fixtures,
        namespace: "argocd",
        projects: None,
    };
    expand(&set, &context)
}

fn names(expansion: &Expansion) -> Vec<&str> {
    expansion.applications.iter().map(Application::name).collect()
}

const MATRIX: &str = "\
kind: ApplicationSet
metadata: {name: all, namespace: argocd}
spec:
  goTemplate: true
  generators:
  - matrix:
      generators:
      - list:
          elements:
          - env: dev
          - env: production
      - list:
          elements:
          - service: web
          - service: db
  template:
    metadata:
      name: '{{.service}}-{{.env}}'
    spec:
      project: '{{.env}}'
";

#[test]
fn a_matrix_makes_every_pair() {
    assert_eq!(names(&expand_in(MATRIX, &[])), ["web-dev", "db-dev", "web-production", "db-production"]);
}

#[test]
fn a_value_that_is_one_parameter_stands_where_the_parameter_does() {
    let expansion = expand_in(MATRIX, &[]);
    let node = &expansion.applications[2].resource.node;
    let project = node.path(&["spec", "project"]).map(|node| node.mark().line);
    assert_eq!(project, Some(11), "the element's value");
    let name = node.path(&["metadata", "name"]).map(|node| node.mark().line);
    assert_eq!(name, Some(18), "the template");
}

#[test]
fn a_glob_that_matches_nothing_is_reported_with_the_one_that_would() {
    let set = "\
kind: ApplicationSet
metadata: {name: all}
spec:
  generators:
  - git:
      directories:
      - path: services/*/overlays/*
  template: {metadata: {name: '{{path.basename}}'}}
";
    let expansion = expand_in(set, &[("services/team/web/overlays/dev/kustomization.yaml", "")]);
    let finding = &expansion.findings[0];
    assert_eq!((finding.rule.as_str(), finding.mark.line), ("generator-matches-nothing", 7));
    assert_eq!(finding.help.as_deref(), Some("did you mean `services/*/*/overlays/*`?"));
}

#[test]
fn names_that_are_equal_are_one_finding() {
    let set = MATRIX.replace("{{.service}}-{{.env}}", "{{.env}}");
    let expansion = expand_in(&set, &[]);
    let rules: Vec<&str> = expansion.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["duplicate-generated-name"]);
}

#[test]
fn a_pull_request_generator_is_not_judged() {
    let set = "\
kind: ApplicationSet
metadata: {name: all}
spec:
  generators:
  - pullRequest: {github: {owner: a, repo: b}}
  template: {metadata: {name: x}}
";
    let expansion = expand_in(set, &[]);
    assert!(expansion.applications.is_empty());
    assert_eq!(expansion.not_judged.len(), 1);
}

#[test]
fn pull_requests_of_another_repository_make_no_applications() {
    let inputs = "pullRequests:\n- {repository: acme/shop, number: 1, branch: a, headSHA: abc}\n\
                  - {repository: acme/other, number: 2, branch: b, headSHA: abc}\n";
    let set = "kind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n  goTemplate: true\n  generators:\n\
               \u{20} - pullRequest: {github: {owner: acme, repo: shop}}\n  template: {metadata: {name: 'pr-{{.number}}'}}\n";
    let inputs = Inputs::read(inputs, None).expect("the inputs are YAML").incomplete();
    let document = crate::yaml::read(crate::origin::FileId(0), set, Default::default()).documents.remove(0);
    let expansion = expand(&Resource { node: document.root }, &inputs.context());
    let names: Vec<&str> = expansion.applications.iter().map(|application| application.name()).collect();
    assert_eq!(names, ["pr-1"]);
}

#[test]
fn a_plugin_whose_answer_is_not_given_is_not_judged() {
    let set = "kind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n  generators:\n\
               \u{20} - plugin: {configMapRef: {name: news}}\n  template: {metadata: {name: a}}\n";
    for given in ["", "plugins: {other: {responses: []}}\n"] {
        let inputs = Inputs::read(given, None).expect("the inputs are YAML").incomplete();
        let document = crate::yaml::read(crate::origin::FileId(0), set, Default::default()).documents.remove(0);
        let expansion = expand(&Resource { node: document.root }, &inputs.context());
        assert_eq!((expansion.not_judged.len(), expansion.findings.len()), (1, 0), "{given:?}");
    }
}
