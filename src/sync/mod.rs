//! A verified plan in, a cluster that holds it out, and a journal of what was done.
//!
//! [`Cluster`] is the door to one API server. [`compare`] fills a plan with what is live: what exists, what differs,
//! what is to be pruned. [`run`] works through the tasks: steps one after the other, the objects of a step at once,
//! and at the end of a wave it waits until what was applied is healthy ([`health`]). Every task is written to the
//! [`Journal`] before and after, so a run that was killed can go on where it stopped.
//!
//! Only this module and `serve` know the kube client.

mod cluster;
mod compare;
mod journal;
pub mod machine;
mod policy;
mod run;

pub use crate::health;
pub use cluster::{Cluster, FIELD_MANAGER};
pub use compare::{PruneOptions, compare};
pub use journal::{Journal, State};
pub use policy::options;
pub use run::{Options, Progress, run};

/// Why a cluster does not hold what the plan says.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The kubeconfig cannot be read, or has no such context. Give another with --kubeconfig or --cluster.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// The plan deploys to a cluster that no --cluster maps to a context. Map it: `--cluster WHICH=CONTEXT`.
    #[error("cluster {0} is mapped to no context; use --cluster '{0}=CONTEXT'")]
    Unmapped(String),
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
    /// Objects did not become healthy in time, or are beyond hope. The message says why for each.
    #[error("not healthy: {0}")]
    Unhealthy(String),
    /// The journal cannot be written. Nothing is done without it.
    #[error("journal: {0}")]
    Journal(String),
    /// The run was interrupted between two steps; `--resume` goes on.
    #[error("interrupted; go on with --resume")]
    Interrupted,
    /// Some tasks failed; each is in the journal. What did not depend on them was done.
    #[error("{0} of {1} tasks failed: {2}")]
    Failed(usize, usize, String),
}
