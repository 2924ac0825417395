//! `tiphys completions`

use clap_complete::Shell;

use super::output::print;
use super::{Failure, Status, definition};

/// Arguments of `tiphys completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "tiphys", &mut text);
    print(|out| out.write_all(&text))?;
    Ok(Status::Clean)
}
