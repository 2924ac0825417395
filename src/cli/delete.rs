//! `tiphys delete`

use std::path::PathBuf;
use std::sync::Arc;

use super::history::{ClusterArgs, qualified};
use super::plan::failure;
use super::sync::Running;
use super::{Failure, Status};
use crate::plan::Digest;
use crate::sync::{self, Deleting, Journal};

/// Arguments of `tiphys delete`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The Application: `name`, or `namespace/name`
    application: String,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Delete also what asks for a confirmation: `Delete=confirm` and `Prune=confirm`
    #[arg(long)]
    confirm: bool,
    /// How dependents go; as the Application's finalizer says if it is not given
    #[arg(long, value_name = "POLICY")]
    propagation: Option<Propagation>,
    /// Forget the Application's revisions as well: there is no way back then
    #[arg(long)]
    forget: bool,
    /// Where the journal is kept
    #[arg(long, value_name = "FILE", default_value = "tiphys-journal.sqlite")]
    journal: PathBuf,
    /// Go on with the last deletion that did not end well
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    running: Running,
}

/// How what belongs to an object goes with it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Propagation {
    /// Before it.
    Foreground,
    /// After it.
    Background,
    /// Not at all.
    Orphan,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let application = qualified(&args.application);
    let place = args.cluster.name();
    // A deletion has no plan; what it is about stands for it.
    let about = Digest::of(format!("delete {application} {place}").as_bytes());
    let journal =
        Journal::open(&args.journal, &about, args.resume).map_err(|error| Failure::Internal(error.to_string()))?;
    let journal = Arc::new(journal);
    let propagation = args.propagation.map(|policy| {
        match policy {
            Propagation::Foreground => "foreground",
            Propagation::Background => "background",
            Propagation::Orphan => "orphan",
        }
        .to_owned()
    });
    let deleting = Deleting { confirmed: args.confirm, propagation, forget: args.forget };
    let result = args.running.tell(1, async |options, events| {
        let cluster = args.running.meet(args.cluster.connect().await?);
        let journal = Arc::clone(&journal);
        let deletion = sync::delete(place, &application, cluster, journal, events, &options, &deleting);
        deletion.await.map_err(|error| failure(&error))
    })?;
    let ended = result.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    result.map(|()| Status::Clean)
}
