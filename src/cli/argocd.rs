//! `tiphys argocd`: commands of the argocd command line that need no server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::output::note;
use super::{Failure, Status};
use crate::finding::{Finding, NotJudged};
use crate::load::load;
use crate::origin::FileId;
use crate::render::Resource;
use crate::resolve::applicationset::{Inputs, expand, go_json, reconcile, refusal};
use crate::schema::{Catalogue, KubernetesVersion};
use crate::source::worktree;
use crate::yaml::{Limits, read};

/// The commands.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Work with ApplicationSets
    Appset(AppsetArgs),
    /// Print what a sync does, in its order: phases, waves, hooks, kinds; and what deleting does
    Order(super::order::Args),
    /// Print how healthy live objects are, by Argo CD's checks and those of an argocd-cm
    Health(super::health::Args),
}

#[derive(Debug, clap::Args)]
struct AppsetArgs {
    #[command(subcommand)]
    command: AppsetCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AppsetCommand {
    /// Print the Applications that an ApplicationSet generates, as JSON
    Generate(GenerateArgs),
}

#[derive(Debug, clap::Args)]
struct GenerateArgs {
    /// Files with ApplicationSets; a directory stands for its applicationset.yaml, inputs.yaml and repo/
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with what the generators see: clusters, repositories, pull requests and so on
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The directory that stands for every git repository
    #[arg(long, value_name = "DIR")]
    repository: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    match &args.command {
        Command::Appset(AppsetArgs { command: AppsetCommand::Generate(args) }) => generate(args),
        Command::Order(args) => super::order::run(args),
        Command::Health(args) => super::health::run(args),
    }
}

fn generate(args: &GenerateArgs) -> Result<Status, Failure> {
    let mut applications = Vec::new();
    let mut error = None;
    let mut not_judged = false;
    let mut reconciled = None;
    let catalogue = Catalogue::for_version(KubernetesVersion::NEWEST);
    for path in &args.files {
        let (file, inputs, repository) = if path.is_dir() {
            let inputs = path.join("inputs.yaml");
            let repository = path.join("repo");
            (
                path.join("applicationset.yaml"),
                args.inputs.clone().or_else(|| inputs.is_file().then_some(inputs)),
                args.repository.clone().or_else(|| repository.is_dir().then_some(repository)),
            )
        } else {
            (path.clone(), args.inputs.clone(), args.repository.clone())
        };
        let inputs = read_inputs(inputs.as_deref(), repository.as_deref())?;
        for document in read(FileId(0), &text(&file)?, Limits::default()).documents {
            let set = Resource { node: document.root };
            if set.kind() != "ApplicationSet" {
                continue;
            }
            if let Some((node, why)) = refusal(&catalogue, &set) {
                let mark = node.mark();
                let told = format!("{}:{}:{}: {why}", file.display(), mark.line, mark.column);
                error.get_or_insert(("InvalidManifest", told));
                continue;
            }
            let expansion = expand(&set, &inputs.context());
            applications.extend(expansion.applications.iter().map(|application| go_json(&application.resource.node)));
            // What was generated goes to the standard output; why it is not what was meant is told beside it.
            for finding in &expansion.findings {
                let Finding { rule, severity, message, help, mark, .. } = finding;
                let (path, severity) = (file.display(), severity.as_str());
                let help = help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
                note(&format!("{path}:{}:{}: {severity}[{rule}] {message}{help}", mark.line, mark.column));
            }
            for NotJudged { mark, what, reason } in &expansion.not_judged {
                note(&format!("{}:{}:{}: not judged: {what}: {reason}", file.display(), mark.line, mark.column));
                not_judged = true;
            }
            if let Some(installation) = inputs.installation() {
                reconciled = Some(reconcile(&set, &expansion, installation));
            }
            if let Some((reason, message)) = expansion.error {
                error.get_or_insert((reason.as_str(), message));
            }
        }
    }
    let failed = error.is_some();
    let mut output = json!({"applications": applications});
    if let Some((reason, message)) = error {
        output["error"] = Json::String(message);
        output["reason"] = Json::String(reason.to_owned());
    }
    if let (Some(reconciled), Some(output)) = (reconciled, output.as_object_mut()) {
        output.extend(reconciled.to_json());
    }
    let mut stdout = std::io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut stdout, &output).map_err(std::io::Error::from);
    written.and_then(|()| writeln!(stdout)).map_err(|error| Failure::Internal(format!("standard output: {error}")))?;
    Ok(match (failed, not_judged) {
        (true, _) => Status::Refused,
        (false, true) => Status::NotJudged,
        (false, false) => Status::Clean,
    })
}

fn read_inputs(inputs: Option<&Path>, repository: Option<&Path>) -> Result<Inputs, Failure> {
    let repository = match repository {
        Some(path) => {
            let snapshot = worktree::read(path).map_err(|error| Failure::Usage(error.to_string()))?;
            Some(Arc::new(load(Arc::new(snapshot))))
        }
        None => None,
    };
    let read = |name: &str, text: &str| {
        Inputs::read(text, repository).map_err(|error| Failure::Usage(format!("{name}: {error}")))
    };
    match inputs {
        Some(path) => read(&path.display().to_string(), &text(path)?),
        None => Ok(read("", "")?.incomplete()),
    }
}

/// The text of a file that was named.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
