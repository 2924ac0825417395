//! `unknown-argocd-annotation`

use chrono::DateTime;

use crate::check::World;
use crate::check::argo::annotation::{ANNOTATIONS, LINK, PREFIXES, Values};
use crate::check::argo::{Object, objects};
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::yaml::{Entry, Limits, Node, read};

declare_rule! {
    /// Reports an annotation of Argo CD or a hook of Helm that Argo CD does not know, or a value that it does not
    /// understand.
    ///
    /// ## Why it matters
    /// An unknown annotation is ignored. A hook annotation with nothing but unknown values makes the object a hook of no
    /// phase: it is never applied.
    ///
    /// ## Example
    /// ```yaml
    /// annotations:
    ///   argocd.argoproj.io/syncwave: "5"
    ///   argocd.argoproj.io/hook: pre-sync
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// annotations:
    ///   argocd.argoproj.io/sync-wave: "5"
    ///   argocd.argoproj.io/hook: PreSync
    /// ```
    "unknown-argocd-annotation" = {
        summary: "Argo CD does not understand the annotation",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for object in objects(world) {
        for entry in object.annotations() {
            one(&object, entry, findings);
        }
    }
}

fn one(object: &Object<'_>, entry: &Entry, findings: &mut Vec<Finding>) {
    let key = entry.key_text();
    if let Some(known) = ANNOTATIONS.iter().find(|known| known.key == key) {
        value(object, entry, known.values, findings);
        return;
    }
    if key.starts_with(LINK) {
        value(object, entry, Values::Link, findings);
        return;
    }
    let keys = || ANNOTATIONS.iter().map(|known| known.key);
    let near = match PREFIXES.iter().find_map(|prefix| Some((prefix, key.strip_prefix(prefix)?))) {
        // The prefix is right, so the name is compared alone: a long prefix would make anything near.
        Some((prefix, name)) => {
            nearest(name, keys().filter_map(|known| known.strip_prefix(prefix))).map(|near| format!("{prefix}{near}"))
        }
        // A name that is right below a prefix that is nearly so.
        None => key.split_once('/').filter(|(prefix, _)| prefix.contains("argo")).and_then(|(prefix, name)| {
            let near = nearest(prefix, PREFIXES.iter().map(|prefix| prefix.trim_end_matches('/')))?;
            let known = format!("{near}/{name}");
            keys().any(|key| key == known).then_some(known)
        }),
    };
    if let Some(near) = near {
        findings.push(
            object
                .finding(&RULE, &entry.key)
                .message(format!("Argo CD knows no annotation {key}"))
                .help(format!("did you mean `{near}`?")),
        );
    }
}

fn value(object: &Object<'_>, entry: &Entry, values: Values, findings: &mut Vec<Finding>) {
    let text = entry.value.text().unwrap_or_default();
    if text.contains("{{") {
        return;
    }
    let name = match entry.key_text().strip_prefix("argocd.argoproj.io/") {
        Some(name) => name,
        None => entry.key_text(),
    };
    let mut wrong = |message: String, help: Option<String>| {
        let finding = object.finding(&RULE, &entry.value).message(message);
        findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    };
    let meant = |word: &str, words: &[&'static str]| {
        let bare = |word: &str| word.replace(['-', '_'], "").to_lowercase();
        let near = words.iter().find(|other| bare(other) == bare(word)).copied();
        near.or_else(|| nearest(word, words.iter().copied())).map(|near| format!("did you mean `{near}`?"))
    };
    let of = |words: &[&str]| format!("it is one of {}", words.join(", "));
    match values {
        Values::Text | Values::SyncOptions => {}
        Values::Short(most) => {
            let found = text.chars().count();
            if found > most {
                wrong(format!("{name} has {found} characters: Argo CD shows the first {most}"), None);
            }
        }
        Values::Words(words) => {
            for word in text.split(',').map(str::trim).filter(|word| !word.is_empty() && !words.contains(word)) {
                wrong(format!("{name} has no value `{word}`: {}", of(words)), meant(word, words));
            }
        }
        Values::Word(words) => {
            // Argo CD lowers the case of notices only.
            let notice = name.starts_with("notice.");
            let is = |word: &&str| *word == text || notice && word.eq_ignore_ascii_case(text.trim());
            if !words.iter().any(is) {
                wrong(format!("{name} has no value `{text}`: {}", of(words)), meant(text, words));
            }
        }
        Values::Boolean if !matches!(text, "true" | "false") => {
            let words = ["true", "false"];
            let near = words.into_iter().find(|word| word.eq_ignore_ascii_case(text));
            wrong(
                format!("{name} has no value `{text}`: {}", of(&words)),
                near.map(|near| format!("did you mean `{near}`?")),
            );
        }
        Values::GoBoolean if !is_go_boolean(text) => {
            wrong(format!("{name} has no value `{text}`: {}", of(&["true", "false"])), None);
        }
        Values::Integer if text.parse::<i64>().is_err() => {
            wrong(format!("{name} `{text}` is no integer: it counts as 0"), None);
        }
        Values::Time if DateTime::parse_from_rfc3339(text).is_err() => {
            wrong(format!("{name} `{text}` is no time"), Some("write it like 2026-01-31T08:00:00Z".to_owned()));
        }
        Values::Url if !is_url(text.trim()) => {
            wrong(format!("{name} `{text}` is no http or https URL: it is ignored"), None);
        }
        Values::Link if !is_url(text.rsplit_once('|').map_or(text, |(_, url)| url).trim()) => {
            wrong(format!("{name} `{text}` is neither an http or https URL nor `title|URL`"), None);
        }
        Values::Pointers => {
            if let Some(why) = wrong_pointers(text) {
                wrong(format!("{name} {why}"), Some("write `jsonPointers: [/spec/replicas]`".to_owned()));
            }
        }
        Values::Boolean | Values::GoBoolean | Values::Integer | Values::Time | Values::Url | Values::Link => {}
    }
}

fn is_go_boolean(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True" | "0" | "f" | "F" | "false" | "FALSE" | "False")
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

/// What is wrong with a list of differences to ignore, in words that follow the annotation's name.
fn wrong_pointers(text: &str) -> Option<String> {
    let file = read(crate::origin::FileId::NONE, text, Limits::default());
    let root = &file.documents.first()?.root;
    if !file.problems.is_empty() || root.as_mapping().is_none() {
        return Some("is no YAML with `jsonPointers`".to_owned());
    }
    if let Some(entry) = root.entries().iter().find(|entry| entry.key_text() != "jsonPointers") {
        return Some(format!("has the key `{}`: Argo CD reads `jsonPointers` only", entry.key_text()));
    }
    let pointers = root.get("jsonPointers").map(Node::items).unwrap_or_default();
    if pointers.is_empty() {
        return Some("names no `jsonPointers`".to_owned());
    }
    let wrong = pointers.iter().find(|pointer| !pointer.text().is_some_and(|text| text.starts_with('/')))?;
    Some(format!("has `{}`, which is no JSON pointer: it begins with `/`", wrong.text().unwrap_or_default()))
}
