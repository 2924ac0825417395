//! The report for people: each finding with its lines, what to do, the other places and the trail, drawn by miette.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as Level, SourceCode,
    ThemeStyles,
};

use super::Appearance;
use super::place::{mask_ranges, masked, printable};
use crate::check::Checked;
use crate::check::rules::plaintext_credential;
use crate::finding::{Finding, Severity};
use crate::origin::{FileId, Mark};
use crate::source::Snapshot;

pub(super) fn write(checked: &Checked, appearance: Appearance, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let theme = if appearance.colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme { styles: ThemeStyles::none(), ..GraphicalTheme::unicode() }
    };
    let width = if appearance.width == 0 { 110 } else { appearance.width.clamp(60, 160) };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    let mut sources: BTreeMap<FileId, NamedSource<String>> = BTreeMap::new();
    for finding in checked.findings() {
        let source = sources.entry(finding.mark.file).or_insert_with(|| source(checked, finding.mark.file));
        let shown = Shown::new(snapshot, finding, source);
        let drawn = Drawn { handler: &handler, shown: &shown };
        writeln!(out, "{drawn}")?;
    }
    for judgement in checked.not_judged().iter().filter(|judgement| judgement.accepted.is_none()) {
        let not_judged = &judgement.not_judged;
        let path = snapshot.path(not_judged.mark.file);
        let line = format!("not judged: {} ({path}:{}): {}", not_judged.what, not_judged.mark.line, not_judged.reason);
        writeln!(out, "{}", printable(&line))?;
    }
    writeln!(out, "{}", super::summary(checked))
}

fn source(checked: &Checked, file: FileId) -> NamedSource<String> {
    let snapshot = &checked.repository().snapshot;
    let mut text = snapshot.text(file).map_or(String::new(), |text| masked(text));
    let credentials = checked.findings().iter().filter(|found| found.rule == plaintext_credential::RULE.id);
    let marks: Vec<Mark> = credentials.map(|found| found.mark).filter(|mark| mark.file == file).collect();
    mask_ranges(&mut text, &marks);
    NamedSource::new(printable(snapshot.path(file)), printable(&text))
}

/// A finding in miette's terms.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    code: String,
    help: Option<String>,
    source: &'a NamedSource<String>,
    label: Option<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(snapshot: &Snapshot, finding: &'a Finding, source: &'a NamedSource<String>) -> Shown<'a> {
        let length = source.inner().len();
        let mark = finding.mark;
        // A range over many lines would show all of them: the first line says where to look.
        let end = source
            .inner()
            .get(mark.start as usize..mark.end as usize)
            .map_or(mark.end as usize, |text| mark.start as usize + text.find('\n').unwrap_or(text.len()));
        let label = (length > 0 && mark.start as usize <= length).then(|| {
            LabeledSpan::underline((mark.start as usize, end.min(length).saturating_sub(mark.start as usize)))
        });
        let at = |mark: Mark| format!("{}:{}:{}", snapshot.path(mark.file), mark.line, mark.column);
        let mut help: Vec<String> = finding.help.iter().cloned().collect();
        help.extend(
            finding.related.iter().take(6).map(|related| format!("see {}: {}", at(related.mark), related.message)),
        );
        if finding.related.len() > 6 {
            help.push(format!("and {} other places", finding.related.len() - 6));
        }
        if !finding.trail.is_empty() {
            help.push("trail:".to_owned());
            help.extend(finding.trail.iter().map(|step| format!("  {} {}", at(step.mark), step.step)));
        }
        Shown {
            finding,
            code: finding.rule.to_string(),
            help: (!help.is_empty()).then(|| printable(&help.join("\n"))),
            source,
            label,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without an excerpt nothing else would say where.
        let place = if self.label.is_none() { format!("{}: ", self.source.name()) } else { String::new() };
        f.write_str(&printable(&format!("{place}{}", self.finding.message)))
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<Level> {
        Some(match self.finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.label.as_ref().map(|_| self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.label.iter().cloned()))
    }
}

/// A diagnostic as its drawing.
struct Drawn<'a> {
    handler: &'a GraphicalReportHandler,
    shown: &'a Shown<'a>,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handler.render_report(f, self.shown)
    }
}
