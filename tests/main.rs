//! The integration tests, in one binary.

mod parity;
mod spec;
