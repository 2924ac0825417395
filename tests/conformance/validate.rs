//! `validate`: what an AppProject is refused for, and what an Application is refused for against it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tiphys::origin::FileId;
use tiphys::render::Resource;
use tiphys::resolve::applicationset::Inputs;
use tiphys::resolve::permission::{INVALID_SPEC, conditions};
use tiphys::resolve::project::Project;
use tiphys::run::{self, Input, Options};
use tiphys::source::Snapshot;
use tiphys::yaml::{Limits, Node, read};

/// The rules that say why Argo CD refuses a project.
const REFUSALS: [&str; 3] = ["invalid-appproject", "invalid-duration", "invalid-schedule"];

fn object(path: &Path) -> Option<Node> {
    let text = std::fs::read_to_string(path).ok()?;
    read(FileId(0), &text, Limits::default()).documents.into_iter().next().map(|document| document.root)
}

/// What `check` reports of the project alone, the first line first.
fn refusal(text: &str) -> Option<String> {
    let snapshot = Arc::new(Snapshot::from_files([("project.yaml", text)]));
    let input = Input { snapshot, config: None, policies: Vec::new() };
    let checked = run::run(&input, Options { profile: None, today: chrono::NaiveDate::MIN });
    let mut found = checked.findings().iter().filter(|finding| REFUSALS.contains(&finding.rule.as_str()));
    found.next().map(|finding| finding.message.clone())
}

/// The project's error and the Application's conditions.
pub(super) fn judge(case: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(case.join("project.yaml")).map_err(|error| error.to_string())?;
    let node = object(&case.join("project.yaml")).ok_or("the case has no project")?;
    let inputs = Inputs::read(&std::fs::read_to_string(case.join("inputs.yaml")).unwrap_or_default(), None)?;
    let project = Project::of(&Arc::new(Resource { node }));
    let application = object(&case.join("application.yaml"));
    let found = match application.as_ref().and_then(|application| application.get("spec")) {
        Some(spec) => conditions(spec, &project, inputs.clusters()),
        None => Vec::new(),
    };
    let found: Vec<Value> =
        found.into_iter().map(|message| json!({"type": INVALID_SPEC, "message": message})).collect();
    Ok(json!({"project": refusal(&text).unwrap_or_default(), "conditions": found}))
}
