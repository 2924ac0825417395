//! `tiphys render`

use clap::ValueEnum;

use super::input::RepositoryArgs;
use super::output::{note, print};
use super::progress::Progress;
use super::target::{Selected, select};
use super::{Failure, Status, provenance};
use crate::finding::Severity;
use crate::run;
use crate::source::Snapshot;

/// Arguments of `tiphys render`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An Application or ApplicationSet by name, or the path of a kustomization, a chart or a manifest
    target: String,
    #[command(flatten)]
    repository: RepositoryArgs,
    /// Say behind each value where it was written
    #[arg(long)]
    provenance: bool,
    /// The form of the objects
    #[arg(long, value_name = "FORMAT", default_value = "yaml", conflicts_with = "provenance")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// YAML documents
    Yaml,
    /// One JSON array
    Json,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let progress = Progress::new("rendering");
    let analysis = run::analyse(&args.repository.read()?);
    let selected = select(&analysis, &args.target)?;
    drop(progress);
    let snapshot = &analysis.repository.snapshot;
    let text = match args.format {
        Form::Json => json(&selected)?,
        Form::Yaml => yaml(&selected, snapshot, args.provenance)?,
    };
    print(|out| out.write_all(text.as_bytes()))?;
    Ok(report(&selected, snapshot))
}

fn json(selected: &Selected) -> Result<String, Failure> {
    let objects: Vec<_> = selected.resources().map(|resource| provenance::masked(resource).to_json()).collect();
    let mut text = serde_json::to_string_pretty(&objects).map_err(|error| Failure::Internal(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn yaml(selected: &Selected, snapshot: &Snapshot, provenance: bool) -> Result<String, Failure> {
    let mut text = String::new();
    for resource in selected.resources() {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let document = provenance::document(resource, provenance.then_some(snapshot)).map_err(|error| {
            let mark = error.mark();
            Failure::Usage(format!("{}:{}:{}: {error}", snapshot.path(mark.file), mark.line, mark.column))
        })?;
        text.push_str(&document);
    }
    Ok(text)
}

/// Says on the standard error what is wrong with what was rendered.
pub(super) fn report(selected: &Selected, snapshot: &Snapshot) -> Status {
    for finding in selected.findings() {
        let (mark, severity) = (finding.mark, finding.severity.as_str());
        let place = format!("{}:{}:{}", snapshot.path(mark.file), mark.line, mark.column);
        note(&format!("{place}: {severity}[{}] {}", finding.rule, finding.message));
    }
    for not_judged in selected.not_judged() {
        let place = format!("{}:{}", snapshot.path(not_judged.mark.file), not_judged.mark.line);
        note(&format!("{place}: not judged: {}: {}", not_judged.what, not_judged.reason));
    }
    if selected.findings().any(|finding| finding.severity == Severity::Error) {
        Status::Findings
    } else {
        Status::Clean
    }
}
