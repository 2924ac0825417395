//! The door from resolving to the renderers: how each target is rendered, and each ApplicationSet expanded.

use super::fixpoint::{Expanded, Stages};
use super::repository::Identity;
use super::source::{Detection, Renderer, detect};
use super::{Application, Rendered, Target, TargetKind};
use crate::config::Config;
use crate::finding::NotJudged;
use crate::load::Repository;
use crate::origin::Mark;
use crate::render::kustomize::{Builds, Overrides};
use crate::render::{Output, Resource, directory};

/// The renderers of one repository, with what they memoise.
pub struct Renderers<'r> {
    repository: &'r Repository,
    identity: Identity,
    builds: Builds<'r>,
}

impl<'r> Renderers<'r> {
    /// Renderers for `repository`.
    pub fn new(repository: &'r Repository, config: &Config) -> Renderers<'r> {
        Renderers { repository, identity: Identity::of(repository, config), builds: Builds::new(repository) }
    }

    fn application(&self, application: &Application) -> Output {
        let mut output = Output::default();
        for source in application.sources() {
            let rendered = match detect(self.repository, &self.identity, application, source) {
                Detection::Reference => continue,
                Detection::NotJudged(not_judged) => {
                    output.not_judged.push(not_judged);
                    continue;
                }
                Detection::Wrong(finding) => {
                    output.findings.push(*finding);
                    output.failed = true;
                    continue;
                }
                Detection::Source(source) => {
                    let mark = source.node.get("path").unwrap_or(source.node).mark();
                    match &source.renderer {
                        Renderer::Directory => {
                            let options = directory::Options::from_node(source.node.get("directory"));
                            directory::render(self.repository, &source.directory, &options, mark)
                        }
                        Renderer::Kustomize => {
                            let overrides = Overrides::from_node(source.node.get("kustomize"));
                            self.builds.build(&source.directory, &overrides)
                        }
                        Renderer::Helm => not_yet(mark, &source.directory, "helm"),
                        Renderer::Plugin(name) => {
                            let what = format!("Application {}", application.id());
                            let reason = format!("the config management plugin {name} is not run");
                            let mark = source.node.get("plugin").unwrap_or(source.node).mark();
                            let not_judged = vec![NotJudged { mark, what, reason }];
                            Output { not_judged, ..Output::default() }
                        }
                    }
                }
            };
            output.append(rendered);
        }
        output
    }
}

fn not_yet(mark: Mark, directory: &str, what: &str) -> Output {
    let not_judged = vec![NotJudged { mark, what: format!("{what} {directory}"), reason: "not rendered".to_owned() }];
    Output { not_judged, ..Output::default() }
}

impl Stages for Renderers<'_> {
    fn render(&self, target: &Target) -> Output {
        match &target.kind {
            TargetKind::Application(application) => self.application(application),
            TargetKind::Kustomization(directory) => self.builds.build(directory, &Overrides::none()),
            TargetKind::Chart(directory) => not_yet(target.mark, directory, "helm"),
            TargetKind::Manifest(path) => directory::render_path(self.repository, "", path).unwrap_or_default(),
        }
    }

    fn observe(&self, _: &[Rendered], _: &[Rendered]) {}

    fn expand(&self, _: &Resource) -> Expanded {
        Expanded::default()
    }
}
