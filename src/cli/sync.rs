//! `tiphys sync`

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::input::InputArgs;
use super::plan::{ClusterArgs, Made, failure, make};
use super::telling::{Teller, Telling};
use super::{Failure, Status, runtime};
use crate::check::Checked;
use crate::config::StageConfig;
use crate::finding::Profile;
use crate::plan::{Action, ClusterPlan, Deployment, Plan, PlanError, permission, signature};
use crate::sync::{self, Cluster, Drift, Ended, Event, Events, Journal, Mirror, Options, Place, Stage};

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
    /// Sync only these objects, hooks left out: a part may be a glob, and `!` in front leaves them out; may be repeated
    #[arg(long = "resource", value_name = "GROUP:KIND:[NAMESPACE/]NAME")]
    resources: Vec<sync::machine::Selector>,
    /// Applications that may be synced at once in one cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    parallel: usize,
    /// Seconds that a wave stands at least before it is asked whether it is healthy, so that controllers have seen what it
    /// changed; Argo CD gives it 2
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wave_delay: u64,
    /// Leave what failed as it is; otherwise it is taken back to the last good revision
    #[arg(long)]
    no_rollback: bool,
    /// What to do where the cluster changed since the plan was made, so that more would be done than it says
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    on_drift: OnDrift,
    /// Let an environment through that `tiphys.yaml` has approved by a person; may be repeated
    #[arg(long, value_name = "ENVIRONMENT")]
    approve: Vec<String>,
    /// Sync as well what ApplicationSets leave to a person: steps with `maxUpdate: 0`, and what no step selects
    #[arg(long)]
    by_hand: bool,
    /// Nobody asked for this sync: sync windows with `manualSync` count as well
    #[arg(long)]
    automated: bool,
    /// Sync although a sync window denies it; the reason is kept in the journal
    #[arg(long, value_name = "REASON")]
    override_sync_windows: Option<String>,
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
    /// Seconds that a cluster may be silent before what was asked of it is left for --resume
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    patience: u64,
    /// Leave fields to whoever manages them: an object that sets one of them is refused. Otherwise it is taken over, as
    /// Argo CD does
    #[arg(long)]
    yield_conflicts: bool,
    /// Revisions that are kept of each Application, in the cluster and in the journal
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    history: usize,
    /// How progress is told: text for people, or json, one event a line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Telling,
}

impl Running {
    /// The cluster as it is to be met: how long it may be silent, and whose fields are left.
    pub(super) fn meet(&self, cluster: Cluster) -> Arc<Cluster> {
        Arc::new(cluster.with_patience(Duration::from_secs(self.patience)).yielding(self.yield_conflicts))
    }

