//! `tiphys man`

use std::io;

use clap_mangen::Man;

use super::output::print;
use super::{Failure, Status, definition};

/// Arguments of `tiphys man`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The command whose page to print, as in `tiphys man policy test`; without one, the page of tiphys itself
    command: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let mut command = definition();
    command.build();
    for name in &args.command {
        let found = command.find_subcommand(name).cloned();
        command = found.ok_or_else(|| Failure::Usage(format!("there is no command `{}`", args.command.join(" "))))?;
    }
    let mut page = Vec::new();
    let written = Man::new(command).render(&mut page);
    written.map_err(|error: io::Error| Failure::Internal(error.to_string()))?;
    print(|out| out.write_all(&page))?;
    Ok(Status::Clean)
}
