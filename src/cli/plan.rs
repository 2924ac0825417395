//! `tiphys plan`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::input::InputArgs;
use super::{Failure, Status, runtime};
use crate::check::{Checked, approve};
use crate::finding::{Profile, Severity};
use crate::plan::{Accepted, Action, Deployment, Digest, Plan, deployments, signature};
use crate::report::{self, Appearance, Format};
use crate::run::{self, Options};
use crate::sync::{Cluster, PruneOptions, Registry, SyncError, compare};

/// Deletions that nobody has to ask for: more of them at once are rarely meant.
const MAX_DELETIONS: usize = 20;

/// Arguments of `tiphys plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The choice of rules; the configuration's, else recommended
    #[arg(long, value_name = "PROFILE", value_parser = super::check::profile)]
    profile: Option<Profile>,
    /// Where the plan is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Plan only these Applications; may be repeated
    #[arg(long = "application", value_name = "NAME")]
    applications: Vec<String>,
    #[command(flatten)]
    clusters: ClusterArgs,
    /// Do not look at any cluster: nothing is compared and nothing pruned
    #[arg(long)]
    offline: bool,
    /// Sign the plan with this OpenSSH private key
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// How many hours the plan may be carried out; 24, and for ever with --offline
    #[arg(long, value_name = "HOURS")]
    valid_for: Option<u32>,
    /// How many objects of a cluster the plan may delete; the configuration's number, else 20
    #[arg(long, value_name = "NUMBER")]
    max_deletions: Option<usize>,
    /// Prune what is no longer deployed for every Application, not only for those with `automated.prune`
    #[arg(long)]
    prune: bool,
}

/// Which cluster is reached how.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClusterArgs {
    /// The kubeconfig; $KUBECONFIG or ~/.kube/config if it is not given
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The context of a cluster: its name, its server's URL or `*` for all others; may be repeated
    #[arg(long = "cluster", value_name = "WHICH=CONTEXT", value_parser = mapping)]
    pub(super) clusters: Vec<(String, String)>,
    /// Find clusters that no --cluster maps in the cluster Secrets of Argo CD, in the cluster of this context
    #[arg(long, value_name = "CONTEXT")]
    pub(super) clusters_from: Option<String>,
    /// The namespace of those Secrets
    #[arg(long, value_name = "NAMESPACE", default_value = "argocd")]
    pub(super) clusters_namespace: String,
    /// Run the programs that those Secrets name to get credentials
    #[arg(long)]
    pub(super) allow_exec: bool,
    /// Requests that may be under way at once in one cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    pub(super) concurrency: usize,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (which, context) = text.rsplit_once('=').ok_or("expected WHICH=CONTEXT")?;
    if which.is_empty() || context.is_empty() {
        return Err("expected WHICH=CONTEXT".to_owned());
    }
    Ok((which.to_owned(), context.to_owned()))
}

impl ClusterArgs {
    /// The context for a cluster as Applications name it. The name and the server of a registered cluster mean the same.
    pub(super) fn context(&self, checked: &Checked, cluster: &str) -> Result<&str, Failure> {
        let known = checked.resolved().clusters.names_of(cluster);
        let is_meant = |which: &str| {
            let which = which.trim_end_matches('/');
            which == cluster
                || known.is_some_and(|(server, name)| which == name || which == server.trim_end_matches('/'))
        };
        let exact = self.clusters.iter().find(|(which, _)| is_meant(which));
        let found = exact.or_else(|| self.clusters.iter().find(|(which, _)| which == "*"));
        found
            .map(|(_, context)| context.as_str())
            .ok_or_else(|| Failure::Usage(SyncError::Unmapped(cluster.to_owned()).to_string()))
    }

    /// Connects to the cluster: by the context that it is mapped to, or else as Argo CD's own Secrets say.
    pub(super) async fn connect(&self, checked: &Checked, cluster: &str) -> Result<Cluster, Failure> {
        let context = self.context(checked, cluster);
        if let (Err(_), Some(management)) = (&context, &self.clusters_from) {
            let kubeconfig = self.kubeconfig.as_deref();
            let registry =
                Registry::read(kubeconfig, management, &self.clusters_namespace, self.concurrency, self.allow_exec);
            let registry = registry.await.map_err(|error| failure(&error))?;
            let name = checked.resolved().clusters.names_of(cluster).map_or("", |(_, name)| name);
            return registry.connect(cluster, name).await.map_err(|error| failure(&error));
        }
        let context = context?;
        Cluster::connect(self.kubeconfig.as_deref(), Some(context), self.concurrency)
            .await
            .map_err(|error| failure(&error))
    }
}

/// How an error of the executor ends the command.
pub(super) fn failure(error: &SyncError) -> Failure {
    match error {
        SyncError::Kubeconfig(_) | SyncError::Unmapped(_) | SyncError::ClusterSecret { .. } => {
            Failure::Usage(error.to_string())
        }
        _ => Failure::Internal(error.to_string()),
    }
}

/// What a plan is made from: the repository, judged and approved.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) deployments: BTreeMap<String, Deployment>,
    pub(super) checked: Arc<Checked>,
}

