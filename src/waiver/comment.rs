//! Waivers in comments.

use chrono::NaiveDate;
use smol_str::SmolStr;

use super::{Scope, Waiver};
use crate::check::rules::invalid_waiver;
use crate::config::Config;
use crate::finding::Finding;
use crate::load::{Class, Repository};
use crate::origin::{FileId, Mark};

/// What a comment begins with to be one of ours.
const MARKER: &str = "tiphys:";

/// Collects the waivers in comments of YAML files and of templates, and what is wrong with them.
pub(super) fn collect(
    repository: &Repository,
    config: &Config,
    waivers: &mut Vec<Waiver>,
    findings: &mut Vec<Finding>,
) {
    for (id, file) in repository.snapshot.files() {
        let template = repository.class(id) == Class::Template;
        if !template && !repository.is_yaml(id) || config.is_excluded(&file.path) {
            continue;
        }
        let Some(text) = repository.snapshot.text(id).filter(|text| text.contains(MARKER)) else { continue };
        let comments = if template { in_template(id, text) } else { in_yaml(repository, id) };
        for (mark, own_line) in comments {
            let comment = text.get(mark.start as usize..mark.end as usize).unwrap_or_default();
            let Some(body) = body(comment) else { continue };
            match parse(body) {
                Ok((rule, owner, reason, expires)) => {
                    let line = if own_line { next_line(text, mark) } else { mark.line };
                    waivers.push(Waiver { rule, owner, reason, expires, mark, scope: Scope::Line(id, line) });
                }
                Err(problem) => findings.push(
                    Finding::new(&invalid_waiver::RULE, mark)
                        .message(problem)
                        .help("write: # tiphys: allow RULE reason=\"...\" owner=NAME until=YYYY-MM-DD"),
                ),
            }
        }
    }
}

fn in_yaml(repository: &Repository, id: FileId) -> Vec<(Mark, bool)> {
    let Some(yaml) = repository.yaml(id) else { return Vec::new() };
    yaml.comments.iter().map(|comment| (comment.mark, comment.own_line)).collect()
}

/// The comments of a template that name us: `# tiphys: ...` and `{{/* tiphys: ... */}}`.
fn in_template(file: FileId, text: &str) -> Vec<(Mark, bool)> {
    let mut found = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some(at) = line.find(MARKER)
            && let Some(open) = line[..at].rfind(['#', '*'])
        {
            let end = line.find("*/").filter(|end| *end > at).unwrap_or(line.trim_end().len());
            let mark = Mark {
                file,
                line: index as u32 + 1,
                column: line[..open].chars().count() as u32 + 1,
                start: (start + open) as u32,
                end: (start + end) as u32,
            };
            found.push((mark, line[..open].chars().all(|c| matches!(c, '{' | '-' | '/' | ' ' | '\t'))));
        }
        start += line.len();
    }
    found
}

/// What follows the marker, if the comment begins with it.
fn body(comment: &str) -> Option<&str> {
    Some(comment.trim_start_matches(['#', '*', '-']).trim_start().strip_prefix(MARKER)?.trim())
}

/// The line that a comment on a line of its own speaks of: the next one that is neither empty nor a comment.
fn next_line(text: &str, mark: Mark) -> u32 {
    let after = text.get(mark.end as usize..).unwrap_or_default();
    let skipped = after
        .lines()
        .skip(1)
        .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with(['#']) || line.contains("{{/*"))
        .count();
    mark.line + 1 + skipped as u32
}

pub(super) type Parts = (SmolStr, SmolStr, String, NaiveDate);

/// Reads `allow RULE reason="..." owner=NAME until=YYYY-MM-DD`, the three in any order.
pub(super) fn parse(body: &str) -> Result<Parts, String> {
    let rest = body.strip_prefix("allow").filter(|rest| rest.starts_with(char::is_whitespace));
    let Some(rest) = rest else {
        let word = body.split_whitespace().next().unwrap_or_default();
        return Err(format!("`{word}` is not known here; expected `allow`"));
    };
    let rest = rest.trim_start();
    let (rule, mut rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if rule.is_empty() || rule.contains('=') {
        return Err("a waiver names a rule: `allow RULE`".to_owned());
    }
    let (mut owner, mut reason, mut expires) = (None, None, None);
    loop {
        rest = rest.trim_start();
        // What follows another `#` is said to people.
        if rest.is_empty() || rest.starts_with('#') {
            break;
        }
        let Some((key, value)) = rest.split_once('=') else {
            return Err(format!("expected KEY=VALUE, found `{}`", rest.trim()));
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| format!("the quote of `{key}` is not closed"))?,
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        rest = after;
        match key.trim() {
            "owner" => owner = Some(value),
            "reason" => reason = Some(value),
            "until" | "expires" => {
                let date = NaiveDate::parse_from_str(value, "%Y-%m-%d");
                expires = Some(date.map_err(|_| format!("until: expected a date as 2030-12-31, found `{value}`"))?);
            }
            other => return Err(format!("`{other}` is not known here; expected reason, owner or until")),
        }
    }
    let given = |value: Option<&str>| value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
    let missing = |what: &str| format!("the waiver for `{rule}` has no {what}");
    Ok((
        SmolStr::new(rule),
        SmolStr::new(given(owner).ok_or_else(|| missing("owner"))?),
        given(reason).ok_or_else(|| missing("reason"))?,
        expires.ok_or_else(|| missing("expiry (until=YYYY-MM-DD)"))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_needs_rule_owner_reason_and_expiry() {
        let parsed = parse("allow missing-probe reason=\"a job, not a server\" owner=team-a until=2027-01-31").unwrap();
        assert_eq!(
            (parsed.0.as_str(), parsed.1.as_str(), parsed.2.as_str()),
            ("missing-probe", "team-a", "a job, not a server")
        );
        assert!(parse("allow missing-probe owner=me until=2027-01-31").unwrap_err().contains("no reason"));
        assert!(parse("allow missing-probe reason=x until=2027-01-31").unwrap_err().contains("no owner"));
        assert!(parse("allow missing-probe reason=x owner=me").unwrap_err().contains("no expiry"));
        assert!(parse("allow missing-probe reason=\"x owner=me").unwrap_err().contains("not closed"));
        assert!(parse("ignore missing-probe").unwrap_err().contains("`ignore`"));
    }

    #[test]
    fn a_comment_of_a_template_is_found_between_braces_too() {
        let text = "a: 1\n{{- /* tiphys: allow x reason=r owner=o until=2030-01-01 */}}\nb: 2 # tiphys: allow y\n";
        let found = in_template(FileId(0), text);
        assert_eq!(found.iter().map(|(mark, own)| (mark.line, *own)).collect::<Vec<_>>(), [(2, true), (3, false)]);
    }
}
