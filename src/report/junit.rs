//! JUnit XML: a suite a file, a failed case a finding; warnings and infos are cases that pass with output.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::xml::escape;
use crate::check::Checked;
use crate::finding::{Finding, Severity};

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in checked.findings() {
        files.entry(snapshot.path(finding.mark.file)).or_default().push(finding);
    }
    let failures = |findings: &[&Finding]| findings.iter().filter(|f| f.severity == Severity::Error).count();
    let total: usize = files.values().map(Vec::len).sum::<usize>().max(1);
    let failed: usize = files.values().map(|findings| failures(findings)).sum();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="tiphys" tests="{total}" failures="{failed}" errors="0">"#)?;
    if files.is_empty() {
        writeln!(out, r#"  <testsuite name="repository" tests="1" failures="0" errors="0">"#)?;
        writeln!(out, r#"    <testcase classname="tiphys" name="no findings"/>"#)?;
        writeln!(out, "  </testsuite>")?;
    }
    for (file, findings) in &files {
        let (tests, failed) = (findings.len(), failures(findings));
        writeln!(out, r#"  <testsuite name="{}" tests="{tests}" failures="{failed}" errors="0">"#, escape(file))?;
        for finding in findings {
            write_case(file, finding, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn write_case(file: &str, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let mark = finding.mark;
    let place = format!("{file}:{}:{}", mark.line, mark.column);
    writeln!(
        out,
        r#"    <testcase classname="{}" name="{} at {}:{}" file="{}" line="{}">"#,
        escape(&finding.rule),
        escape(&finding.rule),
        mark.line,
        mark.column,
        escape(file),
        mark.line
    )?;
    let help = finding.help.as_deref().map_or(String::new(), |help| format!("\nhelp: {help}"));
    let body = format!("{place}: {}[{}] {}{help}", finding.severity.as_str(), finding.rule, finding.message);
    if finding.severity == Severity::Error {
        writeln!(
            out,
            r#"      <failure type="{}" message="{}">{}</failure>"#,
            escape(&finding.rule),
            escape(&finding.message),
            escape(&body)
        )?;
    } else {
        writeln!(out, "      <system-out>{}</system-out>", escape(&body))?;
    }
    writeln!(out, "    </testcase>")
}
