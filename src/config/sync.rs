//! `sync:` of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fields::Findings;
use crate::render::template::sprig::times;
use crate::yaml::Node;

/// How long objects of a kind may take to become healthy.
pub(super) fn deadlines(findings: &mut Findings, root: &Node) -> BTreeMap<String, Duration> {
    let mut deadlines = BTreeMap::new();
    let Some(sync) = root.get("sync") else { return deadlines };
    if !findings.keys(sync, "sync", &["deadlines"]) {
        return deadlines;
    }
    let Some(given) = sync.get("deadlines") else { return deadlines };
    if given.as_mapping().is_none() {
        let found = given.kind().as_str();
        findings.report(given.mark(), format!("sync.deadlines: expected durations by kind, found {found}"));
    }
    for entry in given.entries() {
        let text = entry.value.text().unwrap_or_default();
        match duration(text) {
            Some(deadline) => {
                deadlines.insert(entry.key_text().to_owned(), deadline);
            }
            None => findings.report(
                entry.value.mark(),
                format!("sync.deadlines.{}: expected a duration such as 5m, found `{text}`", entry.key_text()),
            ),
        }
    }
    deadlines
}

/// A duration as Go writes it, which is not none and not in the past.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let nanos = u64::try_from(times::Duration::parse(text)?.0).ok()?;
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}
