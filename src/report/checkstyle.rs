//! Checkstyle's XML, which many CI servers read.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::xml::escape;
use crate::check::Checked;
use crate::finding::Finding;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in checked.findings() {
        files.entry(snapshot.path(finding.mark.file)).or_default().push(finding);
    }
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<checkstyle version="4.3">"#)?;
    for (file, findings) in &files {
        writeln!(out, r#"  <file name="{}">"#, escape(file))?;
        for finding in findings {
            writeln!(
                out,
                r#"    <error line="{}" column="{}" severity="{}" message="{}" source="tiphys.{}"/>"#,
                finding.mark.line,
                finding.mark.column,
                finding.severity.as_str(),
                escape(&finding.message),
                escape(&finding.rule)
            )?;
        }
        writeln!(out, "  </file>")?;
    }
    writeln!(out, "</checkstyle>")
}
