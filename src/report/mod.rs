//! What was judged in, text for people and machines out: one file a format.
//!
//! Every format is written from the same [`Checked`]; marks become paths here. Nothing of a Secret's values is shown:
//! the text of such lines is masked ([`place::masked`]).

mod checkstyle;
mod concise;
mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod place;
mod rdjson;
mod sarif;
mod text;
pub(crate) mod xml;

use std::io::{self, Write};
use std::str::FromStr;

use crate::check::Checked;
use crate::finding::{Finding, Rule};

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// `file:line:col: severity[rule] message`, one line each: for problem matchers.
    Concise,
    /// The stable format for tools.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
    /// Workflow commands of GitHub Actions.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// Reviewdog's diagnostic format.
    Rdjson,
    /// Checkstyle's XML.
    Checkstyle,
    /// A table in Markdown.
    Markdown,
}

impl Format {
    /// Every format, in the order in which they are documented.
    pub const ALL: [Format; 10] = [
        Format::Text,
        Format::Concise,
        Format::Json,
        Format::Sarif,
        Format::Junit,
        Format::Github,
        Format::Gitlab,
        Format::Rdjson,
        Format::Checkstyle,
        Format::Markdown,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Concise => "concise",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
            Format::Rdjson => "rdjson",
            Format::Checkstyle => "checkstyle",
            Format::Markdown => "markdown",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let known = Format::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.into_iter().map(Format::as_str).collect();
            format!("unknown format {text}; known are {}", names.join(", "))
        })
    }
}

/// How text is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Appearance {
    /// Whether colours and other escape sequences may be used.
    pub colour: bool,
    /// The width of the terminal, in columns; 0 where there is none.
    pub width: usize,
}

/// Writes the report of `checked`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(checked: &Checked, format: Format, appearance: Appearance, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(checked, appearance, out),
        Format::Concise => concise::write(checked, out),
        Format::Json => json::write(checked, out),
        Format::Sarif => sarif::write(checked, out),
        Format::Junit => junit::write(checked, out),
        Format::Github => github::write(checked, out),
        Format::Gitlab => gitlab::write(checked, out),
        Format::Rdjson => rdjson::write(checked, out),
        Format::Checkstyle => checkstyle::write(checked, out),
        Format::Markdown => markdown::write(checked, out),
    }
}

/// The closing line that people read: what was looked at and what was found.
pub fn summary(checked: &Checked) -> String {
    let summary = checked.summary();
    let count = |number: usize, one: &str| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
    };
    let mut parts =
        vec![count(summary.errors, "error"), count(summary.warnings, "warning"), format!("{} info", summary.infos)];
    if summary.waived > 0 {
        parts.push(format!("{} waived", summary.waived));
    }
    if summary.not_judged > 0 {
        parts.push(format!("{} not judged", summary.not_judged));
    }
    format!(
        "{}, {}, {}: {}",
        count(summary.files, "file"),
        count(summary.applications, "Application"),
        count(summary.resources, "resource"),
        parts.join(", ")
    )
}

/// The rule of a finding, if it is one of the built-in rules.
fn rule_of(finding: &Finding) -> Option<&'static Rule> {
    crate::check::rules::all().iter().copied().find(|rule| rule.id == finding.rule)
}

#[cfg(test)]
mod tests;
