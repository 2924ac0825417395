//! Workflow commands of GitHub Actions: an annotation at the line of each finding.

use std::io::{self, Write};

use super::place::{end, printable};
use crate::check::Checked;
use crate::finding::Severity;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    for finding in checked.findings() {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let (end_line, end_column) = end(snapshot, finding.mark);
        let mut message = finding.message.clone();
        if let Some(help) = &finding.help {
            message = format!("{message}\n{help}");
        }
        // Columns are only understood within one line.
        let columns = if end_line == finding.mark.line {
            format!(",col={},endColumn={end_column}", finding.mark.column)
        } else {
            String::new()
        };
        writeln!(
            out,
            "::{command} file={},line={},endLine={end_line}{columns},title={}::{}",
            property(snapshot.path(finding.mark.file)),
            finding.mark.line,
            property(&finding.rule),
            data(&message)
        )?;
    }
    writeln!(out, "{}", super::summary(checked))
}

/// What a workflow command's message may not hold is percent-encoded.
fn data(text: &str) -> String {
    printable(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
