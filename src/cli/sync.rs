//! `tiphys sync`

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::input::InputArgs;
use super::plan::{ClusterArgs, Made, failure, make};
use super::{Failure, Status, runtime};
use crate::finding::Profile;
use crate::plan::{Action, Plan, PlanError, Task};
use crate::sync::{self, Journal, Options, Progress, SyncError};

/// Arguments of `tiphys sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What `tiphys plan` wrote
    plan: PathBuf,
    /// The repository that the plan was made from
    #[arg(long, value_name = "PATH", default_value = ".")]
    repository: PathBuf,
    /// The configuration, where the plan was made with another one than the repository's
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A directory of policies that the plan was made with; may be repeated
    #[arg(long = "policy", value_name = "DIR")]
    policies: Vec<PathBuf>,
    /// The profile that the plan was made with
    #[arg(long, value_name = "PROFILE", value_parser = super::check::profile)]
    profile: Option<Profile>,
    #[command(flatten)]
    clusters: ClusterArgs,
    /// Where the journal is kept
    #[arg(long, value_name = "FILE", default_value = "tiphys-journal.sqlite")]
    journal: PathBuf,
    /// Go on with the last run of this plan that did not end well
    #[arg(long)]
    resume: bool,
    /// Seconds that a wave may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Requests that may be under way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    concurrency: usize,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let shown = args.plan.display();
    let text = std::fs::read_to_string(&args.plan).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    let refused = |error: PlanError| Failure::Usage(format!("{shown}: {error}"));
    let plan = Plan::from_json(&text).map_err(refused)?;
    let input =
        InputArgs { path: args.repository.clone(), config: args.config.clone(), policies: args.policies.clone() };
    let made = make(&input, args.profile)?;
    plan.verify(&made.plan).map_err(refused)?;
    verify_objects(&plan, &made).map_err(refused)?;
    let mut journal = Journal::open(&args.journal, &plan.digest, args.resume)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let options = Options {
        timeout: Duration::from_secs(args.timeout),
        concurrency: args.concurrency,
        interrupted: Arc::clone(&interrupted),
    };
    let result = runtime()?.block_on(async {
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.store(true, Ordering::Relaxed);
            }
        });
        for part in &plan.clusters {
            let Some(deployment) = made.deployments.get(&part.cluster) else { continue };
            let cluster = Arc::new(args.clusters.connect(&made.checked, &part.cluster).await?);
            let mut lines = Lines { out: io::stdout() };
            sync::run(part, deployment, &cluster, &mut journal, &options, &mut lines)
                .await
                .map_err(|error: SyncError| failure(&error))?;
        }
        Ok::<(), Failure>(())
    });
    let ended = result.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    result.map(|()| Status::Clean)
}

/// Every object that the plan names must be rendered as it was when the plan was made.
fn verify_objects(plan: &Plan, made: &Made) -> Result<(), PlanError> {
    for part in &plan.clusters {
        for task in part.tasks.iter().filter(|task| task.action != Action::Prune) {
            let rendered = made
                .deployments
                .get(&part.cluster)
                .and_then(|deployment| deployment.objects.iter().find(|desired| desired.object == task.object));
            if rendered.map(|desired| &desired.digest) != task.digest.as_ref() {
                return Err(PlanError::Object { object: task.object.to_string() });
            }
        }
    }
    Ok(())
}

/// A line for each task.
struct Lines {
    out: io::Stdout,
}

impl Progress for Lines {
    fn task(&mut self, task: &Task, result: Result<(), &str>) {
        let verb = if task.action == Action::Prune { "pruned" } else { "applied" };
        // A reader that has gone does not stop the sync.
        let _ = match result {
            Ok(()) => writeln!(self.out, "{verb} {}", task.object),
            Err(message) => writeln!(self.out, "failed {}: {message}", task.object),
        };
    }

    fn healthy(&mut self, objects: usize, after: Duration) {
        let _ = writeln!(self.out, "healthy: {objects} objects after {:.1} s", after.as_secs_f64());
    }
}
