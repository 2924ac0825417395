//! Names for findings that survive unrelated edits.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::rules::immutable_field_changed::RULE;
use super::{Checked, immutable};
use crate::finding::Finding;
use crate::origin::Mark;
use crate::source::Snapshot;

/// Gives each of `findings` its fingerprint. It is made of the rule, the file, the resource, the field, the message
/// without its numbers, and the text of the line; the same defect at several such lines is told apart by its order.
/// Line numbers are no part of it.
pub(crate) fn assign(snapshot: &Snapshot, findings: &mut [Finding]) {
    let mut seen: BTreeMap<[u8; 32], u32> = BTreeMap::new();
    for finding in findings {
        let base = digest(snapshot, finding);
        let occurrence = seen.entry(base).or_default();
        let mut hash = Sha256::new();
        hash.update(base);
        hash.update(occurrence.to_le_bytes());
        *occurrence += 1;
        finding.fingerprint = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect::<SmolStr>();
    }
}

fn digest(snapshot: &Snapshot, finding: &Finding) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(&finding.rule);
    part(snapshot.path(finding.mark.file));
    if let Some(resource) = &finding.resource {
        part(&resource.kind);
        part(&resource.namespace);
        part(&resource.name);
    }
    part(finding.pointer.as_deref().unwrap_or_default());
    let message: String = finding.message.chars().filter(|c| !c.is_ascii_digit()).collect();
    part(&message);
    part(line(snapshot, finding.mark).trim());
    hash.finalize().into()
}

/// The text of the line that `mark` begins on.
fn line(snapshot: &Snapshot, mark: Mark) -> &str {
    let Some(text) = snapshot.text(mark.file) else { return "" };
    let start = (mark.start as usize).min(text.len());
    let (Some(before), Some(after)) = (text.get(..start), text.get(start..)) else { return "" };
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(text.len(), |at| start + at);
    text.get(begin..end).unwrap_or_default()
}

/// `head` without the findings that `base` has too, by fingerprint, and with what cannot be changed from one to the
/// other.
pub fn new_since(base: &Checked, mut head: Checked) -> Checked {
    let known: BTreeSet<&SmolStr> = base
        .findings
        .iter()
        .chain(base.waived.iter().map(|waived| &waived.finding))
        .map(|finding| &finding.fingerprint)
        .collect();
    head.findings.retain(|finding| !known.contains(&finding.fingerprint));
    let setting = head.config.rules.get(RULE.id).map(|set| set.severity);
    if setting != Some(None) {
        let mut changes = immutable::changes(base, &head);
        for finding in &mut changes {
            finding.severity = setting.flatten().unwrap_or(finding.severity);
        }
        assign(&head.repository.snapshot, &mut changes);
        head.findings.append(&mut changes);
        let path = |finding: &Finding| SmolStr::new(head.repository.snapshot.path(finding.mark.file));
        head.findings.sort_by_cached_key(|finding| (path(finding), finding.mark, finding.rule.clone()));
    }
    head.count();
    head
}
