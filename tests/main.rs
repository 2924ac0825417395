//! The integration tests, in one binary.

mod check;
mod parity;
mod spec;
