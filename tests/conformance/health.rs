//! `health`: the health of one live object.

use std::path::Path;

use serde_json::{Value, json};
use tiphys::health;
use tiphys::origin::FileId;
use tiphys::yaml::{Limits, read};

/// The status and the message.
pub(super) fn assess(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let limits = Limits { last_key_wins: true, ..Limits::default() };
    let document = read(FileId(0), &text, limits).documents.into_iter().next();
    let live = document.ok_or("the case has no object")?.root.to_json();
    Ok(match health::status(&live) {
        Some(assessment) => json!({"status": assessment.status.as_str(), "message": assessment.message}),
        None => json!({"status": null, "message": ""}),
    })
}
