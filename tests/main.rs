//! The integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a test needs and does not get fails it, and what it skips it says"
)]

mod argocd;
mod check;
mod cli;
mod cluster;
mod fix;
mod hostile;
mod layers;
mod parity;
mod provenance;
mod repos;
mod spec;
mod yaml;
