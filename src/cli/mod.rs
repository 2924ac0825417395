//! The command line: one file a command; nothing else knows clap.
//!
//! A command is a file with `Args` and `run(&Args) -> Result<Status, Failure>`, and a line in [`Command`] and in
//! [`Command::run`]. It returns a [`Status`], or a [`Failure`] that says in one line what tiphys could not do. Findings
//! and other output go to the standard output ([`output`]), everything else to the standard error.

mod argocd;
mod check;
mod completions;
mod delete;
mod explain;
mod fix;
mod graph;
mod health;
mod helm;
mod history;
mod init;
mod input;
mod kustomize;
mod man;
mod order;
mod output;
mod plan;
mod policy;
mod progress;
mod provenance;
mod render;
mod rollback;
mod serve;
mod sync;
mod target;
mod telling;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A compiler-like validator for Argo CD GitOps repositories with a sync executor inside.
#[derive(Debug, Parser)]
#[command(name = "tiphys", version, propagate_version = true, max_term_width = 110, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The number of threads; 0 means one for each processor
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    threads: usize,
}

const AFTER_HELP: &str = "Exit codes: 0 nothing to report; 1 findings; 2 wrong usage or configuration, or a refused \
plan; 3 something could not be judged (with --fail-on-not-judged); 4 tiphys or a sync failed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a repository: render it, and hold it against schemas, policies and rules
    Check(check::Args),
    /// Show what an Application, an ApplicationSet, an overlay, a chart or a manifest deploys
    Render(render::Args),
    /// Show where a value of a rendered object comes from
    Why(why::Args),
    /// Draw what deploys what: roots, ApplicationSets, Applications, projects, clusters
    Graph(graph::Args),
    /// Mend what can be mended in the files
    Fix(fix::Args),
    /// Explain a rule
    Explain(explain::ExplainArgs),
    /// List the rules
    Rules(explain::RulesArgs),
    /// Work with policies in Rego
    Policy(policy::Args),
    /// What the argocd command does without a server
    Argocd(argocd::Args),
    /// What kustomize does
    Kustomize(kustomize::Args),
    /// What Helm does
    Helm(helm::Args),
    /// Plan what an approved repository changes in its clusters
    Plan(plan::Args),
    /// Carry a plan out
    Sync(sync::Args),
    /// Take an Application back to an earlier revision
    Rollback(rollback::Args),
    /// Delete an Application with all that it deployed
    Delete(delete::Args),
    /// List the revisions of an Application, or show what changed between two
    History(history::Args),
    /// Judge objects on their way into a cluster: an admission webhook
    Serve(serve::Args),
    /// Write a first tiphys.yaml
    Init(init::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
}

impl Command {
    fn run(&self) -> Result<Status, Failure> {
        match self {
            Command::Check(args) => check::run(args),
            Command::Render(args) => render::run(args),
            Command::Why(args) => why::run(args),
            Command::Graph(args) => graph::run(args),
            Command::Fix(args) => fix::run(args),
            Command::Explain(args) => explain::explain(args),
            Command::Rules(args) => explain::rules(args),
            Command::Policy(args) => policy::run(args),
            Command::Argocd(args) => argocd::run(args),
            Command::Kustomize(args) => kustomize::run(args),
            Command::Helm(args) => helm::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Sync(args) => sync::run(args),
            Command::Rollback(args) => rollback::run(args),
            Command::Delete(args) => delete::run(args),
            Command::History(args) => history::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Init(args) => init::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}

/// How a command ended; the exit codes are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0: nothing at or above `--fail-on`.
    Clean,
    /// 1: findings.
    Findings,
    /// 1: a drop-in command refused its input, as the original does.
    Refused,
    /// 2: the configuration is wrong; what is wrong was reported.
    Configuration,
    /// 3: something was not judged, and `--fail-on-not-judged` was given.
    NotJudged,
}

/// Why a command did not come to a status.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 2: wrong usage, configuration, or a refused plan. The message says what to change.
    #[error("{0}")]
    Usage(String),
    /// 4: tiphys failed, or a sync did.
    #[error("{0}")]
    Internal(String),
}

impl Status {
    fn code(self) -> u8 {
        match self {
            Status::Clean => 0,
            Status::Findings | Status::Refused => 1,
            Status::Configuration => 2,
            Status::NotJudged => 3,
        }
    }
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Internal(_) => 4,
        }
    }
}

/// The definition of all commands: completions and the manual are made from it.
fn definition() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the process was given.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global();
    let result = match threads {
        Ok(()) => arguments.command.run(),
        Err(error) => Err(Failure::Internal(error.to_string())),
    };
    match result {
        Ok(status) => ExitCode::from(status.code()),
        Err(failure) => {
            output::note(&format!("tiphys: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

/// The runtime for what talks to a cluster.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_of_the_commands_is_sound() {
        super::definition().debug_assert();
    }
}
