//! `tiphys check`

use clap::ValueEnum;

use super::input::InputArgs;
use super::output::OutputArgs;
use super::progress::Progress;
use super::{Failure, Status};
use crate::check::{Checked, new_since, rules};
use crate::finding::{Profile, Severity};
use crate::run::{self, Input, Options};

/// Arguments of `tiphys check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The choice of rules: recommended, strict or seed; the configuration's, else recommended
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Errors
    Error,
    /// Errors and warnings
    Warning,
    /// Any finding
    Info,
    /// No finding
    Never,
}

/// Reads the name of a profile.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    Profile::parse(text).ok_or_else(|| format!("unknown profile {text}; known are recommended, strict, seed"))
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

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let options = Options { profile: args.profile, today: chrono::Local::now().date_naive() };
    let progress = Progress::new("reading the repository");
    let mut checked = judge(&args.input.read()?, options, &progress);
    let misconfigured = checked
        .findings()
        .iter()
        .any(|finding| finding.rule == rules::invalid_configuration::RULE.id && finding.severity == Severity::Error);
    if let Some(revision) = &args.new_since {
        progress.stage("reading the revision to compare with");
        let base = judge(&args.input.read_revision(revision)?, options, &progress);
        checked = new_since(&base, checked);
    }
    drop(progress);
    args.output.write(&checked)?;
    let unaccepted = checked.not_judged().iter().any(|judgement| judgement.accepted.is_none());
    Ok(if misconfigured {
        Status::Configuration
    } else if args.fail_on.reached(&checked) {
        Status::Findings
    } else if args.fail_on_not_judged && unaccepted {
        Status::NotJudged
    } else {
        Status::Clean
    })
}

fn judge(input: &Input, options: Options, progress: &Progress) -> Checked {
    progress.stage("rendering");
    let analysis = run::analyse(input);
    progress.stage("judging");
    run::judge(analysis, input, options)
}
