//! `tiphys rollback`

use std::path::PathBuf;
use std::sync::Arc;

use super::history::{ClusterArgs, qualified};
use super::plan::failure;
use super::sync::Running;
use super::{Failure, Status};
use crate::plan::Digest;
use crate::sync::{self, Journal};

/// Arguments of `tiphys rollback`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The Application: `name`, or `namespace/name`
    application: String,
    /// The revision to go back to; the last good one before the present one if it is not given
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Where the journal is kept
    #[arg(long, value_name = "FILE", default_value = "tiphys-journal.sqlite")]
    journal: PathBuf,
    /// Go on with the last rollback that did not end well
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    running: Running,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let application = qualified(&args.application);
    let place = args.cluster.name();
    // A rollback has no plan; what it is about stands for it.
    let about = Digest::of(format!("rollback {application} {:?} {place}", args.to).as_bytes());
    let journal =
        Journal::open(&args.journal, &about, args.resume).map_err(|error| Failure::Internal(error.to_string()))?;
    let journal = Arc::new(journal);
    let result = args.running.tell(1, async |options, events| {
        let cluster = args.running.meet(args.cluster.connect().await?);
        let journal = Arc::clone(&journal);
        let rollback = sync::roll_back(place, &application, args.to, cluster, journal, events, &options);
        rollback.await.map_err(|error| failure(&error))
    })?;
    let ended = result.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
    journal.end(&ended).map_err(|error| Failure::Internal(error.to_string()))?;
    result.map(|()| Status::Clean)
}
