//! Names for findings that survive unrelated edits.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::rules::immutable_field_changed::RULE;
use super::rules::unused_waiver;
use super::{Checked, Waived, immutable};
use crate::finding::Finding;
use crate::origin::{FileId, Mark};
use crate::source::Snapshot;
use crate::waiver::baseline::{self, Baseline};

/// Gives each of `findings` its fingerprint. It is made of the rule, the file, the resource, the field, the message
/// without its numbers, and where no field of an object is named, the word that stands there; the same defect at several
/// such places is told apart by its order. Lines, formatting and the hashes in generated names are no part of it.
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
        part(stem(&resource.name));
    }
    part(finding.pointer.as_deref().unwrap_or_default());
    let name = finding.resource.as_ref().map_or("", |resource| resource.name.as_str());
    let message = if stem(name) == name { finding.message.clone() } else { finding.message.replace(name, stem(name)) };
    part(&message.chars().filter(|c| !c.is_ascii_digit()).collect::<String>());
    // What a field of an object is needs no text to be told by, which a formatter may change; else letters and digits
    // tell, without quotes.
    if finding.resource.is_none() || finding.pointer.is_none() {
        part(&word(snapshot, finding.mark).chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    }
    hash.finalize().into()
}

/// The scalar at `mark`; empty for what a formatter may write in several ways.
fn word(snapshot: &Snapshot, mark: Mark) -> &str {
    let text = snapshot.text(mark.file).and_then(|text| text.get(mark.start as usize..mark.end as usize));
    text.filter(|text| !text.contains(['\n', '{', '[', '#']) && !text.contains(": ")).unwrap_or_default()
}

/// The name without the hash that kustomize ends it with.
pub(crate) fn stem(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, hash)) if hash.len() == 10 && hash.chars().all(|c| "2456789bcdfghkmt".contains(c)) => stem,
        _ => name,
    }
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

/// `checked` without what the baseline in `file` accepts, and with what is left of it. An error says why the file is no
/// baseline.
pub fn since_baseline(mut checked: Checked, file: FileId, text: &str) -> Result<Checked, String> {
    let (accepted, mut left) = Baseline::read(file, text)?.apply(&mut checked.findings);
    checked.waived.extend(accepted.into_iter().map(|(finding, waiver)| Waived {
        owner: SmolStr::default(),
        reason: "in the baseline".to_owned(),
        waiver,
        finding,
    }));
    assign(&checked.repository.snapshot, &mut left);
    if checked.config.rules.get(unused_waiver::RULE.id).is_none_or(|set| set.severity.is_some()) {
        checked.findings.append(&mut left);
    }
    checked.count();
    Ok(checked)
}

/// The text of a baseline that accepts everything that `checked` reports.
pub fn baseline_of(checked: &Checked) -> String {
    baseline::write(&checked.repository.snapshot, &checked.findings)
}
