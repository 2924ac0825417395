//! The text of a policy in; its package, its METADATA and its findings' rules out.
//!
//! Conftest gives every `deny` of a package as one set, whichever file it stands in. To tell which policy said what,
//! each rule head (`deny`, `warn`, `violation` and their suffixed forms) is given a name of its own in the text that is
//! compiled; nothing else of the text changes, so lines stay what they are.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;
use smol_str::SmolStr;

use crate::finding::{Profile, Severity};
use crate::origin::FileId;
use crate::yaml::{Limits, read};

/// A `deny`, `warn` or `violation` at the beginning of a line that adds to a set, in either syntax.
static HEAD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^(?<name>(?:deny|warn|violation)(?:_[A-Za-z0-9_]+)?)(?:[ \t]*\[|[ \t]+contains\b)").ok()
});

/// `package a.b["c"]`
static PACKAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)^package[ \t]+(?<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\["[^"\n]*"\])*)"#).ok()
});

/// `input.kind == "Deployment"` or `input.kind in {"A", "B"}` as a whole expression.
static GUARD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^input\.kind[ \t]*(?:==[ \t]*(?<one>"[^"]*")|in[ \t]*[\[{](?<many>[^\]}]*)[\]}])$"#).ok()
});

/// A policy's text, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its path.
    pub(super) path: String,
    /// Its file, if it is one of the snapshot.
    pub(super) file: Option<FileId>,
    /// The text to compile.
    pub(super) text: String,
    /// `main`
    pub(super) package: String,
    /// The rules that report.
    pub(super) heads: Vec<Head>,
}

/// The rules of one name and one METADATA in a file.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// `deny`
    pub(super) name: String,
    /// The name that it has in the text to compile.
    pub(super) compiled: String,
    /// The line of the first of them, 1-based.
    pub(super) line: u32,
    /// What METADATA says, of the rule and of the package.
    pub(super) metadata: Metadata,
    /// The kinds that can make it report; `None` means any.
    pub(super) kinds: Option<Vec<SmolStr>>,
}

/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Looks {
    /// One rendered object.
    #[default]
    Resource,
    /// An Application with what it renders.
    Application,
    /// Everything.
    Repository,
}

/// What a METADATA comment says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metadata {
    pub(super) id: Option<SmolStr>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) profile: Option<Profile>,
    pub(super) looks: Option<Looks>,
    pub(super) related: Vec<String>,
}

/// Reads a policy. `number` is the next free number for a compiled name.
pub(super) fn parse(path: &str, file: Option<FileId>, text: &str, number: &mut usize) -> Source {
    let package = PACKAGE
        .as_ref()
        .and_then(|regex| regex.captures(text))
        .map_or_else(|| "main".to_owned(), |found| found["name"].to_owned());
    let mut compiled = String::with_capacity(text.len() + 64);
    let mut heads: Vec<Head> = Vec::new();
    let annotations = Annotations::of(text);
    let mut copied = 0;
    for found in HEAD.iter().flat_map(|regex| regex.captures_iter(text)) {
        let Some(name) = found.name("name") else { continue };
        if in_raw_string(text, name.start()) {
            continue;
        }
        let line = line_of(text, name.start());
        let metadata = annotations.of_rule(line);
        let kinds = guards(text, name.start());
        let known = heads.iter().position(|head| head.name == name.as_str() && head.metadata == metadata);
        let index = known.unwrap_or_else(|| {
            *number += 1;
            heads.push(Head {
                name: name.as_str().to_owned(),
                compiled: format!("{}__{number}", name.as_str()),
                line,
                metadata,
                kinds: kinds.clone(),
            });
            heads.len() - 1
        });
        if let Some(head) = heads.get_mut(index) {
            head.kinds = match (head.kinds.take(), kinds) {
                (Some(mut known), Some(more)) => {
                    known.extend(more);
                    known.sort();
                    known.dedup();
                    Some(known)
                }
                _ => None,
            };
            compiled.push_str(&text[copied..name.start()]);
            compiled.push_str(&head.compiled);
            copied = name.end();
        }
    }
    compiled.push_str(&text[copied..]);
    Source { path: path.to_owned(), file, text: compiled, package, heads }
}

