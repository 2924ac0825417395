//! `appset`: the Applications that an ApplicationSet generates from a case's inputs.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tiphys::load::load;
use tiphys::origin::FileId;
use tiphys::render::Resource;
use tiphys::resolve::applicationset::{Inputs, expand, go_json};
use tiphys::source::worktree;
use tiphys::yaml::{Limits, read};

/// What is generated, and the error if there is one.
pub(super) fn generate(case: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(case.join("applicationset.yaml")).map_err(|error| error.to_string())?;
    // A case without inputs has none.
    let inputs = std::fs::read_to_string(case.join("inputs.yaml")).unwrap_or_default();
    let files = case.join("repo");
    let repository = match files.is_dir() {
        true => Some(Arc::new(load(Arc::new(worktree::read(&files).map_err(|error| error.to_string())?)))),
        false => None,
    };
    let inputs = Inputs::read(&inputs, repository)?;
    let document = read(FileId(0), &text, Limits::default()).documents.into_iter().next();
    let resource = Resource { node: document.ok_or("the case has no ApplicationSet")?.root };
    let expansion = expand(&resource, &inputs.context());
    let applications: Vec<Value> =
        expansion.applications.iter().map(|application| go_json(&application.resource.node)).collect();
    Ok(json!({ "applications": applications, "error": expansion.error.map(|(_, error)| error) }))
}
