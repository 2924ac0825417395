//! `tiphys argocd health`: what Argo CD says of live objects.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::argocd::text;
use super::{Failure, Status};
use crate::health::Checks;
use crate::origin::FileId;
use crate::yaml::{Limits, read};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files with live objects, as `kubectl get -o yaml` or `-o json` prints them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with the ConfigMap argocd-cm, whose checks in Lua come first
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Print JSON: an object, or a list where there are several
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let checks = match &args.settings {
        Some(file) => {
            let settings = objects(&text(file)?).into_iter().find(|object| object["kind"] == "ConfigMap");
            let missing = || Failure::Usage(format!("{}: there is no ConfigMap in it", file.display()));
            Checks::configured(&settings.ok_or_else(missing)?)
        }
        None => Checks::default(),
    };
    let mut answers = Vec::new();
    for file in &args.files {
        for object in objects(&text(file)?) {
            let assessment = checks.status(&object);
            let status = assessment.as_ref().map(|assessment| assessment.status.as_str());
            let message = assessment.as_ref().map(|assessment| assessment.message.as_str()).unwrap_or_default();
            let name = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            answers.push(match args.json {
                true => json!({"status": status, "message": message}).to_string(),
                false => {
                    let told = if message.is_empty() { String::new() } else { format!(": {}", message.trim_end()) };
                    format!("{}/{} {}{told}", name("/kind"), name("/metadata/name"), status.unwrap_or("not assessed"))
                }
            });
        }
    }
    let output = match (args.json, answers.as_slice()) {
        (true, [one]) => one.clone(),
        (true, all) => format!("[{}]", all.join(",\n ")),
        (false, all) => all.join("\n"),
    };
    writeln!(std::io::stdout().lock(), "{output}")
        .map_err(|error| Failure::Internal(format!("standard output: {error}")))?;
    Ok(Status::Clean)
}

/// The objects of a text: its documents, and what lists among them hold. Of a key that is there twice the last counts,
/// as for Argo CD.
fn objects(text: &str) -> Vec<Value> {
    let documents = read(FileId(0), text, Limits { last_key_wins: true, ..Limits::default() }).documents;
    let all = documents.into_iter().map(|document| document.root.to_json()).filter(Value::is_object);
    all.flat_map(|object| match object["items"].as_array() {
        Some(items) if object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => items.clone(),
        _ => vec![object],
    })
    .collect()
}
