//! `file:line:col: severity[rule] message`: the form that problem matchers and editors read.

use std::io::{self, Write};

use super::place::one_line;
use crate::check::Checked;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    for finding in checked.findings() {
        let mark = finding.mark;
        writeln!(
            out,
            "{}:{}:{}: {}[{}] {}",
            one_line(snapshot.path(mark.file)),
            mark.line,
            mark.column,
            finding.severity.as_str(),
            finding.rule,
            one_line(&finding.message)
        )?;
    }
    writeln!(out, "{}", super::summary(checked))
}
