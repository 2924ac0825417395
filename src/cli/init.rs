//! `tiphys init`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use super::output::note;
use super::{Failure, Status};
use crate::config::DEFAULT_PATH;
use crate::run::{self, Input};
use crate::schema::KubernetesVersion;
use crate::source::worktree;

/// Arguments of `tiphys init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The repository's root
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// Replace a tiphys.yaml that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let snapshot = worktree::read(&args.path).map_err(|error| Failure::Usage(error.to_string()))?;
    let analysis = run::analyse(&Input { snapshot: snapshot.into(), config: None, policies: Vec::new() });
    let destinations: BTreeSet<String> = analysis
        .resolved
        .applications
        .iter()
        .map(|application| application.destination_cluster().to_owned())
        .filter(|cluster| !cluster.is_empty())
        .collect();
    let path = args.path.join(DEFAULT_PATH);
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    let opened = if args.force { options.create(true).truncate(true) } else { options.create_new(true) }.open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Usage(format!("{} exists; --force replaces it", path.display())),
        _ => Failure::Internal(format!("{}: {error}", path.display())),
    })?;
    let written = file.write_all(text(&destinations).as_bytes());
    written.map_err(|error| Failure::Internal(format!("{}: {error}", path.display())))?;
    note(&format!("wrote {}", path.display()));
    Ok(Status::Clean)
}

fn text(destinations: &BTreeSet<String>) -> String {
    let version = KubernetesVersion::NEWEST;
    let mut text = format!(
        "# What the manifests alone do not say.\n\
         version: 1\n\
         \n\
         # The version of Kubernetes where a cluster names none.\n\
         kubernetes: \"{version}\"\n\
         \n\
         # recommended: what is wrong or dangerous for anyone. strict: what a careful team also asks for.\n\
         profile: recommended\n"
    );
    if !destinations.is_empty() {
        text.push_str("\n# The clusters that Applications name, and what each of them runs.\nclusters:\n");
    }
    for destination in destinations {
        let (name, server) = match destination.strip_prefix("https://") {
            Some("kubernetes.default.svc") => ("in-cluster", destination.as_str()),
            Some(host) => (host.split([':', '/']).next().unwrap_or(host), destination.as_str()),
            None => (destination.as_str(), ""),
        };
        // JSON texts are YAML. Writing to a String cannot fail.
        let _ = writeln!(text, "- name: {}", serde_json::json!(name));
        if !server.is_empty() {
            let _ = writeln!(text, "  server: {}", serde_json::json!(server));
        }
        let _ = writeln!(text, "  kubernetes: \"{version}\"");
    }
    text
}
