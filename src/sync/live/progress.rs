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
