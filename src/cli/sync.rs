//! `tiphys sync`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::input::InputArgs;
use super::plan::{ClusterArgs, Made, failure, make};
use super::{Failure, Status, runtime};
use crate::check::Checked;
use crate::finding::Profile;
use crate::plan::{Action, ClusterPlan, Deployment, Plan, PlanError, Task};
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
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
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
            stop_asked().await;
            interrupted.store(true, Ordering::Relaxed);
        });
        // One cluster that fails does not keep the others back.
        let mut result = Ok(());
        for part in &plan.clusters {
            let Some(deployment) = made.deployments.get(&part.cluster) else { continue };
            let ended = one(args, part, deployment, &made.checked, &mut journal, &options).await;
            if let Err(error) = &ended {
                let _ = writeln!(io::stderr(), "tiphys: cluster {}: {error}", part.cluster);
            }
            if result.is_ok() {
                result = ended;
            }
        }
        result
    });
    let ended = result.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    result.map(|()| Status::Clean)
}

/// Carries out what the plan has for one cluster.
async fn one(
    args: &Args,
    part: &ClusterPlan,
    deployment: &Deployment,
    checked: &Checked,
    journal: &mut Journal,
    options: &Options,
) -> Result<(), Failure> {
    let cluster = Arc::new(args.clusters.connect(checked, &part.cluster).await?);
    let mut lines = Lines { out: io::stdout() };
    let result = sync::run(part, deployment, &cluster, journal, options, &mut lines).await;
    result.map_err(|error: SyncError| failure(&error))
}

/// Returns when the process is asked to end, by Ctrl-C or by whoever supervises it.
pub(super) async fn stop_asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Every object that the plan names must be rendered as it was when the plan was made.
fn verify_objects(plan: &Plan, made: &Made) -> Result<(), PlanError> {
    for part in &plan.clusters {
        let objects = made.deployments.get(&part.cluster).map(|deployment| &deployment.objects);
        let digests: BTreeMap<_, _> =
            objects.into_iter().flatten().map(|desired| (&desired.object, &desired.digest)).collect();
        for task in part.tasks.iter().filter(|task| task.action != Action::Prune) {
            if digests.get(&task.object).copied() != task.digest.as_ref() {
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
