use std::sync::Arc;

use super::fixpoint::{Expanded, Fixpoint, Stages, run};
use super::{Rendered, Target, TargetKind};
use crate::load::{Repository, load};
use crate::origin::Mark;
use crate::render::{Output, Resource, directory};
use crate::source::Snapshot;
use crate::yaml::Node;

/// Renders manifests and directories; Applications by their path.
struct Directories<'r>(&'r Repository);

impl Stages for Directories<'_> {
    fn render(&self, target: &Target) -> Output {
        match &target.kind {
            TargetKind::Manifest(path) => directory::render_path(self.0, "", path).unwrap_or_default(),
            TargetKind::Application(application) => {
                let path = application.spec(&["source", "path"]).and_then(Node::text).unwrap_or_default();
                directory::render(self.0, path, &directory::Options::default(), Mark::NONE)
            }
            _ => Output::default(),
        }
    }

    fn observe(&self, _: &[Rendered], _: &[Rendered]) {}

    fn expand(&self, _: &Resource) -> Expanded {
        Expanded::default()
    }
}

fn fixpoint(files: &[(&str, &str)]) -> Fixpoint {
    let snapshot = Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)));
    let repository = load(Arc::new(snapshot));
    run(&repository, &Directories(&repository))
}

fn application(name: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\nspec:\n  source:\n    path: {path}\n"
    )
}

fn ids(fixpoint: &Fixpoint) -> Vec<&str> {
    fixpoint.rendered.iter().map(|rendered| rendered.target.id.as_str()).collect()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

#[test]
fn applications_are_followed_and_what_they_deploy_is_no_root() {
    let fixpoint = fixpoint(&[
        ("root.yaml", &application("root", "apps")),
        ("apps/web.yaml", &application("web", "web")),
        ("web/c.yaml", CONFIG),
        ("loose/c.yaml", CONFIG),
    ]);
    assert_eq!(
        ids(&fixpoint),
        ["application argocd/root", "application argocd/web", "manifest loose/c.yaml", "manifest root.yaml"]
    );
    assert!(fixpoint.findings.is_empty());
}

#[test]
fn a_circle_of_applications_is_one_finding() {
    let fixpoint =
        fixpoint(&[("a/b.yaml", &application("b", "b")), ("b/a.yaml", &application("a", "a")), ("web/c.yaml", CONFIG)]);
    let rules: Vec<_> = fixpoint.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["application-cycle"]);
    assert_eq!(ids(&fixpoint).len(), 4);
}

#[test]
fn an_application_that_deploys_itself_stays_a_root() {
    let fixpoint = fixpoint(&[("apps/self.yaml", &application("self", "apps"))]);
    assert_eq!(ids(&fixpoint), ["application argocd/self", "manifest apps/self.yaml"]);
    assert!(fixpoint.findings.is_empty());
}
