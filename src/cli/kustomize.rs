//! `tiphys kustomize build`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};

use super::{Failure, Status};
use crate::load::load;
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
    // The smallest tree that holds everything the kustomization names.
    let mut root: &Path = &directory;
    loop {
        let (output, paths, left) = build(root, &directory, args)?;
        match root.parent() {
            Some(parent) if left && parent.parent().is_some() => root = parent,
            _ => return print(&output, &paths, args),
        }
    }
}

/// Builds with the files below `root`; whether more was asked for, too.
fn build(root: &Path, directory: &Path, args: &BuildArgs) -> Result<(Output, Vec<String>, bool), Failure> {
    let snapshot = worktree::read_all(root).map_err(|error| Failure::Usage(error.to_string()))?;
    let paths = snapshot.files().map(|(_, file)| root.join(&*file.path).display().to_string()).collect();
    let repository = load(Arc::new(snapshot));
    let options = Options { restrict: args.load_restrictor == Restrictor::RootOnly, helm: args.enable_helm };
    let builds = Builds::with(&repository, options);
    let target = directory.strip_prefix(root).unwrap_or(directory).to_string_lossy().into_owned();
    let output = builds.build(&target, &Overrides::none());
    Ok((output, paths, builds.left_the_snapshot()))
}

fn print(output: &Output, paths: &[String], args: &BuildArgs) -> Result<Status, Failure> {
    let mut errors = std::io::stderr().lock();
    let path = |file: u32| paths.get(file as usize).map_or("", String::as_str);
    let place = |mark: crate::origin::Mark| {
        if mark.is_some() { format!("{}:{}:{}: ", path(mark.file.0), mark.line, mark.column) } else { String::new() }
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
        if output.findings.is_empty() && output.not_judged.is_empty() {
            let _ = writeln!(errors, "error: a file is not valid YAML");
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
