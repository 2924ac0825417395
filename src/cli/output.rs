//! Where output goes: reports to the standard output and into files, notes to the standard error.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::Failure;
use crate::check::Checked;
use crate::report::{self, Appearance, Format};

/// Where reports go.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// The format on the standard output
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format())]
    format: Format,
    /// Write a report into a file as well; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE", value_parser = format_and_file)]
    outputs: Vec<(Format, PathBuf)>,
    #[command(flatten)]
    color: ColorArgs,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ColorArgs {
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str)).try_map(|name| name.parse::<Format>())
}

fn format_and_file(text: &str) -> Result<(Format, PathBuf), String> {
    match text.split_once('=') {
        Some((format, file)) if !file.is_empty() => Ok((format.parse()?, file.into())),
        _ => Err("expected FORMAT=FILE, as in sarif=report.sarif".to_owned()),
    }
}

impl ColorArgs {
    /// How to draw on the standard output.
    pub(super) fn appearance(self) -> Appearance {
        let stdout = io::stdout();
        let colour = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let width = terminal_size::terminal_size_of(&stdout).map_or(0, |(width, _)| usize::from(width.0));
        Appearance { colour, width }
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
        let appearance = self.color.appearance();
        print(|out| report::write(checked, self.format, appearance, out))
    }
}

/// Writes to the standard output. That nobody reads on is no fault.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a line to the standard error. Where that is closed there is nobody to tell.
pub(super) fn note(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
