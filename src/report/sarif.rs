//! SARIF 2.1.0: what code scanning services read. Trails are code flows, waived findings are suppressed results.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::place::end;
use super::rule_of;
use crate::check::Checked;
use crate::finding::{Finding, Severity};
use crate::origin::Mark;
use crate::source::Snapshot;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let all = || checked.findings().iter().chain(checked.waived().iter().map(|waived| &waived.finding));
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in all() {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(index, id)| (*id, index)).collect();
    let descriptors: Vec<Value> = rules.iter().map(|(id, finding)| descriptor(id, finding)).collect();
    let mut results: Vec<Value> =
        checked.findings().iter().map(|finding| Value::Object(result(snapshot, finding, &index))).collect();
    for waived in checked.waived() {
        let mut value = result(snapshot, &waived.finding, &index);
        let justification = format!("{} ({})", waived.reason, waived.owner);
        value.insert("suppressions".into(), json!([{"kind": "inSource", "justification": justification}]));
        results.push(Value::Object(value));
    }
    let notifications: Vec<Value> = checked
        .not_judged()
        .iter()
        .map(|judgement| {
            let not_judged = &judgement.not_judged;
            json!({
                "level": "note",
                "message": {"text": format!("{} is not judged: {}", not_judged.what, not_judged.reason)},
                "locations": [{"physicalLocation": physical(snapshot, not_judged.mark)}],
            })
        })
        .collect();
    let report = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tiphys",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn descriptor(id: &str, finding: &Finding) -> Value {
    match rule_of(finding) {
        Some(rule) => json!({
            "id": id,
            "shortDescription": {"text": rule.summary},
            "help": {"text": rule.doc, "markdown": rule.doc},
            "defaultConfiguration": {"level": level(rule.severity)},
        }),
        None => json!({
            "id": id,
            "shortDescription": {"text": id},
            "defaultConfiguration": {"level": level(finding.severity)},
        }),
    }
}

fn result(snapshot: &Snapshot, finding: &Finding, index: &BTreeMap<&str, usize>) -> Map<String, Value> {
    let mut text = finding.message.clone();
    if let Some(help) = &finding.help {
        text = format!("{text}\n{help}");
    }
    let mut result = Map::new();
    result.insert("ruleId".into(), json!(finding.rule));
    result.insert("ruleIndex".into(), json!(index.get(finding.rule.as_str())));
    result.insert("level".into(), json!(level(finding.severity)));
    result.insert("message".into(), json!({"text": text}));
    let mut location = Map::new();
    location.insert("physicalLocation".into(), physical(snapshot, finding.mark));
    if let Some(resource) = &finding.resource {
        let name = format!("{}/{}/{}", resource.kind, resource.namespace, resource.name);
        let name = name.replace("//", "/");
        location.insert("logicalLocations".into(), json!([{"fullyQualifiedName": name, "kind": "resource"}]));
    }
    result.insert("locations".into(), json!([location]));
    let related: Vec<Value> = finding
        .related
        .iter()
        .enumerate()
        .map(|(id, related)| {
            json!({
                "id": id,
                "physicalLocation": physical(snapshot, related.mark),
                "message": {"text": related.message},
            })
        })
        .collect();
    if !related.is_empty() {
        result.insert("relatedLocations".into(), Value::Array(related));
    }
    let steps: Vec<Value> = finding
        .trail
        .iter()
        .filter(|step| step.mark.is_some())
        .map(|step| {
            json!({"location": {
                "physicalLocation": physical(snapshot, step.mark),
                "message": {"text": step.step},
            }})
        })
        .collect();
    if !steps.is_empty() {
        result.insert("codeFlows".into(), json!([{"threadFlows": [{"locations": steps}]}]));
    }
    result.insert("partialFingerprints".into(), json!({"tiphys/v1": finding.fingerprint}));
    result
}

fn physical(snapshot: &Snapshot, mark: Mark) -> Value {
    let (end_line, end_column) = end(snapshot, mark);
    json!({
        "artifactLocation": {"uri": uri(snapshot.path(mark.file)), "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": mark.line.max(1),
            "startColumn": mark.column.max(1),
            "endLine": end_line.max(1),
            "endColumn": end_column.max(1),
        },
    })
}

/// A path as a relative URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
