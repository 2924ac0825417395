//! values.schema.json: the rules that a chart makes for its values.

use std::collections::BTreeMap;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value as Json;

use super::dependencies::Instance;
use super::error::HelmError;
use crate::finding::NotJudged;
use crate::origin::Mark;
use crate::render::template::{Map, Value, json, print, quote};

/// What is wrong with values, and what could not be told.
#[derive(Default)]
struct Judgement {
    message: String,
    violations: Vec<(Mark, String)>,
    not_judged: Vec<NotJudged>,
}

/// Holds the values of `chart` and its subcharts to their schemas; what a schema takes from the network is told in
/// `not_judged`.
pub(super) fn validate(chart: &Instance, values: &Map, not_judged: &mut Vec<NotJudged>) -> Result<(), HelmError> {
    let mut found = Judgement::default();
    found.walk(chart, values);
    not_judged.append(&mut found.not_judged);
    if found.message.is_empty() {
        return Ok(());
    }
    Err(HelmError::Schema { message: found.message, violations: found.violations })
}

impl Judgement {
    fn walk(&mut self, chart: &Instance, values: &Map) {
        if let Some(file) = &chart.chart.schema {
            let file_mark = Mark::file(file.id);
            match chart.chart.validator.get_or_init(|| compile(file.bytes())) {
                Err(reason) if reason.contains("http://") || reason.contains("https://") => {
                    self.not_judged.push(NotJudged {
                        mark: file_mark,
                        what: format!("values of the chart {}", chart.name),
                        reason: format!("its schema refers to the network: {reason}"),
                    });
                }
                Err(reason) => {
                    self.message.push_str(&format!("{}:\n{reason}\n", chart.name));
                    self.violations.push((file_mark, reason.clone()));
                }
                Ok(validator) => {
                    let instance = json::to_json(&Value::Map(values.clone())).unwrap_or(Json::Null);
                    let errors: Vec<ValidationError<'_>> = validator.iter_errors(&instance).collect();
                    if !errors.is_empty() {
                        self.message.push_str(&format!("{}:\n", chart.name));
                        describe(&errors, 0, &mut self.message);
                    }
                    for error in &errors {
                        self.violation(error, values, file_mark);
                    }
                }
            }
        }
        for child in &chart.children {
            match values.get(&child.name) {
                None | Some(Value::Nil) => {}
                Some(Value::Map(own)) => self.walk(child, &own),
                Some(other) => {
                    let found = other.type_name();
                    let what = format!("invalid type for values: expected object (map), got {found}");
                    self.message.push_str(&format!("{}:\n{what}\n", child.name));
                    let mark = place(values, &format!("/{}", child.name)).unwrap_or(Mark::NONE);
                    self.violations.push((mark, what));
                }
            }
        }
    }

    fn violation(&mut self, error: &ValidationError<'_>, values: &Map, file: Mark) {
        let pointer = error.instance_path().to_string();
        let guilty = unexpected(error.kind()).and_then(|key| place(values, &format!("{pointer}/{key}")));
        let mark = guilty.or_else(|| place(values, &pointer)).unwrap_or(file);
        self.violations.push((mark, format!("{}: {error}", if pointer.is_empty() { "/" } else { &pointer })));
    }
}

/// The first key that should not be there, as a token of a JSON Pointer.
fn unexpected(kind: &Kind) -> Option<String> {
    match kind {
        Kind::AdditionalProperties { unexpected } => Some(unexpected.first()?.replace('~', "~0").replace('/', "~1")),
        _ => None,
    }
}

/// The rules that a schema's text states. Formats are rules up to draft 7 only, as they are to Helm; a `urn:` permits
/// everything.
fn compile(text: &[u8]) -> Result<jsonschema::Validator, String> {
    let schema: Json = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let draft = schema.get("$schema").and_then(Json::as_str).unwrap_or_default();
    let formats = ["draft-04", "draft-06", "draft-07"].iter().any(|old| draft.contains(old));
    let options = jsonschema::options().should_validate_formats(formats).with_retriever(Network);
    options.build(&schema).map_err(|error| error.to_string())
}

/// There is none.
struct Network;

impl jsonschema::Retrieve for Network {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        match uri.as_str() {
            text if text.starts_with("urn:") => Ok(Json::Bool(true)),
            text => Err(format!("{text} is not in the repository").into()),
        }
    }
}

