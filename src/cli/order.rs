//! `tiphys argocd order`

use std::path::Path;
use std::sync::Arc;

use super::input::RepositoryArgs;
use super::target::select;
use super::{Failure, Status};
use crate::load::{Class, load};
use crate::origin::Mark;
use crate::render::kustomize::{Builds, Overrides};
use crate::render::{Output, directory};
use crate::run;
use crate::schema::{Catalogue, KubernetesVersion, Scope};
use crate::source::worktree;
use crate::sync::machine::{Memory, Operation, Options, deletion};
use crate::sync::options;

/// Arguments of `tiphys argocd order`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A directory of manifests or with a kustomization; or, in the repository, an Application or ApplicationSet by name
    /// or the path of a kustomization, a chart or a manifest
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The namespace of what names none; an Application's own destination if there is one
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
}

/// Prints what a first sync into an empty cluster does, and what deleting the Application does.
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let path = Path::new(&args.target);
    if path.is_dir() {
        return plain(path, &args.namespace);
    }
    let analysis = run::analyse(&args.repository.read()?);
    let selected = select(&analysis, &args.target)?;
    let schemas = run::schemas(&analysis.config, &analysis.rendered);
    let catalogue = schemas.default_catalogue();
    let scope = |api_version: &str, kind: &str| Some(catalogue.scope(api_version, kind) != Some(Scope::Cluster));
    let mut text = String::new();
    for rendered in &selected.rendered {
        if selected.rendered.len() > 1 {
            text.push_str(&format!(
                "{}\n",
                rendered.application().map_or_else(String::new, |one| one.id().to_string())
            ));
        }
        let application = rendered.application().map(|application| options(application));
        let policy = application.unwrap_or_else(|| unnamed(&args.namespace));
        text.push_str(&shown(&rendered.output, policy, Memory::new([], scope))?);
    }
    super::output::print(|out| out.write_all(text.as_bytes()))?;
    Ok(super::render::report(&selected, &analysis.repository.snapshot))
}

/// The same for a directory that need not be part of a repository.
fn plain(path: &Path, namespace: &str) -> Result<Status, Failure> {
    let snapshot = worktree::read(path).map_err(|error| Failure::Usage(error.to_string()))?;
    let repository = load(Arc::new(snapshot));
    let files = repository.snapshot.files().map(|(id, _)| id);
    let built = files
        .into_iter()
        .any(|id| repository.class(id) == Class::Kustomization && !repository.snapshot.path(id).contains('/'));
    let output = if built {
        Builds::new(&repository).build("", &Overrides::none())
    } else {
        directory::render(&repository, "", &directory::Options::default(), Mark::NONE)
    };
    let defined = output.resources.iter().filter(|resource| resource.kind() == "CustomResourceDefinition");
    let catalogue = Catalogue::for_version(KubernetesVersion::default()).with_crds(defined);
    let scope = |api_version: &str, kind: &str| Some(catalogue.scope(api_version, kind) != Some(Scope::Cluster));
    let text = shown(&output, unnamed(namespace), Memory::new([], scope))?;
    super::output::print(|out| out.write_all(text.as_bytes()))?;
    for finding in &output.findings {
        let (mark, severity) = (finding.mark, finding.severity.as_str());
        let place = format!("{}:{}:{}", repository.snapshot.path(mark.file), mark.line, mark.column);
        super::output::note(&format!("{place}: {severity}[{}] {}", finding.rule, finding.message));
    }
    Ok(if output.failed { Status::Findings } else { Status::Clean })
}

fn unnamed(namespace: &str) -> Options {
    Options { namespace: namespace.to_owned(), ..Options::default() }
}

fn shown<S: Fn(&str, &str) -> Option<bool> + Send + Sync>(
    output: &Output,
    policy: Options,
    mut cluster: Memory<S>,
) -> Result<String, Failure> {
    let objects: Vec<_> = output.resources.iter().map(|resource| resource.node.to_json()).collect();
    let mut operation = Operation::new(objects.iter().cloned(), policy);
    let runtime = super::runtime()?;
    let tasks = runtime.block_on(operation.tasks(&mut cluster)).map_err(Failure::Internal)?;
    let mut text = String::new();
    let mut before = None;
    for task in &tasks {
        let place = (task.phase, task.wave());
        if before.replace(place) != Some(place) {
            text.push_str(&format!("{} wave {}\n", task.phase.as_str(), task.wave()));
        }
        let key = task.key();
        let hook = if task.is_hook() { "  (hook)" } else { "" };
        text.push_str(&format!("  {}/{}{hook}\n", key.kind, key.name));
    }
    let deletion = deletion(&objects, None);
    let groups = deletion.groups.into_iter().map(|(wave, objects)| (format!("delete wave {wave}"), objects));
    let before = ("PreDelete".to_owned(), deletion.pre_delete);
    let after = ("PostDelete".to_owned(), deletion.post_delete);
    for (title, objects) in std::iter::once(before).chain(groups).chain(std::iter::once(after)) {
        if objects.is_empty() {
            continue;
        }
        text.push_str(&format!("{title}\n"));
        for object in objects {
            let key = crate::sync::machine::Key::of(object);
            text.push_str(&format!("  {}/{}\n", key.kind, key.name));
        }
    }
    Ok(text)
}
