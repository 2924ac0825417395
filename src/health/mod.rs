//! The health of live objects, as Argo CD tells it: an object in, its status and a message out.
//!
//! What is known of a kind stands in a [`table`], one file a kind under `kinds/`: to teach tiphys a kind, write its table
//! and add its name to `kinds.rs`. A repository may bring checks of its own in `argocd-cm`, written in Lua ([`lua`]);
//! they come first. Objects that are being deleted are on their way, whatever else is said of them.

mod kinds;
pub mod lua;
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

/// Whether the health of a kind is assessed at all.
pub fn is_assessed(object: &ObjectRef) -> bool {
    find(object.group(), &object.kind).is_some()
}

/// The health of a live object, for a sync that waits for it. What is missing or unknown is not healthy yet; what was
/// suspended on purpose is not waited for, and a kind that nobody assesses is healthy as soon as it is there.
pub fn assess(live: &Value) -> Health {
    match status(live) {
        None => Health::Healthy,
        Some(Assessment { status: Status::Healthy | Status::Suspended, .. }) => Health::Healthy,
        Some(Assessment { status: Status::Degraded, message, .. }) => Health::Degraded(message),
        Some(Assessment { message, .. }) => Health::Progressing(message),
    }
}

/// What Argo CD's own checks say of a live object; `None` where its kind is not assessed.
pub fn status(live: &Value) -> Option<Assessment> {
    Checks::default().status(live)
}

/// Checks: the repository's own, and then those that come with tiphys.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// By `group/kind`; both may hold `*`.
    scripts: BTreeMap<String, lua::Script>,
}

impl Checks {
    /// The checks where `settings` is the ConfigMap `argocd-cm`.
    pub fn configured(settings: &Value) -> Checks {
        Checks { scripts: lua::scripts(settings) }
    }

    /// What is said of a live object; `None` where its kind is not assessed.
    pub fn status(&self, live: &Value) -> Option<Assessment> {
        let api_version = live["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let kind = live["kind"].as_str().unwrap_or_default();
        let verdict = match self.script(group, kind) {
            Some(script) => Some(lua::judge(script, live)),
            None => find(group, kind).map(|name| match BUILT_IN.table(name) {
                Some(table) => table.judge(live, &*BUILT_IN),
                None => Err(format!("the table of {name} cannot be read")),
            }),
        };
        match verdict.unwrap_or(Ok(Verdict::None)) {
            Ok(verdict) => concluded(live, verdict),
            Err(failure) => Some(Assessment { status: Status::Unknown, message: failure, failed: true }),
        }
    }

    /// The script for a kind: under its own name, or else the first whose pattern fits.
    fn script(&self, group: &str, kind: &str) -> Option<&lua::Script> {
        let key = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
        self.scripts.get(&key).or_else(|| {
            let fits =
                |pattern: &str| globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(&key));
            self.scripts.iter().find(|(pattern, _)| fits(pattern)).map(|(_, script)| script)
        })
    }
}

/// The assessment that follows from a verdict, for an object that may be about to go.
fn concluded(live: &Value, verdict: Verdict) -> Option<Assessment> {
    let finalizers: Vec<&str> = {
        let all = live.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).collect()
    };
    let going = live.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
        && !finalizers.contains(&HOOK_FINALIZER);
    let (status, message) = match verdict {
        Verdict::Health { status, deletion, .. } if going && !deletion.is_empty() => (status, deletion),
        _ if going && finalizers.is_empty() => ("Progressing".to_owned(), "Pending deletion".to_owned()),
        _ if going => {
            ("Progressing".to_owned(), format!("Pending deletion; blocked by finalizers: {}", finalizers.join(", ")))
        }
        Verdict::Health { status, message, .. } => (status, message),
        Verdict::None => return None,
    };
    Some(match Status::named(&status) {
        Some(status) => Assessment { status, message, failed: false },
        None => {
            let message = "Lua returned an invalid health status".to_owned();
            Assessment { status: Status::Unknown, message, failed: false }
        }
    })
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
