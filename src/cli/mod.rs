//! The command line: one file a command; nothing else knows clap.
//!
//! A command returns a [`Status`], or a [`Failure`] that says in one line what tiphys could not do. Findings go to the
//! standard output, everything else to the standard error.

mod check;
mod explain;
mod helm;
mod input;
mod kustomize;
mod plan;
mod policy;
mod sync;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A compiler-like validator for Argo CD GitOps repositories with a sync executor inside.
#[derive(Debug, Parser)]
#[command(name = "tiphys", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a repository: render it, and hold it against schemas, policies and rules
    Check(check::Args),
    /// Print what a rule is about, why it matters and what to write instead
    Explain(explain::ExplainArgs),
    /// List the rules
    Rules(explain::RulesArgs),
    /// Work with Rego policies
    Policy(policy::Args),
    /// What kustomize does
    Kustomize(kustomize::Args),
    /// Plan what an approved repository changes in its clusters
    Plan(plan::Args),
    /// Carry a plan out
    Sync(sync::Args),
    /// Helm's own commands, natively
    Helm(helm::Args),
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

/// Runs the command that the process was given.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Rules(args) => explain::rules(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Kustomize(args) => kustomize::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Sync(args) => sync::run(&args),
        Command::Helm(args) => helm::run(&args),
    };
    match result {
        Ok(status) => ExitCode::from(status.code()),
        Err(failure) => {
            #[allow(clippy::print_stderr, reason = "the command line is where tiphys speaks")]
            {
                eprintln!("tiphys: {failure}");
            }
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
