//! `tiphys helm template`: Helm's own command line and output, natively.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args as ClapArgs, Subcommand};
use rayon::prelude::*;

use super::{Failure, Status};
use crate::load::{Repository, load_lazily};
use crate::origin::Mark;
use crate::render::helm::{Charts, Flags, HelmError, Release, SetKind, SetValue, name_from_template};
use crate::render::template::bytes;
use crate::source::{Content, File, MAX_FILE_BYTES, Snapshot};

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
    /// Values file (can be repeated; the last counts most); - is the standard input
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
    /// A template that makes the name of the release
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Write each template's text into a file below this directory
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Put the release's name into the paths below --output-dir
    #[arg(long)]
    release_name: bool,
    /// Accepted for the sake of scripts: nothing is ever installed
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<String>,
    /// Name the release by its chart
    #[arg(short, long, hide = true)]
    generate_name: bool,
    /// Changes nothing that is printed
    #[arg(long, hide = true)]
    skip_crds: bool,
    /// Changes nothing that is printed
    #[arg(long, hide = true)]
    create_namespace: bool,
    /// Changes nothing that is printed
    #[arg(long, hide = true)]
    disable_openapi_validation: bool,
}

/// Runs `tiphys helm`.
#[allow(clippy::print_stderr, reason = "errors go where helm writes them")]
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let HelmCommand::Template(template) = &args.command;
    let done = match &template.output_dir {
        Some(directory) => template.write_files(directory),
        None => template.print(),
    };
    match done {
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
    /// What is printed.
    fn print(&self) -> Result<String, String> {
        let flags = Flags { show_only: self.show_only.clone(), no_hooks: self.no_hooks };
        let (repository, chart, release) = self.input()?;
        // The process ends with the command: to take a large chart apart again would be for nothing.
        let repository = ManuallyDrop::new(repository);
        let charts = ManuallyDrop::new(Charts::new(&repository));
        charts.manifest(chart, &release, &flags).map_err(|error| told(&error))
    }

    /// Writes the documents into files; what is printed of it.
    fn write_files(&self, directory: &Path) -> Result<String, String> {
        let flags = Flags { show_only: Vec::new(), no_hooks: self.no_hooks };
        let (repository, chart, release) = self.input()?;
        let documents = Charts::new(&repository).documents(chart, &release, &flags).map_err(|error| told(&error))?;
        let root = if self.release_name { directory.join(&release.name) } else { directory.to_owned() };
        let mut begun: BTreeSet<&str> = BTreeSet::new();
        let mut told = String::new();
        for document in &documents {
            let path = root.join(&document.source);
            let parent = path.parent().unwrap_or(&root);
            std::fs::create_dir_all(parent).map_err(|error| format!("mkdir {}: {error}", parent.display()))?;
            let text = format!("---\n# Source: {}\n{}\n", document.source, document.text);
            let mut options = std::fs::OpenOptions::new();
            // The first document of a template begins its file anew.
            let append = !begun.insert(&document.source);
            options.create(true).append(append).write(true).truncate(!append);
            let written = options.open(&path).and_then(|mut file| file.write_all(&bytes::of(&text)));
            written.map_err(|error| cannot_open(&path, &error))?;
            told.push_str(&format!("wrote {}\n", path.display()));
        }
        if let Some(name) = self.show_only.first() {
            return Err(format!("could not find template {name} in chart"));
        }
        told.push('\n');
        Ok(told)
    }

    /// The name of the release and the chart.
    fn names(&self) -> Result<(String, &str), String> {
        match (self.names.as_slice(), &self.name_template) {
            ([_, _], Some(_)) => Err("cannot set --name-template and also specify a name".to_owned()),
            ([name, chart], None) => Ok((name.clone(), chart)),
            ([chart], Some(template)) => Ok((name_from_template(template)?, chart)),
            ([chart], None) => Ok(("release-name".to_owned(), chart)),
            _ => Err("expected at most two arguments".to_owned()),
        }
    }

    /// The files that Helm would read, where the chart lies in them, and the release.
    fn input(&self) -> Result<(Repository, &'static str, Release), String> {
        match self.dry_run.as_deref() {
            None | Some("client") => {}
            Some("server") => return Err("--dry-run=server asks a cluster; there is none to ask".to_owned()),
            Some(other) => {
                return Err(format!("invalid dry-run value ({other:?}). Must be \"server\" or \"client\""));
            }
        }
        let (name, chart) = self.names()?;
        let mut files = Vec::new();
        let mut release = Release {
            name,
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
            let content = match path.as_os_str() == "-" {
                true => standard_input(),
                false => std::fs::read(path),
            };
            let content = content.map_err(|error| cannot_open(path, &error))?;
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
        // One flag may name several files: `a=one.txt,b=two.txt`.
        let pairs = self.set_file.iter().flat_map(|expression| {
            let parts: Vec<&str> = expression.split(',').collect();
            if parts.iter().all(|part| part.contains('=')) { parts } else { vec![expression.as_str()] }
        });
        for (index, expression) in pairs.enumerate() {
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
        Ok((load_lazily(Arc::new(Snapshot::new(files))), chart, release))
    }
}

fn standard_input() -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

fn told(error: &HelmError) -> String {
    let hint = if error.has_debug_hint() { "\n\nUse --debug flag to render out invalid YAML" } else { "" };
    format!("{error}{hint}")
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
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    let read = |full: &PathBuf| {
        let Some(relative) = full.strip_prefix(path).ok().and_then(Path::to_str) else { return Ok(None) };
        let content = std::fs::read(full).map_err(|error| cannot_open(full, &error))?;
        Ok(Some(File { path: format!("{CHART}/{relative}").into(), content: Content::of(content) }))
    };
    // Of several that cannot be read, the first is told.
    let all: Vec<Result<Option<File>, String>> = paths.par_iter().map(read).collect();
    for file in all {
        files.extend(file?);
    }
    Ok(CHART)
}
