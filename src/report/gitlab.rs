//! GitLab's code quality report: what its merge requests show.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::place::end;
use crate::check::Checked;
use crate::finding::Severity;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let issues: Vec<Value> = checked
        .findings()
        .iter()
        .map(|finding| {
            let severity = match finding.severity {
                Severity::Error => "major",
                Severity::Warning => "minor",
                Severity::Info => "info",
            };
            let (end_line, _) = end(snapshot, finding.mark);
            json!({
                "description": finding.message,
                "check_name": finding.rule,
                "fingerprint": finding.fingerprint,
                "severity": severity,
                "location": {
                    "path": snapshot.path(finding.mark.file),
                    "lines": {"begin": finding.mark.line, "end": end_line},
                },
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)
}
