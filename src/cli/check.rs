//! `tiphys check`

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::input::InputArgs;
use super::output::OutputArgs;
use super::progress::Progress;
use super::{Failure, Status};
use crate::check::{Checked, baseline_of, new_since, rules, since_baseline};
use crate::finding::{Profile, Severity};
use crate::run::{self, Input, Options};
use crate::source::Content;

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
    /// Accept what this file lists
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write everything that is found to this file, for --baseline, and end
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
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
    let mut input = args.input.read()?;
    let baseline = match &args.baseline {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            let content = Content::Text(text.as_str().into());
            let name = path.display().to_string();
            Some((Arc::make_mut(&mut input.snapshot).add_external(name, content), text))
        }
        None => None,
    };
    let mut checked = judge(&input, options, &progress);
    let misconfigured = checked
        .findings()
        .iter()
        .any(|finding| finding.rule == rules::invalid_configuration::RULE.id && finding.severity == Severity::Error);
    if let Some(revision) = &args.new_since {
        progress.stage("reading the revision to compare with");
        let base = judge(&args.input.read_revision(revision)?, options, &progress);
        checked = new_since(&base, checked);
    }
    if let (Some(path), Some((file, text))) = (&args.baseline, baseline) {
        checked = since_baseline(checked, file, &text)
            .map_err(|problem| Failure::Usage(format!("{}: {problem}", path.display())))?;
    }
    drop(progress);
    if let Some(path) = &args.write_baseline {
        std::fs::write(path, baseline_of(&checked))
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        return Ok(Status::Clean);
    }
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
