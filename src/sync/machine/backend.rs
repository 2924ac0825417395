//! What the state machine asks of a cluster.

use std::sync::Arc;

use serde_json::Value;

use super::{Key, Outcome, Phase};
use crate::sync::health::Health;

/// What is done to one object.
#[derive(Debug, Clone)]
pub struct Act {
    /// What.
    pub verb: Verb,
    /// To whom.
    pub key: Key,
    /// The phase of its task.
    pub phase: Phase,
    /// Whether it is a hook.
    pub hook: bool,
    /// The object as it is wanted; absent for deletions.
    pub target: Option<Arc<Value>>,
    /// The object as it is.
    pub live: Option<Arc<Value>>,
    /// Whether nothing is changed, only asked.
    pub dry_run: bool,
    /// Whether an object may be deleted and made anew where it cannot be changed.
    pub force: bool,
    /// Whether unknown fields are refused.
    pub validate: bool,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Made, or changed to what is wanted.
    Apply,
    /// Made: it was not there.
    Create,
    /// Put in place of what is there.
    Replace,
    /// Put in place of what is there, which is never deleted for it: definitions and namespaces.
    Update,
    /// A hook is deleted.
    Delete,
    /// What nobody wants is deleted.
    Prune,
    /// A hook's finalizer is taken off.
    Release,
}

impl Verb {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Apply => "apply",
            Verb::Create => "create",
            Verb::Replace => "replace",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Prune => "prune",
            Verb::Release => "release",
        }
    }
}

/// Why an act was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The object is not there.
    #[error("not found")]
    NotFound,
    /// What the cluster said.
    #[error("{0}")]
    Refused(String),
}

/// A cluster, as the state machine sees it.
pub trait Backend {
    /// Every live object of the Application, its hooks among them.
    fn live(&mut self) -> impl Future<Output = Result<Vec<Arc<Value>>, String>> + Send;

    /// One live object.
    fn get(&mut self, key: &Key) -> impl Future<Output = Result<Option<Arc<Value>>, String>> + Send;

    /// Does `acts`, all at once; the answers are in their order.
    fn perform(&mut self, acts: Vec<Act>) -> impl Future<Output = Vec<Result<String, Refusal>>> + Send;

    /// Told what came of tasks before anything else is done, and when a step is over. Whoever wants to go on after an
    /// interruption keeps it.
    fn record(&mut self, _outcomes: &[Outcome]) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The health of a live object; `None` for kinds that nobody assesses.
    fn health(&self, live: &Value) -> Option<Health>;

    /// Whether objects of a kind live in namespaces; `None` where the kind is not known.
    fn is_namespaced(&self, api_version: &str, kind: &str) -> Option<bool>;
}
