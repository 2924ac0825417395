//! Every format over the same repository, with names and texts that try to break out of it.

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::Value;

use super::*;
use crate::finding::Profile;
use crate::run::{Input, Options, run};
use crate::source::Snapshot;

/// Names with what XML, URIs and workflow commands give a meaning to.
fn checked() -> Checked {
    let hostile = "größe <&\">,::%0A.yaml";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: web\nspec:\n  replicas: \"]]>\\a\"\n  \
                      selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                      spec:\n      containers:\n      - {name: web, image: web, größe: 1}\n";
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: web}\ndata:\n  a: |\n    not\n    base64\n";
    let files = [
        (hostile, deployment),
        ("secret.yaml", secret),
        ("twice.yaml", "kind: A\nkind: B\n"),
        ("widget.yaml", "apiVersion: example.invalid/v1\nkind: Widget\nmetadata: {name: w}\n"),
        ("empty.yaml", ""),
    ];
    let input = Input { snapshot: Arc::new(Snapshot::from_files(files)), config: None, policies: Vec::new() };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
    run(&input, Options { profile: Some(Profile::Recommended), today })
}

fn written(format: Format) -> String {
    let mut out = Vec::new();
    write(&checked(), format, Appearance::default(), &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

fn json(format: Format) -> Value {
    serde_json::from_str(&written(format)).expect("valid JSON")
}

/// The text of a region of a file, by line and column: what a viewer would mark.
fn marked(file: &str, place: &Value, keys: [&str; 4]) -> String {
    let checked = checked();
    let snapshot = &checked.repository().snapshot;
    let text = snapshot.text(snapshot.find(file).expect("the file is there")).expect("text").to_string();
    let [line, column, end_line, end_column] = keys.map(|key| place[key].as_u64().expect("a number") as usize);
    let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
    if line == end_line {
        return lines[line - 1][column - 1..end_column - 1].iter().collect();
    }
    let mut out: String = lines[line - 1][column - 1..].iter().collect();
    lines[line..end_line - 1].iter().for_each(|line| out.extend(['\n'].iter().chain(line)));
    out.push('\n');
    out.extend(&lines[end_line - 1][..end_column - 1]);
    out
}

#[test]
fn columns_count_characters_and_ranges_end_behind_the_last_one() {
    let report = json(Format::Json);
    let findings = report["findings"].as_array().expect("findings");
    let of = |rule: &str| findings.iter().find(|finding| finding["rule"] == rule).expect("a finding of the rule");
    let keys = ["line", "column", "end_line", "end_column"];
    let unknown = of("schema-unknown-property");
    assert_eq!(marked(unknown["file"].as_str().expect("a path"), unknown, keys), "größe");
    let twice = of("duplicate-mapping-key");
    assert_eq!(marked("twice.yaml", twice, keys), "kind");
}

#[test]
fn the_json_has_the_fields_that_tools_read() {
    let report = json(Format::Json);
    assert_eq!(report["version"], 1);
    let summary = report["summary"].as_object().expect("a summary");
    let counts = ["files", "applications", "resources", "errors", "warnings", "infos", "waived", "not_judged"];
    assert_eq!(summary.keys().map(String::as_str).collect::<Vec<_>>(), counts);
    for finding in report["findings"].as_array().expect("findings") {
        for key in ["rule", "severity", "message", "file", "fingerprint"] {
            assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {finding}");
        }
        for key in ["line", "column", "end_line", "end_column"] {
            assert!(finding[key].as_u64() > Some(0), "{key} of {finding}");
        }
        assert!(finding["related"].is_array() && finding["trail"].is_array());
    }
    let not_judged = &report["not_judged"][0];
    assert_eq!((&not_judged["file"], &not_judged["line"]), (&Value::from("widget.yaml"), &Value::from(2)));
}

#[test]
fn the_sarif_keeps_to_the_rules_of_version_2_1_0() {
    let report = json(Format::Sarif);
    // What the published schema demands of the objects that are written here.
    let schema = serde_json::json!({
        "type": "object", "required": ["version", "runs"],
        "properties": {
            "version": {"const": "2.1.0"},
            "runs": {"type": "array", "items": {
                "type": "object", "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {"required": ["driver"], "properties": {"driver": {
                        "required": ["name"],
                        "properties": {"rules": {"type": "array", "uniqueItems": true, "items": {
                            "required": ["id"],
                            "properties": {
                                "shortDescription": {"$ref": "#/$defs/message"},
                                "defaultConfiguration": {"properties": {"level": {"$ref": "#/$defs/level"}}}}}}}}}},
                    "invocations": {"items": {"required": ["executionSuccessful"], "properties": {
                        "toolExecutionNotifications": {"items": {"required": ["message"], "properties": {
                            "message": {"$ref": "#/$defs/message"}, "level": {"$ref": "#/$defs/level"},
                            "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}}}}}}}},
                    "results": {"type": "array", "items": {
                        "required": ["message"],
                        "properties": {
                            "message": {"$ref": "#/$defs/message"}, "level": {"$ref": "#/$defs/level"},
                            "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": -1},
                            "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
                            "relatedLocations": {
                                "type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/location"}},
                            "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                            "codeFlows": {"items": {"required": ["threadFlows"], "properties": {
                                "threadFlows": {"minItems": 1, "items": {"required": ["locations"], "properties": {
                                    "locations": {"minItems": 1}}}}}}}}}}}}}},
        "$defs": {
            "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
            "level": {"enum": ["none", "note", "warning", "error"]},
            "location": {"properties": {"physicalLocation": {
                "required": ["artifactLocation"],
                "properties": {
                    "artifactLocation": {"properties": {"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~/%-]+$"}}},
                    "region": {"required": ["startLine"], "properties": {
                        "startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1},
                        "endLine": {"type": "integer", "minimum": 1}, "endColumn": {"type": "integer", "minimum": 1}}}}}}}}
    });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert!(!results.is_empty());
    for result in results {
        let rule = result["ruleIndex"].as_u64().and_then(|index| rules.get(index as usize)).expect("the result's rule");
        assert_eq!(rule["id"], result["ruleId"]);
    }
}

