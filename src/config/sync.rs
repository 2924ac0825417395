//! `sync:` of the configuration: in which order environments are synced, what stands between them, and what happens when
//! one fails.
//!
//! The command line has the last word where it says something else.

use std::collections::BTreeMap;
use std::time::Duration;

use smol_str::SmolStr;

use super::fields::Findings;
use crate::finding::nearest;
use crate::origin::Mark;
use crate::yaml::Node;

/// How plans are carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncConfig {
    /// How many objects of a cluster a plan may delete.
    pub max_deletions: Option<usize>,
    /// How long objects of a kind may take to become healthy.
    pub deadlines: BTreeMap<String, Duration>,
    /// The environments that are synced one after the other, in this order.
    pub environments: Vec<StageConfig>,
}

/// One environment of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageConfig {
    /// `production`
    pub name: SmolStr,
    /// Whether somebody has to approve it: `approval: required`.
    pub approval: bool,
    /// How long it must stay healthy before the next environment is begun.
    pub pause: Duration,
    /// What is taken back when one of its Applications fails.
    pub rollback: Extent,
    /// How long an Application may wait for something that does not move on.
    pub timeout: Option<Duration>,
    /// How long pods may fail to start.
    pub stuck_after: Option<Duration>,
    /// Where it stands.
    pub mark: Mark,
}

/// What is taken back when an Application fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Nothing.
    None,
    /// The Application that failed.
    #[default]
    Application,
    /// All that was synced in the same step: of its ApplicationSet, or of its environment where there are no steps.
    Step,
    /// All that the run has synced, in every environment.
    Rollout,
}

impl Extent {
    fn parse(text: &str) -> Option<Extent> {
        Some(match text {
            "none" => Extent::None,
            "application" => Extent::Application,
            "step" => Extent::Step,
            "rollout" => Extent::Rollout,
            _ => return None,
        })
    }
}

/// Reads `sync:`. `known` are the names of environments.
pub(super) fn sync(findings: &mut Findings, root: &Node, known: &[SmolStr]) -> SyncConfig {
    let mut config = SyncConfig::default();
    let Some(node) = root.get("sync") else { return config };
    if !findings.keys(node, "sync", &["max-deletions", "deadlines", "environments"]) {
        return config;
    }
    if let Some(value) = node.get("max-deletions") {
        config.max_deletions = value.to_json().as_u64().and_then(|number| usize::try_from(number).ok());
        if config.max_deletions.is_none() {
            findings.report(value.mark(), "sync.max-deletions: expected a number");
        }
    }
    config.deadlines = deadlines(findings, node);
    for item in findings.items(node, "sync", "environments") {
        if let Some(stage) = stage(findings, item, known) {
            match config.environments.iter().any(|other| other.name == stage.name) {
                true => findings.report(stage.mark, format!("sync.environments: `{}` is there twice", stage.name)),
                false => config.environments.push(stage),
            }
        }
    }
    config
}

/// `sync.deadlines`: durations by kind.
fn deadlines(findings: &mut Findings, node: &Node) -> BTreeMap<String, Duration> {
    let mut deadlines = BTreeMap::new();
    let Some(given) = node.get("deadlines") else { return deadlines };
    if given.as_mapping().is_none() {
        let found = given.kind().as_str();
        findings.report(given.mark(), format!("sync.deadlines: expected durations by kind, found {found}"));
    }
    for entry in given.entries() {
        let (kind, text) = (entry.key_text(), entry.value.text().unwrap_or_default());
        match parse_duration(text) {
            Some(deadline) => {
                deadlines.insert(kind.to_owned(), deadline);
            }
            None => {
                let message = format!("sync.deadlines.{kind}: expected a duration such as 5m, found `{text}`");
                findings.report(entry.value.mark(), message);
            }
        }
    }
    deadlines
}

/// A duration as Go writes it; none where it is no time at all.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let minutes = crate::schema::go_duration_minutes(text).filter(|minutes| *minutes > 0.0)?;
    Duration::try_from_secs_f64(minutes * 60.0).ok()
}

fn stage(findings: &mut Findings, item: &Node, known: &[SmolStr]) -> Option<StageConfig> {
    let what = "sync environment";
    let bare = |name: &str, mark| StageConfig {
        name: SmolStr::new(name),
        approval: false,
        pause: Duration::ZERO,
        rollback: Extent::default(),
        timeout: None,
        stuck_after: None,
        mark,
    };
    let mut stage = match item.text() {
        Some(name) => bare(name, item.mark()),
        None => {
            let keys = ["name", "approval", "pause", "rollback", "timeout", "stuck-after"];
            if !findings.keys(item, what, &keys) {
                return None;
            }
            let name = findings.required(item, what, "name")?;
            bare(&name.value, name.mark)
        }
    };
    if !known.contains(&stage.name) {
        let help = match nearest(&stage.name, known.iter().map(SmolStr::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        findings.report(stage.mark, format!("sync.environments: no environment is called `{}`; {help}", stage.name));
    }
    if let Some(text) = findings.text(item, what, "approval") {
        stage.approval = text.value == "required";
        if !matches!(text.value.as_str(), "required" | "none") {
            findings.report(text.mark, format!("approval: expected required or none, found `{}`", text.value));
        }
    }
    if let Some(text) = findings.text(item, what, "rollback") {
        match Extent::parse(&text.value) {
            Some(extent) => stage.rollback = extent,
            None => findings.report(
                text.mark,
                format!("rollback: expected none, application, step or rollout, found `{}`", text.value),
            ),
        }
    }
    stage.pause = duration(findings, item, "pause").unwrap_or_default();
    stage.timeout = duration(findings, item, "timeout");
    stage.stuck_after = duration(findings, item, "stuck-after");
    Some(stage)
}

fn duration(findings: &mut Findings, node: &Node, key: &str) -> Option<Duration> {
    let text = findings.text(node, "sync environment", key)?;
    let duration = crate::schema::go_duration_minutes(&text.value)
        .and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
    if duration.is_none() {
        findings.report(text.mark, format!("{key}: expected a duration such as 10m or 1h30m, found `{}`", text.value));
    }
    duration
}
