//! Reviewdog's diagnostic format.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::place::end;
use crate::check::Checked;
use crate::finding::Severity;
use crate::origin::Mark;
use crate::source::Snapshot;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let diagnostics: Vec<Value> = checked
        .findings()
        .iter()
        .map(|finding| {
            let severity = match finding.severity {
                Severity::Error => "ERROR",
                Severity::Warning => "WARNING",
                Severity::Info => "INFO",
            };
            let message = match &finding.help {
                Some(help) => format!("{}\n{help}", finding.message),
                None => finding.message.clone(),
            };
            let related: Vec<Value> = finding
                .related
                .iter()
                .map(|related| json!({"message": related.message, "location": location(snapshot, related.mark)}))
                .collect();
            json!({
                "message": message,
                "severity": severity,
                "location": location(snapshot, finding.mark),
                "code": {"value": finding.rule},
                "relatedLocations": related,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &json!({"source": {"name": "tiphys"}, "diagnostics": diagnostics}))?;
    writeln!(out)
}

/// Its columns count bytes of UTF-8.
fn location(snapshot: &Snapshot, mark: Mark) -> Value {
    let text = snapshot.text(mark.file).map_or("", |text| text);
    let column = |byte: usize| {
        let before = text.get(..byte).unwrap_or_default();
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1
    };
    let (end_line, _) = end(snapshot, mark);
    json!({
        "path": snapshot.path(mark.file),
        "range": {
            "start": {"line": mark.line, "column": column(mark.start as usize)},
            "end": {"line": end_line, "column": column(mark.end as usize)},
        },
    })
}
