//! `tiphys helm template`: Helm's own command line and output, natively.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args as ClapArgs, Subcommand};

use super::{Failure, Status};
use crate::load::load;
use crate::origin::Mark;
use crate::render::helm::{Charts, Flags, Release, SetKind, SetValue};
use crate::render::template::bytes;
use crate::source::{Content, File, Snapshot};

/// Arguments of `tiphys helm`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: HelmCommand,
}

#[derive(Debug, Subcommand)]
enum HelmCommand {
    /// Render a chart as `helm template` does
    Template(Box<Template>),
}

#[derive(Debug, ClapArgs)]
struct Template {
    /// Release name and chart, or the chart alone
    #[arg(required = true, num_args = 1..=2, value_name = "[NAME] CHART")]
    names: Vec<String>,
    /// Values file (can be repeated; the last counts most)
    #[arg(short = 'f', long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Set values: key1=val1,key2=val2
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Set values as text
    #[arg(long, value_name = "KEY=VALUE")]
    set_string: Vec<String>,
    /// Set values as JSON
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<String>,
    /// Set values from files
    #[arg(long, value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Set a literal text
    #[arg(long, value_name = "KEY=TEXT")]
    set_literal: Vec<String>,
    /// Namespace of the release
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Include the CRDs of the chart
    #[arg(long)]
    include_crds: bool,
    /// Kubernetes version for .Capabilities.KubeVersion
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// API versions for .Capabilities.APIVersions
    #[arg(short, long, value_delimiter = ',', value_name = "VERSION")]
    api_versions: Vec<String>,
    /// Only show these templates
    #[arg(short, long, value_name = "PATH")]
    show_only: Vec<String>,
    /// Leave out test hooks
    #[arg(long)]
    skip_tests: bool,
    /// Leave out hooks
    #[arg(long)]
    no_hooks: bool,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long)]
    is_upgrade: bool,
    /// Do not look at values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
    /// Name the release by its chart
    #[arg(short, long, hide = true)]
    generate_name: bool,
}

/// Runs `tiphys helm`.
#[allow(clippy::print_stderr, reason = "errors go where helm writes them")]
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let HelmCommand::Template(template) = &args.command;
    match template.render() {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            let written = out.write_all(&bytes::of(&text)).and_then(|()| out.flush());
            written.map_err(|error| Failure::Internal(error.to_string()))?;
            Ok(Status::Clean)
        }
        Err(message) => {
            eprintln!("Error: {message}");
            Ok(Status::Refused)
        }
    }
}

/// Where the chart lies in the snapshot that is made of it.
const CHART: &str = "chart";
/// The same of a packed chart.
const PACKED: &str = "chart.tgz";

impl Template {
    fn render(&self) -> Result<String, String> {
        let (name, chart) = match self.names.as_slice() {
            [name, chart] => (name.as_str(), chart.as_str()),
            [chart] => ("release-name", chart.as_str()),
            _ => return Err("expected at most two arguments".to_owned()),
        };
        let mut files = Vec::new();
        let mut release = Release {
            name: name.to_owned(),
            namespace: self.namespace.clone(),
            kube_version: self.kube_version.clone(),
            api_versions: self.api_versions.clone(),
            include_crds: self.include_crds,
            skip_tests: self.skip_tests,
            is_upgrade: self.is_upgrade,
            skip_schema: self.skip_schema_validation,
            ..Release::default()
        };
        for (index, path) in self.values.iter().enumerate() {
            let content = std::fs::read(path).map_err(|error| cannot_open(path, &error))?;
            let name = format!("values/{index}.yaml");
            files.push(File { path: name.as_str().into(), content: Content::of(content) });
            release.value_files.push((name, Mark::NONE));
        }
        for (kind, expressions) in [
            (SetKind::Json, &self.set_json),
            (SetKind::Plain, &self.set),
            (SetKind::String, &self.set_string),
            (SetKind::Literal, &self.set_literal),
        ] {
            for expression in expressions {
                release.sets.push(SetValue { kind, expression: expression.clone(), mark: Mark::NONE });
            }
        }
        for (index, expression) in self.set_file.iter().enumerate() {
            let Some((key, path)) = expression.split_once('=') else {
                return Err(format!("failed parsing --set-file data: key \"{expression}\" has no value"));
            };
            let content = std::fs::read(path)
                .map_err(|error| format!("failed parsing --set-file data: {}", cannot_open(Path::new(path), &error)))?;
            let name = format!("set/{index}");
            files.push(File { path: name.as_str().into(), content: Content::of(content) });
            release.sets.push(SetValue { kind: SetKind::File, expression: format!("{key}={name}"), mark: Mark::NONE });
        }
        let chart = read_chart(Path::new(chart), &mut files)?;
        let repository = load(Arc::new(Snapshot::new(files)));
        let flags = Flags { show_only: self.show_only.clone(), no_hooks: self.no_hooks };
        Charts::new(&repository).manifest(chart, &release, &flags).map_err(|error| {
            let hint = if error.has_debug_hint() { "\n\nUse --debug flag to render out invalid YAML" } else { "" };
            format!("{error}{hint}")
        })
    }
}

fn cannot_open(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("open {}: no such file or directory", path.display()),
        _ => format!("open {}: {error}", path.display()),
    }
}

/// Reads the chart at `path`; where it lies in the snapshot.
fn read_chart(path: &Path, files: &mut Vec<File>) -> Result<&'static str, String> {
    if path.is_file() {
        let content = std::fs::read(path).map_err(|error| cannot_open(path, &error))?;
        files.push(File { path: PACKED.into(), content: Content::of(content) });
        return Ok(PACKED);
    }
    if !path.is_dir() {
        return Err(format!("path {:?} not found", path.display().to_string()));
    }
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(path).map_err(|error| error.to_string())?;
        let Some(relative) = relative.to_str() else { continue };
        let content = std::fs::read(entry.path()).map_err(|error| cannot_open(entry.path(), &error))?;
        files.push(File { path: format!("{CHART}/{relative}").into(), content: Content::of(content) });
    }
    Ok(CHART)
}
