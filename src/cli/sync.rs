//! `tiphys sync`

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::input::InputArgs;
use super::plan::{ClusterArgs, Made, failure, make};
use super::{Failure, Status, runtime};
use crate::finding::Profile;
use crate::plan::{Action, Plan, PlanError, signature};
use crate::sync::{self, Event, Events, Journal, Options};

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
    /// Carry out only a plan that one of the public keys in this file signed
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,
    /// Go on with the last run of this plan; if it ended well, nothing is left to do
    #[arg(long)]
    resume: bool,
    /// Applications that may be synced at once in one cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    parallel: usize,
    /// Seconds that a cluster may be silent before what was asked of it is left for --resume
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    patience: u64,
    /// Leave fields to whoever manages them: an object that sets one of them is refused. Otherwise it is taken over, as
    /// Argo CD does
    #[arg(long)]
    yield_conflicts: bool,
    /// Leave what failed as it is; otherwise it is taken back to the last good revision
    #[arg(long)]
    no_rollback: bool,
    /// Try again what failed before and was taken back
    #[arg(long)]
    retry_bad: bool,
    #[command(flatten)]
    running: Running,
}

/// How whatever changes a cluster runs.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Running {
    /// Seconds that an Application may wait for something that does not move on
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Seconds that the pods of a workload may fail to start before its sync has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    stuck_after: u64,
    /// Revisions that are kept of each Application, in the cluster and in the journal
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    history: usize,
    /// How progress is told: text for people, or json, one event a line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Telling,
}

impl Running {
    /// Does `work` and tells what happens meanwhile. Its options end it when the process is asked to end.
    pub(super) fn tell<T>(&self, work: impl AsyncFnOnce(Options, Events) -> T) -> Result<T, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let options = Options {
            timeout: Duration::from_secs(self.timeout),
            stuck_after: Duration::from_secs(self.stuck_after),
            parallel: 1,
            rollback: true,
            retry_bad: false,
            history: self.history,
            revision: String::new(),
            interrupted: Arc::clone(&interrupted),
        };
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let telling = self.format;
        let listener = std::thread::spawn(move || {
            while let Some(event) = receiver.blocking_recv() {
                tell(telling, &event);
            }
        });
        let runtime = runtime()?;
        let result = runtime.block_on(async {
            tokio::spawn(async move {
                stop_asked().await;
                interrupted.store(true, Ordering::Relaxed);
            });
            work(options, Events(sender)).await
        });
        // Watches end with the runtime, and with them the last who could tell something.
        drop(runtime);
        let _ = listener.join();
        Ok(result)
    }
}

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Telling {
    /// A line for each object.
    Text,
    /// A line of JSON for each event.
    Json,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let shown = args.plan.display();
    let text = std::fs::read_to_string(&args.plan).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    let refused = |error: PlanError| Failure::Usage(format!("{shown}: {error}"));
    let plan = Plan::from_json(&text).map_err(refused)?;
    if let Some(path) = &args.require_signature {
        let allowed = std::fs::read_to_string(path);
        let allowed = allowed.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        signature::verify(&plan.digest, plan.signature.as_deref(), &allowed).map_err(refused)?;
    } else if let Some(signature) = &plan.signature {
        signature::verify_whole(&plan.digest, signature).map_err(refused)?;
    }
    // What was begun in time may be brought to its end.
    if !args.resume {
        plan.verify_age(chrono::Utc::now().timestamp()).map_err(refused)?;
    }
    let input =
        InputArgs { path: args.repository.clone(), config: args.config.clone(), policies: args.policies.clone() };
    let made = make(&input, args.profile)?;
    plan.verify(&made.plan).map_err(refused)?;
    verify_objects(&plan, &made).map_err(refused)?;
    let journal = Journal::open(&args.journal, &plan.digest, args.resume)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    if journal.has_ended_well() {
        let _ = writeln!(io::stderr(), "tiphys: the last run of this plan ended well: nothing is left to do");
        return Ok(Status::Clean);
    }
    let journal = Arc::new(journal);
    let result = args.running.tell(async |options, events| {
        let options = Options {
            parallel: args.parallel,
            rollback: !args.no_rollback,
            retry_bad: args.retry_bad,
            revision: plan.commit.clone().unwrap_or_default(),
            ..options
        };
        all(args, &plan, &made, &journal, &options, events).await
    })?;
    let ended = result.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    result.map(|()| Status::Clean)
}

