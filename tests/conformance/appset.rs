//! `appset`: the Applications that an ApplicationSet generates from a case's inputs.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tiphys::load::load;
use tiphys::origin::FileId;
use tiphys::render::Resource;
use tiphys::resolve::applicationset::{Inputs, expand, go_json, reconcile, refusal};
use tiphys::schema::{Catalogue, KubernetesVersion};
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
    if let Some((_, why)) = refusal(&Catalogue::for_version(KubernetesVersion::NEWEST), &resource) {
        return Ok(json!({"applications": [], "error": why, "reason": "InvalidManifest"}));
    }
    let expansion = expand(&resource, &inputs.context());
    let applications: Vec<Value> =
        expansion.applications.iter().map(|application| go_json(&application.resource.node)).collect();
    let reconciled = inputs.installation().map(|installation| reconcile(&resource, &expansion, installation));
    let mut answer = json!({"applications": applications});
    if let Some((reason, message)) = expansion.error {
        answer["error"] = message.into();
        answer["reason"] = reason.as_str().into();
    }
    if let (Some(reconciled), Some(answer)) = (reconciled, answer.as_object_mut()) {
        answer.extend(reconciled.to_json());
    }
    Ok(answer)
}