/// Judges the repository and plans it. A repository with errors is refused, with its report on the standard error.
pub(super) fn make(input: &InputArgs, profile: Option<Profile>) -> Result<Made, Failure> {
    let options = Options { profile, today: chrono::Local::now().date_naive() };
    let input = input.read()?;
    let checked = run::run(&input, options);
    let approved = approve(checked).map_err(|checked| {
        let mut out = io::stderr().lock();
        let _ = report::write(&checked, Format::Concise, Appearance::default(), &mut out);
        let errors = checked.findings().iter().filter(|finding| finding.severity == Severity::Error).count();
        Failure::Usage(format!("the repository has {errors} errors; only what passes is planned"))
    })?;
    let deployments = deployments(approved.checked());
    let plan = Plan::of(&approved, &deployments, policies(approved.checked()));
    let deployments = deployments.into_iter().map(|deployment| (deployment.cluster.clone(), deployment)).collect();
    let checked = Arc::new(approved.into_checked());
    Ok(Made { plan, deployments, checked })
}

/// The digest of the rules and policies in force.
fn policies(checked: &Checked) -> Digest {
    Digest::of(checked.rule_set().as_bytes())
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let Made { mut plan, mut deployments, checked } = make(&args.input, args.profile)?;
    if !args.applications.is_empty() {
        select(&mut plan, &mut deployments, &args.applications)?;
        plan.selection.clone_from(&args.applications);
    }
    if !args.offline {
        runtime()?.block_on(async {
            for part in &mut plan.clusters {
                let Some(deployment) = deployments.get(&part.cluster) else { continue };
                let cluster = Arc::new(args.clusters.connect(&checked, &part.cluster).await?);
                let options = PruneOptions { all: args.prune };
                compare(part, deployment, &cluster, options).await.map_err(|error| failure(&error))?;
                part.max_deletions = args.max_deletions.or(checked.config().sync.max_deletions).or(Some(MAX_DELETIONS));
                part.verify_deletions().map_err(|error| Failure::Usage(error.to_string()))?;
            }
            Ok::<(), Failure>(())
        })?;
    }
    let hours = args.valid_for.or((!args.offline).then_some(24));
    plan.expires = hours.map(|hours| chrono::Utc::now().timestamp() + i64::from(hours) * 3600);
    let mut plan = plan.sealed();
    if let Some(path) = &args.sign {
        let fault = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", path.display()));
        let key = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
        plan.signature = Some(signature::sign(&plan.digest, &key).map_err(|error| fault(&error))?);
    }
    std::fs::write(&args.out, plan.to_json())
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.out.display())))?;
    show(&plan).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Status::Clean)
}

/// Keeps the tasks of the Applications named, by `name` or `namespace/name`.
fn select(
    plan: &mut Plan,
    deployments: &mut BTreeMap<String, Deployment>,
    applications: &[String],
) -> Result<(), Failure> {
    let is_named = |id: &str, name: &str| id == name || id.rsplit_once('/').is_some_and(|(_, last)| last == name);
    for name in applications {
        if !deployments.values().any(|part| part.applications.keys().any(|id| is_named(id, name))) {
            return Err(Failure::Usage(format!("no Application {name} in the repository")));
        }
    }
    let keep = |id: &str| applications.iter().any(|name| is_named(id, name));
    for deployment in deployments.values_mut() {
        deployment.applications.retain(|id, _| keep(id));
    }
    for part in &mut plan.clusters {
        part.tasks.retain(|task| keep(&task.application));
        part.skipped.retain(|skipped| keep(&skipped.application));
    }
    plan.clusters.retain(|part| !part.tasks.is_empty());
    Ok(())
}

fn show(plan: &Plan) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for part in &plan.clusters {
        writeln!(out, "{}", part.cluster)?;
        for task in &part.tasks {
            let action = task.action.as_str();
            let phase = match (task.action, task.phase) {
                (Action::Hook, phase) => format!("{} ", phase.as_str()),
                _ => String::new(),
            };
            let (step, object) = (task.step, &task.object);
            writeln!(out, "  {step:>3} {action:<9} {phase}{object}  ({}) {}", task.application, task.source)?;
            match &task.adopts {
                Some(owner) if owner.is_empty() => writeln!(out, "      adopts it: no Application owns it")?,
                Some(owner) => writeln!(out, "      takes it over from Application {owner}")?,
                None => {}
            }
            for change in &task.changes {
                writeln!(out, "      {change}")?;
            }
        }
        for skipped in &part.skipped {
            writeln!(out, "      skip      {}  ({}): {}", skipped.object, skipped.application, skipped.reason)?;
        }
    }
    let count = |action| plan.clusters.iter().flat_map(|part| &part.tasks).filter(|t| t.action == action).count();
    for accepted in &plan.accepted {
        let Accepted { rule, source, owner, reason, .. } = accepted;
        writeln!(out, "accepted {rule} at {source}: {owner}, {reason}")?;
    }
    let hooks = match count(Action::Hook) {
        0 => String::new(),
        1 => ", 1 hook".to_owned(),
        count => format!(", {count} hooks"),
    };
    writeln!(
        out,
        "{} to create, {} to apply, {} unchanged, {} to prune{hooks}; {}",
        count(Action::Create),
        count(Action::Apply) + count(Action::Replace),
        count(Action::Unchanged),
        count(Action::Prune),
        plan.digest
    )
}