/// Appends the errors in Helm's words, a line each; what is missing in one place makes one line.
fn describe(errors: &[ValidationError<'_>], depth: usize, out: &mut String) {
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for error in errors {
        if let Kind::Required { property: Json::String(name) } = error.kind() {
            missing.entry(error.instance_path().to_string()).or_default().push(name);
        }
    }
    for error in errors {
        let pointer = error.instance_path().to_string();
        let what = match error.kind() {
            Kind::Required { .. } => match missing.remove(&pointer).as_deref() {
                Some([name]) => format!("missing property {}", quoted(name)),
                Some(names) => format!("missing properties {}", all_quoted(names)),
                None => continue,
            },
            kind => words(kind, error.instance()),
        };
        out.push_str(&format!("{}- at {}: {what}\n", "  ".repeat(depth), quoted(&pointer)));
        if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = error.kind() {
            for errors in context.iter().filter(|_| depth < 20) {
                describe(errors, depth + 1, out);
            }
        }
    }
}

fn words(kind: &Kind, found: &Json) -> String {
    let length = || match found {
        Json::Array(items) => items.len(),
        Json::Object(fields) => fields.len(),
        Json::String(text) => text.chars().count(),
        _ => 0,
    };
    let bound = |keyword: &str, limit: &Json| format!("{keyword}: got {}, want {}", shown(found), shown(limit));
    let count = |keyword: &str, limit: &u64| format!("{keyword}: got {}, want {limit}", length());
    match kind {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<&str> = unexpected.iter().map(String::as_str).collect();
            format!("additional properties {} not allowed", all_quoted(&names))
        }
        Kind::AdditionalItems { limit } => {
            format!("last {} additionalItem(s) not allowed", length().saturating_sub(*limit))
        }
        Kind::AnyOf { .. } => "'anyOf' failed".to_owned(),
        Kind::OneOfNotValid { .. } => "'oneOf' failed, none matched".to_owned(),
        Kind::OneOfMultipleValid { context } => {
            let matched: Vec<String> = (0..context.len())
                .filter(|index| context[*index].is_empty())
                .map(|index| index.to_string())
                .take(2)
                .collect();
            format!("'oneOf' failed, subschemas {} matched", matched.join(", "))
        }
        Kind::Not { .. } => "'not' failed".to_owned(),
        Kind::FalseSchema => "false schema".to_owned(),
        Kind::Constant { expected_value } => match expected_value.as_ref() {
            Json::Array(_) | Json::Object(_) => "'const' failed".to_owned(),
            value => format!("value must be {}", shown(value)),
        },
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            if options.iter().any(|option| option.is_array() || option.is_object()) {
                return "'enum' failed".to_owned();
            }
            let all: Vec<String> = options.iter().map(shown).collect();
            match all.as_slice() {
                [one] => format!("value must be {one}"),
                all => format!("value must be one of {}", all.join(", ")),
            }
        }
        Kind::Minimum { limit } => bound("minimum", limit),
        Kind::Maximum { limit } => bound("maximum", limit),
        Kind::ExclusiveMinimum { limit } => bound("exclusiveMinimum", limit),
        Kind::ExclusiveMaximum { limit } => bound("exclusiveMaximum", limit),
        Kind::MultipleOf { multiple_of } => {
            format!("multipleOf: got {}, want {}", shown(found), print::float(*multiple_of))
        }
        Kind::MinLength { limit } => count("minLength", limit),
        Kind::MaxLength { limit } => count("maxLength", limit),
        Kind::MinItems { limit } => count("minItems", limit),
        Kind::MaxItems { limit } => count("maxItems", limit),
        Kind::MinProperties { limit } => count("minProperties", limit),
        Kind::MaxProperties { limit } => count("maxProperties", limit),
        Kind::Pattern { pattern } => {
            format!("{} does not match pattern {}", quoted(found.as_str().unwrap_or_default()), quoted(pattern))
        }
        Kind::Format { format } => format!("{} is not valid {format}", shown(found)),
        Kind::UniqueItems => {
            let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let pair = items
                .iter()
                .enumerate()
                .find_map(|(at, item)| items[..at].iter().position(|before| before == item).map(|before| (before, at)));
            let (first, second) = pair.unwrap_or_default();
            format!("items at {first} and {second} are equal")
        }
        Kind::Contains => "no items match contains schema".to_owned(),
        Kind::PropertyNames { error } => {
            format!("invalid propertyName {}", quoted(error.instance().as_str().unwrap_or_default()))
        }
        Kind::Type { kind } => {
            let wanted: Vec<String> = match kind {
                TypeKind::Single(one) => vec![one.to_string()],
                TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect(),
            };
            let got = match found {
                Json::Null => "null",
                Json::Bool(_) => "boolean",
                Json::Number(_) => "number",
                Json::String(_) => "string",
                Json::Array(_) => "array",
                Json::Object(_) => "object",
            };
            format!("got {got}, want {}", wanted.join(" or "))
        }
        other => format!("'{}' failed", other.keyword()),
    }
}

fn quoted(text: &str) -> String {
    let inner = quote(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default())
}

fn all_quoted(names: &[&str]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
        Json::Null => "<nil>".to_owned(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => print::float(number.as_f64().unwrap_or_default()),
        },
        Json::Bool(value) => value.to_string(),
    }
}

/// Where the value behind a JSON Pointer came from: its own place, or that of the nearest value around it.
fn place(values: &Map, pointer: &str) -> Option<Mark> {
    let mut current = Value::Map(values.clone());
    let mut mark = None;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let (next, origin) = match &current {
            Value::Map(map) => map.get_with_origin(&key)?,
            Value::List(list) => {
                let index: usize = key.parse().ok()?;
                (list.items().get(index)?.clone(), list.origin(index).cloned().unwrap_or(crate::origin::Origin::NONE))
            }
            _ => break,
        };
        if origin.mark.is_some() {
            mark = Some(origin.mark);
        }
        current = next;
    }
    mark
}
