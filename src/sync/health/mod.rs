//! The health of live objects, as Argo CD tells it: an object in, its status and a message out.
//!
//! What is known of a kind stands in a [`table`], one file a kind under `kinds/`: to teach tiphys a kind, write its table
//! and add its name to `kinds.rs`. A repository may bring checks of its own in `argocd-cm`, written in Lua ([`lua`]);
//! they come first. Objects that are being deleted are on their way, whatever else is said of them.

mod kinds;
mod table;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use serde_json::Value;
use table::{Shelf, Table, Verdict};

use crate::plan::ObjectRef;

/// The finalizer that keeps a hook until its sync has ended.
const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// How an object is, as far as a sync is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Healthy,
    /// On its way, with what it waits for.
    Progressing(String),
    /// It will not come right by itself, with the reason.
    Degraded(String),
}

/// How an object is, in Argo CD's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Healthy,
    /// It was stopped on purpose.
    Suspended,
    /// On its way.
    Progressing,
    /// What it stands for is not there.
    Missing,
    /// It will not come right by itself.
    Degraded,
    /// It cannot be told.
    Unknown,
}

impl Status {
    /// A status by its name.
    pub fn named(name: &str) -> Option<Status> {
        Some(match name {
            "Healthy" => Status::Healthy,
            "Suspended" => Status::Suspended,
            "Progressing" => Status::Progressing,
            "Missing" => Status::Missing,
            "Degraded" => Status::Degraded,
            "Unknown" => Status::Unknown,
            _ => return None,
        })
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Healthy => "Healthy",
            Status::Suspended => "Suspended",
            Status::Progressing => "Progressing",
            Status::Missing => "Missing",
            Status::Degraded => "Degraded",
            Status::Unknown => "Unknown",
        }
    }
}

/// What a check says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// How it is.
    pub status: Status,
    /// Why; may be empty.
    pub message: String,
    /// Whether the check itself failed: then the status is [`Status::Unknown`], and the message says why.
    pub failed: bool,
}

impl Assessment {
    fn new(status: Status, message: impl Into<String>) -> Assessment {
        Assessment { status, message: message.into(), failed: false }
    }

    fn failed(message: String) -> Assessment {
        Assessment { status: Status::Unknown, message, failed: true }
    }
}

/// Whether the health of a kind is assessed at all.
pub fn is_assessed(object: &ObjectRef) -> bool {
    find(object.group(), &object.kind).is_some()
}

/// The health of a live object, for a sync that waits for it: what is suspended, missing or unknown is not healthy yet.
/// A kind that nobody assesses is healthy as soon as it is there.
pub fn assess(live: &Value) -> Health {
    match status(live) {
        None => Health::Healthy,
        Some(Assessment { status: Status::Healthy, .. }) => Health::Healthy,
        Some(Assessment { status: Status::Degraded, message, .. }) => Health::Degraded(message),
        Some(Assessment { message, .. }) => Health::Progressing(message),
    }
}

/// What Argo CD's own checks say of a live object; `None` where its kind is not assessed.
pub fn status(live: &Value) -> Option<Assessment> {
    let api_version = live["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let verdict = match find(group, live["kind"].as_str().unwrap_or_default()) {
        Some(name) => match BUILT_IN.table(name).map(|table| table.judge(live, &*BUILT_IN)) {
            Some(Ok(verdict)) => verdict,
            Some(Err(failure)) => return Some(Assessment::failed(failure)),
            None => return Some(Assessment::failed(format!("the table of {name} cannot be read"))),
        },
        None => Verdict::None,
    };
    concluded(live, verdict)
}

/// The assessment that follows from a verdict, for an object that may be about to go.
fn concluded(live: &Value, verdict: Verdict) -> Option<Assessment> {
    let finalizers = || {
        let all = live.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str)
    };
    let going = live.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
        && finalizers().all(|finalizer| finalizer != HOOK_FINALIZER);
    if going {
        let message = match verdict {
            Verdict::Deleting(message) if !message.is_empty() => message,
            _ if finalizers().next().is_some() => {
                let all: Vec<&str> = finalizers().collect();
                format!("Pending deletion; blocked by finalizers: {}", all.join(", "))
            }
            _ => "Pending deletion".to_owned(),
        };
        return Some(Assessment::new(Status::Progressing, message));
    }
    match verdict {
        Verdict::None => None,
        Verdict::Deleting(_) => Some(Assessment::new(Status::Progressing, "")),
        Verdict::Health(status, message) => Some(match Status::named(&status) {
            Some(status) => Assessment::new(status, message),
            None => Assessment::new(Status::Unknown, "Lua returned an invalid health status"),
        }),
    }
}

/// The name of the table for a kind: its own, or one for all of a family.
fn find(group: &str, kind: &str) -> Option<&'static str> {
    let group = if group.is_empty() { "core" } else { group };
    let own = format!("{group}/{kind}");
    if group == "shared" {
        return None;
    }
    if let Ok(found) = kinds::TABLES.binary_search_by(|(name, _)| (*name).cmp(&own)) {
        return Some(kinds::TABLES[found].0);
    }
    kinds::TABLES.iter().map(|(name, _)| *name).find(|name| match name.strip_suffix("/_") {
        Some(groups) => groups.strip_prefix('_').map_or(groups == group, |suffix| group.ends_with(suffix)),
        None => false,
    })
}

/// The tables that come with tiphys; each is read when it is first asked for.
struct BuiltIn {
    tables: BTreeMap<&'static str, (&'static str, OnceLock<Option<Table>>)>,
}

static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| BuiltIn {
    tables: kinds::TABLES.iter().map(|(name, text)| (*name, (*text, OnceLock::new()))).collect(),
});

impl Shelf for BuiltIn {
    fn table(&self, name: &str) -> Option<&Table> {
        let (text, table) = match self.tables.get(name) {
            Some(found) => found,
            None => self.tables.get(format!("shared/{name}").as_str())?,
        };
        table.get_or_init(|| Table::parse(text).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests;
