//! `tiphys history`

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::plan::failure;
use super::{Failure, Status, runtime};
use crate::plan::{Digest, canonical};
use crate::sync::{Cluster, Kept, Standing, history};

/// Arguments of `tiphys history`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The Application: `name`, or `namespace/name`
    #[arg(required = true)]
    application: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print what changed from one revision to another
    Diff(Diff),
}

#[derive(Debug, clap::Args)]
struct Diff {
    /// The Application: `name`, or `namespace/name`
    application: String,
    /// The older revision
    from: u64,
    /// The newer revision; the newest if it is not given
    to: Option<u64>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// The cluster of an Application whose repository is not needed.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClusterArgs {
    /// The kubeconfig; $KUBECONFIG or ~/.kube/config if it is not given
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context; the current one if it is not given
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    /// Connects to the cluster.
    pub(super) async fn connect(&self) -> Result<Cluster, Failure> {
        let connected = Cluster::connect(self.kubeconfig.as_deref(), self.context.as_deref(), 32).await;
        connected.map_err(|error| failure(&error))
    }

    /// What the journal calls the cluster.
    pub(super) fn name(&self) -> &str {
        self.context.as_deref().unwrap_or("current context")
    }
}

/// `namespace/name`; Applications are in `argocd` unless something else is said.
pub(super) fn qualified(application: &str) -> String {
    if application.contains('/') { application.to_owned() } else { format!("argocd/{application}") }
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    match &args.command {
        Some(Command::Diff(diff)) => {
            let kept = read(&diff.cluster, &diff.application)?;
            show_diff(&kept, diff)
        }
        None => {
            let kept = read(&args.cluster, args.application.as_deref().unwrap_or_default())?;
            list(&kept)
        }
    }
}

fn read(cluster: &ClusterArgs, application: &str) -> Result<Vec<Kept>, Failure> {
    let application = qualified(application);
    let kept = runtime()?.block_on(async {
        let connected = cluster.connect().await?;
        history(&connected, cluster.name(), &application).await.map_err(|error| failure(&error))
    })?;
    if kept.is_empty() {
        return Err(Failure::Usage(format!("no revision of {application} is kept in this cluster")));
    }
    Ok(kept)
}

fn list(kept: &[Kept]) -> Result<Status, Failure> {
    super::output::print(|out| {
        for Kept { revision, .. } in kept {
            let commit = revision.commit.get(..12).unwrap_or(&revision.commit);
            let commit = if commit.is_empty() { "-" } else { commit };
            write!(out, "{:>4}  {:<4}  {}  {commit}", revision.number, revision.standing.as_str(), revision.at)?;
            match revision.standing {
                Standing::Bad => writeln!(out, "  {}", revision.reason)?,
                Standing::Good => writeln!(out)?,
            }
        }
        Ok(())
    })?;
    Ok(Status::Clean)
}

/// The revision of that number.
pub(super) fn numbered(kept: &[Kept], number: u64) -> Result<&Kept, Failure> {
    kept.iter().find(|one| one.revision.number == number).ok_or_else(|| {
        let known: Vec<String> = kept.iter().map(|one| one.revision.number.to_string()).collect();
        Failure::Usage(format!("there is no revision {number}; there are {}", known.join(", ")))
    })
}

fn show_diff(kept: &[Kept], diff: &Diff) -> Result<Status, Failure> {
    let from = numbered(kept, diff.from)?;
    let to = match (diff.to, kept.last()) {
        (Some(number), _) => numbered(kept, number)?,
        (None, Some(newest)) => newest,
        (None, None) => from,
    };
    let (before, after) = (texts(from)?, texts(to)?);
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let empty = String::new();
    super::output::print(|out| {
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old == new {
                continue;
            }
            let header = |text: Option<&String>, number: u64| match text {
                Some(_) => format!("{name} in revision {number}"),
                None => "/dev/null".to_owned(),
            };
            let (old, new, headers) = (
                old.unwrap_or(&empty),
                new.unwrap_or(&empty),
                (header(old, from.revision.number), header(new, to.revision.number)),
            );
            let changes = similar::TextDiff::from_lines(old.as_str(), new.as_str());
            write!(out, "{}", changes.unified_diff().context_radius(3).header(&headers.0, &headers.1))?;
        }
        Ok(())
    })?;
    Ok(Status::Clean)
}

/// The objects of a revision as text, by their names. Values of Secrets are shown by digest.
fn texts(kept: &Kept) -> Result<BTreeMap<String, String>, Failure> {
    let objects = kept.objects().map_err(|error| failure(&error))?;
    let named = objects.into_iter().map(|mut object| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        let place = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
        if kind == "Secret" {
            hide(&mut object);
        }
        let shown = serde_json::to_string_pretty(&object).unwrap_or_default();
        (format!("{kind} {place}"), format!("{shown}\n"))
    });
    Ok(named.collect())
}

fn hide(secret: &mut Value) {
    for key in ["data", "stringData"] {
        for value in secret.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
            *value = Value::String(Digest::of(&canonical(value)).to_string());
        }
    }
}
