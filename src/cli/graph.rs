//! `tiphys graph`

use clap::ValueEnum;

use super::input::InputArgs;
use super::output::print;
use super::progress::Progress;
use super::{Failure, Status};
use crate::graph::{Format, graph, write};
use crate::run::{Options, run as judge};

/// Arguments of `tiphys graph`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The form of the graph
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A tree
    Text,
    /// A flowchart in Mermaid's language, for Markdown
    Mermaid,
    /// A digraph in the language of Graphviz
    Dot,
    /// A page of its own
    Html,
}

/// Runs the command. It shows findings and does not judge by them.
pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let progress = Progress::new("rendering");
    let today = chrono::Local::now().date_naive();
    let checked = judge(&args.input.read()?, Options { profile: None, today });
    drop(progress);
    let format = match args.format {
        Form::Text => Format::Text,
        Form::Mermaid => Format::Mermaid,
        Form::Dot => Format::Dot,
        Form::Html => Format::Html,
    };
    let drawn = graph(&checked);
    print(|out| write(&drawn, format, out))?;
    Ok(Status::Clean)
}
