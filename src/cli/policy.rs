//! `tiphys policy`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Failure, Status};
use crate::check::rego::unit::{Outcome, Test, builtin_policies, run as run_tests};
use crate::source::{Content, worktree};

/// Arguments of `tiphys policy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the tests of policies, as `opa test` does: rules test_* in files *_test.rego
    Test(TestArgs),
}

/// Arguments of `tiphys policy test`.
#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Directories of policies; without one, the policies that are built in
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Print the tests that pass too
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let Command::Test(args) = &args.command;
    let mut files = Vec::new();
    for directory in &args.directories {
        read(directory, &mut files)?;
    }
    if args.directories.is_empty() {
        files = builtin_policies();
    }
    let tests = run_tests(&files);
    let stdout = io::stdout();
    match report(&tests, args.verbose, &mut stdout.lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::Internal(format!("standard output: {error}")));
        }
        _ => {}
    }
    let bad = tests.iter().any(|test| matches!(test.outcome, Outcome::Failed | Outcome::Error(_)));
    Ok(if bad { Status::Findings } else { Status::Clean })
}

/// The policies and documents below `directory`.
fn read(directory: &Path, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let snapshot = worktree::read(directory).map_err(|error| Failure::Usage(error.to_string()))?;
    let shown = directory.to_string_lossy().trim_end_matches('/').to_owned();
    for (_, file) in snapshot.files() {
        let wanted = [".rego", ".yaml", ".yml", ".json"].iter().any(|end| file.path.ends_with(end));
        if let (Content::Text(text), true) = (&file.content, wanted) {
            files.push((format!("{shown}/{}", file.path), text.to_string()));
        }
    }
    Ok(())
}

fn report(tests: &[Test], verbose: bool, out: &mut impl Write) -> io::Result<()> {
    let mut counts = [0usize; 4];
    for test in tests {
        let (index, word, why) = match &test.outcome {
            Outcome::Passed => (0, "PASS", ""),
            Outcome::Failed => (1, "FAIL", ""),
            Outcome::Error(why) => (2, "ERROR", why.as_str()),
            Outcome::Skipped => (3, "SKIPPED", ""),
        };
        counts[index] += 1;
        if verbose || index != 0 {
            let colon = if why.is_empty() { "" } else { ": " };
            writeln!(out, "{}:{}: {}: {word}{colon}{why}", test.path, test.line, test.name)?;
        }
    }
    writeln!(out, "PASS: {}/{}", counts[0], tests.len() - counts[3])?;
    for (word, count) in [("FAIL", counts[1]), ("ERROR", counts[2]), ("SKIPPED", counts[3])] {
        if count > 0 {
            writeln!(out, "{word}: {count}/{}", tests.len())?;
        }
    }
    Ok(())
}
