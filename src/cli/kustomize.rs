//! `tiphys kustomize build`

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};

use super::{Failure, Status};
use crate::load::{KUSTOMIZATION_NAMES, Repository, load_lazily};
use crate::origin::Mark;
use crate::render::Output;
use crate::render::kustomize::{Builds, Options, Overrides};
use crate::source::worktree;

/// Arguments of `tiphys kustomize`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what kustomize 5.8 builds from a directory
    Build(BuildArgs),
}

#[derive(Debug, clap::Args)]
struct BuildArgs {
    /// The directory with the kustomization
    #[arg(default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Where files may lie that a kustomization names
    #[arg(long, value_enum, default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: Restrictor,
    /// Inflate charts
    #[arg(long)]
    enable_helm: bool,
    /// Write to a file instead of the standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Restrictor {
    #[value(name = "LoadRestrictionsRootOnly", alias = "rootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone", alias = "none")]
    None,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let Command::Build(args) = &args.command;
    let directory = args
        .directory
        .canonicalize()
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.directory.display())))?;
    // Only what the kustomization names is read: first its own directory, then what it asks for beyond, and so on.
    let mut read = BTreeSet::from([directory.clone()]);
    loop {
        let (output, repository, missing) = build(&read, &directory, args)?;
        let more: Vec<PathBuf> =
            missing.iter().flat_map(|path| on_disk(path)).filter(|path| !read.contains(path)).collect();
        if more.is_empty() {
            return print(&output, &repository, args);
        }
        read.extend(more);
    }
}

/// What there is at `path`, from the root of the file system: a file, or a directory with a kustomization; and what it
/// links to.
fn on_disk(path: &str) -> Vec<PathBuf> {
    let path = Path::new("/").join(path);
    let real = path.canonicalize().ok().filter(|real| *real != path);
    let is_wanted = |path: &PathBuf| path.is_file() || KUSTOMIZATION_NAMES.iter().any(|name| path.join(name).is_file());
    [Some(path), real].into_iter().flatten().filter(is_wanted).collect()
}

/// Builds with what is `read`; and the paths that were asked for, too.
fn build(
    read: &BTreeSet<PathBuf>,
    directory: &Path,
    args: &BuildArgs,
) -> Result<(Output, Repository, Vec<String>), Failure> {
    let snapshot = worktree::read_paths(Path::new("/"), read).map_err(|error| Failure::Usage(error.to_string()))?;
    let repository = load_lazily(Arc::new(snapshot));
    let options = Options { restrict: args.load_restrictor == Restrictor::RootOnly, helm: args.enable_helm };
    let builds = Builds::with(&repository, options);
    let target = directory.strip_prefix("/").unwrap_or(directory).to_string_lossy();
    let output = builds.build(&target, &Overrides::none());
    let missing = builds.missing();
    drop(builds);
    Ok((output, repository, missing))
}

fn print(output: &Output, repository: &Repository, args: &BuildArgs) -> Result<Status, Failure> {
    let mut errors = std::io::stderr().lock();
    let place = |mark: Mark| {
        let path = repository.snapshot.path(mark.file);
        if mark.is_some() { format!("/{path}:{}:{}: ", mark.line, mark.column) } else { String::new() }
    };
    // Whether the standard error can be written to does not change what is built.
    for finding in &output.findings {
        let help = finding.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        let severity = finding.severity.as_str();
        let _ = writeln!(errors, "{}{severity}[{}] {}{help}", place(finding.mark), finding.rule, finding.message);
    }
    for missing in &output.not_judged {
        let _ = writeln!(errors, "{}not judged: {}: {}", place(missing.mark), missing.what, missing.reason);
    }
    if output.failed || !output.not_judged.is_empty() {
        // What is wrong with the files themselves is not the build's to say.
        for file in &output.used {
            for problem in repository.yaml(*file).iter().flat_map(|yaml| &yaml.problems) {
                let _ = writeln!(errors, "{}error[yaml-syntax] {}", place(problem.mark), problem.kind);
            }
        }
        return Ok(Status::Findings);
    }
    let mut text = String::new();
    for (index, resource) in output.resources.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        if let Err(error) = crate::yaml::write(&resource.node, &mut text) {
            let _ = writeln!(errors, "{}error: {error}", place(error.mark()));
            return Ok(Status::Findings);
        }
    }
    let written = match &args.output {
        Some(file) => std::fs::write(file, &text),
        None => std::io::stdout().lock().write_all(text.as_bytes()),
    };
    written.map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Status::Clean)
}
