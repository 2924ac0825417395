//! The functions of sprig, as Helm ships them.

use super::Functions;

/// Adds every function of sprig to `functions`.
pub fn register(_functions: &mut Functions) {}
