//! A verified plan in, a cluster that holds it out, and a journal of what was done.
//!
//! [`Cluster`] is the door to one API server. [`compare`] fills a plan with what is live: what exists, what differs,
//! what is to be pruned. [`run`] syncs the Applications of a plan, wave by wave; each is an operation of the state
//! [`machine`], which knows Argo CD's rules and no cluster. Behind it stands a real cluster (`live`), read through a
//! `mirror` that watches keep up to date. Every act is written to the [`Journal`] before and after, and all that the
//! machine remembers is in it, so a run that was killed can go on where it stopped.
//!
//! Only this module and `serve` know the kube client.

mod application;
mod cluster;
mod compare;
mod deadline;
mod delete;
pub mod ignore;
mod journal;
mod live;
pub mod machine;
mod mirror;
mod operation;
mod policy;
mod registry;
mod retry;
mod rollout;
mod same;
mod settings;
mod state;
mod stuck;
mod tracking;

pub use crate::health;
pub use application::roll_back;
pub use cluster::{Cluster, FIELD_MANAGER};
pub use compare::{Difference, Drift, PruneOptions, compare, drift};
pub use delete::{Deleting, delete};
pub use journal::{Begun, Entry, Journal, Kind, OperationRecord, Revision, Standing};
pub use live::{Event, Events};
pub use mirror::Mirror;
pub use policy::options;
pub use registry::Registry;
pub use rollout::{Ended, Extent, Options, Place, Schedule, Slot, Stage, Waits, run};
pub use settings::Settings;
pub use state::history::{Kept, history};
pub use tracking::Tracking;

/// Why a cluster does not hold what the plan says.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The kubeconfig cannot be read, or has no such context. Give another with --kubeconfig or --cluster.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// The plan deploys to a cluster that no --cluster maps to a context. Map it: `--cluster WHICH=CONTEXT`.
    #[error("cluster {0} is mapped to no context; use --cluster '{0}=CONTEXT'")]
    Unmapped(String),
    /// A cluster Secret of Argo CD cannot be used as it is. The message says why.
    #[error("cluster Secret of {cluster}: {reason}")]
    ClusterSecret {
        /// The cluster's name or server.
        cluster: String,
        /// Why.
        reason: String,
    },
    /// The API server did not answer, or refused a request. The message is the server's.
    #[error("{what}: {reason}")]
    Api {
        /// What was asked.
        what: String,
        /// The status of the answer; 0 where there was none.
        code: u16,
        /// The answer.
        reason: String,
    },
    /// The API server did not answer for as long as it was asked, or no longer knows who asks. What was asked may be right:
    /// nothing is given up or taken back, and `--resume` goes on.
    #[error("{what}: {reason}; nothing was given up, go on with --resume")]
    Unanswered {
        /// What was asked.
        what: String,
        /// What was seen instead.
        reason: String,
    },
    /// The cluster does not know a kind, even after the plan's definitions were applied.
    #[error("{object}: the cluster does not serve {api_version} {kind}", kind = .kind)]
    UnknownKind {
        /// The object.
        object: String,
        /// Its version.
        api_version: String,
        /// Its kind.
        kind: String,
    },
    /// The sync of an Application failed. The message names each object at fault and where it was written.
    #[error("{application}: {reason}")]
    Application {
        /// `namespace/name`
        application: String,
        /// Why.
        reason: String,
    },
    /// Another executor has taken over the Application: this one was silent for too long.
    #[error("another executor has taken over; nothing more is done")]
    LeaseLost,
    /// The journal cannot be written. Nothing is done without it.
    #[error("journal: {0}")]
    Journal(String),
    /// The run was interrupted between two steps; `--resume` goes on.
    #[error("interrupted; go on with --resume")]
    Interrupted,
    /// An Application may not be synced now. Wait for its sync window, or say why it does not count:
    /// `--override-sync-windows REASON`.
    #[error("{application}: {reason}")]
    Refused {
        /// `namespace/name`
        application: String,
        /// Why.
        reason: String,
    },
    /// Nothing can be done in a cluster. The others are not kept back by it.
    #[error("cluster {cluster}: {reason}")]
    Unreachable {
        /// The cluster, as the plan names it.
        cluster: String,
        /// Why.
        reason: String,
    },
    /// Several Applications failed.
    #[error("{failed} of {all} Applications failed: {reasons}")]
    Applications {
        /// How many failed.
        failed: usize,
        /// How many the plan has.
        all: usize,
        /// Why, each.
        reasons: String,
    },
}

impl SyncError {
    /// What is said of `all` Applications of which those in `failures` failed.
    fn of_all(mut failures: Vec<(String, SyncError)>, all: usize) -> Option<SyncError> {
        if failures.len() < 2 {
            return failures.pop().map(|(_, error)| error);
        }
        let mut reasons: Vec<String> = failures.iter().map(|(_, error)| error.to_string()).collect();
        // All Applications of a cluster that cannot be reached say the same.
        reasons.dedup();
        Some(SyncError::Applications { failed: failures.len(), all, reasons: reasons.join("; ") })
    }
}
