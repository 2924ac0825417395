//! Markdown: a table for the comment of a pull request or the summary of a job.

use std::io::{self, Write};

use super::place::one_line;
use crate::check::Checked;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    writeln!(out, "### tiphys\n\n{}", super::summary(checked))?;
    if !checked.findings().is_empty() {
        writeln!(out, "\n| severity | rule | place | message |\n|---|---|---|---|")?;
    }
    for finding in checked.findings() {
        let (path, mark) = (snapshot.path(finding.mark.file), finding.mark);
        let message = match &finding.help {
            Some(help) => format!("{} ({help})", finding.message),
            None => finding.message.clone(),
        };
        let severity = finding.severity.as_str();
        let place = cell(&format!("{path}:{}:{}", mark.line, mark.column));
        writeln!(out, "| {severity} | {} | {place} | {} |", cell(&finding.rule), cell(&message))?;
    }
    if !checked.not_judged().is_empty() {
        writeln!(out, "\n| not judged | place | reason |\n|---|---|---|")?;
    }
    for judgement in checked.not_judged() {
        let not_judged = &judgement.not_judged;
        let place = format!("{}:{}", snapshot.path(not_judged.mark.file), not_judged.mark.line);
        writeln!(out, "| {} | {} | {} |", cell(&not_judged.what), cell(&place), cell(&not_judged.reason))?;
    }
    Ok(())
}

/// Text that Markdown shows as it is, on one line, within a cell.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '@' | '#' => {
                out.push('\\');
                out.push(character);
            }
            character => out.push(character),
        }
    }
    out
}
