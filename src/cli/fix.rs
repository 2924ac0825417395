//! `tiphys fix`

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use similar::TextDiff;

use super::check::profile;
use super::input::InputArgs;
use super::output::{note, print};
use super::progress::Progress;
use super::{Failure, Status};
use crate::check::rules;
use crate::finding::{Profile, nearest};
use crate::fix::{ChangedFile, Fixed, Selection, fix};
use crate::run::Options;

/// Arguments of `tiphys fix`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Mend only findings of this rule; may be repeated
    #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
    rules: Vec<String>,
    /// Also apply fixes that may change what is deployed
    #[arg(long = "unsafe")]
    unsafe_too: bool,
    /// Change nothing; print the difference, and exit with 1 if there is one
    #[arg(long)]
    dry_run: bool,
    /// The choice of rules: recommended, strict or seed; the configuration's, else recommended
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,
}

fn rule(text: &str) -> Result<String, String> {
    let known = || rules::all().iter().map(|rule| rule.id);
    if known().any(|id| id == text) {
        return Ok(text.to_owned());
    }
    let hint = nearest(text, known()).map_or(String::new(), |near| format!("; did you mean {near}?"));
    Err(format!("there is no rule {text}{hint}"))
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let progress = Progress::new("rendering and judging");
    let options = Options { profile: args.profile, today: chrono::Local::now().date_naive() };
    let selection = Selection { rules: args.rules.clone(), unsafe_too: args.unsafe_too };
    let fixed = fix(&args.input.read()?, options, &selection);
    drop(progress);
    if args.dry_run {
        let mut text = String::new();
        for file in &fixed.files {
            let diff = TextDiff::from_lines(&*file.old, &*file.new);
            let (old, new) = (format!("a/{}", file.path), format!("b/{}", file.path));
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", diff.unified_diff().header(&old, &new));
        }
        print(|out| out.write_all(text.as_bytes()))?;
        note(summary(&fixed, "would be mended").trim_end());
        return Ok(if fixed.files.is_empty() { Status::Clean } else { Status::Findings });
    }
    for file in &fixed.files {
        write(&args.input.path, file)
            .map_err(|error| Failure::Internal(format!("{}: {error}; files before it are changed", file.path)))?;
    }
    let text = summary(&fixed, "mended");
    print(|out| out.write_all(text.as_bytes()))?;
    Ok(Status::Clean)
}

/// What was done, a line for each finding, and the count.
fn summary(fixed: &Fixed, done: &str) -> String {
    let mut text = String::new();
    for mended in &fixed.mended {
        let _ = writeln!(text, "{}:{}: {done}: {} ({})", mended.path, mended.line, mended.message, mended.rule);
    }
    for (finding, reason) in &fixed.refused {
        let _ = writeln!(text, "{}:{}: not {done}, as {reason} ({})", finding.path, finding.line, finding.rule);
    }
    let (findings, files) = (fixed.mended.len(), fixed.files.len());
    let _ = write!(text, "{findings} {} in {files} {} {done}", plural(findings, "finding"), plural(files, "file"));
    match fixed.left {
        0 => text.push('\n'),
        left => {
            let _ = writeln!(text, "; {left} more with --unsafe, as they may change what is deployed");
        }
    }
    text
}

fn plural(count: usize, word: &str) -> String {
    format!("{word}{}", if count == 1 { "" } else { "s" })
}

/// Replaces the file by one step, if it is still the one that was read.
fn write(root: &Path, file: &ChangedFile) -> io::Result<()> {
    let path = root.join(&file.path).canonicalize()?;
    if !path.starts_with(root.canonicalize()?) {
        return Err(io::Error::other("it lies outside of the repository"));
    }
    if fs::read(&path)? != file.old.as_bytes() {
        return Err(io::Error::other("it was changed since it was read"));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tiphys-fix");
    let next = path.with_file_name(name);
    let written = fs::write(&next, file.new.as_bytes())
        .and_then(|()| fs::set_permissions(&next, fs::metadata(&path)?.permissions()))
        .and_then(|()| fs::rename(&next, &path));
    if written.is_err() {
        // The half-written file is of no use to anyone.
        let _ = fs::remove_file(&next);
    }
    written
}
