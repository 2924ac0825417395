//! The integration tests, in one binary.

mod check;
mod cli;
mod cluster;
mod parity;
mod repos;
mod spec;
