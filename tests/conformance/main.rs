//! Answers the recorded cases of Argo CD's behaviour: `conformance KIND PATH`. It converts formats and nothing else; what
//! it says is what the commands do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints an answer")]

mod appset;
mod health;
mod order;
mod validate;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, path] = arguments.as_slice() else {
        eprintln!("usage: conformance KIND PATH");
        return ExitCode::from(2);
    };
    let answer = match kind.as_str() {
        "appset" => appset::generate(path.as_ref()),
        "health" => health::assess(path.as_ref()),
        "validate" => validate::judge(path.as_ref()),
        "waves" => order::waves(path.as_ref()),
        "exec" => order::exec(path.as_ref()),
        _ => Err(format!("no kind {kind}")),
    };
    match answer {
        Ok(answer) => {
            println!("{answer:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