fn line_of(text: &str, at: usize) -> u32 {
    text[..at].matches('\n').count() as u32 + 1
}

/// Whether `at` lies between two backquotes.
fn in_raw_string(text: &str, at: usize) -> bool {
    text[..at].matches('`').count() % 2 == 1
}

/// The kinds that an expression like `input.kind == "Pod"` asks for.
pub(super) fn kinds_of(code: &str) -> Option<Vec<SmolStr>> {
    let found = GUARD.as_ref()?.captures(code)?;
    let list = found.name("one").or(found.name("many")).map_or("", |m| m.as_str());
    let words: Vec<&str> = list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let plain = words.iter().all(|word| word.len() > 2 && word.starts_with('"') && word.ends_with('"'));
    plain.then(|| words.iter().map(|word| SmolStr::new(word.trim_matches('"'))).collect())
}

/// The kinds that the body of the rule at `start` asks for in an expression of its own. Anything that could make the
/// body more than one conjunction (`else`, a second body) means any kind.
fn guards(text: &str, start: usize) -> Option<Vec<SmolStr>> {
    let rest = &text[start..];
    let open = rest.find('{').filter(|open| !rest[..*open].contains('\n'))?;
    let mut depth = 0usize;
    let mut kinds = None;
    for line in rest[open..].lines() {
        let code = line.trim();
        if depth == 1
            && kinds.is_none()
            && let Some(found) = kinds_of(code)
        {
            kinds = Some(found);
        }
        let mut quoted = false;
        let mut escaped = false;
        for c in code.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' | '`' => quoted = !quoted,
                '#' if !quoted => break,
                '{' if !quoted => depth += 1,
                '}' if !quoted => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        // A body that goes on behind its brace is an `else` or another body.
                        return if code == "}" { kinds } else { None };
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// The METADATA comments of a text, by the line of what they annotate.
struct Annotations {
    package: Metadata,
    rules: Vec<(u32, Metadata)>,
}

impl Annotations {
    fn of(text: &str) -> Annotations {
        let mut annotations = Annotations { package: Metadata::default(), rules: Vec::new() };
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            if lines[at].trim_end() != "# METADATA" {
                at += 1;
                continue;
            }
            let end = (at + 1..lines.len()).find(|i| !lines[*i].starts_with('#')).unwrap_or(lines.len());
            let yaml: String = lines[at + 1..end]
                .iter()
                .map(|line| line.strip_prefix("# ").or(line.strip_prefix('#')).unwrap_or_default())
                .flat_map(|line| [line, "\n"])
                .collect();
            let next = (end..lines.len()).find(|i| !lines[*i].trim().is_empty() && !lines[*i].starts_with('#'));
            let (metadata, scope) = metadata(&yaml);
            let on_package = next.is_some_and(|next| lines[next].starts_with("package "));
            match (scope.as_deref(), next) {
                (Some("package" | "subpackages" | "file"), _) => annotations.package = metadata,
                (None, _) if on_package => annotations.package = metadata,
                // The scope `document` covers all rules of the name; they stand together in practice.
                (_, Some(next)) => annotations.rules.push((next as u32 + 1, metadata)),
                (_, None) => {}
            }
            at = end;
        }
        annotations
    }

    /// What is said of the rule at `line`: its own annotation, completed by the package's.
    fn of_rule(&self, line: u32) -> Metadata {
        let own = self.rules.iter().find(|(at, _)| *at == line).map(|(_, own)| own.clone()).unwrap_or_default();
        let package = self.package.clone();
        Metadata {
            id: own.id.or(package.id),
            title: own.title.or(package.title),
            description: own.description.or(package.description),
            severity: own.severity.or(package.severity),
            profile: own.profile.or(package.profile),
            looks: own.looks.or(package.looks),
            related: if own.related.is_empty() { package.related } else { own.related },
        }
    }
}

/// Reads the YAML of a METADATA comment, and its scope. What cannot be read is as if it were not there.
fn metadata(yaml: &str) -> (Metadata, Option<String>) {
    let file = read(FileId::NONE, yaml, Limits::default());
    let json = file.documents.first().map_or(Json::Null, |document| document.root.to_json());
    let text = |value: &Json| value.as_str().map(|text| text.trim().to_owned());
    let custom = &json["custom"];
    let related = json["related_resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| text(item).or_else(|| text(&item["ref"])))
        .collect();
    let metadata = Metadata {
        id: text(&custom["id"]).map(SmolStr::new),
        title: text(&json["title"]),
        description: text(&json["description"]),
        severity: custom["severity"].as_str().and_then(severity),
        profile: custom["profile"].as_str().and_then(Profile::parse),
        looks: match custom["input"].as_str() {
            Some("application") => Some(Looks::Application),
            Some("repository") => Some(Looks::Repository),
            Some("resource") => Some(Looks::Resource),
            _ => None,
        },
        related,
    };
    (metadata, text(&json["scope"]))
}

/// The severity of that name, in the words that policies use.
pub(super) fn severity(text: &str) -> Option<Severity> {
    match text.to_ascii_lowercase().as_str() {
        "error" | "high" | "critical" => Some(Severity::Error),
        "warning" | "warn" | "medium" => Some(Severity::Warning),
        "info" | "low" | "notice" => Some(Severity::Info),
        _ => None,
    }
}

/// The packages in which a rule `exception` says what is not to be reported of an input.
pub(super) fn excepting(sources: &[Source]) -> BTreeSet<String> {
    let has = |source: &&Source| {
        let mut lines = source.text.lines();
        lines.any(|line| line.strip_prefix("exception").is_some_and(|rest| rest.starts_with([' ', '[', '\t'])))
    };
    sources.iter().filter(has).map(|source| source.package.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<(String, u32, Option<Vec<SmolStr>>)> {
        let source = parse("p.rego", None, text, &mut 0);
        source.heads.into_iter().map(|head| (head.compiled, head.line, head.kinds)).collect()
    }

    #[test]
    fn heads_of_both_syntaxes_are_renamed_and_nothing_else() {
        let text = "package main\n\ndeny contains msg if {\n\tmsg := \"deny contains\"\n}\n\nwarn_x[msg] {\n\tmsg := \"a\"\n}\n\nn := count(deny)\n";
        let source = parse("p.rego", None, text, &mut 0);
        assert_eq!(source.package, "main");
        assert!(source.text.contains("deny__1 contains msg if"));
        assert!(source.text.contains("warn_x__2[msg] {"));
        assert!(source.text.contains("\"deny contains\"") && source.text.contains("count(deny)"));
    }

    #[test]
    fn rules_of_one_name_and_one_annotation_are_one_policy() {
        let text = "# METADATA\n# title: all\npackage main\ndeny contains 1 if input.a\ndeny contains 2 if input.b\n\
                    # METADATA\n# custom: {id: other-thing, severity: warning}\ndeny contains 3 if input.c\n";
        let source = parse("p.rego", None, text, &mut 0);
        assert_eq!(source.heads.len(), 2);
        assert_eq!(source.heads[0].metadata.title.as_deref(), Some("all"));
        assert_eq!(source.heads[1].metadata.id.as_deref(), Some("other-thing"));
        assert_eq!(source.heads[1].metadata.severity, Some(Severity::Warning));
    }

    #[test]
    fn a_kind_that_the_body_asks_for_is_a_guard_and_an_else_is_none() {
        let guarded = "package p\ndeny contains m if {\n\tinput.kind == \"Pod\"\n\tm := \"x\"\n}\n";
        assert_eq!(heads(guarded), [("deny__1".to_owned(), 2, Some(vec![SmolStr::new("Pod")]))]);
        let many = "package p\ndeny contains m if {\n\tinput.kind in {\"Pod\", \"Job\"}\n\tm := \"x\"\n}\n";
        assert_eq!(heads(many)[0].2, Some(vec![SmolStr::new("Job"), SmolStr::new("Pod")]));
        let other = "package p\ndeny contains m if {\n\tinput.kind == \"Pod\"\n\tm := \"x\"\n} {\n\tm := \"y\"\n}\n";
        assert_eq!(heads(other)[0].2, None);
        let nested =
            "package p\ndeny contains m if {\n\tsome x in [y | y := {\n\tinput.kind == \"Pod\"\n}]\n\tm := \"x\"\n}\n";
        assert_eq!(heads(nested)[0].2, None);
    }
}
