//! What was found on one day, to be mended later: `tiphys check --write-baseline FILE`, then `--baseline FILE`.
//!
//! The file is JSON with an entry a finding. The fingerprint decides; rule, file and message are for people. Fingerprints
//! survive moved lines and reformatting. An entry whose finding is gone is reported as `unused-waiver`: a baseline only
//! shrinks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::check::rules::unused_waiver;
use crate::finding::Finding;
use crate::origin::{FileId, Mark};
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, read};

/// The text of a baseline of `findings`.
pub(crate) fn write(snapshot: &Snapshot, findings: &[Finding]) -> String {
    let entries: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "fingerprint": finding.fingerprint,
                "rule": finding.rule,
                "file": snapshot.path(finding.mark.file),
                "message": finding.message,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "version": 1, "findings": entries }))
}

/// What a baseline accepts: fingerprints, and the place and rule of each entry.
pub(crate) struct Baseline {
    entries: BTreeMap<SmolStr, (Mark, String)>,
}

impl Baseline {
    /// Reads the text of `file`. An error says what is wrong with it.
    pub(crate) fn read(file: FileId, text: &str) -> Result<Baseline, String> {
        let parsed = read(file, text, Limits::default());
        let root = parsed.documents.first().map(|document| &document.root);
        let list = root.and_then(|root| root.get("findings")).and_then(Node::as_sequence);
        let Some(list) = list.filter(|_| parsed.problems.is_empty()) else {
            return Err("it is not what `tiphys check --write-baseline` writes".to_owned());
        };
        let mut entries = BTreeMap::new();
        for entry in &list.items {
            let Some(node) = entry.get("fingerprint") else {
                return Err(format!("line {}: an entry without fingerprint", entry.mark().line));
            };
            let rule = entry.str_at(&["rule"]).unwrap_or_default().to_owned();
            entries.insert(SmolStr::new(node.text().unwrap_or_default()), (node.mark(), rule));
        }
        Ok(Baseline { entries })
    }

    /// Takes the findings that are known out of `findings`, and returns them with what is left of the baseline.
    pub(crate) fn apply(mut self, findings: &mut Vec<Finding>) -> (Vec<(Finding, Mark)>, Vec<Finding>) {
        let mut accepted = Vec::new();
        findings.retain(|finding| match self.entries.remove(&finding.fingerprint) {
            Some((mark, _)) => {
                accepted.push((finding.clone(), mark));
                false
            }
            None => true,
        });
        let left = self.entries.into_values().map(|(mark, rule)| {
            Finding::new(&unused_waiver::RULE, mark)
                .message(format!("the baseline accepts a finding of `{rule}` that is gone"))
                .help("remove the entry, or write the baseline again")
        });
        (accepted, left.collect())
    }
}
