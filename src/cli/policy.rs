//! `tiphys policy`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Failure, Status};
use crate::check::rego::unit::{Coverage, Outcome, Test, builtin_policies, run as run_tests, run_with_coverage};
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
    /// Print which lines of the policies the tests run
    #[arg(long, short)]
    coverage: bool,
    /// The coverage, in percent, below which the command fails
    #[arg(long, short, value_name = "PERCENT", requires = "coverage")]
    threshold: Option<f64>,
    /// How to print the outcome
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As `opa test` does
    Text,
    /// JUnit XML
    Junit,
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
    let (tests, coverage) = match args.coverage {
        true => run_with_coverage(&files),
        false => (run_tests(&files), Vec::new()),
    };
    let stdout = io::stdout();
    let mut out = stdout.lock();
    let written = match args.format {
        Format::Text => report(&tests, args.verbose, &mut out).and_then(|()| lines(&coverage, &mut out)),
        Format::Junit => junit(&tests, &mut out),
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::Internal(format!("standard output: {error}")));
        }
        _ => {}
    }
    let bad = tests.iter().any(|test| matches!(test.outcome, Outcome::Failed | Outcome::Error(_)));
    let low = args.threshold.is_some_and(|least| total(&coverage) < least);
    if low {
        writeln!(io::stderr().lock(), "the tests cover {:.2}%, less than is asked for", total(&coverage)).ok();
    }
    Ok(if bad || low { Status::Findings } else { Status::Clean })
}

/// The coverage of all files, in percent.
fn total(coverage: &[Coverage]) -> f64 {
    let covered = coverage.iter().map(|file| file.covered.len()).sum();
    let not_covered = coverage.iter().map(|file| file.not_covered.len()).sum();
    Coverage::percent(covered, not_covered)
}

/// The coverage of each file, with the lines that no test runs.
fn lines(coverage: &[Coverage], out: &mut impl Write) -> io::Result<()> {
    for file in coverage {
        let percent = Coverage::percent(file.covered.len(), file.not_covered.len());
        let missing: Vec<String> = file.not_covered.iter().map(u32::to_string).collect();
        let rest = if missing.is_empty() { String::new() } else { format!(", without {}", missing.join(", ")) };
        writeln!(out, "{}: {percent:.2}%{rest}", file.path)?;
    }
    if !coverage.is_empty() {
        writeln!(out, "coverage: {:.2}%", total(coverage))?;
    }
    Ok(())
}

/// JUnit XML: a suite a file.
fn junit(tests: &[Test], out: &mut impl Write) -> io::Result<()> {
    let escaped =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let count = |tests: &[&Test], wanted: fn(&Outcome) -> bool| tests.iter().filter(|t| wanted(&t.outcome)).count();
    let mut suites: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        suites.entry(&test.path).or_default().push(test);
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\">", tests.len())?;
    for (path, tests) in suites {
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
            escaped(path),
            tests.len(),
            count(&tests, |outcome| *outcome == Outcome::Failed),
            count(&tests, |outcome| matches!(outcome, Outcome::Error(_))),
            count(&tests, |outcome| *outcome == Outcome::Skipped),
        )?;
        for test in tests {
            let name = test.name.rsplit('.').next().unwrap_or(&test.name);
            write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"",
                escaped(test.name.strip_suffix(&format!(".{name}")).unwrap_or(&test.name)),
                escaped(name),
                escaped(path),
                test.line
            )?;
            match &test.outcome {
                Outcome::Passed => writeln!(out, "/>")?,
                Outcome::Failed => writeln!(out, "><failure message=\"the test is not true\"/></testcase>")?,
                Outcome::Skipped => writeln!(out, "><skipped/></testcase>")?,
                Outcome::Error(why) => writeln!(out, "><error message=\"{}\"/></testcase>", escaped(why))?,
            }
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
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
