//! An AdmissionReview with a request in, one with the response out.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::check::admission::Admission;
use crate::finding::{Finding, Severity};

const API_VERSION: &str = "admission.k8s.io/v1";
/// The API server cuts warnings that are longer than this, and drops what goes beyond 4096 in all.
const MAX_WARNING: usize = 256;
/// How many findings are named; the number of the others is.
const MAX_FINDINGS: usize = 20;

/// What is no AdmissionReview.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// The body is not JSON of that form. Only the API server should call this address.
    #[error("expected an AdmissionReview: {0}")]
    Malformed(String),
    /// The API server was told to send another version. Set `admissionReviewVersions: [v1]`.
    #[error("expected apiVersion {API_VERSION} and kind AdmissionReview, found {0} {1}")]
    Version(String, String),
    /// A review without request.
    #[error("the AdmissionReview has no request")]
    NoRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    object: Option<Value>,
}

/// Answers an AdmissionReview: findings that are errors deny it, warnings go with the response.
///
/// What has no object (a deletion) and what is asked of a subresource (`status`, `scale`) is allowed: no person wrote
/// it.
///
/// # Errors
/// When `body` is no AdmissionReview.
pub fn answer(admission: &Admission, body: &[u8], today: NaiveDate) -> Result<Vec<u8>, ReviewError> {
    let review: Review = serde_json::from_slice(body).map_err(|error| ReviewError::Malformed(error.to_string()))?;
    if review.api_version != API_VERSION || review.kind != "AdmissionReview" {
        return Err(ReviewError::Version(review.api_version, review.kind));
    }
    let request = review.request.ok_or(ReviewError::NoRequest)?;
    let whole = request.sub_resource.as_deref().is_none_or(str::is_empty);
    let object = request.object.filter(|object| whole && !object.is_null());
    let mut response = json!({"uid": request.uid, "allowed": true});
    if let Some(object) = object {
        match admission.judge(&object, today) {
            Ok(findings) => respond(&mut response, &findings),
            Err(error) => deny(&mut response, &error.to_string()),
        }
    }
    let review = json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response});
    Ok(review.to_string().into_bytes())
}

fn respond(response: &mut Value, findings: &[Finding]) {
    let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
    let errors: Vec<String> = of(Severity::Error).map(line).collect();
    let warnings: Vec<String> = of(Severity::Warning).map(line).map(|text| cut(&text, MAX_WARNING)).collect();
    if !errors.is_empty() {
        deny(response, &list(&errors).join("\n"));
    }
    if !warnings.is_empty() {
        response["warnings"] = json!(list(&warnings));
    }
}

fn deny(response: &mut Value, message: &str) {
    response["allowed"] = json!(false);
    response["status"] = json!({"code": 422, "reason": "Invalid", "message": message});
}

/// `/spec/replicas: expected an integer, found text [schema-type-mismatch]`
fn line(finding: &Finding) -> String {
    let place = match finding.pointer.as_deref() {
        Some(pointer) if !pointer.is_empty() => format!("{pointer}: "),
        _ => String::new(),
    };
    format!("{place}{} [{}]", finding.message, finding.rule)
}

fn list(lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = lines.iter().take(MAX_FINDINGS).cloned().collect();
    if lines.len() > MAX_FINDINGS {
        shown.push(format!("and {} more", lines.len() - MAX_FINDINGS));
    }
    shown
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::{Input, admission};
    use crate::source::Snapshot;

    fn review(request: &Value) -> Result<Value, ReviewError> {
        let input = Input {
            snapshot: Arc::new(Snapshot::from_files([("tiphys.yaml", "version: 1\n")])),
            config: None,
            policies: Vec::new(),
        };
        let (admission, _) = admission(&input, None);
        let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
        let answered = answer(&admission, request.to_string().as_bytes(), today)?;
        let review: Value = serde_json::from_slice(&answered).unwrap_or_default();
        Ok(review["response"].clone())
    }

    fn of(object: &Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": {"uid": "7", "object": object}})
    }

    #[test]
    fn an_object_that_its_schema_refuses_is_denied_with_the_place() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "datum": {}});
        let response = review(&of(&object)).unwrap_or_default();
        assert_eq!(response["uid"], "7");
        assert_eq!(response["allowed"], false);
        let message = response["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("/datum") && message.contains("schema-unknown-property"), "{message}");
    }

    #[test]
    fn a_correct_object_is_allowed() {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b # allow: nothing"},
            "metadata": {"name": "a", "namespace": "shop", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"manager": "kubectl", "operation": "Apply", "apiVersion": "v1",
                    "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}}}]},
        });
        assert_eq!(review(&of(&object)), Ok(json!({"uid": "7", "allowed": true})));
    }

    #[test]
    fn a_deletion_and_a_subresource_are_allowed() {
        assert_eq!(review(&of(&Value::Null)), Ok(json!({"uid": "7", "allowed": true})));
        let mut scale = of(&json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"what": 1}}));
        scale["request"]["subResource"] = json!("scale");
        assert_eq!(review(&scale), Ok(json!({"uid": "7", "allowed": true})));
    }

    #[test]
    fn what_is_no_review_is_refused() {
        assert!(matches!(review(&json!([])), Err(ReviewError::Malformed(_))));
        assert!(matches!(review(&json!({"apiVersion": "v1", "kind": "Pod"})), Err(ReviewError::Version(..))));
        let empty = json!({"apiVersion": API_VERSION, "kind": "AdmissionReview"});
        assert_eq!(review(&empty), Err(ReviewError::NoRequest));
        assert_eq!(review(&of(&json!("text"))).unwrap_or_default()["allowed"], false);
    }
}
