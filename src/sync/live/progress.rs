//! What a person is told while Applications are synced.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use crate::plan::ObjectRef;

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// An object was written or deleted, or the server refused it.
    Act {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// `apply`, `create`, `replace`, `update`, `delete`, `prune` or `release`.
        verb: &'static str,
        /// The object.
        #[serde(flatten)]
        object: ObjectRef,
        /// Why it was not done; absent where it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The cluster changed since the plan was made, and what is planned is brought about all the same.
    Drift {
        /// The cluster.
        cluster: String,
        /// What would be done now, and what the plan says.
        message: String,
    },
    /// Somebody else manages fields that an object sets; they are taken over.
    Conflict {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// The object.
        #[serde(flatten)]
        object: ObjectRef,
        /// Where it was written: `path:line`; empty where no person wrote it.
        source: String,
        /// Who manages which fields, as the server says it.
        message: String,
    },
    /// What an Application waits for.
    Waiting {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// For what.
        message: String,
    },
    /// An object that is live belongs to another Application, or to nobody, and is taken over.
    TakenOver {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// The object.
        #[serde(flatten)]
        object: ObjectRef,
        /// `namespace/name` of the Application that it belongs to; absent where it belongs to none.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// Why this is told.
        reason: String,
    },
    /// What stands before an environment.
    Gate {
        /// The environment.
        environment: String,
        /// What.
        message: String,
    },
    /// All that an Application deploys is healthy.
    Healthy {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// How many objects it has.
        objects: usize,
        /// How long its sync took.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        after: Duration,
    },
    /// The sync of an Application failed, and is tried again.
    Retrying {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// The number of the retry that is to come; the first is 1.
        attempt: i64,
        /// How long until then.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        after: Duration,
        /// Why it failed.
        message: String,
        /// Whether Argo CD would take the newest revision then; the plan's is taken.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        refresh: bool,
    },
    /// An operation has ended: what its time went into.
    Measured {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application; empty for what all of them need.
        application: String,
        /// Whether it was a `sync` or a `rollback`.
        operation: &'static str,
        /// How many objects were written or deleted.
        acts: usize,
        /// Asking the server what it would say.
        #[serde(serialize_with = "seconds")]
        dry_run: Duration,
        /// Writing and deleting, with all that leads to it: reading what is live, and the journal.
        #[serde(serialize_with = "seconds")]
        apply: Duration,
        /// Waiting until what was written is healthy.
        #[serde(serialize_with = "seconds")]
        health: Duration,
    },
    /// The sync of an Application failed.
    Failed {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// Why.
        message: String,
    },
    /// An Application is gone, with all that it deployed.
    Deleted {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// How long that took.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        after: Duration,
    },
    /// An Application is back at what was good before.
    RolledBack {
        /// The cluster.
        cluster: String,
        /// `namespace/name` of the Application.
        application: String,
        /// The number of the revision that it is back at.
        revision: u64,
        /// The time since the failure was seen.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        after: Duration,
    },
    /// All that was to be done in a cluster was done, or failed.
    Ended {
        /// The cluster.
        cluster: String,
        /// The requests that were made, watches left out.
        requests: u64,
        /// How long it took.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        after: Duration,
    },
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// Where events go. Nobody has to listen.
#[derive(Debug, Clone)]
pub struct Events(pub UnboundedSender<Event>);

impl Events {
    /// Tells what happened.
    pub(crate) fn tell(&self, event: Event) {
        // Whoever listened has gone; the sync goes on.
        let _ = self.0.send(event);
    }
}
