//! The stable JSON of version 1; the fields are documented in the README.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::place::end;
use crate::check::Checked;
use crate::finding::{Applicability, Edit, Finding};
use crate::origin::Mark;
use crate::source::Snapshot;

pub(super) fn write(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = &checked.repository().snapshot;
    let summary = checked.summary();
    let findings: Vec<Value> = checked.findings().iter().map(|finding| object(snapshot, finding)).collect();
    let waived: Vec<Value> = checked
        .waived()
        .iter()
        .map(|waived| {
            let mut value = object(snapshot, &waived.finding);
            if let Value::Object(fields) = &mut value {
                fields.insert("owner".into(), json!(waived.owner));
                fields.insert("reason".into(), json!(waived.reason));
            }
            value
        })
        .collect();
    let not_judged: Vec<Value> = checked
        .not_judged()
        .iter()
        .map(|judgement| {
            let not_judged = &judgement.not_judged;
            let mut fields = Map::new();
            fields.insert("what".into(), json!(not_judged.what));
            fields.insert("reason".into(), json!(not_judged.reason));
            fields.insert("file".into(), json!(snapshot.path(not_judged.mark.file)));
            fields.insert("line".into(), json!(not_judged.mark.line));
            if let Some(accepted) = &judgement.accepted {
                fields.insert("accepted".into(), json!(accepted.reason));
            }
            Value::Object(fields)
        })
        .collect();
    let report = json!({
        "version": 1,
        "summary": {
            "files": summary.files,
            "applications": summary.applications,
            "resources": summary.resources,
            "errors": summary.errors,
            "warnings": summary.warnings,
            "infos": summary.infos,
            "waived": summary.waived,
            "not_judged": summary.not_judged,
        },
        "findings": findings,
        "waived": waived,
        "not_judged": not_judged,
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn object(snapshot: &Snapshot, finding: &Finding) -> Value {
    let (end_line, end_column) = end(snapshot, finding.mark);
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    put("rule", json!(finding.rule));
    put("severity", json!(finding.severity.as_str()));
    put("message", json!(finding.message));
    if let Some(help) = &finding.help {
        put("help", json!(help));
    }
    put("file", json!(snapshot.path(finding.mark.file)));
    put("line", json!(finding.mark.line));
    put("column", json!(finding.mark.column));
    put("end_line", json!(end_line));
    put("end_column", json!(end_column));
    if let Some(resource) = &finding.resource {
        put(
            "resource",
            json!({
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "namespace": resource.namespace,
                "name": resource.name,
            }),
        );
    }
    if let Some(pointer) = &finding.pointer {
        put("pointer", json!(pointer));
    }
    if let Some(application) = &finding.application {
        put("application", json!(application));
    }
    if let Some(cluster) = &finding.cluster {
        put("cluster", json!(cluster));
    }
    let related = finding.related.iter().map(|related| place(snapshot, related.mark, "message", &related.message));
    put("related", related.collect());
    let trail = finding.trail.iter().map(|step| place(snapshot, step.mark, "step", &step.step));
    put("trail", trail.collect());
    if let Some(fix) = &finding.fix {
        let applicability = match fix.applicability {
            Applicability::Safe => "safe",
            Applicability::Unsafe => "unsafe",
            Applicability::Display => "display",
        };
        let edit = |edit: &Edit| {
            let (_, new) = edit.resolve(snapshot.text(edit.mark.file)?)?;
            let (end_line, end_column) = end(snapshot, edit.mark);
            Some(json!({
                "file": snapshot.path(edit.mark.file),
                "line": edit.mark.line,
                "column": edit.mark.column,
                "end_line": end_line,
                "end_column": end_column,
                "text": new,
            }))
        };
        // A value that a template made has no place to mend it.
        if let Some(edits) = fix.edits.iter().map(edit).collect::<Option<Vec<Value>>>() {
            put("fix", json!({"applicability": applicability, "edits": edits}));
        }
    }
    put("fingerprint", json!(finding.fingerprint));
    Value::Object(fields)
}

fn place(snapshot: &Snapshot, mark: Mark, key: &str, text: &str) -> Value {
    let mut fields = Map::new();
    fields.insert("file".into(), json!(snapshot.path(mark.file)));
    fields.insert("line".into(), json!(mark.line));
    fields.insert("column".into(), json!(mark.column));
    fields.insert(key.into(), json!(text));
    Value::Object(fields)
}
