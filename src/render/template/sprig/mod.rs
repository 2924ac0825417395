//! The functions of sprig 3.3, as Helm and Argo CD ship them.
//!
//! A file a family: [`text`], [`lists`], [`dicts`], [`numbers`], [`choice`] (defaults, ternary, reflection), [`encode`]
//! (JSON, base64, hashes), [`patterns`] (regular expressions), [`versions`] (semver), [`times`], [`paths`], [`random`]
//! and [`crypto`], whose results are made from a fixed seed. `env`, `expandenv` and `getHostByName` are not here: neither
//! Helm nor Argo CD lets templates ask the machine.

mod certificate;
mod choice;
mod crypto;
mod derive;
mod dicts;
mod encode;
pub mod lists;
mod numbers;
mod paths;
mod patterns;
mod random;
mod text;
pub mod times;
pub mod versions;

pub use certificate::UNSUPPORTED;
pub use choice::{is_empty, to_text};
pub use encode::parse_json;
pub use numbers::{to_float, to_int};
pub use random::NONDETERMINISTIC;

use super::{FunctionError, Functions, Value};

type Outcome = Result<Value, FunctionError>;

/// Adds every function of sprig to `functions`.
pub fn register(functions: &mut Functions) {
    choice::register(functions);
    text::register(functions);
    lists::register(functions);
    dicts::register(functions);
    numbers::register(functions);
    encode::register(functions);
    patterns::register(functions);
    versions::register(functions);
    times::register(functions);
    paths::register(functions);
    random::register(functions);
    crypto::register(functions);
}

/// The text of an argument that the executor has held to be text.
fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The number of an argument that the executor has held to be an int.
fn int_of(value: &Value) -> i64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
