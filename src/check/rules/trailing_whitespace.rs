//! `trailing-whitespace`

use crate::check::World;
use crate::finding::{Applicability, Check, Edit, Finding, Fix, Replacement, declare_rule};
use crate::load::{Class, Repository};
use crate::origin::{FileId, Mark};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports blanks at the end of lines of YAML, block texts excepted: once for a file.
    ///
    /// ## Why it matters
    /// They show up as changes that nobody meant.
    ///
    /// ## Example
    /// A line that holds nothing but blanks.
    ///
    /// ## Instead
    /// Strip them; `tiphys fix` does.
    "trailing-whitespace" = {
        summary: "blanks at the end of a line",
        severity: Info,
        profile: Strict,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let repository = world.repository;
    for (id, _) in repository.snapshot.files().filter(|(id, _)| repository.is_yaml(*id)) {
        if repository.class(id) == Class::ChartFile {
            continue;
        }
        let Some(text) = repository.snapshot.text(id) else { continue };
        let marks = blanks(id, text, &blocks(repository, id));
        let Some((first, others)) = marks.split_first() else { continue };
        let what = if first.column == 1 { "a line of blanks" } else { "blanks at the end of the line" };
        let mut finding = Finding::new(&RULE, *first).message(what).help("strip them");
        for other in others.iter().take(20) {
            finding = finding.related(*other, "here too");
        }
        let edits = marks.iter().map(|mark| Edit { mark: *mark, text: Replacement::Raw(String::new()) }).collect();
        finding.fix = Some(Fix { applicability: Applicability::Safe, keeps_output: true, edits });
        findings.push(finding);
    }
}

/// The places of blanks before the ends of lines that lie in none of `blocks`.
fn blanks(file: FileId, text: &str, blocks: &[(u32, u32)]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut start = 0usize;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let code = line.trim_end_matches(['\n', '\r']);
        let kept = code.trim_end_matches([' ', '\t']);
        let from = (start + kept.len()) as u32;
        let end = (start + code.len()) as u32;
        if kept.len() < code.len() && !blocks.iter().any(|(begin, until)| *begin <= from && from <= *until) {
            let column = kept.chars().count() as u32 + 1;
            marks.push(Mark { file, line: index as u32 + 1, column, start: from, end });
        }
        start += line.len();
    }
    marks
}

/// The ranges of texts over several lines: their blanks may be content.
fn blocks(repository: &Repository, id: FileId) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    let mut stack: Vec<&Node> =
        repository.yaml(id).map(|yaml| yaml.documents.iter().map(|d| &d.root).collect()).unwrap_or_default();
    while let Some(node) = stack.pop() {
        match &node.value {
            Value::Scalar(scalar) if scalar.is_block() || scalar.text.contains('\n') => {
                ranges.push((node.mark().start, node.mark().end));
            }
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => stack.extend(&sequence.items),
            Value::Mapping(mapping) => stack.extend(mapping.entries.iter().map(|entry| &entry.value)),
        }
    }
    ranges
}
