//! `tiphys check`

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use super::input::InputArgs;
use super::{Failure, Status};
use crate::check::{Checked, new_since};
use crate::finding::{Profile, Severity};
use crate::report::{self, Appearance, Format};
use crate::run::{self, Options};

/// Arguments of `tiphys check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The choice of rules; the configuration's, else recommended
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,
    /// Report only findings that this git revision does not have
    #[arg(long, value_name = "REF")]
    new_since: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    /// The severity from which findings fail the command
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    /// Fail when something could not be judged, unless tiphys.yaml accepts that
    #[arg(long)]
    fail_on_not_judged: bool,
}

/// Where reports go.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// The format on the standard output: text, concise, json, sarif, junit or github
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write a report into a file as well; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE", value_parser = output)]
    outputs: Vec<(Format, PathBuf)>,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

pub(super) fn profile(text: &str) -> Result<Profile, String> {
    Profile::parse(text).ok_or_else(|| format!("unknown profile {text}; known are recommended, strict, seed"))
}

fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
    Ok((format.parse()?, file.into()))
}

impl FailOn {
    fn reached(self, checked: &Checked) -> bool {
        let limit = match self {
            FailOn::Error => Severity::Error,
            FailOn::Warning => Severity::Warning,
            FailOn::Info => Severity::Info,
            FailOn::Never => return false,
        };
        checked.worst().is_some_and(|worst| worst >= limit)
    }
}

impl OutputArgs {
    /// Writes the report to the standard output and into the files.
    pub(super) fn write(&self, checked: &Checked) -> Result<(), Failure> {
        for (format, path) in &self.outputs {
            let fault = |error: io::Error| Failure::Internal(format!("{}: {error}", path.display()));
            let mut file = BufWriter::new(File::create(path).map_err(fault)?);
            report::write(checked, *format, Appearance::default(), &mut file).map_err(fault)?;
            file.flush().map_err(fault)?;
        }
        let stdout = io::stdout();
        let colour = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let mut out = BufWriter::new(stdout.lock());
        let written = report::write(checked, self.format, Appearance { colour, width: 0 }, &mut out);
        match written.and_then(|()| out.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let options = Options { profile: args.profile, today: chrono::Local::now().date_naive() };
    let mut checked = run::run(&args.input.read()?, options);
    if let Some(revision) = &args.new_since {
        let base = run::run(&args.input.read_revision(revision)?, options);
        checked = new_since(&base, checked);
    }
    args.output.write(&checked)?;
    let unaccepted = checked.not_judged().iter().any(|judgement| judgement.accepted.is_none());
    Ok(if args.fail_on.reached(&checked) {
        Status::Findings
    } else if args.fail_on_not_judged && unaccepted {
        Status::NotJudged
    } else {
        Status::Clean
    })
}