    /// Does `work` on so many Applications and tells what happens meanwhile. Its options end it when the process is asked
    /// to end.
    pub(super) fn tell<T>(
        &self,
        applications: usize,
        work: impl AsyncFnOnce(Options, Events) -> T,
    ) -> Result<T, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let options = Options {
            timeout: Duration::from_secs(self.timeout),
            stuck_after: Duration::from_secs(self.stuck_after),
            history: self.history,
            interrupted: Arc::clone(&interrupted),
            ..Options::default()
        };
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let mut teller = Teller::new(self.format, applications);
        let listener = std::thread::spawn(move || {
            while let Some(event) = receiver.blocking_recv() {
                teller.tell(&event);
            }
            teller.finish();
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

/// What is done where a cluster is not as the plan has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnDrift {
    /// Nothing is done in that cluster.
    Refuse,
    /// What is planned is brought about all the same; each difference is told.
    Replan,
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
    for part in &plan.clusters {
        part.verify_deletions().map_err(refused)?;
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
    for part in &plan.clusters {
        if let Some(deployment) = made.deployments.get(&part.cluster) {
            permission::verify(&made.checked, part, deployment).map_err(refused)?;
        }
    }
    let stages = stages(&made, &args.approve)?;
    let journal = Journal::open(&args.journal, &plan.digest, args.resume)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    if journal.has_ended_well() {
        let _ = writeln!(io::stderr(), "tiphys: the last run of this plan ended well: nothing is left to do");
        return Ok(Status::Clean);
    }
    let journal = Arc::new(journal);
    let applications = plan.clusters.iter().flat_map(|part| &part.tasks);
    let applications = applications.map(|task| task.application.as_str()).collect::<BTreeSet<_>>().len();
    let result = args.running.tell(applications, async |options, events| {
        let options = Options {
            parallel: args.parallel,
            wave_delay: Duration::from_secs(args.wave_delay),
            resources: args.resources.clone(),
            rollback: !args.no_rollback,
            retry_bad: args.retry_bad,
            revision: plan.commit.clone().unwrap_or_default(),
            stages: stages.clone(),
            windows_overridden: args.override_sync_windows.clone(),
            manual: !args.automated,
            by_hand: args.by_hand || !plan.selection.is_empty(),
            ..options
        };
        all(args, &plan, &made, &journal, &options, events).await
    })?;
    let ended = match &result {
        Ok(Ended::Done) => "done".to_owned(),
        Ok(Ended::Unapproved(name)) => format!("waits for approval of {name}"),
        Ok(Ended::ByHand(count)) => format!("{count} Applications are synced by hand"),
        Err(error) => error.to_string(),
    };
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    let ended = result?;
    let said = match &ended {
        Ended::Done => return Ok(Status::Clean),
        Ended::Unapproved(name) => format!("{name} waits for approval: --resume --approve {name}"),
        Ended::ByHand(1) => "1 Application is left: it is synced by hand".to_owned(),
        Ended::ByHand(count) => {
            format!("{count} Applications are left: they are synced by hand, or wait for one that is")
        }
    };
    let _ = writeln!(io::stderr(), "tiphys: {said}");
    Ok(Status::Clean)
}

/// The environments of a rollout, in their order.
fn stages(made: &Made, approved: &[String]) -> Result<Vec<Stage>, Failure> {
    let configured = &made.checked.config().sync.environments;
    if let Some(unknown) = approved.iter().find(|name| !configured.iter().any(|stage| stage.name == name.as_str())) {
        return Err(Failure::Usage(format!("--approve {unknown}: tiphys.yaml syncs no environment of that name")));
    }
    let stage = |stage: &StageConfig| Stage {
        name: stage.name.to_string(),
        approved: !stage.approval || approved.iter().any(|name| stage.name == name.as_str()),
        pause: stage.pause,
        rollback: stage.rollback,
        timeout: stage.timeout,
        stuck_after: stage.stuck_after,
    };
    Ok(configured.iter().map(stage).collect())
}

/// Connects to all clusters side by side, and carries the plan out in those that can be reached.
async fn all(
    args: &Args,
    plan: &Plan,
    made: &Made,
    journal: &Arc<Journal>,
    options: &Options,
    events: Events,
) -> Result<Ended, Failure> {
    let mut connecting = JoinSet::new();
    for (number, part) in plan.clusters.iter().enumerate() {
        let Some(deployment) = made.deployments.get(&part.cluster) else { continue };
        let (arguments, checked) = (args.clusters.clone(), Arc::clone(&made.checked));
        let (plan, deployment) = (part.clone(), deployment.clone());
        let (on_drift, resume, events) = (args.on_drift, args.resume, events.clone());
        let running = args.running.clone();
        connecting.spawn(async move {
            let meeting = Meeting { on_drift, resume, running };
            let cluster = reach(&arguments, &checked, &plan, &deployment, &meeting, &events).await?;
            Ok::<_, Failure>((number, Place { plan, deployment, cluster }))
        });
    }
    let mut places = Vec::new();
    while let Some(joined) = connecting.join_next().await {
        places.push(joined.map_err(|error| Failure::Internal(error.to_string()))??);
    }
    places.sort_by_key(|(number, _)| *number);
    let places = places.into_iter().map(|(_, place)| place).collect();
    sync::run(places, Arc::clone(journal), events, options).await.map_err(|error| failure(&error))
}

/// How a cluster is met.
struct Meeting {
    on_drift: OnDrift,
    resume: bool,
    running: Running,
}

/// The cluster that a part of the plan is for, held against it. One that does not answer fails its own Applications; a
/// plan that is not for it, or no longer, is refused as a whole.
async fn reach(
    arguments: &ClusterArgs,
    checked: &Checked,
    plan: &ClusterPlan,
    deployment: &Deployment,
    meeting: &Meeting,
    events: &Events,
) -> Result<Result<Arc<Mirror>, String>, Failure> {
    let cluster = match arguments.connect(checked, &plan.cluster).await {
        Ok(cluster) => meeting.running.meet(cluster),
        Err(Failure::Internal(reason)) => return Ok(Err(reason)),
        Err(refused) => return Err(refused),
    };
    let identity = match cluster.identity().await {
        Ok(identity) => identity,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if plan.identity.as_ref().is_some_and(|planned| *planned != identity) {
        return Err(Failure::Usage(PlanError::Cluster(plan.cluster.clone()).to_string()));
    }
    let mirror = Arc::new(Mirror::new(cluster));
    // What was begun is different for that alone.
    if !meeting.resume {
        match sync::drift(plan, deployment, &mirror).await {
            Ok(drifts) => meet(meeting.on_drift, plan, drifts, events)?,
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(mirror))
}

/// Refuses what the plan does not say, or tells it.
fn meet(on_drift: OnDrift, part: &ClusterPlan, drifts: Vec<Drift>, events: &Events) -> Result<(), Failure> {
    if drifts.is_empty() {
        return Ok(());
    }
    if on_drift == OnDrift::Refuse {
        let shown: Vec<String> = drifts.iter().take(5).map(ToString::to_string).collect();
        let more = drifts.len().saturating_sub(shown.len());
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        return Err(Failure::Usage(format!(
            "the cluster changed since the plan was made; make a new plan, or use --on-drift replan:\n  {}{more}",
            shown.join("\n  ")
        )));
    }
    for drift in drifts {
        events.tell(Event::Drift { cluster: part.cluster.clone(), message: drift.to_string() });
    }
    Ok(())
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