#[test]
fn the_junit_is_xml_that_counts_what_it_holds() {
    let text = written(Format::Junit);
    let document = roxmltree::Document::parse(&text).expect("well-formed XML");
    let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
    let root = document.root_element();
    assert_eq!(root.attribute("tests"), Some(count("testcase").as_str()));
    assert_eq!(root.attribute("failures"), Some(count("failure").as_str()));
    let names = document.descendants().filter_map(|node| node.attribute("file"));
    assert!(names.into_iter().any(|name| name == "größe <&\">,::%0A.yaml"));
}

#[test]
fn the_other_formats_are_well_formed_and_hold_every_finding() {
    let findings = checked().findings().len();
    assert_eq!(json(Format::Gitlab).as_array().map(Vec::len), Some(findings));
    assert_eq!(json(Format::Rdjson)["diagnostics"].as_array().map(Vec::len), Some(findings));
    let text = written(Format::Checkstyle);
    let document = roxmltree::Document::parse(&text).expect("well-formed XML");
    assert_eq!(document.descendants().filter(|node| node.has_tag_name("error")).count(), findings);
    let markdown = written(Format::Markdown);
    let severities = ["| error |", "| warning |", "| info |"];
    let rows = markdown.lines().filter(|line| severities.iter().any(|severity| line.starts_with(severity)));
    assert_eq!(rows.count(), findings, "{markdown}");
}

#[test]
fn a_line_is_a_finding_whatever_its_texts_hold() {
    let findings = checked().findings().len();
    for (format, head) in [(Format::Concise, ""), (Format::Github, "::")] {
        let text = written(format);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), findings + 1, "{text}");
        assert!(lines[..findings].iter().all(|line| line.starts_with(head)), "{text}");
    }
    let github = written(Format::Github);
    assert!(github.contains("file=größe <&\">%2C%3A%3A%250A.yaml,line="), "{github}");
}

#[test]
fn no_format_writes_control_characters() {
    for format in Format::ALL {
        let text = written(format);
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{format:?}: {text:?}");
    }
}

#[test]
fn each_format_looks_as_it_did() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for format in Format::ALL.into_iter().filter(|format| !matches!(format, Format::Sarif)) {
            insta::assert_snapshot!(format!("report-{}", format.as_str()), written(format));
        }
    });
}
