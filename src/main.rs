//! The `tiphys` command: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    tiphys::cli::main()
}