/// Syncs all clusters side by side: one that fails does not keep the others back.
async fn all(
    args: &Args,
    plan: &Plan,
    made: &Made,
    journal: &Arc<Journal>,
    options: &Options,
    events: Events,
) -> Result<(), Failure> {
    let mut running = JoinSet::new();
    for (place, part) in plan.clusters.iter().enumerate() {
        let Some(deployment) = made.deployments.get(&part.cluster) else { continue };
        let (arguments, checked) = (args.clusters.clone(), Arc::clone(&made.checked));
        let (part, deployment, options) = (part.clone(), deployment.clone(), options.clone());
        let (patience, yields) = (Duration::from_secs(args.patience), args.yield_conflicts);
        let (journal, events) = (Arc::clone(journal), events.clone());
        running.spawn(async move {
            let work = async {
                let began = Instant::now();
                let cluster = arguments.connect(&checked, &part.cluster).await?;
                let cluster = Arc::new(cluster.with_patience(patience).yielding(yields));
                let identity = cluster.identity().await.map_err(|error| failure(&error))?;
                if part.identity.as_ref().is_some_and(|planned| *planned != identity) {
                    return Err(Failure::Usage(PlanError::Cluster(part.cluster.clone()).to_string()));
                }
                let told = events.clone();
                let done = sync::run(&part, &deployment, Arc::clone(&cluster), journal, events, &options).await;
                told.tell(Event::Ended {
                    cluster: part.cluster.clone(),
                    requests: cluster.requests(),
                    after: began.elapsed(),
                });
                done.map_err(|error| failure(&error))
            };
            let result = work.await;
            (place, part.cluster.clone(), result)
        });
    }
    drop(events);
    let mut failures = Vec::new();
    while let Some(joined) = running.join_next().await {
        let (place, cluster, result) = joined.map_err(|error| Failure::Internal(error.to_string()))?;
        if let Err(error) = result {
            let _ = writeln!(io::stderr(), "tiphys: cluster {cluster}: {error}");
            failures.push((place, error));
        }
    }
    failures.sort_by_key(|(place, _)| *place);
    failures.into_iter().next().map_or(Ok(()), |(_, failure)| Err(failure))
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
        // Hooks whose names are made when they run may share theirs.
        let rendered: BTreeSet<_> =
            objects.into_iter().flatten().map(|desired| (&desired.object, Some(&desired.digest))).collect();
        for task in part.tasks.iter().filter(|task| task.action != Action::Prune) {
            if !rendered.contains(&(&task.object, task.digest.as_ref())) {
                return Err(PlanError::Object { object: task.object.to_string() });
            }
        }
    }
    Ok(())
}

/// Writes a line. A reader that has gone does not stop the sync.
fn tell(telling: Telling, event: &Event) {
    let mut out = io::stdout().lock();
    if telling == Telling::Json {
        let _ = writeln!(out, "{}", serde_json::to_string(event).unwrap_or_default());
        return;
    }
    let _ = match event {
        Event::Act { object, error: Some(error), .. } => writeln!(out, "failed {object}: {error}"),
        Event::Act { verb, object, .. } => writeln!(out, "{} {object}", done(verb)),
        Event::Conflict { object, source, message, .. } => writeln!(out, "took over {source}: {object}: {message}"),
        Event::Waiting { application, message, .. } => writeln!(out, "waiting {application}: {message}"),
        Event::Measured { acts: 0, .. } => Ok(()),
        Event::Measured { application, operation, dry_run, apply, health, .. } => {
            let of = if application.is_empty() { "what is needed first" } else { application };
            let [dry_run, apply, health] = [dry_run, apply, health].map(Duration::as_secs_f64);
            writeln!(
                out,
                "{operation} {of}: tried in {dry_run:.1} s, applied in {apply:.1} s, healthy after {health:.1} s"
            )
        }
        Event::Ended { cluster, requests, after } => {
            writeln!(out, "{cluster}: {requests} requests in {:.1} s", after.as_secs_f64())
        }
        Event::Healthy { application, objects, after, .. } => {
            writeln!(out, "healthy {application}: {objects} objects after {:.1} s", after.as_secs_f64())
        }
        Event::Failed { application, message, .. } => writeln!(out, "failed {application}: {message}"),
        Event::RolledBack { application, revision, after, .. } => {
            writeln!(out, "rolled back {application}: revision {revision}, after {:.1} s", after.as_secs_f64())
        }
    };
}

/// What was done, in the past.
fn done(verb: &str) -> &'static str {
    match verb {
        "create" => "created",
        "replace" | "update" => "replaced",
        "delete" => "deleted",
        "prune" => "pruned",
        "release" => "released",
        _ => "applied",
    }
}
